/** The functions of the expression language on byte strings, as Kea 3.3 computes them. */

import { formatHex, formatIpv4, type Octets } from '../values.js';
import { EvaluationError } from './expression.js';
import { INTEGER_TYPES } from './syntax-tree.js';

/**
 * Longest value an expression may make. Only hexstring inside hexstring and the like come near it: without a bound
 * each level would multiply the length again.
 */
export const MAX_VALUE_OCTETS = 0x1_0000;

// The errors are made once: a packet that causes one costs no more than a packet that does not. Their stacks mean nothing.
const NO_ADDRESS = new EvaluationError('addrtotext takes 4 or 16 octets');
const TOO_LONG = new EvaluationError(`the value is longer than ${MAX_VALUE_OCTETS} octets`);
const NO_INTEGER = Object.fromEntries(
  Object.entries(INTEGER_TYPES).map(([name, { octets }]) => [
    name,
    new EvaluationError(`${name}totext takes ${octets} octet${octets === 1 ? '' : 's'}`),
  ]),
);

/**
 * substring(value, start, length). A negative start counts from the end; a negative length takes what is before the
 * start. `undefined` is "all". Out of range gives ''.
 */
export function substring(value: Octets, start: number, length: number | undefined): Octets {
  if (start < -value.length || start >= value.length) return '';
  const from = start < 0 ? value.length + start : start;
  if (length === undefined) return value.slice(from);
  return length >= 0 ? value.slice(from, from + length) : value.slice(Math.max(0, from + length), from);
}

/** split(value, delimiters, field): fields count from 1 and may be empty; each octet of `delimiters` ends one. */
export function split(value: Octets, delimiters: Octets, field: number): Octets {
  if (delimiters === '') return value;
  let start = 0;
  let number = 1;
  for (let i = 0; i < value.length; i++) {
    if (!delimiters.includes(value[i]!)) continue;
    if (number === field) return value.slice(start, i);
    number++;
    start = i + 1;
  }
  return number === field ? value.slice(start) : '';
}

/** hexstring(value, separator): lower case. @throws EvaluationError if the result is too long */
export function hexString(value: Octets, separator: Octets): Octets {
  if (value.length * (2 + separator.length) > MAX_VALUE_OCTETS) throw TOO_LONG;
  return formatHex(value, separator);
}

/** concat and `+`. @throws EvaluationError if the result is too long */
export function concat(left: Octets, right: Octets): Octets {
  if (left.length + right.length > MAX_VALUE_OCTETS) throw TOO_LONG;
  return left + right;
}

/** ucase: ASCII letters only. */
export function upperCase(value: Octets): Octets {
  return value.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
}

/** int8totext ... uint32totext. '' stays ''. @throws EvaluationError if the length is not that of the type */
export function integerToText(value: Octets, type: keyof typeof INTEGER_TYPES): Octets {
  if (value === '') return '';
  const { octets, signed } = INTEGER_TYPES[type];
  if (value.length !== octets) throw NO_INTEGER[type]!;
  let number = 0;
  for (let i = 0; i < octets; i++) number = number * 256 + value.charCodeAt(i);
  const limit = 2 ** (8 * octets);
  return String(signed && number >= limit / 2 ? number - limit : number);
}

/** addrtotext: IPv4 or, in the form of RFC 5952, IPv6. '' stays ''. @throws EvaluationError for other lengths */
export function addressToText(value: Octets): Octets {
  if (value === '') return '';
  if (value.length === 4) return formatIpv4(uint32At(value, 0));
  if (value.length === 16) return formatIpv6(value);
  throw NO_ADDRESS;
}

/** The unsigned number of four octets, big-endian. */
export function uint32At(value: Octets, offset: number): number {
  return (
    ((value.charCodeAt(offset) << 24) |
      (value.charCodeAt(offset + 1) << 16) |
      (value.charCodeAt(offset + 2) << 8) |
      value.charCodeAt(offset + 3)) >>>
    0
  );
}

/** The four octets of an unsigned number, big-endian. */
export function octetsOfUint32(value: number): Octets {
  return String.fromCharCode((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

/** What inet_ntop writes: the longest run of zero groups as `::`, IPv4 form for ::/96 and mapped addresses. */
function formatIpv6(value: Octets): string {
  const groups = Array.from({ length: 8 }, (_, i) => (value.charCodeAt(2 * i) << 8) | value.charCodeAt(2 * i + 1));
  const zeros = longestZeroRun(groups);
  const tail = formatIpv4(uint32At(value, 12));
  if (zeros.start === 0 && zeros.length === 6) return `::${tail}`;
  if (zeros.start === 0 && zeros.length === 5 && groups[5] === 0xffff) return `::ffff:${tail}`;
  const hex = groups.map((group) => group.toString(16));
  if (zeros.length < 2) return hex.join(':');
  return `${hex.slice(0, zeros.start).join(':')}::${hex.slice(zeros.start + zeros.length).join(':')}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  groups.forEach((group, i) => {
    if (group !== 0) start = i + 1;
    else if (i + 1 - start > best.length) best = { start, length: i + 1 - start };
  });
  return best;
}
