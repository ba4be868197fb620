/** config-plan: what a configuration would change if it were set now, for machines and for people. Changes nothing. */

import { hashSliced } from '../config/snapshot-hash.js';
import { expiresAtSec } from '../domain/lease.js';
import { ReservationIndex } from '../domain/reservation.js';
import type { Sliced } from '../domain/slices.js';
import type { ConfigSnapshot, Json, JsonMap } from '../domain/snapshot.js';
import { type EpochSec, formatHex, formatIpv4 } from '../domain/values.js';
import { type PlanChange, planChanges, summarizeChanges } from './plan-changes.js';
import {
  type HomelessLease,
  type HomelessReason,
  type LeaseEffects,
  leaseEffects,
  subnetsWithOtherAnswers,
} from './plan-leases.js';
import type { LeaseReader } from './ports.js';

/** A plan. */
export interface ConfigPlan {
  readonly changes: readonly PlanChange[];
  readonly leases: LeaseEffects;
  /** config-hash-get before and after. */
  readonly hash: { readonly before: string; readonly after: string };
}

/** What makes every client's answers other ones, wherever it is. */
const GLOBAL_KINDS: ReadonlySet<PlanChange['kind']> = new Set(['option', 'option-definition', 'class']);

/** Compares the configuration in force with another one, and looks at what it would mean for the leases. */
export function* makePlan(
  before: ConfigSnapshot,
  after: ConfigSnapshot,
  leases: Pick<LeaseReader, 'page'>,
  nowSec: EpochSec,
): Sliced<ConfigPlan> {
  const changes = yield* planChanges(before, after);
  const globally = changes.some(({ kind, within }) => within.length === 0 && GLOBAL_KINDS.has(kind));
  const effects = yield* leaseEffects({
    before,
    after,
    reservations: new ReservationIndex(after.reservations, after.identifierTypes),
    changedSubnets: subnetsWithOtherAnswers(before, after, globally),
    leases,
    nowSec,
  });
  const hash = { before: yield* hashSliced(before.tree), after: yield* hashSliced(after.tree) };
  return { changes, leases: effects, hash };
}

/** Why a lease could not be renewed, in words. */
export const HOMELESS_TEXT: Readonly<Record<HomelessReason, string>> = {
  'subnet-removed': 'its subnet is removed',
  'outside-subnet': 'the subnet no longer contains its address',
  'outside-pools': 'its address is in no pool and not reserved for it',
  'reserved-for-other': 'its address is reserved for another client',
};

/** The plan as `arguments` of an answer. */
export function planToJson({ changes, leases, hash }: ConfigPlan): JsonMap {
  return {
    changes: changes.map(({ kind, action, name, within, before, after }) => ({
      kind,
      action,
      name,
      within,
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    })),
    summary: summarizeChanges(changes),
    leases: {
      checked: leases.checked,
      homeless: homelessCount(leases),
      'homeless-by-reason': Object.fromEntries(leases.homeless),
      examples: leases.examples.map(exampleToJson),
      'told-something-new': leases.retold,
    },
    'hash-before': hash.before,
    'hash-after': hash.after,
  };
}

function exampleToJson({ lease, reason }: HomelessLease): JsonMap {
  const expires = expiresAtSec(lease);
  return {
    'ip-address': formatIpv4(lease.address),
    'hw-address': formatHex(lease.hwAddress),
    hostname: lease.hostname,
    'subnet-id': lease.subnetId,
    ...(Number.isFinite(expires) ? { expire: expires } : {}),
    reason,
  };
}

const SIGNS = { add: '+', remove: '-', change: '~' } as const;

/** The plan for people, lines without a line feed at the end. */
export function planToText({ changes, leases }: ConfigPlan): string {
  if (changes.length === 0) return 'Nothing would change.';
  const lines = changes.map(
    (change) => `${'  '.repeat(change.within.length)}${SIGNS[change.action]} ${lineOf(change)}`,
  );
  return [...lines, '', `Sum: ${summarizeChanges(changes)}.`, ...leaseLines(leases)].join('\n');
}

function lineOf({ kind, name, before, after }: PlanChange): string {
  if (kind !== 'parameter') return name;
  if (before === undefined) return `${name}: ${brief(after)}`;
  return after === undefined ? `${name}: ${brief(before)}` : `${name}: ${brief(before)} -> ${brief(after)}`;
}

/** Longer values are for the JSON form. */
const MAX_VALUE = 60;

function brief(value: Json | undefined): string {
  const text = JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? Number(one) : one)) ?? '';
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}...` : text;
}

function leaseLines(leases: LeaseEffects): string[] {
  const lost = homelessCount(leases);
  const head = `Leases: ${leases.checked} in force, ${lost} could not be renewed, ${leases.retold} are told something new.`;
  const reasons = [...leases.homeless].map(([reason, count]) => `  ${count}: ${HOMELESS_TEXT[reason]}`);
  const examples = leases.examples.map(
    ({ lease, reason }) =>
      `  ${formatIpv4(lease.address)}  ${formatHex(lease.hwAddress) || '-'}  ${lease.hostname || '-'}  ${HOMELESS_TEXT[reason]}`,
  );
  return [head, ...reasons, ...(examples.length === 0 ? [] : ['Such as:', ...examples])];
}

function homelessCount({ homeless }: LeaseEffects): number {
  return [...homeless.values()].reduce((sum, count) => sum + count, 0);
}
