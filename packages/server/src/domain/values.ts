/**
 * The small values everything else is made of: octet strings, addresses, instants.
 *
 * Identifiers (hardware addresses, client identifiers, circuit-ids) are held as *binary strings*: one UTF-16 unit per
 * octet, 0..255. They are immutable, compare with `===`, hash as Map keys and cost a third of a Uint8Array.
 */

declare const brand: unique symbol;

/** Octets as a binary string: one character per octet, each 0..255 (Latin-1). The empty string means "none". */
export type Octets = string;

/** An IPv4 address as an unsigned 32-bit number in network order (192.0.2.1 is 0xc0000201). */
export type Ipv4 = number;

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMs = number & { readonly [brand]?: 'EpochMs' };

/** Seconds since 1970-01-01T00:00:00Z, as the lease file has them. */
export type EpochSec = number & { readonly [brand]?: 'EpochSec' };

/** Kea's subnet identifier, 1..4294967294; 0 stands for "global" where a scope is meant. */
export type SubnetId = number;

/** The lifetime that never ends (RFC 2131 §3.3). */
export const INFINITE_LIFETIME = 0xffff_ffff;

/** Formats an address as dotted quad. */
export function formatIpv4(address: Ipv4): string {
  return `${(address >>> 24) & 255}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** Parses a dotted quad strictly (four decimal numbers 0..255, no leading zeros beyond "0"); undefined if it is none. */
export function parseIpv4(text: string): Ipv4 | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  let address = 0;
  for (let i = 1; i <= 4; i++) {
    const part = match[i]!;
    const value = Number(part);
    if (value > 255 || (part.length > 1 && part[0] === '0')) return undefined;
    address = address * 256 + value;
  }
  return address;
}

/** Octets of a byte array. */
export function octetsOf(bytes: Uint8Array): Octets {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/**
 * Octets with the ASCII letters in lower case, as Kea compares and keeps names: the others may be parts of UTF-8, where
 * String.toLowerCase would take them for letters of Latin-1.
 */
export function lowerCase(octets: Octets): Octets {
  return octets.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** A fresh byte array holding the octets. */
export function bytesOf(octets: Octets): Uint8Array {
  return Buffer.from(octets, 'latin1');
}

/** Lower-case hex with a separator between octets (Kea writes hardware addresses and client-ids with ':'). */
export function formatHex(octets: Octets, separator = ':'): string {
  let text = '';
  for (let i = 0; i < octets.length; i++) {
    if (i > 0) text += separator;
    text += (octets.charCodeAt(i) >> 4).toString(16) + (octets.charCodeAt(i) & 15).toString(16);
  }
  return text;
}
