/** Octets written in hex by operators, in the forms Kea takes (Kea: src/lib/util/str.cc). */

import type { Octets } from '../domain/values.js';

/**
 * Parses `1a:2b:3c`; with `loose` also `1a 2b 3c`, `1a2b3c` and `0x1a2b3c`. One digit between separators is an octet.
 * The empty text is no octets.
 * @throws Error worded as Kea's
 */
export function parseHexOctets(text: string, loose: boolean): Octets {
  const separator = !loose || text.includes(':') ? ':' : text.includes(' ') ? ' ' : undefined;
  return separator === undefined ? parsePlain(text) : parseSeparated(text, separator);
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
