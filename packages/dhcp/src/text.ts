/** Text helpers shared by the option types: Kea's comma lists, its hexadecimal dialect, UTF-8 and binary strings. */

import { DecodeError, OptionTextError } from './errors.js';

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8 octets of a string. */
export function utf8Encode(text: string): Uint8Array {
  return encoder.encode(text);
}

/** String of UTF-8 octets. @throws DecodeError if they are not UTF-8 */
export function utf8Decode(octets: Uint8Array, field: string): string {
  try {
    return strictDecoder.decode(octets);
  } catch {
    throw new DecodeError(0, field, 'is not UTF-8 text');
  }
}

/** Octets as a binary string, one character each. */
export function latin1(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString('latin1');
}

/** Without the NULs some clients end text with (RFC 2132 §2: receivers must be ready to delete them). */
export function withoutTrailingNuls(octets: Uint8Array): Uint8Array {
  let end = octets.length;
  while (end > 0 && octets[end - 1] === 0) end--;
  return end === octets.length ? octets : octets.subarray(0, end);
}

/** True if every octet is a printable ASCII character. */
export function isPrintable(octets: Uint8Array): boolean {
  return octets.every((octet) => octet >= 0x20 && octet < 0x7f);
}

/** Hexadecimal, lower case. */
export function formatHex(octets: Uint8Array, separator = ''): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join(separator);
}

/**
 * Parses hexadecimal as Kea takes it where `csv-format` is false: octets separated by colons or by blanks (one or two
 * digits each), or digits in a row with or without `0x`; an odd number of digits in a row gets a leading 0.
 * @throws OptionTextError
 */
export function parseHex(text: string): Uint8Array {
  const trimmed = text.trim();
  if (trimmed === '') return new Uint8Array(0);
  const separator = /[:\s]/.exec(trimmed)?.[0];
  if (separator === undefined) return parseHexDigits(trimmed);
  const parts = separator === ':' ? trimmed.split(':') : trimmed.split(/\s+/);
  return Uint8Array.from(parts, (part) => {
    if (!/^[0-9a-f]{1,2}$/i.test(part)) throw notHex(text);
    return Number.parseInt(part, 16);
  });
}

function parseHexDigits(text: string): Uint8Array {
  const digits = text.replace(/^0x/i, '');
  if (!/^[0-9a-f]+$/i.test(digits)) throw notHex(text);
  return Uint8Array.from(Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex'));
}

function notHex(text: string): OptionTextError {
  return new OptionTextError(`"${text}" is neither hexadecimal octets nor 'text' in single quotes`);
}

/**
 * Splits at a separator the way Kea splits option data: `\` before a separator or before another `\` takes it
 * literally, before anything else it stands for itself; empty fields vanish. Fields are not trimmed.
 */
export function splitEscaped(text: string, separator: string): string[] {
  const fields: string[] = [];
  let field = '';
  for (let i = 0; i < text.length; i++) {
    const next = text[i + 1];
    if (text[i] === '\\' && (next === separator || next === '\\')) {
      field += next;
      i++;
    } else if (text[i] === separator) {
      if (field !== '') fields.push(field);
      field = '';
    } else {
      field += text[i];
    }
  }
  if (field !== '') fields.push(field);
  return fields;
}

/** Inverse of {@link splitEscaped} for one field. */
export function escapeField(field: string, separator: string): string {
  return field.replaceAll('\\', '\\\\').replaceAll(separator, `\\${separator}`);
}
