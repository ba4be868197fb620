/** Limits of classes and subnets (Kea: libdhcp_limits): leases at a time, and packets in a time. */

import { type Lease, LeaseState } from '../lease.js';
import type { ClientClass, ConfigSnapshot } from '../snapshot.js';
import type { SubnetId } from '../values.js';
import { leaseClasses } from './lease-classes.js';

/** At most so many packets in any stretch of time so long. */
export interface RateLimit {
  readonly packets: number;
  readonly windowMs: number;
}

/** What a class or subnet says. */
export interface Limits {
  /** Leases at a time; 0: none. */
  readonly addresses?: number;
  readonly rate?: RateLimit;
}

/** How many leases there are now. */
export interface LeaseNumbers {
  /** In state default or declined, whether run out or not (Kea: assigned-addresses). */
  ofSubnet(subnetId: SubnetId): number;
  /** In state default, whose client was in the class when it got the lease. */
  ofClass(name: string): number;
}

/** Milliseconds of each unit a rate may have. A month has 30 days, a year 365 (Kea ARM "Rate Limiting"). */
const UNITS_MS: Readonly<Record<string, number>> = {
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 7 * 86_400_000,
  month: 30 * 86_400_000,
  year: 365 * 86_400_000,
};

/** Names of the units, for messages. */
export const RATE_UNITS: readonly string[] = Object.keys(UNITS_MS);

const MOST_PACKETS = 0xffff_ffff;

/** Reads `N packets per UNIT`; undefined if it is none. */
export function parseRate(text: string): RateLimit | undefined {
  const [, digits, unit] = /^ *(\d{1,10}) packets? per ([a-z]+)$/.exec(text) ?? [];
  const packets = Number(digits);
  if (unit === undefined || !Object.hasOwn(UNITS_MS, unit) || packets > MOST_PACKETS) return undefined;
  return { packets, windowMs: UNITS_MS[unit]! };
}

/** A class a packet is in and that has limits. */
export interface LimitedClass {
  /** What is counted: the class, or what a template made of the packet. */
  readonly name: string;
  readonly limits: Limits;
}

/** The classes with limits among those of a packet. A template's limits are for each class it makes, as in Kea. */
export function limitedClasses(names: Iterable<string>, snapshot: ConfigSnapshot): readonly LimitedClass[] {
  const limited = classesWithLimits(snapshot.classes);
  if (limited.length === 0) return NONE;
  const all = [...names];
  return limited.flatMap(({ name, templateTest, limits = {} }) => {
    if (!all.includes(name)) return [];
    if (templateTest === undefined) return [{ name, limits }];
    // What a template makes stands directly before it (domain/classes/evaluate.ts).
    const made = all[all.indexOf(name) - 1];
    return made?.startsWith(`SPAWN_${name}_`) ? [{ name: made, limits }] : [];
  });
}

const NONE: readonly LimitedClass[] = [];

/** Found once for each configuration. */
const byClasses = new WeakMap<readonly ClientClass[], readonly ClientClass[]>();

function classesWithLimits(classes: readonly ClientClass[]): readonly ClientClass[] {
  let limited = byClasses.get(classes);
  if (limited === undefined) {
    limited = classes.filter(({ limits }) => limits !== undefined);
    byClasses.set(classes, limited);
  }
  return limited;
}

/**
 * Why the client can not have a new lease in the subnet, for the log; undefined if it can. What the address is now does
 * not count, as it makes room: Kea reclaims it first.
 */
export function reachedLimit(
  classes: readonly LimitedClass[],
  subnet: { readonly id: SubnetId; readonly limits?: Limits | undefined },
  before: Lease | undefined,
  numbers: LeaseNumbers,
): string | undefined {
  for (const { name, limits } of classes) {
    if (limits.addresses === undefined) continue;
    const own = before?.state === LeaseState.default && leaseClasses(before.userContext).includes(name) ? 1 : 0;
    if (numbers.ofClass(name) - own >= limits.addresses) return `class ${name} has ${limits.addresses} leases`;
  }
  const most = subnet.limits?.addresses;
  if (most === undefined) return undefined;
  const counted = before !== undefined && before.subnetId === subnet.id && isCounted(before);
  return numbers.ofSubnet(subnet.id) - (counted ? 1 : 0) >= most ? `subnet ${subnet.id} has ${most} leases` : undefined;
}

function isCounted({ state }: Lease): boolean {
  return state === LeaseState.default || state === LeaseState.declined;
}
