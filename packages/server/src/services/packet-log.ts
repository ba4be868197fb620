/** What the log says of a packet. */

import type { Decision } from '../domain/dhcp4/decision.js';
import type { Exchange } from '../domain/exchange.js';
import { formatHex, formatIpv4 } from '../domain/values.js';

/** Message identifiers of outcomes, in the manner of Kea's. */
export const LEASE_MESSAGES: Readonly<Record<string, string>> = {
  offer: 'DHCP4_LEASE_OFFER',
  ack: 'DHCP4_LEASE_ALLOC',
  nak: 'DHCP4_PACKET_NAK',
  released: 'DHCP4_RELEASE',
  declined: 'DHCP4_DECLINE_LEASE',
  'inform-ack': 'DHCP4_INFORM_ANSWERED',
  'v6-only': 'DHCP4_V6_ONLY_PREFERRED',
};

/** The client, the way Kea labels it: hardware address, client identifier, transaction. */
export function describeClient(exchange: Exchange): string {
  const { hwAddress, clientId } = exchange.identity;
  return `[hwtype=${exchange.htype} ${formatHex(hwAddress)}], cid=[${clientId === '' ? 'no info' : formatHex(clientId)}], tid=0x${exchange.xid.toString(16)}`;
}

/** What came of it. */
export function describeOutcome(exchange: Exchange, decision: Decision): string {
  const client = describeClient(exchange);
  switch (decision.kind) {
    case 'offer':
      return `${client}: lease ${formatIpv4(decision.grant.lease.address)} will be offered`;
    case 'ack':
      return `${client}: lease ${formatIpv4(decision.grant.lease.address)} has been allocated for ${decision.grant.lifetimeSec} seconds`;
    case 'nak':
      return `${client}: request refused: ${decision.reason}`;
    case 'inform-ack':
      return `${client}: information sent to ${formatIpv4(exchange.ciaddr)}`;
    case 'v6-only':
      return `${client}: prefers IPv6 only, no address assigned`;
    case 'silent':
      return `${client}: address ${decision.changes.map((change) => formatIpv4(change.kind === 'put' ? change.lease.address : change.address)).join(', ')} ${decision.reason}`;
  }
}
