/** IPv6 addresses (16 octets) and prefixes (a length in bits, then as many octets as that length needs). */

import { isIPv6 } from 'node:net';
import { DecodeError, EncodeError, OptionTextError } from '../errors.js';
import { parseInteger } from './integer.js';
import { formatIpv4Address, parseIpv4Address } from './ipv4.js';
import type { OptionType } from './option-type.js';

/** An IPv6 prefix. Bits beyond the length are zero. */
export interface Ipv6Prefix {
  /** 16 octets. */
  readonly address: Uint8Array;
  /** 0..128. */
  readonly length: number;
}

/** Parses an IPv6 address, with `::` and with an IPv4 tail; no zone. @throws OptionTextError */
export function parseIpv6Address(text: string): Uint8Array {
  if (!isIPv6(text) || text.includes('%')) throw new OptionTextError(`"${text}" is not an IPv6 address`);
  const plain = text.replace(/\d+\.\d+\.\d+\.\d+$/, (tail) => {
    const address = parseIpv4Address(tail);
    return `${(address >>> 16).toString(16)}:${(address & 0xffff).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const groupsOf = (part: string): number[] => (part === '' ? [] : part.split(':').map((g) => Number.parseInt(g, 16)));
  const first = groupsOf(head);
  const last = groupsOf(tail ?? '');
  const groups = [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]));
}

/** Formats 16 octets canonically (RFC 5952): lower case, the longest run of zero groups as `::`. */
export function formatIpv6Address(address: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => (address[2 * i]! << 8) | address[2 * i + 1]!);
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (mapped) return `::ffff:${formatIpv4Address(groups[6]! * 65536 + groups[7]!)}`;
  const run = longestZeroRun(groups);
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  if (run.length < 2) return hex(groups);
  return `${hex(groups.slice(0, run.start))}::${hex(groups.slice(run.start + run.length))}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let i = 0; i <= groups.length; i++) {
    if (groups[i] === 0) continue;
    if (i - start > best.length) best = { start, length: i - start };
    start = i + 1;
  }
  return best;
}

/** Sixteen octets. */
export const ipv6: OptionType<Uint8Array> = {
  name: 'ipv6-address',
  octets: 16,
  decode: (reader) => reader.take(16, 'ipv6-address'),
  encode: (writer, address) => {
    if (address.length !== 16) throw new EncodeError('ipv6-address', `has ${address.length} octets, not 16`);
    writer.bytes(address);
  },
  parseText: parseIpv6Address,
  formatText: formatIpv6Address,
  toJson: formatIpv6Address,
};

/** 16 octets of which only the first `length` bits of `octets` are kept. */
function masked(octets: Uint8Array, length: number): Uint8Array {
  const address = new Uint8Array(16);
  address.set(octets.subarray(0, Math.ceil(length / 8)));
  const partial = length % 8;
  if (partial !== 0) address[length >> 3]! &= 0xff << (8 - partial);
  return address;
}

/** Length octet, then ceil(length / 8) octets (the form of RFC 3633 prefixes as Kea packs them). */
export const ipv6Prefix: OptionType<Ipv6Prefix> = {
  name: 'ipv6-prefix',
  decode: (reader) => {
    const length = reader.uint8('ipv6-prefix length');
    if (length > 128) throw new DecodeError(reader.offset - 1, 'ipv6-prefix length', `is ${length}, at most 128`);
    return { address: masked(reader.take(Math.ceil(length / 8), 'ipv6-prefix'), length), length };
  },
  encode: (writer, prefix) => {
    if (!(prefix.length >= 0 && prefix.length <= 128)) throw new EncodeError('ipv6-prefix', 'length is not in 0..128');
    writer.uint8(prefix.length);
    writer.bytes(masked(prefix.address, prefix.length).subarray(0, Math.ceil(prefix.length / 8)));
  },
  parseText: (text) => {
    const [address, length, ...rest] = text.replaceAll(/[ \t]/g, '').split('/');
    if (address === undefined || length === undefined || rest.length > 0) {
      throw new OptionTextError(`"${text}" is not a prefix (address/length)`);
    }
    const bits = parseInteger(length, 0, 128);
    return { address: masked(parseIpv6Address(address), bits), length: bits };
  },
  formatText: (prefix) => `${formatIpv6Address(prefix.address)}/${prefix.length}`,
  toJson: (prefix) => `${formatIpv6Address(prefix.address)}/${prefix.length}`,
};
