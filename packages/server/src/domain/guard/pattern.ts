/**
 * The small pattern language of fingerprints: literal text, with `*` at its end for "anything may follow", and fields
 * in braces. It has no repetition inside, so matching is one walk over the text, whoever wrote either.
 *
 *   {alnum:N}     N letters or digits                 {hex:N}  N hexadecimal digits
 *   {mac}         a hardware address, 12 digits       {mac-dashes}  the same with dashes between octets
 */

import { type Mac, parseMac } from './mac.js';

type Part =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'field'; readonly octets: number; readonly allowed: RegExp; readonly mac: boolean };

/** A pattern ready to be matched. */
export interface Pattern {
  readonly text: string;
  readonly ignoreCase: boolean;
  readonly parts: readonly Part[];
  /** Something may follow. */
  readonly open: boolean;
}

/** What a text that fits has in its fields. */
export interface PatternMatch {
  /** The hardware address in it. */
  readonly mac?: Mac;
  /** Text of the other fields together: a serial number, mostly. */
  readonly serial: string;
}

const FIELD = /^(alnum|hex):([1-9]\d?)$/;
const LETTERS_AND_DIGITS = /^[0-9A-Za-z]$/;
const HEX = /^[0-9A-Fa-f]$/;
const HEX_AND_DASH = /^[0-9A-Fa-f-]$/;
/** Longest pattern: option values have no more. */
const MAX_OCTETS = 255;

/**
 * Reads a pattern. @param ignoreCase letters match in either case (names, RFC 1035 §2.3.3)
 * @returns a sentence that says what is wrong with it, if something is
 */
export function parsePattern(text: string, ignoreCase: boolean): Pattern | string {
  if (text === '' || text === '*') return 'a pattern needs some text: this one fits everything';
  if (text.length > MAX_OCTETS) return `a pattern has at most ${MAX_OCTETS} characters`;
  const open = text.endsWith('*');
  const body = open ? text.slice(0, -1) : text;
  if (body.includes('*')) return '"*" can only be the last character of a pattern';
  const parts: Part[] = [];
  for (const piece of body.split(/(\{[^}]*\})/).filter((one) => one !== '')) {
    const part = piece.startsWith('{') ? fieldOf(piece.slice(1, -1)) : literal(piece, ignoreCase);
    if (typeof part === 'string') return part;
    parts.push(part);
  }
  if (!parts.some(({ kind }) => kind === 'literal')) return 'a pattern needs some text beside its fields';
  return { text, ignoreCase, parts, open };
}

function literal(piece: string, ignoreCase: boolean): Part | string {
  if (/[{}]/.test(piece)) return 'a "{" without its "}"';
  return { kind: 'literal', text: ignoreCase ? piece.toLowerCase() : piece };
}

function fieldOf(name: string): Part | string {
  if (name === 'mac') return { kind: 'field', octets: 12, allowed: HEX, mac: true };
  if (name === 'mac-dashes') return { kind: 'field', octets: 17, allowed: HEX_AND_DASH, mac: true };
  const match = FIELD.exec(name);
  if (match === null) return `{${name}} is no field; there are {alnum:N}, {hex:N}, {mac} and {mac-dashes}`;
  const allowed = match[1] === 'hex' ? HEX : LETTERS_AND_DIGITS;
  return { kind: 'field', octets: Number(match[2]), allowed, mac: false };
}

/** Matches; undefined if the text does not fit. */
export function matchPattern({ parts, open, ignoreCase }: Pattern, given: string): PatternMatch | undefined {
  const text = ignoreCase ? given.toLowerCase() : given;
  let at = 0;
  let mac: Mac | undefined;
  let serial = '';
  for (const part of parts) {
    if (part.kind === 'literal') {
      if (!text.startsWith(part.text, at)) return undefined;
      at += part.text.length;
      continue;
    }
    const value = text.slice(at, at + part.octets);
    if (value.length < part.octets) return undefined;
    for (const letter of value) if (!part.allowed.test(letter)) return undefined;
    if (part.mac) {
      mac = parseMac(value);
      if (mac === undefined) return undefined;
    } else serial += given.slice(at, at + part.octets);
    at += part.octets;
  }
  if (!open && at !== text.length) return undefined;
  return { serial, ...(mac === undefined ? {} : { mac }) };
}
