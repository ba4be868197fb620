/** At which hook points what happens to leases calls the script of libdhcp_run_script. */

import { type Decision, type Grant, MessageType } from '../dhcp4/decision.js';
import { belongsTo } from '../identity.js';
import type { Lease } from '../lease.js';
import { isExpired, LeaseState } from '../lease.js';
import type { Subnet } from '../snapshot.js';
import type { EpochSec, Octets } from '../values.js';
import {
  clientVariables,
  ETHERNET,
  type HookPoint,
  leaseVariables,
  listVariables,
  queryVariables,
  type ScriptCall,
  type ScriptLease,
  type ScriptQuery,
  subnetVariables,
} from './environment.js';

/** A packet that was decided, and what its decision has changed. */
export interface DecidedPacket {
  readonly query: ScriptQuery;
  /** Client identifier, '' if none. */
  readonly clientId: Octets;
  readonly decision: Decision;
  /** The lease that was there before each of the decision's changes. */
  readonly before: readonly (Lease | undefined)[];
  readonly nowSec: EpochSec;
}

/** False for decisions no script is called for. */
export function isTold(decision: Decision): boolean {
  switch (decision.kind) {
    case 'offer':
      return false;
    case 'v6-only':
      return decision.reply === MessageType.ack;
    case 'silent':
      return decision.changes.length > 0;
    default:
      return true;
  }
}

/**
 * The calls of a packet, in Kea's order. Kea calls lease4_renew for a DHCPDISCOVER of a client that has a lease, too: there
 * nothing is renewed, so nothing is called here. leases4_committed is called for every answer but a DHCPOFFER, also where no
 * lease has changed (a DHCPNAK, the answer to a DHCPINFORM, a lease confirmed without a write): its lists are empty then.
 */
export function callsOfPacket(packet: DecidedPacket): readonly ScriptCall[] {
  const { decision } = packet;
  if (!isTold(decision)) return [];
  switch (decision.kind) {
    case 'offer':
      return [];
    case 'v6-only':
    case 'nak':
    case 'inform-ack':
      return [committed(packet, [], [])];
    case 'ack':
      return callsOfGrant(packet, decision.grant, decision.reused);
    case 'silent':
      if (decision.reason === 'released') return callsOfRelease(packet);
      return decision.reason === 'declined' ? callsOfDecline(packet) : [];
  }
}

/** The calls of a lease that ran out and is reclaimed; `remove`: it is not kept as expired-reclaimed. */
export function callsOfReclaiming(lease: Lease, remove: boolean): readonly ScriptCall[] {
  const told = leaseVariables({ lease, htype: ETHERNET });
  const expire: ScriptCall = {
    hookPoint: 'lease4_expire',
    environment: { ...told, REMOVE_LEASE: String(remove) },
  };
  if (lease.state !== LeaseState.declined) return [expire];
  // The name is gone by then; a declined lease has none.
  return [expire, { hookPoint: 'lease4_recover', environment: told }];
}

function callsOfGrant(packet: DecidedPacket, { subnet, lease }: Grant, reused: boolean): readonly ScriptCall[] {
  if (reused) return [renewed(packet, subnet, lease), committed(packet, [], [])];
  const calls: ScriptCall[] = [];
  const deleted: Lease[] = [];
  packet.decision.changes.forEach((change, at) => {
    const old = packet.before[at];
    if (old === undefined) return;
    if (change.kind === 'delete') deleted.push(old);
    else {
      // What ran out is reclaimed before it is given again, by a script's lights too.
      if (old.state !== LeaseState.expiredReclaimed && isExpired(old, packet.nowSec)) {
        calls.push(...callsOfReclaiming(old, false));
      }
      if (belongsTo(old, packet.query.hwAddress, clientIdIn(packet, subnet)))
        calls.push(renewed(packet, subnet, lease));
    }
  });
  return [...calls, committed(packet, [lease], deleted)];
}

function callsOfRelease(packet: DecidedPacket): readonly ScriptCall[] {
  const [old] = packet.before;
  const [change] = packet.decision.changes;
  if (old === undefined || change === undefined) return [];
  // Where the binding is kept (lease affinity) Kea tells of it as it has become.
  const deleted = change.kind === 'put' ? change.lease : old;
  return [leaseCall('lease4_release', packet, old), committed(packet, [], [deleted])];
}

function callsOfDecline(packet: DecidedPacket): readonly ScriptCall[] {
  const [old] = packet.before;
  const [change] = packet.decision.changes;
  if (old === undefined || change?.kind !== 'put') return [];
  return [leaseCall('lease4_decline', packet, old), committed(packet, [change.lease], [])];
}

function renewed(packet: DecidedPacket, subnet: Subnet, lease: Lease): ScriptCall {
  const { query } = packet;
  const environment = {
    ...queryVariables(query),
    ...subnetVariables(subnet),
    ...clientVariables(clientIdIn(packet, subnet), query),
    ...leaseVariables(withType(packet, lease)),
  };
  return { hookPoint: 'lease4_renew', environment };
}

function leaseCall(hookPoint: HookPoint, packet: DecidedPacket, lease: Lease): ScriptCall {
  return { hookPoint, environment: { ...queryVariables(packet.query), ...leaseVariables(withType(packet, lease)) } };
}

function committed(packet: DecidedPacket, leases: readonly Lease[], deleted: readonly Lease[]): ScriptCall {
  return {
    hookPoint: 'leases4_committed',
    environment: {
      ...queryVariables(packet.query),
      ...listVariables(
        'LEASES4',
        leases.map((lease) => withType(packet, lease)),
      ),
      ...listVariables(
        'DELETED_LEASES4',
        deleted.map((lease) => withType(packet, lease)),
      ),
    },
  };
}

/** The client identifier where the subnet goes by it. */
function clientIdIn({ clientId }: DecidedPacket, { matchClientId }: Subnet): Octets {
  return matchClientId ? clientId : '';
}

function withType({ query }: DecidedPacket, lease: Lease): ScriptLease {
  return { lease, htype: lease.hwAddress === query.hwAddress ? query.htype : ETHERNET };
}
