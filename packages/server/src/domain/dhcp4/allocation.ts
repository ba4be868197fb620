/** Finding the lease a client has, and an address for one that has none: Kea's allocation engine as pure functions. */

import { QUARANTINE_CLASS } from '../guard/policy.js';
import { belongsTo } from '../identity.js';
import type { Lease } from '../lease.js';
import { expiresAtSec, isAvailable, isExpired, LeaseState } from '../lease.js';
import { mergeClasses } from '../limits/lease-classes.js';
import { limitedClasses, reachedLimit } from '../limits/limits.js';
import { holderOf } from '../pair/record.js';
import { GLOBAL_SCOPE } from '../reservation.js';
import type { ConfigSnapshot, Pool, Reservation, Subnet } from '../snapshot.js';
import { contains, passesGuard } from '../topology.js';
import type { Ipv4 } from '../values.js';
import { INFINITE_LIFETIME } from '../values.js';
import type { Client, DecisionContext, Grant } from './decision.js';
import { offerKey } from './decision.js';
import { lifetimeFor } from './lifetime.js';
import { clientNameFor } from './naming.js';
import { mergeRelayInfo, mergeVariables } from './relay-info.js';

/** The client identifier where it counts for the subnet (match-client-id), else ''. */
export function clientIdFor(client: Client, subnet: Subnet): string {
  return subnet.matchClientId ? client.identity.clientId : '';
}

/**
 * The lease the client already has in one of the candidate subnets: one that is in force before one that is over (in a
 * pair a client can have given back an address that is not free yet). Client-id first, then hardware address.
 */
export function findClientLease(ctx: DecisionContext): Lease | undefined {
  const found = findAnyLease(ctx);
  if (found === undefined || found.state === LeaseState.default) return found;
  const { client, candidates, leases } = ctx;
  const { clientId, hwAddress } = client.identity;
  const inForce = (lease: Lease): boolean => lease.state === LeaseState.default && isOwn(lease, client, candidates);
  return (
    (clientId === '' ? undefined : leases.listByClientId(clientId).find(inForce)) ??
    (hwAddress === '' ? undefined : leases.listByHwAddress(hwAddress).find(inForce)) ??
    found
  );
}

function findAnyLease(ctx: DecisionContext): Lease | undefined {
  const { client, candidates, leases } = ctx;
  const { clientId, hwAddress } = client.identity;
  if (clientId !== '') {
    const found = leases.findByClientId(clientId, (id) =>
      candidates.some((subnet) => subnet.id === id && subnet.matchClientId),
    );
    if (found !== undefined) return found;
  }
  if (hwAddress === '') return undefined;
  const inCandidates = (id: number): boolean => candidates.some((subnet) => subnet.id === id);
  const first = leases.findByHwAddress(hwAddress, inCandidates);
  if (first === undefined || isOwn(first, client, candidates)) return first;
  return leases
    .listByHwAddress(hwAddress)
    .find((lease) => inCandidates(lease.subnetId) && isOwn(lease, client, candidates));
}

function isOwn(lease: Lease, client: Client, candidates: readonly Subnet[]): boolean {
  const subnet = candidates.find((candidate) => candidate.id === lease.subnetId);
  return subnet !== undefined && belongsTo(lease, client.identity.hwAddress, clientIdFor(client, subnet));
}

/** The reservation with an address that applies to the client, and the candidate subnet it lies in. */
export function findAddressReservation(
  ctx: DecisionContext,
): { readonly host: Reservation; readonly subnet: Subnet; readonly address: Ipv4 } | undefined {
  if (ctx.reservations.size === 0) return undefined;
  for (const subnet of ctx.candidates) {
    const host = ctx.reservations.inForce(subnet, ctx.client);
    if (host?.address === undefined || !contains(subnet, host.address)) continue;
    if (host.subnetId !== GLOBAL_SCOPE && isPromisedUnreserved(ctx, subnet, host.address)) continue;
    return { host, subnet, address: host.address };
  }
  return undefined;
}

/** True if the address is in a pool though reserved addresses are not to be: the promise counts, not the reservation (Kea). */
function isPromisedUnreserved(ctx: DecisionContext, subnet: Subnet, address: Ipv4): boolean {
  return subnet.reservationsOutOfPool && ctx.addresses.poolOf(subnet, address) !== undefined;
}

/** The candidate subnet the client may have this address of: it lies in a pool whose guard lets the client in. */
export function allowedSubnetOf(ctx: DecisionContext, address: Ipv4): Subnet | undefined {
  for (const subnet of ctx.candidates) {
    const pool = ctx.addresses.poolOf(subnet, address);
    if (pool !== undefined && isOpenTo(ctx, pool)) return subnet;
  }
  return undefined;
}

/** True if the pool's guard lets the client in. One in quarantine is kept to the pools for that, where there are any. */
function isOpenTo({ client, snapshot }: DecisionContext, pool: Pool): boolean {
  if (!passesGuard(pool.clientClasses, (name) => client.isMember(name))) return false;
  if (snapshot.guard === undefined || !client.isMember(QUARANTINE_CLASS)) return true;
  const pools = snapshot.subnetById.get(pool.subnetId)?.pools ?? [];
  return isForQuarantine(pool) || !pools.some(isForQuarantine);
}

function isForQuarantine({ clientClasses }: Pool): boolean {
  return clientClasses.includes(QUARANTINE_CLASS);
}

/** True if the address is reserved, in any candidate subnet, for somebody else. */
export function isReservedForOther(ctx: DecisionContext, address: Ipv4): boolean {
  return ctx.candidates.some(
    (subnet) =>
      ctx.reservations.isReservedForOther(address, subnet, ctx.client) && !isPromisedUnreserved(ctx, subnet, address),
  );
}

/** True if the address may be leased to the client now: nobody holds it, or the client itself does. */
export function isFreeFor(ctx: DecisionContext, address: Ipv4, subnet: Subnet): boolean {
  const existing = ctx.leases.getByAddress(address);
  if (isAvailable(existing, ctx.nowSec)) return isGrantable(ctx, address, subnet);
  return isBindingOf(ctx, existing, subnet) && isGrantable(ctx, address, subnet);
}

/**
 * True if the other server of a pair can not have given this address, which is free or the client's own here, to
 * somebody else. Always true without one.
 */
export function isGrantable(ctx: DecisionContext, address: Ipv4, subnet: Subnet): boolean {
  if (ctx.rules === undefined) return true;
  const existing = ctx.leases.getByAddress(address);
  if (isBindingOf(ctx, existing, subnet)) return ctx.rules.mayRenew(existing, ctx.nowSec);
  return ctx.rules.mayGive(address);
}

function isBindingOf(ctx: DecisionContext, lease: Lease | undefined, subnet: Subnet): lease is Lease {
  if (lease?.state !== LeaseState.default) return false;
  return belongsTo(lease, ctx.client.identity.hwAddress, clientIdFor(ctx.client, subnet));
}

/** Why no address was found: the counters Kea raises beside v4-allocation-fail. */
export type AllocationFailure = 'no-pools' | 'classes' | 'subnet' | 'shared-network';

/** A free address of the first candidate subnet that has one, else the oldest unanswered offer taken back. */
export function pickAddress(
  ctx: DecisionContext,
): { readonly address: Ipv4; readonly subnet: Subnet } | { readonly failure: AllocationFailure } {
  const isOpen = (pool: Pool): boolean => isOpenTo(ctx, pool);
  // The lease table has the last word: after the clock was set back, a lease that had run out is in force again.
  const isUnused = (address: Ipv4): boolean =>
    isAvailable(ctx.leases.getByAddress(address), ctx.nowSec) &&
    (ctx.rules === undefined || ctx.rules.mayGive(address));
  for (const subnet of ctx.candidates) {
    const address = ctx.addresses.pickFromSubnet(subnet, isOpen, isUnused);
    if (address !== undefined) return { address, subnet };
  }
  for (const subnet of ctx.candidates) {
    const address = ctx.offers.oldest(
      subnet.id,
      (offered) => isUnused(offered) && allowedSubnetOf(ctx, offered) === subnet && !isReservedForOther(ctx, offered),
    );
    if (address !== undefined) return { address, subnet };
  }
  const pools = ctx.candidates.flatMap((subnet) => subnet.pools);
  if (pools.length === 0) return { failure: 'no-pools' };
  if (!pools.some(isOpen)) return { failure: 'classes' };
  return { failure: ctx.candidates.length > 1 ? 'shared-network' : 'subnet' };
}

/** True if the address is offered to another client at this moment. */
export function isOfferedToOther(ctx: DecisionContext, address: Ipv4, subnet: Subnet): boolean {
  return ctx.offers.isHeldForOther(address, offerKey(ctx.client, subnet));
}

/**
 * The grant of an address: a new lease, or the renewal of `previous` (the lease the address has now).
 * `reused` is set if the stored lease can be confirmed as it is (cache-threshold, cache-max-age).
 */
export function grantAddress(
  ctx: DecisionContext,
  subnet: Subnet,
  address: Ipv4,
): { readonly grant: Grant; readonly reused: boolean } {
  const { client, nowSec } = ctx;
  const previous = ctx.leases.getByAddress(address);
  const own =
    previous !== undefined &&
    previous.state === LeaseState.default &&
    !isExpired(previous, nowSec) &&
    belongsTo(previous, client.identity.hwAddress, clientIdFor(client, subnet));
  const pool = ctx.addresses.poolOf(subnet, address);
  const host = ctx.reservations.inForce(subnet, client);
  const scarce = !own && host?.address !== address && isScarce(ctx, subnet, address);
  const configuredSec = lifetimeFor(client, subnet, ctx.snapshot, host, scarce);
  const lifetimeSec = limitedBySafety(ctx, subnet, address, configuredSec);
  const name = clientNameFor(client, subnet, pool, host, address, ctx.snapshot);
  const lease: Lease = {
    address,
    hwAddress: client.identity.hwAddress,
    clientId: clientIdFor(client, subnet),
    validLifetimeSec: lifetimeSec,
    clttSec: nowSec,
    subnetId: subnet.id,
    poolId: pool?.id ?? 0,
    fqdnFwd: name.fqdnFwd,
    fqdnRev: name.fqdnRev,
    hostname: name.hostname,
    state: LeaseState.default,
    userContext: withClasses(extendedInfo(own ? previous.userContext : '', client, subnet, ctx.snapshot), ctx),
  };
  // With a partner every answer makes a record: without one, what it does at the same time would undo a promise unseen.
  if (own && ctx.rules === undefined && sameBinding(previous, lease)) {
    const leftSec = reusableSec(previous, lease, subnet, nowSec);
    if (leftSec > 0)
      return { grant: { subnet, pool, host, lease: previous, lifetimeSec: leftSec, name }, reused: true };
  }
  return { grant: { subnet, pool, host, lease, lifetimeSec, name }, reused: false };
}

/**
 * True if so large a share of the addresses the client could have of the subnet is taken that new leases are short ones
 * (Kea: adaptive-lease-time-threshold, there for the allocator flq alone). `address`, which is to be the client's, does
 * not count, nor do reserved ones: an offer and the ACK after it say the same.
 */
export function isScarce(ctx: DecisionContext, { adaptiveLeaseTimeThreshold, pools }: Subnet, address: Ipv4): boolean {
  if (adaptiveLeaseTimeThreshold >= 1) return false;
  let total = 0;
  let free = 0;
  for (const pool of pools) {
    if (!isOpenTo(ctx, pool)) continue;
    total += ctx.addresses.capacity(pool);
    free += ctx.addresses.freeCount(pool);
    if (address >= pool.first && address <= pool.last && !ctx.addresses.isFree(address, pool)) free++;
  }
  return total > 0 && (total - free) / total >= adaptiveLeaseTimeThreshold;
}

/**
 * Why the client can not have a new lease of the address: its classes or the subnet have as many as they may (Kea:
 * libdhcp_limits). Undefined if it can. A lease that is renewed is not asked about.
 */
export function limitReached(ctx: DecisionContext, subnet: Subnet, address: Ipv4): string | undefined {
  const { numbers, snapshot, client, nowSec } = ctx;
  if (numbers === undefined || !snapshot.limits) return undefined;
  const before = ctx.leases.getByAddress(address);
  if (isBindingOf(ctx, before, subnet) && !isExpired(before, nowSec)) return undefined;
  return reachedLimit(limitedClasses(client.classNames, snapshot), subnet, before, numbers);
}

/** Option 60, RFC 2132 §9.13; dhcpd keeps it as a variable of this name. */
const VENDOR_CLASS_IDENTIFIER = 60;

/** What the subnet wants to be kept of the packet (store-extended-info); the vendor class is for OMAPI. */
function extendedInfo(kept: string, client: Client, subnet: Subnet, { omapi }: ConfigSnapshot): string {
  if (!subnet.storeExtendedInfo) return kept;
  const context = mergeRelayInfo(kept, client.relayInfo);
  const vendorClass = omapi === undefined ? undefined : client.message.octets(VENDOR_CLASS_IDENTIFIER);
  return vendorClass === undefined ? context : mergeVariables(context, { 'vendor-class-identifier': vendorClass });
}

/** With libdhcp_limits a lease says which classes it counts for. */
function withClasses(userContext: string, { client, snapshot }: DecisionContext): string {
  return snapshot.limits ? mergeClasses(userContext, [...client.classNames]) : userContext;
}

/** What the other server of a pair lets this one promise. */
function limitedBySafety(ctx: DecisionContext, subnet: Subnet, address: Ipv4, wantedSec: number): number {
  if (ctx.rules === undefined) return wantedSec;
  const { hwAddress } = ctx.client.identity;
  const holder = holderOf({ hwAddress, clientId: clientIdFor(ctx.client, subnet) });
  return ctx.rules.lifetimeLimitSec(address, holder, wantedSec, ctx.nowSec);
}

function sameBinding(a: Lease, b: Lease): boolean {
  return (
    a.hwAddress === b.hwAddress &&
    a.clientId === b.clientId &&
    a.subnetId === b.subnetId &&
    a.poolId === b.poolId &&
    a.hostname === b.hostname &&
    a.fqdnFwd === b.fqdnFwd &&
    a.fqdnRev === b.fqdnRev &&
    a.userContext === b.userContext
  );
}

/**
 * Seconds left of a stored lease that is young enough to be confirmed without a write, else 0 (Kea: lease caching).
 * Where both cache-max-age and cache-threshold are given both must allow it.
 */
function reusableSec(stored: Lease, renewed: Lease, subnet: Subnet, nowSec: number): number {
  if (stored.validLifetimeSec === INFINITE_LIFETIME) {
    return renewed.validLifetimeSec === INFINITE_LIFETIME ? INFINITE_LIFETIME : 0;
  }
  const ageSec = nowSec - stored.clttSec;
  if (ageSec < 0 || ageSec >= stored.validLifetimeSec) return 0;
  if (subnet.cacheMaxAgeSec !== undefined && (subnet.cacheMaxAgeSec === 0 || ageSec > subnet.cacheMaxAgeSec)) return 0;
  if (subnet.cacheThreshold <= 0 || subnet.cacheThreshold > 1) return 0;
  if (ageSec > Math.floor(renewed.validLifetimeSec * subnet.cacheThreshold)) return 0;
  // A configuration with other lifetimes must take effect at the next renewal, not after the cache has run dry.
  if (stored.validLifetimeSec !== renewed.validLifetimeSec) return 0;
  return expiresAtSec(stored) - nowSec;
}
