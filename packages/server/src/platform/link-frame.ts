/**
 * Ethernet II + IPv4 + UDP around a DHCP message: how a client without an address gets its answer by unicast
 * (RFC 2131 §4.1: the kernel's ARP could not resolve an address nobody has yet).
 */

import type { Ipv4 } from '../domain/values.js';

/** Octets before the UDP payload: 14 Ethernet, 20 IPv4, 8 UDP. */
export const FRAME_HEADER_OCTETS = 42;

const IPV4_HEADER_OCTETS = 20;
const UDP_HEADER_OCTETS = 8;
const ETHERTYPE_IPV4 = 0x0800;
const PROTOCOL_UDP = 17;
const DONT_FRAGMENT = 0x4000;
const TIME_TO_LIVE = 64;
const LIMITED_BROADCAST: Ipv4 = 0xffff_ffff;
const BROADCAST_HW_ADDRESS = new Uint8Array(6).fill(0xff);

/** Where a frame comes from and goes to. Hardware addresses are Ethernet's: 6 octets. */
export interface FrameRoute {
  readonly sourceHwAddress: Uint8Array;
  /** Ignored (all ones) when `destination` is 255.255.255.255. */
  readonly destinationHwAddress: Uint8Array;
  readonly source: Ipv4;
  readonly destination: Ipv4;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/**
 * Writes the frame into `target` at `at` and returns its length in octets (FRAME_HEADER_OCTETS + payload). Header
 * and UDP checksums are computed (RFC 791 §3.1, RFC 768). The frame is never fragmented (RFC 6864 §4.1: an atomic
 * datagram, identification 0).
 * @throws RangeError if `target` is too short.
 */
export function writeLinkFrame(target: Buffer, at: number, route: FrameRoute, payload: Uint8Array): number {
  const length = FRAME_HEADER_OCTETS + payload.length;
  if (at + length > target.length) throw new RangeError(`a frame of ${length} octets does not fit at ${at}`);
  const ip = at + 14;
  const udp = ip + IPV4_HEADER_OCTETS;
  const udpLength = UDP_HEADER_OCTETS + payload.length;

  target.set(route.destination === LIMITED_BROADCAST ? BROADCAST_HW_ADDRESS : route.destinationHwAddress, at);
  target.set(route.sourceHwAddress, at + 6);
  target.writeUInt16BE(ETHERTYPE_IPV4, at + 12);

  target.writeUInt16BE(0x4500, ip); // version 4, header of 5 words, ordinary service
  target.writeUInt16BE(IPV4_HEADER_OCTETS + udpLength, ip + 2);
  target.writeUInt16BE(0, ip + 4);
  target.writeUInt16BE(DONT_FRAGMENT, ip + 6);
  target.writeUInt16BE((TIME_TO_LIVE << 8) | PROTOCOL_UDP, ip + 8);
  target.writeUInt16BE(0, ip + 10);
  target.writeUInt32BE(route.source, ip + 12);
  target.writeUInt32BE(route.destination, ip + 16);
  target.writeUInt16BE(checksum(target, ip, udp, 0), ip + 10);

  target.writeUInt16BE(route.sourcePort, udp);
  target.writeUInt16BE(route.destinationPort, udp + 2);
  target.writeUInt16BE(udpLength, udp + 4);
  target.writeUInt16BE(0, udp + 6);
  target.set(payload, udp + UDP_HEADER_OCTETS);
  const pseudoHeader =
    (route.source >>> 16) +
    (route.source & 0xffff) +
    (route.destination >>> 16) +
    (route.destination & 0xffff) +
    PROTOCOL_UDP +
    udpLength;
  // 0 would mean "no checksum": all ones is the same number in one's complement (RFC 768).
  target.writeUInt16BE(checksum(target, udp, at + length, pseudoHeader) || 0xffff, udp + 6);
  return length;
}

/**
 * The Internet checksum (RFC 1071) of octets `from` to `to` (exclusive), with `sum` already added. At most 64 KiB, so
 * that the sum of 16-bit words stays below 2^32.
 */
export function checksum(octets: Uint8Array, from: number, to: number, sum: number): number {
  const even = from + ((to - from) & ~1);
  let total = sum;
  for (let i = from; i < even; i += 2) total += (octets[i]! << 8) | octets[i + 1]!;
  if (even < to) total += octets[even]! << 8;
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
}
