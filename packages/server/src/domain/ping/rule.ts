/** Which offers wait until nobody has answered a ping (RFC 2131 §3.1 step 2; Kea: libdhcp_ping_check). */

import type { Grant } from '../dhcp4/decision.js';
import { belongsTo } from '../identity.js';
import { isAvailable, type Lease, LeaseState } from '../lease.js';
import type { GrantRules } from '../pair/grant-rules.js';
import type { EpochSec, Ipv4, Octets } from '../values.js';

/** How the addresses of a subnet are checked. */
export interface PingRule {
  /** Echo requests without an answer after which an address is free (Kea: min-ping-requests). */
  readonly requests: number;
  /** How long each of them is waited for (Kea: reply-timeout). */
  readonly replyTimeoutMs: number;
  /** So long after its last message a client gets its old address back unchecked (Kea: ping-cltt-secs). */
  readonly clttSec: number;
}

/** A client as leases know it. */
export interface Holder {
  readonly hwAddress: Octets;
  /** '' where it does not count. */
  readonly clientId: Octets;
}

/**
 * True if the offer has to wait for a ping. Kea's conditions: the address is neither reserved for the client nor its
 * own in force, and who had it last was somebody else, or this client longer ago than `clttSec`.
 * @param before what the address was before this offer
 */
export function needsPing(
  { lease, host }: Pick<Grant, 'lease' | 'host'>,
  before: Lease | undefined,
  { clttSec }: PingRule,
  nowSec: EpochSec,
): boolean {
  if (host?.address === lease.address) return false;
  if (before === undefined || before.state === LeaseState.declined) return true;
  if (!belongsTo(before, lease.hwAddress, lease.clientId)) return true;
  return isAvailable(before, nowSec) && nowSec - before.clttSec >= clttSec;
}

/** True if somebody else has been given the address since the client was to be offered it. */
export function isTaken(now: Lease | undefined, { hwAddress, clientId }: Holder, nowSec: EpochSec): boolean {
  return now !== undefined && !isAvailable(now, nowSec) && !belongsTo(now, hwAddress, clientId);
}

/** An address that was to be offered and has answered. */
export interface Answered {
  /** What the address is now. */
  readonly now: Lease | undefined;
  /** What the offer itself stored of it (offer-lifetime), if anything. */
  readonly stored: Lease | undefined;
  /** Whom it was to be offered. */
  readonly holder: Holder;
}

/**
 * True if an address that answered may be put aside. Not one that has been leased meanwhile, whoever has it: that it
 * answers is then as it should be. Nor one that the other server of a pair may give.
 */
export function mayPutAside(
  address: Ipv4,
  { now, stored, holder }: Answered,
  rules: GrantRules | undefined,
  nowSec: EpochSec,
): boolean {
  const isTheOffer = now !== undefined && stored !== undefined && sameGrant(now, stored);
  if (now !== undefined && !isAvailable(now, nowSec) && !isTheOffer) return false;
  if (rules === undefined || isTheOffer) return true;
  const own = now?.state === LeaseState.default && belongsTo(now, holder.hwAddress, holder.clientId);
  return own ? rules.mayRenew(now, nowSec) : rules.mayGive(address);
}

function sameGrant(a: Lease, b: Lease): boolean {
  const same = a.clttSec === b.clttSec && a.validLifetimeSec === b.validLifetimeSec && a.state === b.state;
  return same && belongsTo(a, b.hwAddress, b.clientId);
}
