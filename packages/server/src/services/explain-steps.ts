/** An explanation as steps, one for each question the server asked: what came, is it served, which classes, and so on. */

import { teeTimes } from '../domain/compose/tee-times.js';
import { findClientLease, isScarce } from '../domain/dhcp4/allocation.js';
import type { DecisionContext, Grant } from '../domain/dhcp4/decision.js';
import { offerKey } from '../domain/dhcp4/decision.js';
import { requestedAddress } from '../domain/dhcp4/requested-address.js';
import type { Exchange } from '../domain/exchange.js';
import { HOST_IDENTIFIERS } from '../domain/identity.js';
import { expiresAtSec, isExpired, type Lease, LeaseState } from '../domain/lease.js';
import { typeName } from '../domain/message-text.js';
import { needsPing } from '../domain/ping/rule.js';
import type { Pool, Reservation, Subnet } from '../domain/snapshot.js';
import { contains, passesGuard } from '../domain/topology.js';
import { formatHex, formatIpv4, INFINITE_LIFETIME, type Ipv4 } from '../domain/values.js';
import { explainClasses } from './explain-classes.js';
import { dropText, type Explanation } from './explain4.js';
import type { OfferDecision } from './parked-offers.js';

/** The stages of the packet path that have something to say. */
export type StepStage =
  | 'packet'
  | 'classes'
  | 'subnet'
  | 'reservation'
  | 'lease'
  | 'address'
  | 'lifetime'
  | 'change'
  | 'answer';

/** One line of the explanation. */
export interface ExplainStep {
  readonly stage: StepStage;
  readonly text: string;
}

/** All steps, in the order of the packet path. */
export function explainSteps(explanation: Explanation): ExplainStep[] {
  const { exchange } = explanation;
  if (exchange === undefined) return [answerStep(explanation)];
  const hosts = hostsOf(explanation, exchange);
  const steps: ExplainStep[] = [{ stage: 'packet', text: describePacket(exchange) }];
  for (const { name, member, why } of explainClasses(explanation.snapshot, exchange, hosts)) {
    steps.push({ stage: 'classes', text: `${member ? 'in' : 'not in'} ${name}: ${why}` });
  }
  if (!isRefusedEarly(explanation)) {
    steps.push(...subnetSteps(explanation, exchange));
    if (exchange.candidates.length > 0) {
      steps.push(reservationStep(explanation, exchange, hosts), leaseStep(explanation, exchange));
      steps.push(...addressSteps(explanation, exchange));
    }
  }
  steps.push(...changeSteps(explanation), answerStep(explanation));
  return steps;
}

/** Reasons that end the road before a subnet is looked for. */
const EARLY: ReadonlySet<string> = new Set([
  'not-for-us',
  'bootp-not-supported',
  'no-message-type',
  'unexpected-message-type',
  'service-disabled',
  'unexpected-server-id',
  'server-id-mismatch',
  'no-source',
  'malformed',
]);

function isRefusedEarly({ dropped }: Explanation): boolean {
  return dropped !== undefined && EARLY.has(dropped.reason);
}

function describePacket(exchange: Exchange): string {
  const { message, identity } = exchange;
  const client = [
    identity.hwAddress === '' ? 'no hardware address' : formatHex(identity.hwAddress),
    ...(identity.clientId === '' ? [] : [`client-id ${formatHex(identity.clientId)}`]),
    ...(exchange.flexId === '' ? [] : [`flex-id ${formatHex(exchange.flexId)}`]),
  ];
  const way = message.giaddr === 0 ? '' : ` through relay ${formatIpv4(message.giaddr)}`;
  return `${exchange.bootp ? 'BOOTREQUEST' : `DHCP${typeName(message)}`} of ${client.join(', ')} on ${exchange.interfaceName}${way}`;
}

/** What selected the subnet, in the order of domain/topology.ts. */
function selectorOf(exchange: Exchange): string {
  const { selected, giaddr, ciaddr, unicast, source } = exchange;
  if (selected !== 0) return `${formatIpv4(selected)}, which option 82 (link selection) or option 118 names`;
  if (giaddr !== 0) return `the relay's address ${formatIpv4(giaddr)}`;
  if (unicast && ciaddr !== 0) return `the client's address ${formatIpv4(ciaddr)}`;
  if (unicast && source !== 0) return `its source ${formatIpv4(source)}, else the interface ${exchange.interfaceName}`;
  return `the interface ${exchange.interfaceName} (${formatIpv4(exchange.interfaceAddress)})`;
}

function subnetSteps({ snapshot }: Explanation, exchange: Exchange): ExplainStep[] {
  const [first, ...others] = exchange.candidates;
  const by = selectorOf(exchange);
  const closed = snapshot.subnets
    .filter((subnet) => subnet !== first && !exchange.candidates.includes(subnet) && isNear(subnet, exchange))
    .map(
      (subnet): ExplainStep => ({
        stage: 'subnet',
        text: `not ${describeSubnet(subnet)}: ${guardOf(subnet, exchange)}`,
      }),
    );
  if (first === undefined) return [...closed, { stage: 'subnet', text: `none: no subnet is for ${by}` }];
  const network = first.sharedNetwork === undefined ? '' : ` of shared network ${first.sharedNetwork.name}`;
  const steps: ExplainStep[] = [{ stage: 'subnet', text: `${describeSubnet(first)}${network}, by ${by}` }];
  if (others.length > 0)
    steps.push({ stage: 'subnet', text: `after it also ${others.map(describeSubnet).join(', ')}` });
  return [...steps, ...closed];
}

/** It would have been selected, or is in the same network, but its guard keeps the client out. */
function isNear(subnet: Subnet, exchange: Exchange): boolean {
  if (isOpen(subnet, exchange)) return false;
  const { selected, giaddr, ciaddr, interfaceAddress, candidates } = exchange;
  const network = candidates[0]?.sharedNetwork;
  if (network !== undefined && subnet.sharedNetwork === network) return true;
  const address = selected || giaddr || ciaddr || interfaceAddress;
  return (
    contains(subnet, address) || subnet.relayAddresses.includes(giaddr) || subnet.interface === exchange.interfaceName
  );
}

function isOpen(subnet: Subnet, exchange: Exchange): boolean {
  return [subnet, subnet.sharedNetwork].every(
    (one) => one === undefined || passesGuard(one.clientClasses, (name) => exchange.isMember(name)),
  );
}

function guardOf(subnet: Subnet, exchange: Exchange): string {
  const closed = passesGuard(subnet.clientClasses, (name) => exchange.isMember(name)) ? subnet.sharedNetwork! : subnet;
  return `it is for classes ${closed.clientClasses.join(', ')}`;
}

/** 'subnet 1 (192.0.2.0/24)'. */
export function describeSubnet({ id, prefix, prefixLength }: Subnet): string {
  return `subnet ${id} (${formatIpv4(prefix)}/${prefixLength})`;
}

/** '192.0.2.10-192.0.2.99'. */
export function describePool({ first, last }: Pool): string {
  return `${formatIpv4(first)}-${formatIpv4(last)}`;
}

function hostsOf({ state }: Explanation, exchange: Exchange): Reservation[] {
  return exchange.candidates.flatMap((subnet) => state.config.reservations.inForce(subnet, exchange) ?? []);
}

function reservationStep({ snapshot }: Explanation, exchange: Exchange, hosts: readonly Reservation[]): ExplainStep {
  const [host] = hosts;
  if (host !== undefined) {
    const { identifierType, identifier, address, hostname, subnetId } = host;
    const what = [
      address === undefined ? 'no address of its own' : formatIpv4(address),
      ...(hostname === '' ? [] : [`hostname ${hostname}`]),
    ];
    const scope = subnetId === 0 ? 'global' : `of subnet ${subnetId}`;
    return {
      stage: 'reservation',
      text: `${scope}, by ${identifierType} ${formatHex(identifier)}: ${what.join(', ')}`,
    };
  }
  const tried = snapshot.identifierTypes.filter((type) => HOST_IDENTIFIERS[type](exchange) !== '');
  return { stage: 'reservation', text: `none by ${tried.join(', ') || 'any identifier'}` };
}

/** What the deciders are given; only functions that read are called with it. */
function contextOf({ snapshot, state, nowSec }: Explanation, exchange: Exchange): DecisionContext {
  const { leases, offers, config, addresses } = state;
  const dry = {
    pickFromSubnet: () => undefined,
    poolOf: (subnet: Subnet, address: Ipv4) => addresses.poolOf(subnet, address),
    capacity: (pool: Pool) => addresses.capacity(pool),
    freeCount: (pool: Pool) => addresses.freeCount(pool),
    isFree: (address: Ipv4, pool: Pool) => addresses.isFree(address, pool),
  };
  const { candidates, unicast } = exchange;
  const { reservations } = config;
  return { snapshot, leases, reservations, addresses: dry, offers, nowSec, client: exchange, candidates, unicast };
}

function leaseStep(explanation: Explanation, exchange: Exchange): ExplainStep {
  const lease = findClientLease(contextOf(explanation, exchange));
  if (lease === undefined) return { stage: 'lease', text: 'the client has none here' };
  return {
    stage: 'lease',
    text: `the client has ${formatIpv4(lease.address)}, ${leaseWord(lease, explanation.nowSec)}`,
  };
}

function leaseWord(lease: Lease, nowSec: number): string {
  if (lease.state === LeaseState.declined) return 'declined';
  if (lease.state === LeaseState.released) return 'given back, kept for it';
  if (lease.state === LeaseState.expiredReclaimed || isExpired(lease, nowSec)) return 'run out, kept for it';
  const left = expiresAtSec(lease) - nowSec;
  return Number.isFinite(left) ? `for ${left} more seconds` : 'for ever';
}

function addressSteps(explanation: Explanation, exchange: Exchange): ExplainStep[] {
  const { decision, picked, counted, state } = explanation;
  const steps: ExplainStep[] = picked.flatMap(({ subnet, address }) => poolSteps(subnet, address, exchange, state));
  const failures = counted.filter(
    (name) => name.startsWith('v4-allocation-fail-') || name === 'v4-reservation-conflicts',
  );
  for (const name of failures) steps.push({ stage: 'address', text: FAILURES[name] ?? name });
  if (decision === undefined || !('grant' in decision)) return steps;
  const { grant } = decision;
  const pool = grant.pool === undefined ? 'outside every pool' : `in pool ${describePool(grant.pool)}`;
  const address = `${formatIpv4(grant.lease.address)} of subnet ${grant.subnet.id}, ${pool}`;
  steps.push({ stage: 'address', text: `${address}: ${whyAddress(explanation, exchange, grant)}` });
  steps.push(...pingSteps(explanation, decision));
  steps.push({ stage: 'lifetime', text: describeLifetime(explanation, grant, exchange, decision.reused) });
  return steps;
}

/** What Kea's statistics of a failed allocation mean. */
const FAILURES: Readonly<Record<string, string>> = {
  'v4-reservation-conflicts': 'the reserved address is held by somebody else: another is looked for until it is free',
  'v4-allocation-fail-no-pools': 'there are no pools',
  'v4-allocation-fail-classes': 'no pool lets the classes of this client in',
  'v4-allocation-fail-subnet': 'every address is taken',
  'v4-allocation-fail-shared-network': 'every address of the shared network is taken',
};

function poolSteps(
  subnet: Subnet,
  address: Ipv4 | undefined,
  exchange: Exchange,
  { addresses }: Explanation['state'],
): ExplainStep[] {
  const pools = subnet.pools.map((pool): ExplainStep => {
    const open = passesGuard(pool.clientClasses, (name) => exchange.isMember(name));
    const text = open
      ? `${addresses.freeCount(pool)} of ${pool.last - pool.first + 1} addresses can be picked`
      : `is for classes ${pool.clientClasses.join(', ')}`;
    return { stage: 'address', text: `pool ${describePool(pool)}: ${text}` };
  });
  return address === undefined
    ? [...pools, { stage: 'address', text: `nothing free in ${describeSubnet(subnet)}` }]
    : pools;
}

/** An explanation pings nobody, but says that the server would. */
function pingSteps({ state, nowSec }: Explanation, decision: OfferDecision): ExplainStep[] {
  const { grant, kind, reused } = decision;
  const rule = grant.subnet.pingCheck;
  if (rule === undefined || kind !== 'offer' || reused) return [];
  const before = state.leases.getByAddress(grant.lease.address);
  if (!needsPing(grant, before, rule, nowSec)) return [];
  const times = rule.requests === 1 ? '' : `, ${rule.requests} times`;
  const text = `it is pinged first, and the offer waits ${rule.replyTimeoutMs} ms for an answer${times}: there must be none`;
  return [{ stage: 'address', text }];
}

/** Which of the wishes of RFC 2131 §4.3.1 was granted. */
function whyAddress(explanation: Explanation, exchange: Exchange, { lease, host, subnet }: Grant): string {
  const { picked, state } = explanation;
  const { address } = lease;
  const own = findClientLease(contextOf(explanation, exchange));
  if (picked.some((one) => one.address === address)) {
    const { allocator } = subnet;
    return `the next free one (allocator ${allocator}${allocator === 'iterative' ? '' : '; chance decides, it may be another'})`;
  }
  if (host?.address === address) return 'it is reserved for the client';
  if (own?.address === address) return 'the client has it';
  if (state.offers.offeredTo(offerKey(exchange, exchange.candidates[0]!)) === address)
    return 'it was offered to the client before';
  if (requestedAddress(exchange.message) === address || exchange.ciaddr === address)
    return 'the client asks for it, and it is free';
  return 'nothing else is free: an old offer that nobody came back for is taken back';
}

function describeLifetime(
  explanation: Explanation,
  { lifetimeSec, subnet, lease }: Grant,
  exchange: Exchange,
  reused: boolean,
): string {
  if (exchange.bootp || lifetimeSec === INFINITE_LIFETIME) return 'for ever';
  const { renewalSec, rebindingSec } = teeTimes(subnet, lifetimeSec);
  const tees = [
    ...(renewalSec > 0 ? [`T1 ${renewalSec} s`] : []),
    ...(rebindingSec > 0 ? [`T2 ${rebindingSec} s`] : []),
  ];
  const asked = exchange.message.number(51);
  const context = contextOf(explanation, exchange);
  return [
    `${lifetimeSec} s`,
    ...tees,
    ...(asked === undefined ? [] : [`asked for ${asked} s`]),
    ...(findClientLease(context)?.address !== lease.address && isScarce(context, subnet, lease.address)
      ? ['new clients get the least there is, so many addresses are taken (adaptive-lease-time-threshold)']
      : []),
    ...(reused ? ['the rest of the lease as it is (cache-threshold)'] : []),
  ].join(', ');
}

function changeSteps({ changes, offered }: Explanation): ExplainStep[] {
  const steps = changes.map((change): ExplainStep => {
    if (change.kind === 'delete')
      return { stage: 'change', text: `would remove the lease of ${formatIpv4(change.address)}` };
    const { address, validLifetimeSec, state } = change.lease;
    const what = state === LeaseState.default ? `for ${validLifetimeSec} s` : `in state ${state}`;
    return { stage: 'change', text: `would write the lease of ${formatIpv4(address)} ${what}` };
  });
  if (offered !== undefined)
    steps.push({ stage: 'change', text: `would keep ${formatIpv4(offered)} for the client for some seconds` });
  return steps;
}

function answerStep({ dropped, decision, reply, message }: Explanation): ExplainStep {
  if (reply === undefined || message === undefined) {
    const why = dropped === undefined ? 'nothing is answered' : `${dropText(dropped)} (${dropped.reason})`;
    return { stage: 'answer', text: `none: ${why}` };
  }
  const reason = decision?.kind === 'nak' ? `: ${decision.reason}` : '';
  const to = `${formatIpv4(reply.destination)} port ${reply.port}`;
  const how = reply.hwAddress === undefined ? '' : ', in a frame to its hardware address';
  return { stage: 'answer', text: `${answerName(decision?.kind, message.messageType)} to ${to}${how}${reason}` };
}

function answerName(kind: string | undefined, requestType: number): string {
  if (requestType === 0) return 'BOOTREPLY';
  const names: Readonly<Record<string, string>> = { offer: 'DHCPOFFER', nak: 'DHCPNAK' };
  return names[kind ?? ''] ?? (kind === 'v6-only' && requestType === 1 ? 'DHCPOFFER' : 'DHCPACK');
}
