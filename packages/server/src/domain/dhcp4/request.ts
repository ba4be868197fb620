/**
 * DHCPREQUEST in its four client states (RFC 2131 §4.3.2): SELECTING (server identifier), INIT-REBOOT (option 50, no
 * server identifier), RENEWING (unicast ciaddr) and REBINDING (broadcast ciaddr). Order of checks as Kea's.
 */

import { belongsTo } from '../identity.js';
import type { Lease } from '../lease.js';
import { isAvailable, isExpired, LeaseState } from '../lease.js';
import type { Subnet } from '../snapshot.js';
import { contains } from '../topology.js';
import type { Ipv4 } from '../values.js';
import {
  allowedSubnetOf,
  clientIdFor,
  findAddressReservation,
  findClientLease,
  grantAddress,
  isGrantable,
  isReservedForOther,
  limitReached,
  pickAddress,
} from './allocation.js';
import type { DecidedChange, Decision, DecisionContext } from './decision.js';
import { nak, silent } from './decision.js';
import { allocationFailureCounters } from './discover.js';
import { requestedAddress } from './requested-address.js';

const SERVER_ID = 54;

/** Decides a REQUEST (also a BOOTP request, which is one without any identifier or wish). */
export function decideRequest(ctx: DecisionContext): Decision {
  const decision = decideAlone(ctx);
  if (decision.kind !== 'nak' || ctx.rules === undefined) return decision;
  const wanted = wishOf(ctx);
  if (ctx.rules.mayRefuse(wanted)) return decision;
  // The other server may have given the client this address; that it is in another network is certain all the same.
  return ctx.candidates.some((subnet) => contains(subnet, wanted)) ? silent('ha-not-ours') : decision;
}

function wishOf({ client: { message } }: DecisionContext): Ipv4 {
  const option50 = requestedAddress(message);
  return option50 !== 0 ? option50 : message.ciaddr;
}

function decideAlone(ctx: DecisionContext): Decision {
  const { message } = ctx.client;
  const option50 = requestedAddress(message);
  const wanted = wishOf(ctx);
  const selecting = message.has(SERVER_ID);
  const initReboot = !selecting && option50 !== 0;
  const authoritative = ctx.candidates[0]?.authoritative ?? ctx.snapshot.authoritative;

  if (ctx.candidates.length === 0) {
    // RFC 2131 §4.3.2: only a server that knows the whole network may say that an address does not belong to it.
    const rebinding = !selecting && option50 === 0 && message.ciaddr !== 0 && !ctx.unicast;
    return authoritative && !rebinding ? nak('no subnet for the client', undefined) : silent('no-subnet');
  }
  const clientLease = findClientLease(ctx);
  if (initReboot) {
    const refused = checkInitReboot(ctx, clientLease, wanted, authoritative);
    if (refused !== undefined) return refused;
  }
  return assign(ctx, clientLease, wanted, authoritative || selecting);
}

/** The two ways INIT-REBOOT ends early: silence for a stranger, NAK for a wrong notion of the address. */
function checkInitReboot(
  ctx: DecisionContext,
  lease: Lease | undefined,
  wanted: Ipv4,
  authoritative: boolean,
): Decision | undefined {
  // Of a pair, the other server may have moved the client here while a released lease of it is still remembered.
  const existing = ctx.leases.getByAddress(wanted);
  if (existing !== undefined && isHolder(ctx, existing)) return undefined;
  const known = lease !== undefined && lease.state !== LeaseState.declined;
  if (!known) return authoritative ? nak('client is not known here', ctx.candidates[0]) : silent('unknown-client');
  return lease.address === wanted ? undefined : nak('client has another address', ctx.candidates[0]);
}

function assign(
  ctx: DecisionContext,
  clientLease: Lease | undefined,
  wish: Ipv4,
  mayRefuseStrangers: boolean,
): Decision {
  const reservation = findAddressReservation(ctx);
  const wanted = wish !== 0 ? wish : (reservation?.address ?? 0);
  const selected = ctx.candidates[0]!;

  if (wanted === 0) return assignAny(ctx, clientLease);
  if (isReservedForOther(ctx, wanted)) return nak('address is reserved for another client', selected);

  const existing = ctx.leases.getByAddress(wanted);
  if (existing !== undefined && !isAvailable(existing, ctx.nowSec) && !isHolder(ctx, existing)) {
    return nak('address is in use by another client', selected);
  }
  if (reservation !== undefined && reservation.address !== wanted) {
    const holder = ctx.leases.getByAddress(reservation.address);
    // As long as somebody else holds the reserved address the client keeps what it has.
    if (isAvailable(holder, ctx.nowSec)) return nak('client has a reservation for another address', selected);
  }
  const subnet = reservation?.address === wanted ? reservation.subnet : allowedSubnetOf(ctx, wanted);
  if (subnet === undefined) {
    const inSomePool = ctx.candidates.some((candidate) => ctx.addresses.poolOf(candidate, wanted) !== undefined);
    if (!inSomePool && !mayRefuseStrangers && clientLease === undefined) return silent('unknown-address');
    return nak('address is not one this client may have', selected);
  }
  return grant(ctx, subnet, wanted, clientLease);
}

/** A client that asks for nothing in particular (BOOTP): its old address, else any. */
function assignAny(ctx: DecisionContext, clientLease: Lease | undefined): Decision {
  if (
    clientLease !== undefined &&
    clientLease.state !== LeaseState.declined &&
    !isReservedForOther(ctx, clientLease.address)
  ) {
    const subnet = allowedSubnetOf(ctx, clientLease.address);
    if (subnet !== undefined) return grant(ctx, subnet, clientLease.address, clientLease);
  }
  const picked = pickAddress(ctx);
  if ('failure' in picked) return silent('no-lease', allocationFailureCounters(picked.failure, ctx.candidates[0]!));
  return grant(ctx, picked.subnet, picked.address, clientLease);
}

function grant(ctx: DecisionContext, subnet: Subnet, address: Ipv4, clientLease: Lease | undefined): Decision {
  if (!isGrantable(ctx, address, subnet)) return silent('ha-not-ours');
  const limit = limitReached(ctx, subnet, address);
  if (limit !== undefined) return ctx.client.bootp ? silent('address-limit') : nak(limit, subnet);
  const { grant: granted, reused } = grantAddress(ctx, subnet, address);
  if (granted.lifetimeSec <= 0) return silent('ha-not-ours');
  const changes: DecidedChange[] = [];
  if (!reused) {
    // One address a client: what it had elsewhere in this network is given back in the same commit.
    if (clientLease !== undefined && clientLease.address !== address && clientLease.state !== LeaseState.declined) {
      changes.push({ kind: 'delete', address: clientLease.address });
    }
    changes.push({ kind: 'put', lease: granted.lease });
  }
  return { kind: 'ack', grant: granted, changes, reused };
}

function isHolder(ctx: DecisionContext, lease: Lease): boolean {
  if (lease.state !== LeaseState.default || isExpired(lease, ctx.nowSec)) return false;
  const subnet = ctx.candidates.find((candidate) => candidate.id === lease.subnetId);
  return subnet !== undefined && belongsTo(lease, ctx.client.identity.hwAddress, clientIdFor(ctx.client, subnet));
}
