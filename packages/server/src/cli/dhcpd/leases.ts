/** dhcpd.leases: which leases are in force, and the hosts and groups that OMAPI made (dhcpd.leases(5)). */

import { type Lease, LeaseState } from '../../domain/lease.js';
import { INFINITE_LIFETIME, parseIpv4 } from '../../domain/values.js';
import { type ConfStatement, isWord } from './tree.js';

/** What was found. */
export interface ConvertedLeases {
  /** In the order of their addresses. */
  readonly leases: readonly Lease[];
  /** Leases in force whose address is in no subnet of the configuration. */
  readonly homeless: readonly string[];
}

/** Finds the subnet of an address; undefined if there is none. */
export type SubnetOf = (address: number) => number | undefined;

/**
 * The hosts, groups and subclasses that were made while dhcpd ran: they are in its leases file only. Of several rows of
 * one name the last counts, and one that says `deleted` takes it away.
 */
export function runTimeObjects(tree: readonly ConfStatement[]): ConfStatement[] {
  const last = new Map<string, ConfStatement>();
  for (const statement of tree) {
    const kind = statement.words[0]?.text.toLowerCase() ?? '';
    if (!RUN_TIME.has(kind)) continue;
    const key = statement.words.map(({ text }) => text).join(' ');
    last.delete(key);
    if (!(statement.body ?? []).some(({ words }) => isWord(words[0], 'deleted'))) last.set(key, statement);
  }
  // Hosts name their groups, so these come first.
  return [...last.values()].sort((a, b) => Number(isWord(a.words[0], 'host')) - Number(isWord(b.words[0], 'host')));
}

const RUN_TIME: ReadonlySet<string> = new Set(['host', 'group', 'subclass']);

/** The leases that are in force at `nowSec`; of several rows of one address the last counts. */
export function convertLeases(tree: readonly ConfStatement[], subnetOf: SubnetOf, nowSec: number): ConvertedLeases {
  const last = new Map<number, ConfStatement>();
  for (const statement of tree) {
    const address = isWord(statement.words[0], 'lease') ? parseIpv4(statement.words[1]?.text ?? '') : undefined;
    if (address !== undefined) last.set(address, statement);
  }
  const leases: Lease[] = [];
  const homeless: string[] = [];
  for (const [address, statement] of [...last].sort(([a], [b]) => a - b)) {
    const lease = leaseOf(statement.body ?? [], address, nowSec);
    if (lease === undefined) continue;
    const subnetId = subnetOf(address);
    if (subnetId === undefined) homeless.push(statement.words[1]!.text);
    else leases.push({ ...lease, subnetId });
  }
  return { leases, homeless };
}

function leaseOf(body: readonly ConfStatement[], address: number, nowSec: number): Lease | undefined {
  const find = (name: string): ConfStatement | undefined => body.findLast(({ words }) => isWord(words[0], name));
  const state = body.findLast(({ words }) => isWord(words[0], 'binding'))?.words[2]?.text;
  const declined = state === 'abandoned' || find('abandoned') !== undefined;
  if (!declined && state !== undefined && state !== 'active') return undefined;
  const starts = instantOf(find('starts')) ?? nowSec;
  const clttSec = Math.min(instantOf(find('cltt')) ?? starts, nowSec);
  const endsSec = instantOf(find('ends')) ?? Number.POSITIVE_INFINITY;
  if (endsSec <= nowSec && !declined) return undefined;
  const nobody = { address, subnetId: 0, poolId: 0, fqdnFwd: false, fqdnRev: false, userContext: '' };
  if (declined) {
    const probation = { clttSec: nowSec, validLifetimeSec: PROBATION_SEC };
    return { ...nobody, ...probation, hwAddress: '', clientId: '', hostname: '', state: LeaseState.declined };
  }
  return {
    ...nobody,
    hwAddress: octetsOf(find('hardware')?.words[2]?.text ?? ''),
    clientId: clientIdOf(find('uid')),
    validLifetimeSec: endsSec === Number.POSITIVE_INFINITY ? INFINITE_LIFETIME : Math.max(endsSec - clttSec, 1),
    clttSec,
    hostname: (find('client-hostname')?.words[1]?.text ?? '').toLowerCase(),
    state: LeaseState.default,
  };
}

/** How long an abandoned address stays aside from now on (Kea: the default of decline-probation-period). */
const PROBATION_SEC = 86_400;

/** `WEEKDAY YYYY/MM/DD HH:MM:SS` in UTC, `epoch SECONDS`, or `never`. */
function instantOf(statement: ConfStatement | undefined): number | undefined {
  const [, first, date, time] = statement?.words ?? [];
  if (isWord(first, 'epoch')) return Number(date?.text);
  if (first === undefined || date === undefined || time === undefined) return undefined;
  const [year, month, day] = date.text.split('/').map(Number) as [number, number, number];
  const [hour, minute, second] = time.text.split(':').map(Number) as [number, number, number];
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
}

function clientIdOf(statement: ConfStatement | undefined): string {
  const word = statement?.words[1];
  return word === undefined ? '' : word.kind === 'string' ? word.text : octetsOf(word.text);
}

function octetsOf(text: string): string {
  return text === '' ? '' : String.fromCharCode(...text.split(':').map((octet) => Number.parseInt(octet, 16)));
}
