/** DHCPDISCOVER: which address to offer (RFC 2131 §4.3.1; order of preference as Kea's discoverLease4). */

import type { Lease } from '../lease.js';
import { isAvailable, LeaseState } from '../lease.js';
import type { Subnet } from '../snapshot.js';
import type { Ipv4 } from '../values.js';
import {
  allowedSubnetOf,
  findAddressReservation,
  findClientLease,
  grantAddress,
  isFreeFor,
  isGrantable,
  isOfferedToOther,
  isReservedForOther,
  limitReached,
  pickAddress,
} from './allocation.js';
import type { Decision, DecisionContext } from './decision.js';
import { offerKey, silent } from './decision.js';
import { offerLifetimeFor } from './lifetime.js';
import { requestedAddress } from './requested-address.js';

/** Decides a DISCOVER. */
export function decideDiscover(ctx: DecisionContext): Decision {
  if (ctx.candidates.length === 0) return silent('no-subnet');
  const counters: string[] = [];
  const choice = reserved(ctx, counters) ?? own(ctx) ?? offeredBefore(ctx) ?? wished(ctx) ?? fresh(ctx, counters);
  if (choice === undefined) return silent('no-lease', counters);
  const { address, subnet } = choice;
  if (limitReached(ctx, subnet, address) !== undefined) return silent('address-limit');
  const offerSec = offerLifetimeFor(ctx.client, subnet, ctx.snapshot);
  const { grant, reused } = grantAddress(ctx, subnet, address);
  if (offerSec === 0 || reused) return { kind: 'offer', grant, changes: [], reused, counters };
  // Kea: an offer that is stored must not shorten a lease the client still has.
  const stored = ctx.leases.getByAddress(address);
  const inForce = stored !== undefined && !isAvailable(stored, ctx.nowSec) ? stored : undefined;
  if (inForce !== undefined && inForce.clttSec + inForce.validLifetimeSec > ctx.nowSec + offerSec) {
    return { kind: 'offer', grant, changes: [], reused, counters };
  }
  // An offer enters no name in the DNS: the lease says what is there, and the ACK makes the difference.
  const { hostname, fqdnFwd, fqdnRev } = inForce ?? { ...grant.lease, fqdnFwd: false, fqdnRev: false };
  const kept: Lease = { ...grant.lease, validLifetimeSec: offerSec, hostname, fqdnFwd, fqdnRev };
  return { kind: 'offer', grant, changes: [{ kind: 'put', lease: kept }], reused, counters };
}

type Choice = { readonly address: Ipv4; readonly subnet: Subnet } | undefined;

/** The reserved address, unless somebody else holds it: then the client gets another until it is free (counted). */
function reserved(ctx: DecisionContext, counters: string[]): Choice {
  const reservation = findAddressReservation(ctx);
  if (reservation === undefined) return undefined;
  if (isFreeFor(ctx, reservation.address, reservation.subnet)) return reservation;
  counters.push('v4-reservation-conflicts', `subnet[${reservation.subnet.id}].v4-reservation-conflicts`);
  return undefined;
}

/** What the client had: its lease, also one that ran out or was released and that nobody took since (lease affinity). */
function own(ctx: DecisionContext): Choice {
  const lease = findClientLease(ctx);
  if (lease === undefined || lease.state === LeaseState.declined) return undefined;
  const subnet = allowedSubnetOf(ctx, lease.address);
  if (subnet === undefined || isReservedForOther(ctx, lease.address)) return undefined;
  if (isAvailable(lease, ctx.nowSec) && isOfferedToOther(ctx, lease.address, subnet)) return undefined;
  return isGrantable(ctx, lease.address, subnet) ? { address: lease.address, subnet } : undefined;
}

/** The same answer to a repeated question. */
function offeredBefore(ctx: DecisionContext): Choice {
  const address = ctx.offers.offeredTo(offerKey(ctx.client, ctx.candidates[0]!));
  if (address === undefined || isReservedForOther(ctx, address)) return undefined;
  const subnet = allowedSubnetOf(ctx, address);
  return subnet !== undefined && isFreeFor(ctx, address, subnet) ? { address, subnet } : undefined;
}

/** The address the client asks for in option 50. */
function wished(ctx: DecisionContext): Choice {
  const address = requestedAddress(ctx.client.message);
  if (address === 0 || isReservedForOther(ctx, address)) return undefined;
  const subnet = allowedSubnetOf(ctx, address);
  if (subnet === undefined || isOfferedToOther(ctx, address, subnet)) return undefined;
  return isFreeFor(ctx, address, subnet) ? { address, subnet } : undefined;
}

/** Any free address; a failure is counted under its cause. */
function fresh(ctx: DecisionContext, counters: string[]): Choice {
  const picked = pickAddress(ctx);
  if ('address' in picked) return picked;
  counters.push(...allocationFailureCounters(picked.failure, ctx.candidates[0]!));
  return undefined;
}

/** Kea's statistics for an allocation that failed, global and of the subnet. */
export function allocationFailureCounters(failure: string, subnet: Subnet): string[] {
  return ['v4-allocation-fail', `v4-allocation-fail-${failure}`].flatMap((name) => [
    name,
    `subnet[${subnet.id}].${name}`,
  ]);
}
