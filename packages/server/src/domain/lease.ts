/** A DHCPv4 lease as Kea's lease file has it (schema 3.0), and what its states mean. */

import type { EpochSec, Ipv4, Octets, SubnetId } from './values.js';
import { INFINITE_LIFETIME } from './values.js';

/** Lease states by their number in Kea's lease file and API. */
export const LeaseState = { default: 0, declined: 1, expiredReclaimed: 2, released: 3 } as const;

/** One of the numbers of {@link LeaseState}. */
export type LeaseState = (typeof LeaseState)[keyof typeof LeaseState];

/**
 * One binding of an address. Immutable: a change makes a new Lease.
 * `hwAddress` has no hardware type: Kea's file does not keep it and takes Ethernet.
 */
export interface Lease {
  readonly address: Ipv4;
  /** Hardware address, '' if none (a declined address has none). */
  readonly hwAddress: Octets;
  /** Client identifier (option 61) including its type octet, '' if none. */
  readonly clientId: Octets;
  /** Seconds; 0xffffffff is infinite. */
  readonly validLifetimeSec: number;
  /** Client last transaction time (RFC 4388). */
  readonly clttSec: EpochSec;
  readonly subnetId: SubnetId;
  readonly poolId: number;
  readonly fqdnFwd: boolean;
  readonly fqdnRev: boolean;
  /** Lower case, as Kea keeps it; '' if none. */
  readonly hostname: string;
  readonly state: LeaseState;
  /** JSON text of a map, '' if none. Extended information (option 82) is its member `ISC`. */
  readonly userContext: string;
}

/** When the lease ends, or Infinity. */
export function expiresAtSec(lease: Pick<Lease, 'clttSec' | 'validLifetimeSec'>): number {
  return lease.validLifetimeSec === INFINITE_LIFETIME
    ? Number.POSITIVE_INFINITY
    : lease.clttSec + lease.validLifetimeSec;
}

/** True from the second the lease ends on (Kea: expired when cltt + valid < now). */
export function isExpired(lease: Pick<Lease, 'clttSec' | 'validLifetimeSec'>, nowSec: EpochSec): boolean {
  return expiresAtSec(lease) < nowSec;
}

/** True if the address may go to another client: no lease, reclaimed, released or run out. */
export function isAvailable(lease: Lease | undefined, nowSec: EpochSec): boolean {
  return (
    lease === undefined ||
    lease.state === LeaseState.expiredReclaimed ||
    lease.state === LeaseState.released ||
    isExpired(lease, nowSec)
  );
}
