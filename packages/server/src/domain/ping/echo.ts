/** ICMP echo (RFC 792), as far as asking whether an address is in use needs it. Octets in, facts out. */

import type { Ipv4 } from '../values.js';

const ECHO_REPLY = 0;
const DESTINATION_UNREACHABLE = 3;
const ECHO_REQUEST = 8;
/** Type, code, checksum and four octets that depend on the type. */
const HEADER_OCTETS = 8;
const IP_PROTOCOL_ICMP = 1;
/** Shortest IPv4 header (RFC 791 §3.1). */
const IP_HEADER_OCTETS = 20;

/** What tells an echo from others: nobody who has not seen it can know all of it. */
export interface EchoMark {
  /** 16 bits. */
  readonly identifier: number;
  /** 16 bits. */
  readonly sequence: number;
  /** Data that comes back as it was sent. */
  readonly nonce: Uint8Array;
}

/** What a message says. */
export type EchoAnswer =
  | ({ readonly kind: 'reply' } & EchoMark)
  /** Somebody on the way says that the address can not be reached. `nonce` is as much as came back, often nothing. */
  | ({ readonly kind: 'unreachable'; readonly to: Ipv4 } & EchoMark);

/** An echo request (RFC 792, type 8), its checksum filled in. */
export function encodeEchoRequest({ identifier, sequence, nonce }: EchoMark): Uint8Array {
  const octets = new Uint8Array(HEADER_OCTETS + nonce.length);
  octets[0] = ECHO_REQUEST;
  setUint16(octets, 4, identifier);
  setUint16(octets, 6, sequence);
  octets.set(nonce, HEADER_OCTETS);
  setUint16(octets, 2, internetChecksum(octets));
  return octets;
}

/** Reads an ICMP message, without IP header. Undefined for everything that is no answer to an echo, or is damaged. */
export function parseEchoAnswer(octets: Uint8Array): EchoAnswer | undefined {
  if (octets.length < HEADER_OCTETS || internetChecksum(octets) !== 0) return undefined;
  if (octets[0] === ECHO_REPLY && octets[1] === 0) return { kind: 'reply', ...markAt(octets, 0) };
  return octets[0] === DESTINATION_UNREACHABLE ? parseUnreachable(octets.subarray(HEADER_OCTETS)) : undefined;
}

/** The ICMP message of an IPv4 packet that came in at a raw socket; undefined if there is none. */
export function icmpOfPacket(packet: Uint8Array): { readonly from: Ipv4; readonly icmp: Uint8Array } | undefined {
  const start = headerOctets(packet);
  if (start === undefined || packet[9] !== IP_PROTOCOL_ICMP) return undefined;
  const end = Math.min(packet.length, uint16(packet, 2));
  return end < start ? undefined : { from: uint32(packet, 12), icmp: packet.subarray(start, end) };
}

/** The checksum of RFC 1071; of octets that contain their own it is 0. */
export function internetChecksum(octets: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < octets.length; at += 2) sum += (octets[at]! << 8) | (octets[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** The request that could not be delivered comes back: its IP header and at least eight octets (RFC 792). */
function parseUnreachable(packet: Uint8Array): EchoAnswer | undefined {
  const start = headerOctets(packet);
  if (start === undefined || packet[9] !== IP_PROTOCOL_ICMP || packet.length < start + HEADER_OCTETS) return undefined;
  if (packet[start] !== ECHO_REQUEST) return undefined;
  return { kind: 'unreachable', to: uint32(packet, 16), ...markAt(packet, start) };
}

/** Where the IPv4 header ends; undefined if there is none. */
function headerOctets(packet: Uint8Array): number | undefined {
  const octets = (packet[0]! & 0x0f) * 4;
  const whole = packet.length >= IP_HEADER_OCTETS && octets >= IP_HEADER_OCTETS && octets <= packet.length;
  return whole && packet[0]! >>> 4 === 4 ? octets : undefined;
}

function markAt(octets: Uint8Array, at: number): EchoMark {
  return {
    identifier: uint16(octets, at + 4),
    sequence: uint16(octets, at + 6),
    nonce: octets.subarray(at + HEADER_OCTETS),
  };
}

function uint16(octets: Uint8Array, at: number): number {
  return (octets[at]! << 8) | octets[at + 1]!;
}

function uint32(octets: Uint8Array, at: number): number {
  return ((octets[at]! << 24) | (octets[at + 1]! << 16) | (octets[at + 2]! << 8) | octets[at + 3]!) >>> 0;
}

function setUint16(octets: Uint8Array, at: number, value: number): void {
  octets[at] = value >>> 8;
  octets[at + 1] = value & 0xff;
}
