/** The words of dhcpd.conf's language, and statements made of them: everything about form, nothing about meaning. */

import { Result } from '@lessor/omapi';
import type { Octets } from '../../domain/values.js';
import { OmapiRefusal } from './object.js';

/** One word of the language. */
export interface Word {
  readonly kind: 'text' | 'string' | 'mark';
  readonly text: Octets;
}

/** A statement, or an `if` with what follows from it. */
export type Statement =
  | { readonly kind: 'plain'; readonly words: readonly Word[] }
  | { readonly kind: 'if'; readonly branches: readonly Branch[] };

/** `if`, `elsif` or `else` with its block. */
export interface Branch {
  /** Undefined: else. */
  readonly condition: readonly Word[] | undefined;
  readonly body: readonly Statement[];
}

/** How much of a statement a refusal repeats. */
const SHOWN_CHARACTERS = 60;

/** BADPARSE with the statement it is about. */
export function refused(statement: readonly Word[], why: string): OmapiRefusal {
  const text = statement.map(({ kind, text }) => (kind === 'string' ? `"${text}"` : text)).join(' ');
  return new OmapiRefusal(Result.BADPARSE, `statement '${text.slice(0, SHOWN_CHARACTERS)}': ${why}`);
}

/** True for a mark: anything that is neither word nor string. */
export function isMark(word: Word | undefined, mark: string): boolean {
  return word?.kind === 'mark' && word.text === mark;
}

/**
 * The statements of a text. A missing last semicolon, empty statements and comments are forgiven.
 * @throws OmapiRefusal BADPARSE for blocks other than those of `if`, and for strings and blocks that do not end
 */
export function readStatements(text: Octets): readonly Statement[] {
  const words = wordsOf(text);
  const reader = { words, at: 0 };
  const statements = readBlock(reader);
  const left = words[reader.at];
  if (left !== undefined) throw refused([left], 'there is no block to end');
  return statements;
}

/** Where in the words a reader is. */
interface Place {
  readonly words: readonly Word[];
  at: number;
}

/** Statements up to `}` or the end, which stays. */
function readBlock(place: Place): Statement[] {
  const statements: Statement[] = [];
  let current: Word[] = [];
  const end = () => {
    if (current.length > 0) statements.push({ kind: 'plain', words: current });
    current = [];
  };
  for (let word = place.words[place.at]; word !== undefined && !isMark(word, '}'); word = place.words[place.at]) {
    if (current.length === 0 && isText(word, 'if')) {
      statements.push({ kind: 'if', branches: readBranches(place) });
      continue;
    }
    place.at++;
    if (isMark(word, '{')) throw refused([...current, word], 'blocks are not understood');
    if (isMark(word, ';')) end();
    else current.push(word);
  }
  end();
  return statements;
}

/** `if ... { } else if ... { } else { }`, also with `elsif`. */
function readBranches(place: Place): Branch[] {
  const branches: Branch[] = [];
  for (;;) {
    place.at++;
    const condition: Word[] = [];
    for (let word = place.words[place.at]; !isMark(word, '{'); word = place.words[place.at]) {
      if (word === undefined || isMark(word, ';') || isMark(word, '}')) throw refused(condition, 'if without a block');
      condition.push(word);
      place.at++;
    }
    branches.push({ condition, body: readBody(place, condition) });
    if (isText(place.words[place.at], 'elsif')) continue;
    if (!isText(place.words[place.at], 'else')) return branches;
    place.at++;
    if (isText(place.words[place.at], 'if')) continue;
    branches.push({ condition: undefined, body: readBody(place, condition) });
    return branches;
  }
}

function readBody(place: Place, condition: readonly Word[]): Statement[] {
  if (!isMark(place.words[place.at], '{')) throw refused(condition, 'else without a block');
  place.at++;
  const body = readBlock(place);
  if (place.words[place.at] === undefined) throw refused(condition, 'a block does not end');
  place.at++;
  return body;
}

function isText(word: Word | undefined, text: string): boolean {
  return word?.kind === 'text' && word.text.toLowerCase() === text;
}

const WORD = /\s+|#[^\n]*|"((?:[^"\\]|\\[\s\S])*)"|[A-Za-z0-9_.:/+-]+|[\s\S]/y;

/** @throws OmapiRefusal for a string that does not end */
function wordsOf(text: Octets): Word[] {
  const words: Word[] = [];
  WORD.lastIndex = 0;
  for (let match = WORD.exec(text); match !== null; match = WORD.exec(text)) {
    const [whole, string] = match;
    if (string !== undefined) words.push({ kind: 'string', text: withoutEscapes(string) });
    else if (whole === '"') throw new OmapiRefusal(Result.BADPARSE, 'a string does not end');
    else if (/^[A-Za-z0-9_.:/+-]/.test(whole)) words.push({ kind: 'text', text: whole });
    else if (!/^[\s#]/.test(whole)) words.push({ kind: 'mark', text: whole });
  }
  return words;
}

/** Escapes of dhcpd.conf: letters, octal, and itself. */
function withoutEscapes(text: Octets): Octets {
  const letters: Readonly<Record<string, string>> = { t: '\t', r: '\r', n: '\n', b: '\b' };
  return text.replace(/\\([0-3][0-7]{2}|x[0-9a-fA-F]{2}|[\s\S])/g, (_, code: string) => {
    if (/^[0-3][0-7]{2}$/.test(code)) return String.fromCharCode(Number.parseInt(code, 8));
    if (code.length === 3) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return letters[code] ?? code;
  });
}
