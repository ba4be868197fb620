/** IP addresses between text and the octets of the wire. */

import { isIPv4, isIPv6 } from 'node:net';

/** The 4 or 16 octets of an address that node:net takes for one; a zone is left out. */
export function octetsOfAddress(address: string): Buffer {
  return isIPv4(address) ? Buffer.from(address.split('.').map(Number)) : octetsOfIpv6(address);
}

/** The 16 octets of an IPv6 address that node:net takes for one. */
export function octetsOfIpv6(text: string): Buffer {
  const hexOnly = text.replace(/%.*$/, '').replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...octets: string[]) => {
    const [a, b, c, d] = octets.slice(0, 4).map(Number) as [number, number, number, number];
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [left = '', right] = hexOnly.split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const [before, after] = [groups(left), groups(right ?? '')];
  const octets = Buffer.alloc(16);
  for (const [index, group] of before.entries()) octets.writeUInt16BE(group, 2 * index);
  for (const [index, group] of after.entries()) octets.writeUInt16BE(group, 2 * (8 - after.length + index));
  return octets;
}

/** Text of 4 or 16 octets, IPv6 in its one short spelling (RFC 5952). */
export function addressOfOctets(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((octets[2 * i]! << 8) | octets[2 * i + 1]!).toString(16));
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}

/** True for an IPv6 link-local address (RFC 4291 §2.5.6). */
export function isLinkLocal(address: string): boolean {
  return isIPv6(address) && /^fe[89ab]/i.test(address);
}
