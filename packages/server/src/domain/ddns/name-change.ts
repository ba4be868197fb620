/**
 * What a change of a lease means to the DNS: which names are to be entered and which to go, and the request that asks
 * for it (Kea: NameChangeRequest, NCR). Pure; services/ddns sends them.
 */

import { isExpired, type Lease, LeaseState } from '../lease.js';
import type { EpochSec, Ipv4 } from '../values.js';
import type { ConflictResolutionMode, DdnsBehaviour } from './behaviour.js';
import { dhcidOf, nameHolder, presentedName, wireName } from './dhcid.js';

/** One request to the DNS update server. */
export interface NameChangeRequest {
  readonly change: 'add' | 'remove';
  /** The A record is to be changed. */
  readonly forward: boolean;
  /** The PTR record is to be changed. */
  readonly reverse: boolean;
  /** With a final dot. */
  readonly fqdn: string;
  readonly address: Ipv4;
  /** RDATA of the DHCID record, upper-case hex. */
  readonly dhcid: string;
  /** When the lease ends, in epoch seconds; an infinite one is 2^32-1 seconds long here. */
  readonly expiresAtSec: number;
  /** TTL of the records. */
  readonly ttlSec: number;
  readonly conflictResolution: ConflictResolutionMode;
}

/** A lease whose name is to be entered or to go. */
export interface NameChange {
  readonly change: 'add' | 'remove';
  readonly lease: Lease;
}

/** Share of the lifetime that is the TTL, and the least TTL, where none is configured (RFC 4702 §5). */
const DEFAULT_TTL_SHARE = 0.33333;
const DEFAULT_TTL_MIN_SEC = 600;

/** True if the lease says that its name was to be entered, and it has not been given back. */
export function isNamed(lease: Lease | undefined): lease is Lease {
  return lease?.state === LeaseState.default && asksForNames(lease);
}

/** True if the lease has a name and a direction to enter it. */
export function asksForNames({ hostname, fqdnFwd, fqdnRev }: Lease): boolean {
  return hostname !== '' && (fqdnFwd || fqdnRev);
}

/**
 * What the change of one lease by a packet means to the DNS, what goes before what comes (Kea: reclamation before an
 * address is given again, createNameChangeRequests).
 * @param after undefined: the lease is gone
 */
export function nameChanges(
  before: Lease | undefined,
  after: Lease | undefined,
  { sendUpdates, updateOnRenew }: Pick<DdnsBehaviour, 'sendUpdates' | 'updateOnRenew'>,
  nowSec: EpochSec,
): readonly NameChange[] {
  const gone: readonly NameChange[] = isNamed(before) ? [{ change: 'remove', lease: before }] : [];
  if (after?.state !== LeaseState.default) return gone;
  const renewed = isNamed(before) && !isExpired(before, nowSec) && nameHolder(before) === nameHolder(after);
  if (!sendUpdates) return renewed ? [] : gone;
  if (renewed && !updateOnRenew && hasSameName(before, after)) return [];
  return asksForNames(after) ? [...gone, { change: 'add', lease: after }] : gone;
}

function hasSameName(a: Lease, b: Lease): boolean {
  return a.hostname.toLowerCase() === b.hostname.toLowerCase() && a.fqdnFwd === b.fqdnFwd && a.fqdnRev === b.fqdnRev;
}

/**
 * The request for one change.
 * @param behaviour of the lease's pool or subnet; undefined if that is no longer configured
 * @returns a sentence where no request can be made: the name or the client has no form in the DNS
 */
export function requestFor(
  { change, lease }: NameChange,
  behaviour: Pick<DdnsBehaviour, 'conflictResolution' | 'ttl'> | undefined,
): NameChangeRequest | string {
  const wire = wireName(lease.hostname);
  if (wire === undefined) return `"${lease.hostname}" is no name the DNS can have`;
  const dhcid = dhcidOf(lease, wire);
  if (dhcid === undefined) return 'the client has no identifier a DHCID can be made of';
  return {
    change,
    forward: lease.fqdnFwd,
    reverse: lease.fqdnRev,
    fqdn: presentedName(lease.hostname),
    address: lease.address,
    dhcid,
    expiresAtSec: lease.clttSec + lease.validLifetimeSec,
    ttlSec: ttlFor(lease.validLifetimeSec, behaviour?.ttl ?? {}),
    conflictResolution: behaviour?.conflictResolution ?? 'check-with-dhcid',
  };
}

/** TTL of the records of a lease: fixed, or a share of its lifetime within bounds. 0 counts as not configured (Kea). */
export function ttlFor(lifetimeSec: number, { fixedSec, share, minSec, maxSec }: DdnsBehaviour['ttl']): number {
  if (fixedSec) return fixedSec;
  const ttlSec = Math.round((share || DEFAULT_TTL_SHARE) * lifetimeSec);
  const leastSec = minSec || DEFAULT_TTL_MIN_SEC;
  if (ttlSec < leastSec) return leastSec;
  return maxSec && ttlSec > maxSec ? maxSec : Math.min(ttlSec, 0xffff_ffff);
}
