/**
 * What the two servers of a pair exchange: the state of one address with its version. The version lives in the
 * user-context of the lease, so that it is written, flushed and compacted with the lease itself.
 */

import { type Lease, LeaseState } from '../lease.js';
import type { EpochSec, Ipv4, Octets } from '../values.js';
import { INFINITE_LIFETIME } from '../values.js';
import { ABSENT, formatVersion, parseVersion, UNVERSIONED, type Version } from './version.js';

/** The state of one address; without a lease it is a tombstone: the binding was deleted. */
export interface PairRecord {
  readonly address: Ipv4;
  readonly version: Version;
  readonly lease: Lease | undefined;
  /** Of a tombstone: the binding ran out on the clock of whoever says so, nobody gave it up. */
  readonly expired?: boolean;
}

const MEMBER = '"lessor-pair":';
/** The member stands first, as written here, so that it is found without parsing JSON on the packet's road. */
const STAMP = /^\{"lessor-pair":"([0-9x.-]{1,40})(?:\+([0-9]{1,10}))?"(,|\})/;

/** The version in a lease's user-context; {@link UNVERSIONED} if it has none. */
export function versionIn(userContext: string): Version {
  const match = STAMP.exec(userContext);
  return (match === null ? undefined : parseVersion(match[1]!)) ?? UNVERSIONED;
}

/** The user-context without the version: what operators wrote and option 82. */
export function withoutVersion(userContext: string): string {
  const match = STAMP.exec(userContext);
  if (match === null) return userContext;
  return match[3] === '}' ? '' : `{${userContext.slice(match[0].length).trimStart()}`;
}

/**
 * Until when the client may be told that it has the address as long as the partner has not confirmed the record, in seconds
 * since 1970; Infinity if nothing is said: then that is the end of the lease.
 */
export function boundIn(userContext: string): number {
  const bound = STAMP.exec(userContext)?.[2];
  return bound === undefined ? Number.POSITIVE_INFINITY : Number(bound);
}

/**
 * The user-context with this version in the place of any it had. `userContext` is '' or the text of a JSON map.
 * @param bound see {@link boundIn}
 */
export function withVersion(userContext: string, version: Version, bound = Number.POSITIVE_INFINITY): string {
  const rest = withoutVersion(userContext).trimStart().slice(1).trimStart();
  const limit = Number.isFinite(bound) ? `+${Math.max(0, Math.floor(bound))}` : '';
  const member = `{${MEMBER}"${formatVersion(version)}${limit}"`;
  return rest === '' || rest === '}' ? `${member}}` : `${member},${rest}`;
}

/** What a server says of an address it has no record of: older than anything. */
export function absentRecord(address: Ipv4): PairRecord {
  return { address, version: ABSENT, lease: undefined };
}

/** Who holds the lease: the client identifier if there is one, else the hardware address (as for offers). */
export function holderOf(lease: Pick<Lease, 'clientId' | 'hwAddress'>): Octets {
  return lease.clientId === '' ? `h${lease.hwAddress}` : `c${lease.clientId}`;
}

/** True if somebody may be using the address on the strength of this record: assigned or in probation, and not ended. */
export function inForce(lease: Lease | undefined, nowSec: EpochSec): boolean {
  if (lease === undefined || (lease.state !== LeaseState.default && lease.state !== LeaseState.declined)) return false;
  return endOf(lease) >= nowSec;
}

/** A lease in one of the states that keep the address for, or from, somebody. */
export type Binding = Lease & { readonly state: typeof LeaseState.default | typeof LeaseState.declined };

/**
 * True if the record says that a binding ran out, on the clock of whoever made it: with that the other server has to
 * agree. What a client or an operator gave up is over at once.
 */
export function isExpiryClaim({ lease, expired }: Pick<PairRecord, 'lease' | 'expired'>): boolean {
  return lease === undefined ? expired === true : lease.state === LeaseState.expiredReclaimed;
}

/** True for the states in which the address is kept for, or from, somebody, whatever the time. */
export function isBinding(lease: Lease | undefined): lease is Binding {
  return lease !== undefined && (lease.state === LeaseState.default || lease.state === LeaseState.declined);
}

/** When the lease ends; a lease without end gives Infinity. */
export function endOf(lease: Pick<Lease, 'clttSec' | 'validLifetimeSec'>): number {
  return lease.validLifetimeSec === INFINITE_LIFETIME
    ? Number.POSITIVE_INFINITY
    : lease.clttSec + lease.validLifetimeSec;
}
