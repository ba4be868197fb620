/** Octets of what is written literally in an expression. */

import { isIPv4 } from 'node:net';
import type { Octets } from '../values.js';

/** Configuration text is UTF-8 and expressions compare octets: a letter outside ASCII is several of them. */
export function octetsOfText(text: string): Octets {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Octets of hex digits; an odd number of them gets a leading 0, as in Kea. */
export function octetsOfHex(digits: string): Octets {
  const even = digits.length % 2 === 0 ? digits : `0${digits}`;
  return Buffer.from(even, 'hex').toString('latin1');
}

/** Octets of an address that node:net has found valid. */
export function octetsOfAddress(text: string): Octets {
  if (isIPv4(text)) return String.fromCharCode(...text.split('.').map(Number));
  const tail = /[^:]*\.[^:]*$/.exec(text)?.[0];
  const hex = tail === undefined ? text : text.slice(0, -tail.length) + groupsOfIpv4(tail);
  const [head = '', rest] = hex.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = rest === undefined || rest === '' ? [] : rest.split(':');
  const zeros = new Array<string>(8 - before.length - after.length).fill('0');
  return octetsOfHex([...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join(''));
}

function groupsOfIpv4(text: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}
