/** Values with a syntax of their own inside strings: addresses, prefixes, ranges, octets. */

import { isUtf8 } from 'node:buffer';
import { formatIpv4, type Ipv4, type Octets, parseIpv4 } from '../domain/values.js';

/** A prefix: the address with its host bits cut off. */
export interface Prefix {
  readonly address: Ipv4;
  readonly length: number;
}

/** An address range, both ends included. */
export interface Range {
  readonly first: Ipv4;
  readonly last: Ipv4;
}

/** The part of an address the prefix length covers. */
export function networkOf(address: Ipv4, length: number): Ipv4 {
  return length === 0 ? 0 : (address & (0xffff_ffff << (32 - length))) >>> 0;
}

/** The last address of a prefix. */
export function lastOf({ address, length }: Prefix): Ipv4 {
  return address + 2 ** (32 - length) - 1;
}

/** True if the address is inside the prefix. */
export function inPrefix(address: Ipv4, prefix: Prefix): boolean {
  return networkOf(address, prefix.length) === prefix.address;
}

/** `192.0.2.0/24`. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatIpv4(prefix.address)}/${prefix.length}`;
}

/** Parses `a.b.c.d/length`, blanks ignored, host bits cut off as Kea does. Returns what is wrong as a string. */
export function parsePrefix(text: string): Prefix | string {
  const compact = text.replace(/[ \t]/g, '');
  const slash = compact.indexOf('/');
  if (slash === -1)
    return `"${text}" has no prefix length: write it as ${parseIpv4(compact) ? compact : '192.0.2.0'}/24`;
  const address = parseIpv4(compact.slice(0, slash));
  if (address === undefined) return `"${compact.slice(0, slash)}" is not an IPv4 address`;
  const digits = compact.slice(slash + 1);
  const length = /^\d{1,3}$/.test(digits) ? Number(digits) : Number.NaN;
  if (!(length >= 0 && length <= 32)) return `the prefix length "${digits}" is not a number from 0 to 32`;
  return { address: networkOf(address, length), length };
}

/** Parses a pool: `first - last` or `prefix/length`, blanks ignored. Returns what is wrong as a string. */
export function parseRange(text: string): Range | string {
  const compact = text.replace(/[ \t]/g, '');
  if (compact.includes('/')) {
    const prefix = parsePrefix(compact);
    if (typeof prefix === 'string') return prefix;
    const written = compact.slice(0, compact.indexOf('/'));
    if (formatIpv4(prefix.address) !== written) {
      return `${written} is not the first address of its prefix: write ${formatPrefix(prefix)}, or a range`;
    }
    if (prefix.length === 0) return 'a pool can not be the whole address space';
    return { first: prefix.address, last: lastOf(prefix) };
  }
  const dash = compact.indexOf('-');
  if (dash === -1) return `"${text}" is neither "first - last" nor "prefix/length"`;
  const first = parseIpv4(compact.slice(0, dash));
  const last = parseIpv4(compact.slice(dash + 1));
  if (first === undefined) return `"${compact.slice(0, dash)}" is not an IPv4 address`;
  if (last === undefined) return `"${compact.slice(dash + 1)}" is not an IPv4 address`;
  if (last < first) return `${formatIpv4(last)} is before ${formatIpv4(first)}: the smaller address comes first`;
  return { first, last };
}

/** A range as Kea gives it back: as prefix where it is one, else as `first-last`. */
export function formatRange({ first, last }: Range): string {
  const size = last - first + 1;
  const length = 32 - Math.log2(size);
  return Number.isInteger(length) && networkOf(first, length) === first
    ? `${formatIpv4(first)}/${length}`
    : `${formatIpv4(first)}-${formatIpv4(last)}`;
}

/**
 * Octets written as Kea takes them: `'text'` in single quotes, or hexadecimal digits, plain, after `0x`, or in groups
 * of one or two separated by colons or blanks. Undefined if it is none of these.
 */
export function parseOctets(text: string): Octets | undefined {
  const trimmed = text.trim();
  if (trimmed.length >= 2 && trimmed.startsWith("'") && trimmed.endsWith("'")) {
    const inner = trimmed.slice(1, -1);
    if (inner !== '') return inner;
  }
  const separated = /^[0-9A-Fa-f]{1,2}([: ])[0-9A-Fa-f]{1,2}(?:\1[0-9A-Fa-f]{1,2})*$/.exec(trimmed);
  if (separated !== null) {
    return trimmed
      .split(separated[1]!)
      .map((group) => String.fromCharCode(Number.parseInt(group, 16)))
      .join('');
  }
  const digits = trimmed.replace(/^0[xX]/, '');
  if (!/^[0-9A-Fa-f]+$/.test(digits)) return undefined;
  return Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex').toString('latin1');
}

/** Upper-case hexadecimal without separators, as Kea gives identifiers and option data back. */
export function formatUpperHex(octets: Octets): string {
  return Buffer.from(octets, 'latin1').toString('hex').toUpperCase();
}

/** True for an IPv6 literal (loosely: what can stand in a configuration where either family may). */
export function looksLikeIpv6(text: string): boolean {
  if (!/^[0-9A-Fa-f:.]+$/.test(text) || !text.includes(':')) return false;
  const groups = text.split('::');
  if (groups.length > 2) return false;
  const count = groups
    .flatMap((half) => (half === '' ? [] : half.split(':')))
    .reduce((sum, group) => {
      if (group.includes('.')) return parseIpv4(group) === undefined ? Number.NaN : sum + 2;
      return /^[0-9A-Fa-f]{1,4}$/.test(group) ? sum + 1 : Number.NaN;
    }, 0);
  return groups.length === 2 ? count <= 7 : count === 8;
}

/** The text a binary string holds as UTF-8, for what leaves the configuration: file names, option text. Octets that are no UTF-8 are taken one by one. */
export function unicodeOf(text: string): string {
  const octets = Buffer.from(text, 'latin1');
  return isUtf8(octets) ? octets.toString('utf8') : text;
}

/** The inverse of {@link unicodeOf} for text that holds UTF-8. */
export function binaryOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
