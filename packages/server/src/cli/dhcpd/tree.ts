/** The text of dhcpd.conf and dhcpd.leases as a tree: statements of words, blocks of statements, each with its line. */

import { LessorError } from '../../errors.js';

/** One word of the language. `text` of a string is without quotes and escapes. */
export interface ConfWord {
  readonly kind: 'text' | 'string' | 'mark';
  readonly text: string;
}

/** A statement: `words;` or `words { block }`. */
export interface ConfStatement {
  readonly words: readonly ConfWord[];
  /** Undefined if it ends with a semicolon. */
  readonly body: readonly ConfStatement[] | undefined;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** As it stands in the file; of an `if` all of its branches. */
  readonly text: string;
}

/** A word and where it is. */
interface PlacedWord extends ConfWord {
  readonly start: number;
  readonly end: number;
}

const WORD = /\s+|#[^\n]*|"((?:[^"\\]|\\[\s\S])*)"|[A-Za-z0-9_.:/+*-]+|[\s\S]/y;

/**
 * Reads a file and those it includes.
 * @param read the text of a file, each character an octet
 * @throws LessorError `dhcpd-syntax` with file and line; whatever `read` throws of the file itself
 */
export function readTree(file: string, read: (file: string) => string): readonly ConfStatement[] {
  return new TreeReader(file, read(file), read, []).all();
}

class TreeReader {
  readonly #words: readonly PlacedWord[];
  #at = 0;

  constructor(
    private readonly file: string,
    private readonly text: string,
    private readonly read: (file: string) => string,
    private readonly including: readonly string[],
  ) {
    this.#words = this.#split();
  }

  all(): readonly ConfStatement[] {
    const statements = this.#block();
    if (this.#words[this.#at] !== undefined) throw this.#fault('there is no block to end');
    return statements;
  }

  /** Statements up to `}` or the end, which stays. */
  #block(): ConfStatement[] {
    const statements: ConfStatement[] = [];
    for (let word = this.#words[this.#at]; word !== undefined && !isMark(word, '}'); word = this.#words[this.#at]) {
      if (isMark(word, ';')) this.#at++;
      else if (isWord(word, 'if')) statements.push(this.#conditional());
      else statements.push(...this.#statement());
    }
    return statements;
  }

  #statement(): readonly ConfStatement[] {
    const first = this.#at;
    const start = this.#words[first]!;
    for (let word = start; !isMark(word, ';'); word = this.#words[this.#at]!) {
      const record = isMark(word, '{') && isRecord(this.#words.slice(first, this.#at));
      if (isMark(word, '{') && !record) break;
      while (record && this.#words[this.#at] !== undefined && !isMark(this.#words[this.#at], '}')) this.#at++;
      if (this.#words[this.#at] === undefined || (!record && isMark(word, '}'))) {
        throw this.#fault("a ';' or a block is missing", start);
      }
      this.#at++;
    }
    const words = this.#words.slice(first, this.#at);
    const body = isMark(this.#words[this.#at], '{') ? this.#body() : undefined;
    if (body === undefined) this.#at++;
    if (isWord(start, 'include')) return this.#include(words);
    return [this.#made(words, body, start)];
  }

  /** `{ … }`. */
  #body(): ConfStatement[] {
    const open = this.#words[this.#at++]!;
    const body = this.#block();
    if (this.#words[this.#at] === undefined) throw this.#fault('a block does not end', open);
    this.#at++;
    return body;
  }

  /** `if … { } elsif … { } else { }` as one statement without a body: its text says everything. */
  #conditional(): ConfStatement {
    const first = this.#at;
    const start = this.#words[first]!;
    for (;;) {
      while (this.#words[this.#at] !== undefined && !isMark(this.#words[this.#at], '{')) this.#at++;
      if (this.#words[this.#at] === undefined) throw this.#fault('if without a block', start);
      const words = this.#words.slice(first, this.#at);
      this.#body();
      const next = this.#words[this.#at];
      if (!isWord(next, 'else') && !isWord(next, 'elsif')) return this.#made(words, undefined, start);
    }
  }

  #include(words: readonly PlacedWord[]): readonly ConfStatement[] {
    const file = words[1]?.text ?? '';
    if (this.including.includes(file) || file === this.file) throw this.#fault(`${file} includes itself`, words[0]);
    let text: string;
    try {
      text = this.read(file);
    } catch (error) {
      throw this.#fault(`can not read ${file}: ${error instanceof Error ? error.message : String(error)}`, words[0]);
    }
    return new TreeReader(file, text, this.read, [...this.including, this.file]).all();
  }

  #made(words: readonly PlacedWord[], body: readonly ConfStatement[] | undefined, start: PlacedWord): ConfStatement {
    const text = this.text.slice(start.start, this.#words[this.#at - 1]!.end);
    return { words, body, file: this.file, line: this.#lineOf(start.start), text };
  }

  #split(): PlacedWord[] {
    const words: PlacedWord[] = [];
    WORD.lastIndex = 0;
    for (let match = WORD.exec(this.text); match !== null; match = WORD.exec(this.text)) {
      const [whole, string] = match;
      const [start, end] = [match.index, WORD.lastIndex];
      if (string !== undefined) words.push({ kind: 'string', text: withoutEscapes(string), start, end });
      else if (whole === '"') throw this.#faultAt('a string does not end', start);
      else if (/^[A-Za-z0-9_.:/+*-]/.test(whole)) words.push({ kind: 'text', text: whole, start, end });
      else if (!/^[\s#]/.test(whole)) words.push({ kind: 'mark', text: whole, start, end });
    }
    return words;
  }

  #lineOf(offset: number): number {
    // Statements are asked for in order, so the count goes on from the last one.
    if (offset < this.#counted.offset) this.#counted = { offset: 0, line: 1 };
    let { offset: at, line } = this.#counted;
    for (let next = this.text.indexOf('\n', at); next !== -1 && next < offset; next = this.text.indexOf('\n', at)) {
      at = next + 1;
      line++;
    }
    this.#counted = { offset: at, line };
    return line;
  }
  #counted = { offset: 0, line: 1 };

  #fault(why: string, word = this.#words[this.#at]): LessorError {
    return this.#faultAt(why, word?.start ?? this.text.length);
  }

  #faultAt(why: string, offset: number): LessorError {
    return new LessorError('dhcpd-syntax', `${this.file}:${this.#lineOf(offset)}: ${why}`);
  }
}

/** True if braces behind these words hold the fields of a record: `option NAME code N = [array of] { … }`. */
function isRecord(words: readonly ConfWord[]): boolean {
  const last = words.at(-1);
  return isWord(words[0], 'option') && (isMark(last, '=') || isWord(last, 'of'));
}

/** True for a mark: anything that is neither word nor string. */
export function isMark(word: ConfWord | undefined, mark: string): boolean {
  return word?.kind === 'mark' && word.text === mark;
}

/** True for a word; their case does not matter. */
export function isWord(word: ConfWord | undefined, text: string): boolean {
  return word?.kind === 'text' && word.text.toLowerCase() === text;
}

/** The words of a statement as text, for people. */
export function wordsText(words: readonly ConfWord[]): string {
  return words.map(({ kind, text }) => (kind === 'string' ? `"${text}"` : text)).join(' ');
}

/** Escapes of dhcpd.conf: letters, octal, hexadecimal, and itself. */
function withoutEscapes(text: string): string {
  const letters: Readonly<Record<string, string>> = { t: '\t', r: '\r', n: '\n', b: '\b' };
  return text.replace(/\\([0-3][0-7]{2}|x[0-9a-fA-F]{2}|[\s\S])/g, (_, code: string) => {
    if (/^[0-3][0-7]{2}$/.test(code)) return String.fromCharCode(Number.parseInt(code, 8));
    if (code.length === 3) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return letters[code] ?? code;
  });
}
