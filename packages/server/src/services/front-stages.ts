/**
 * The stages a packet passes on its own, before anything is decided: is it for us, what classes is it in, where is it
 * from, who sent it. Each looks at one packet, fills in the exchange, or says why the packet goes no further.
 */

import { evaluateAfterHostLookup, evaluateEarly, evaluateWithReservedClasses } from '../domain/classes/evaluate.js';
import { DECIDERS } from '../domain/dhcp4/decide.js';
import { MessageType } from '../domain/dhcp4/decision.js';
import { stashedRelayInfo } from '../domain/dhcp4/relay-info.js';
import type { Exchange } from '../domain/exchange.js';
import { belongsTo } from '../domain/identity.js';
import { isExpired } from '../domain/lease.js';
import { GLOBAL_SCOPE } from '../domain/reservation.js';
import { candidateSubnets } from '../domain/topology.js';
import type { EpochSec, Ipv4 } from '../domain/values.js';
import { bytesOf } from '../domain/values.js';
import type { DropReason } from './drop-reasons.js';
import type { PacketConfig } from './packet-config.js';
import type { LeaseReader } from './ports.js';
import type { RateLimiter } from './rate-limiter.js';

/** What the front stages may look at beside the packet. */
export interface FrontContext {
  readonly config: PacketConfig;
  readonly nowSec: EpochSec;
  readonly leases: Pick<LeaseReader, 'getByAddress'>;
  /** Counts packets against rates; undefined: none are limited. */
  readonly rates?: RateLimiter | undefined;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonicMs: number;
  /** False while the service is switched off (dhcp-disable). */
  readonly serviceEnabled: boolean;
  /** True if the address is one of this server's own (a server identifier naming it is ours). */
  isOwnAddress(address: Ipv4): boolean;
}

/** A front stage: undefined lets the packet go on. */
export type FrontStage = (exchange: Exchange, context: FrontContext) => DropReason | undefined;

const SERVER_ID = 54;
/** Longest client identifier, also as joined by RFC 3396: Kea's limit, and what a lease can keep. */
const MAX_CLIENT_ID_OCTETS = 255;

/** Is it a request, of a kind we serve, for us? */
const admit: FrontStage = (exchange, context) => {
  const { message } = exchange;
  const { config } = context;
  if (message.op !== 1) return 'not-for-us';
  if (exchange.bootp) {
    if (message.hasCookie && message.optionCodes().length > 0 && !config.snapshot.bootpEnabled)
      return 'no-message-type';
    if (!config.snapshot.bootpEnabled) return 'bootp-not-supported';
  } else if (message.messageType === 0 || DECIDERS[message.messageType] === undefined) return 'unexpected-message-type';
  if (exchange.identity.clientId.length > MAX_CLIENT_ID_OCTETS) return 'malformed';
  if (exchange.identity.hwAddress === '' && exchange.identity.clientId === '') return 'no-source';
  if (
    message.messageType === MessageType.inform &&
    message.ciaddr === 0 &&
    message.giaddr === 0 &&
    exchange.source === 0
  ) {
    return 'no-source';
  }
  if (!context.serviceEnabled) return 'service-disabled';
  return admitServerId(exchange, context);
};

/** A server identifier must be ours (RFC 2131 §4.3.2), also as the relay overrides it (RFC 5107 §4). */
function admitServerId(exchange: Exchange, { config, isOwnAddress }: FrontContext): DropReason | undefined {
  const named = exchange.message.number(SERVER_ID);
  if (named === undefined) return undefined;
  if (exchange.messageType === MessageType.discover) return 'unexpected-server-id';
  if (config.snapshot.compatibility.ignoreDhcpServerIdentifier) return undefined;
  if (named === exchange.serverAddress || named === exchange.serverIdOverride) return undefined;
  return isOwnAddress(named) || config.serverIds.has(named) ? undefined : 'server-id-mismatch';
}

/** stash-agent-options: a renewal that came past the relay gets back the option 82 its lease was made with. */
const recover: FrontStage = (exchange, { config, leases, nowSec }) => {
  const { message } = exchange;
  if (!config.snapshot.stashAgentOptions || message.messageType !== MessageType.request) return undefined;
  if (message.ciaddr === 0 || message.giaddr !== 0 || exchange.relayInfoValue !== undefined) return undefined;
  const lease = leases.getByAddress(message.ciaddr);
  if (lease === undefined || isExpired(lease, nowSec)) return undefined;
  if (!belongsTo(lease, exchange.identity.hwAddress, exchange.identity.clientId)) return undefined;
  const relayInfo = stashedRelayInfo(lease.userContext);
  if (relayInfo === '') return undefined;
  exchange.relayInfoValue = bytesOf(relayInfo);
  exchange.stashed = true;
  exchange.classes.add('STASH_AGENT_OPTIONS');
  return undefined;
};

/** Classes that need only the packet, and reservations looked up before the subnet where that is asked for. */
const classify: FrontStage = (exchange, { config }) => {
  const { snapshot, reservations } = config;
  if (snapshot.flexIdentifier !== undefined) {
    exchange.flexId = evaluateFlexId(exchange, snapshot.flexIdentifier.expression);
    const { length } = exchange.flexId;
    if (snapshot.flexIdentifier.replaceClientId && length > 0 && length < MAX_CLIENT_ID_OCTETS) {
      // Kea puts a type octet of zero before it (libdhcp_flex_id).
      exchange.identity = { ...exchange.identity, clientId: `\0${exchange.flexId}` };
    }
  }
  evaluateEarly(exchange.classes, snapshot, exchange);
  if (exchange.classes.has('DROP')) return 'class-drop';
  if (snapshot.earlyGlobalReservationsLookup) {
    const host = reservations.find(GLOBAL_SCOPE, exchange);
    if (host !== undefined) {
      evaluateWithReservedClasses(exchange.classes, snapshot, exchange, host.clientClasses);
      evaluateAfterHostLookup(exchange.classes, snapshot, exchange, true);
      if (exchange.classes.has('DROP')) return 'class-drop';
    }
  }
  return undefined;
};

/** Rates of classes that need only the packet (Kea: libdhcp_limits, pkt4_receive). */
const limitClasses: FrontStage = (exchange, { config: { snapshot }, rates, monotonicMs }) => {
  if (!snapshot.limits || rates === undefined) return undefined;
  return rates.admitClasses(exchange.classes, snapshot, monotonicMs) ? undefined : 'rate-limited';
};

/** The rate of the subnet that was selected, whichever of its network the address is of in the end (Kea). */
const limitSubnet: FrontStage = ({ candidates: [selected] }, { config: { snapshot }, rates, monotonicMs }) => {
  if (!snapshot.limits || rates === undefined || selected === undefined) return undefined;
  return rates.admitSubnet(selected, monotonicMs) ? undefined : 'rate-limited';
};

/** From the packet to the subnets its client may be in. That there is none is for the decision to judge. */
const localize: FrontStage = (exchange, { config }) => {
  exchange.selected = exchange.selectedAddress(config.snapshot.compatibility.ignoreRaiLinkSelection);
  const subnet = config.topology.select(exchange);
  exchange.candidates = subnet === undefined ? [] : candidateSubnets(subnet, (name) => exchange.isMember(name));
  return undefined;
};

/** Reservations, the classes they bring, KNOWN or UNKNOWN and the classes that depend on it. */
const identify: FrontStage = (exchange, { config }) => {
  const { snapshot, reservations } = config;
  let known = false;
  if (reservations.size > 0) {
    for (const subnet of exchange.candidates) {
      const host = reservations.inForce(subnet, exchange);
      if (host === undefined) continue;
      known = true;
      // In a shared network it is not yet sure which subnet's reservation counts: those classes come with the lease.
      if (host.clientClasses.length > 0 && (host.subnetId === GLOBAL_SCOPE || subnet.sharedNetwork === undefined)) {
        evaluateWithReservedClasses(exchange.classes, snapshot, exchange, host.clientClasses);
      }
    }
  }
  evaluateAfterHostLookup(exchange.classes, snapshot, exchange, known);
  return exchange.classes.has('DROP') ? 'class-drop' : undefined;
};

/** The stages one packet passes on its own. */
export const FRONT_STAGES: readonly FrontStage[] = [
  admit,
  recover,
  classify,
  limitClasses,
  localize,
  limitSubnet,
  identify,
];

function evaluateFlexId(exchange: Exchange, expression: { evaluate(context: Exchange): string }): string {
  try {
    return expression.evaluate(exchange);
  } catch {
    // Kea: an identifier that can not be computed is no identifier.
    return '';
  }
}
