/** Octets written in hex by operators, in the forms Kea takes (Kea: src/lib/util/str.cc). */

import type { Octets } from '../domain/values.js';

const MAX_HW_ADDRESS_OCTETS = 20;

/**
 * Parses `1a:2b:3c`; with `loose` also `1a 2b 3c`, `1a2b3c` and `0x1a2b3c`. One digit between separators is an octet.
 * The empty text is no octets.
 * @throws Error worded as Kea's
 */
export function parseHexOctets(text: string, loose: boolean): Octets {
  const separator = !loose || text.includes(':') ? ':' : text.includes(' ') ? ' ' : undefined;
  return separator === undefined ? parsePlain(text) : parseSeparated(text, separator);
}

/** A hardware address, as `1a:2b:3c`. @throws Error worded as Kea's */
export function parseHwAddress(text: string): Octets {
  const octets = parseHexOctets(text, false);
  if (octets.length > MAX_HW_ADDRESS_OCTETS) throw new Error('address vector size exceeds MAX_HWADDR_LEN');
  return octets;
}

/** A client identifier, in any of the forms. @throws Error worded as Kea's */
export function parseClientId(text: string): Octets {
  return withLength(parseHexOctets(text, true), 2, 255);
}

/** A DUID, which DHCPv4 commands know of but do not take. @throws Error worded as Kea's */
export function parseDuid(text: string): Octets {
  return withLength(parseHexOctets(text, true), 3, 130);
}

function withLength(octets: Octets, min: number, max: number): Octets {
  if (octets.length < min) {
    throw new Error(`identifier is too short (${octets.length}), at least ${min} is required`);
  }
  if (octets.length > max) {
    throw new Error(`identifier is too large (${octets.length}), at most ${max} is required`);
  }
  return octets;
}

function parseSeparated(text: string, separator: string): Octets {
  const parts = text.split(separator);
  if (parts.length === 1 && parts[0] === '') return '';
  return parts
    .map((part) => {
      if (part === '') {
        throw new Error(`two consecutive separators ('${separator}') specified in a decoded string '${text}'`);
      }
      if (part.length > 2) throw new Error(`invalid format of the decoded string '${text}'`);
      const stranger = /[^0-9a-fA-F]/.exec(part);
      if (stranger !== null) {
        throw new Error(`'${stranger[0]}' is not a valid hexadecimal digit in decoded string '${text}'`);
      }
      return String.fromCharCode(Number.parseInt(part, 16));
    })
    .join('');
}

function parsePlain(text: string): Octets {
  const digits = text.length > 2 && text.startsWith('0x') ? text.slice(2) : text;
  if (!/^[0-9a-fA-F]*$/.test(digits)) throw new Error(`'${text}' is not a valid string of hexadecimal digits`);
  const even = digits.length % 2 === 0 ? digits : `0${digits}`;
  return Buffer.from(even, 'hex').toString('latin1');
}
