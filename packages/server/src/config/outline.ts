/**
 * Finding the way in the octets of a configuration file without building anything: where a member or an item begins and
 * ends. Works on files that config/text.ts has accepted, comments, trailing commas and all. Octets and not a string,
 * because a file with 100 000 reservations is gone through ten times as quickly that way.
 */

import { LessorError } from '../errors.js';

/** 1 for the octets numbers and words are made of. */
const SCALAR_OCTETS: Uint8Array = Uint8Array.from({ length: 256 }, (_, octet) =>
  /[-+.0-9A-Za-z_]/.test(String.fromCharCode(octet)) ? 1 : 0,
);

/** Where an entry of a map or list is. Offsets into the file; `end` is behind the last octet. */
export interface Extent {
  /** Where a member's name, or an item, begins. */
  readonly start: number;
  readonly end: number;
  /** Where the comma after it stands, -1 if there is none. */
  readonly comma: number;
}

/** One member of a map. */
export interface Member extends Extent {
  /** As decoded text. */
  readonly name: string;
  /** Where its value begins. */
  readonly value: number;
}

const TAB = 0x09;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const BLANK = 0x20;
const QUOTE = 0x22;
const HASH = 0x23;
const COMMA = 0x2c;
const SLASH = 0x2f;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const COLON = 0x3a;
const LESS = 0x3c;
const STAR = 0x2a;

/** Two entries that follow one another. */
export interface Neighbours {
  /** Undefined before the first. */
  readonly before: Extent | undefined;
  /** Undefined behind the last. */
  readonly here: Extent | undefined;
}

/**
 * The entry at a position of the map or list that opens at `open`, and the one before it; beyond the end, the last one
 * is the one before. Nothing is looked at but brackets, strings, comments and commas.
 * @throws LessorError `config-edit` where an include directive stands among the entries: what it brings is not here
 */
export function entryAt(text: Buffer, open: number, position: number): Neighbours {
  let before: Extent | undefined;
  for (let index = 0, at = open + 1; ; index++) {
    at = skipSeparators(text, at);
    if (text[at] === CLOSE_BRACE || text[at] === CLOSE_BRACKET) return { before, here: undefined };
    const start = at;
    let end = endOfValue(text, at);
    at = skipBlank(text, end);
    if (text[at] === COLON) {
      end = endOfValue(text, skipBlank(text, at + 1));
      at = skipBlank(text, end);
    }
    const here = { start, end, comma: text[at] === COMMA ? at : -1 };
    if (index === position) return { before, here };
    before = here;
  }
}

/** The members of the map that opens at `open`, in order. @throws LessorError as {@link entryAt} does */
export function* membersOf(text: Buffer, open: number): Generator<Member, void> {
  for (let head = nextHead(text, open + 1); head !== undefined; ) {
    const end = endOfValue(text, head.value);
    const behind = skipBlank(text, end);
    yield { ...head, end, comma: text[behind] === COMMA ? behind : -1 };
    head = nextHead(text, end);
  }
}

/**
 * Where the value of a member (by name) or item (by position) begins; undefined if there is none. Its end is not looked
 * for: most of the way down to a place is that cheap.
 */
export function findValue(text: Buffer, open: number, step: string | number): number | undefined {
  if (typeof step === 'number') return text[open] === OPEN_BRACKET ? startOfItem(text, open, step) : undefined;
  if (text[open] !== OPEN_BRACE) return undefined;
  for (let head = nextHead(text, open + 1); head !== undefined; ) {
    if (head.name === step) return head.value;
    head = nextHead(text, endOfValue(text, head.value));
  }
  return undefined;
}

function startOfItem(text: Buffer, open: number, position: number): number | undefined {
  let at = skipSeparators(text, open + 1);
  for (let index = 0; index < position && text[at] !== CLOSE_BRACKET; index++) {
    at = skipSeparators(text, endOfValue(text, at));
  }
  return text[at] === CLOSE_BRACKET ? undefined : at;
}

/** Skips blanks, comments and commas, of which Kea takes more than one. */
function skipSeparators(text: Buffer, from: number): number {
  let at = skipBlank(text, from);
  while (text[at] === COMMA) at = skipBlank(text, at + 1);
  return at;
}

/** The beginning of the next member from an offset on, undefined at the closing bracket. */
function nextHead(text: Buffer, from: number): Pick<Member, 'start' | 'name' | 'value'> | undefined {
  const at = skipSeparators(text, from);
  if (text[at] === CLOSE_BRACE) return undefined;
  const close = endOfValue(text, at);
  const colon = skipBlank(text, close);
  if (text[colon] !== COLON) throw unreadable(text, colon);
  return { start: at, name: decodeName(text.toString('latin1', at, close)), value: skipBlank(text, colon + 1) };
}

/** Offset of the bracket that closes the map or list that opens at `open`. */
export function closeOf(text: Buffer, open: number): number {
  return endOfValue(text, open) - 1;
}

/** The first offset from `at` on where neither white space nor a comment stands. */
export function skipBlank(text: Buffer, at: number): number {
  for (;;) {
    switch (text[at]) {
      case BLANK:
      case TAB:
      case NEWLINE:
      case RETURN:
        at++;
        continue;
      case HASH:
        at = endOfLine(text, at);
        continue;
      case SLASH:
        at = skipComment(text, at);
        continue;
      case LESS:
        throw new LessorError(
          'config-edit',
          `an include directive stands at this place of the file (line ${lineOf(text, at)}): what it brings can not be edited`,
        );
      case undefined:
        throw unreadable(text, at);
      default:
        return at;
    }
  }
}

/** Offset of the line's end: of its newline, or of the end of the text. */
export function endOfLine(text: Buffer, at: number): number {
  const end = text.indexOf(NEWLINE, at);
  return end === -1 ? text.length : end;
}

/** Offset at which the line of `at` begins. */
export function startOfLine(text: Buffer, at: number): number {
  return at === 0 ? 0 : text.lastIndexOf(NEWLINE, at - 1) + 1;
}

/** Offset behind the comment that begins at `at`. */
export function skipComment(text: Buffer, at: number): number {
  if (text[at] === HASH || text[at + 1] === SLASH) return endOfLine(text, at);
  const close = text[at + 1] === STAR ? text.indexOf('*/', at + 2) : -1;
  if (close === -1) throw unreadable(text, at);
  return close + 2;
}

/** Offset behind the value that begins at `at`. */
function endOfValue(text: Buffer, at: number): number {
  const first = text[at];
  if (first === QUOTE) return endOfString(text, at);
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return endOfScalar(text, at);
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    switch (text[i]) {
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth++;
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        if (--depth === 0) return i + 1;
        break;
      case QUOTE:
        i = endOfString(text, i) - 1;
        break;
      case HASH:
      case SLASH:
        i = skipComment(text, i) - 1;
        break;
      default:
    }
  }
  throw unreadable(text, at);
}

/** Offset behind the string that begins at `at`. */
function endOfString(text: Buffer, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === BACKSLASH) i++;
    else if (text[i] === QUOTE) return i + 1;
  }
  throw unreadable(text, at);
}

/** Offset behind the number or word that begins at `at`. */
function endOfScalar(text: Buffer, at: number): number {
  let end = at;
  while (SCALAR_OCTETS[text[end] ?? QUOTE] === 1) end++;
  if (end === at) throw unreadable(text, at);
  return end;
}

/** Names of members hold no octets beyond ASCII where it matters, so JSON's own escapes are all there is. */
function decodeName(quoted: string): string {
  return quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);
}

function lineOf(text: Buffer, at: number): number {
  return text.toString('latin1', 0, at).split('\n').length;
}

function unreadable(text: Buffer, at: number): LessorError {
  return new LessorError('config-edit', `the file can not be edited: line ${lineOf(text, at)} is not understood`);
}
