/** Values as omshell reads them: numbers, dotted decimal, hexadecimal with colons, strings; and secrets in base64. */

import { isEnd, isMark, type OmshellLexer, type Token } from './lexer.js';
import type { ShellValue } from './object.js';

/** What stood behind `set NAME =`. */
export interface ParsedValue {
  /** undefined: there is nothing to set. */
  readonly value: ShellValue | undefined;
  /** The word is of no kind that could be a value (a number that is too big is). */
  readonly invalid: boolean;
  /** The word after the value: more than the end of the line is one too many. */
  readonly last: Token;
}

/** Reads a value, and the word behind it. */
export function parseValue(lexer: OmshellLexer): ParsedValue {
  const first = lexer.next();
  switch (first.kind) {
    case 'string':
      return {
        value: { kind: 'string', octets: Buffer.from(first.text, 'latin1') },
        invalid: false,
        last: lexer.next(),
      };
    case 'number': {
      const after = lexer.peek();
      if (isMark(after, ':')) return parseHexList(lexer, first.text);
      if (isMark(after, '.')) return parseDotted(lexer, first.text);
      return { value: { kind: 'number', value: toInt(first.text) }, invalid: false, last: lexer.next() };
    }
    case 'number-or-name':
      return parseHexList(lexer, first.text);
    default:
      return { value: undefined, invalid: true, last: first };
  }
}

/** Numbers with dots between, an octet each; where there is no number between two dots, the octet is 0. */
function parseDotted(lexer: OmshellLexer, first: string): ParsedValue {
  const octets: number[] = [];
  let text = first;
  let last = lexer.peek();
  do {
    const octet = toInt(text);
    if (octet > 255) {
      lexer.warn(`dotted octet > 255: ${text}`);
      lexer.skip();
      return { value: undefined, invalid: false, last };
    }
    octets.push(octet);
    last = lexer.next();
    if (!isMark(last, '.')) break;
    for (last = lexer.next(); isMark(last, '.'); last = lexer.next()) octets.push(0);
    text = last.text;
  } while (last.kind === 'number');
  return { value: { kind: 'data', octets: Uint8Array.from(octets) }, invalid: false, last };
}

/** Hexadecimal numbers with colons between, an octet each. */
function parseHexList(lexer: OmshellLexer, first: string): ParsedValue {
  const octets: number[] = [];
  let text = first;
  let last: Token;
  do {
    octets.push(hexOctet(lexer, text));
    last = lexer.next();
    if (!isMark(last, ':')) break;
    last = lexer.next();
    text = last.text;
  } while (last.kind === 'number' || last.kind === 'number-or-name');
  return { value: { kind: 'data', octets: Uint8Array.from(octets) }, invalid: false, last };
}

/** The low octet of a hexadecimal number; complains about what is none, or too big. */
function hexOctet(lexer: OmshellLexer, text: string): number {
  const negative = text.startsWith('-');
  const digits = negative ? text.slice(1) : text;
  let value = 0;
  for (const character of digits === '' ? '\0' : digits) {
    const digit = hexDigit(character);
    if (digit === undefined) {
      lexer.warn(`Bogus number: ${text}.`);
      break;
    }
    if (digit >= 16) {
      lexer.warn(`Bogus number ${text}: digit ${digit} not in base 16`);
      break;
    }
    value = (value * 16 + digit) >>> 0;
  }
  const max = negative ? 128 : 255;
  if (value > max) {
    lexer.warn(`${negative ? '-' : ''}${value.toString(16)} exceeds max (${max}) for precision.`);
  }
  return (negative ? -value : value) & 0xff;
}

/** Letters count on from ten, past f as well. */
function hexDigit(character: string): number | undefined {
  if (character >= 'a') return character.charCodeAt(0) - 0x61 + 10;
  if (character >= 'A') return character.charCodeAt(0) - 0x41 + 10;
  return character >= '0' ? character.charCodeAt(0) - 0x30 : undefined;
}

/** C's atoi on a machine with longs of 64 bit: what is too long for an int keeps its low 32 bit. */
function toInt(text: string): number {
  const digits = /^-?\d+/.exec(text)?.[0];
  if (digits === undefined) return 0;
  const long = BigInt(digits);
  const limit = 2n ** 63n;
  const clipped = long >= limit ? limit - 1n : long < -limit ? -limit : long;
  return Number(BigInt.asIntN(32, clipped));
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Reads a secret, bare (in as many words as + and / make of it) or quoted. Empty if it is none; the lexer has complained. */
export function parseSecret(lexer: OmshellLexer): Uint8Array {
  const words: string[] = [];
  do words.push(lexer.next().text);
  while (!isEnd(lexer.peek()) && /^[A-Za-z0-9+/=]*$/.test(lexer.peek().text));
  const octets: number[] = [];
  let digits = 0;
  let left = 0;
  let ended = false;
  for (const word of words) {
    for (const [i, character] of [...word].entries()) {
      if (ended && character !== '=') {
        lexer.warn(`stuff after base64 '=' terminator: ${word.slice(i)}.`);
        return new Uint8Array(0);
      }
      const digit = BASE64.indexOf(character);
      if (character === '=') ended = true;
      else if (digit < 0) {
        const code = character.charCodeAt(0);
        lexer.warn(`invalid base64 character ${code < 0x80 ? code : code - 0x100}.`);
        return new Uint8Array(0);
      } else {
        left = (left << 6) | digit;
        // Every digit but the first of four completes an octet; 4, 2, 0 bits are carried over.
        if (digits % 4 !== 0) {
          const carried = 6 - 2 * (digits % 4);
          octets.push((left >> carried) & 0xff);
          left &= (1 << carried) - 1;
        }
      }
      digits++;
    }
  }
  if (digits % 4 !== 0 && left !== 0) lexer.warn(`partial base64 value left over: ${left}.`);
  return Uint8Array.from(octets);
}
