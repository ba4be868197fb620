/** Where a reply goes (RFC 2131 §4.1, RFC 8357 for the relay's port). */

import { MessageType } from '../dhcp4/decision.js';
import type { Ipv4 } from '../values.js';

const BROADCAST: Ipv4 = 0xffff_ffff;
const FLAG_BROADCAST = 0x8000;

/** Inputs of {@link destinationOf}. */
export interface DestinationRequest {
  /** Types of the request and of the reply; 0 for BOOTP. */
  readonly requestType: number;
  readonly replyType: number;
  readonly flags: number;
  readonly ciaddr: Ipv4;
  readonly giaddr: Ipv4;
  readonly yiaddr: Ipv4;
  readonly source: Ipv4;
  readonly sourcePort: number;
  /** Relay sub-option 19 present (RFC 8357): the relay wants the answer at the port it sent from. */
  readonly relayPort: boolean;
  /** True on a loopback interface, where there are no link-level addresses and no broadcasts. */
  readonly loopback: boolean;
  /** True if link-level delivery is possible (dhcp-socket-type raw, Ethernet). */
  readonly direct: boolean;
  readonly serverPort: number;
  readonly clientPort: number;
}

/** A destination. */
export interface Destination {
  readonly address: Ipv4;
  readonly port: number;
  /** Deliver by link-level frame to the client's hardware address. */
  readonly linkLevel: boolean;
}

/** Decides the destination of a reply. */
export function destinationOf(request: DestinationRequest): Destination {
  if (request.giaddr !== 0 && !(request.requestType === MessageType.inform && request.ciaddr !== 0)) {
    return udp(request.giaddr, request.relayPort ? request.sourcePort : request.serverPort);
  }
  // On loopback a test client has no port of its own but the one it sent from.
  if (request.loopback && request.source !== 0) return udp(request.source, request.sourcePort);
  if (request.replyType === MessageType.nak) return udp(BROADCAST, request.clientPort);
  if (request.ciaddr !== 0) return udp(request.ciaddr, request.clientPort);
  if (request.requestType === MessageType.inform && request.source !== 0)
    return udp(request.source, request.clientPort);
  if ((request.flags & FLAG_BROADCAST) !== 0 || request.yiaddr === 0) return udp(BROADCAST, request.clientPort);
  return request.direct
    ? { address: request.yiaddr, port: request.clientPort, linkLevel: true }
    : udp(BROADCAST, request.clientPort);
}

function udp(address: Ipv4, port: number): Destination {
  return { address, port, linkLevel: false };
}
