/** How a reply reaches its client from a given socket (RFC 2131 §4.1, last paragraphs). */

import type { Ipv4 } from '../domain/values.js';
import type { DhcpInterface, InterfaceSocket, Reply } from '../services/ports.js';

/** 255.255.255.255 */
export const LIMITED_BROADCAST: Ipv4 = 0xffff_ffff;

/**
 * The IP destination, and whether the reply needs a frame of our own making.
 *
 * - A client without an address (`hwAddress`) gets a frame where the socket can make one, else a broadcast, as
 *   RFC 2131 §4.1 allows and Kea does with udp sockets.
 * - On the loopback interface there is no broadcast and nobody has a hardware address: what is not for 127.0.0.0/8 goes
 *   to the interface's own address, where a client under test listens on the client port.
 */
export function deliveryOf(
  reply: Pick<Reply, 'destination' | 'hwAddress'>,
  netif: Pick<DhcpInterface, 'loopback' | 'address'>,
  socket: Pick<InterfaceSocket, 'framing'>,
): { readonly destination: Ipv4; readonly frameTo?: Uint8Array } {
  const { destination, hwAddress } = reply;
  if (netif.loopback) return { destination: destination >>> 24 === 127 ? destination : netif.address };
  if (hwAddress === undefined) return { destination };
  if (socket.framing && hwAddress.length === 6) return { destination, frameTo: hwAddress };
  return { destination: LIMITED_BROADCAST };
}
