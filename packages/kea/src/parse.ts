/**
 * Parser of commands in Kea's JSON dialect. It departs from RFC 8259 where Kea's does, because clients have come to
 * rely on it: a trailing comma in a list is taken (in a map it is not), of members given twice the last wins, raw
 * control characters in strings are data, `\u` reaches only to 00ff and means one octet, integers have up to 128 bit.
 * On unix sockets comments (`#`, `//` and C comments) count as white space; over HTTP they are an error.
 */

import type { JsonMap, JsonValue } from './json.js';

/** How deep maps and lists may nest, the value inside included (Kea: Element::MAX_NESTING_LEVEL). */
export const JSON_MAX_DEPTH = 100;

/** A text that is not in the dialect. The message is Kea's, with the position at its end. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
}

/** What differs between the doors. */
export interface ParseOptions {
  /** Comments are white space (unix socket) or an error (HTTP). */
  readonly comments: boolean;
}

const TAB = 0x09;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const BACKSPACE = 0x08;
const FORM_FEED = 0x0c;
const SPACE = 0x20;
const QUOTE = 0x22;
const HASH = 0x23;
const STAR = 0x2a;
const COMMA = 0x2c;
const SLASH = 0x2f;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_MAP = 0x7b;
const CLOSE_MAP = 0x7d;

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '/': '/',
  '\\': '\\',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

const INT128_LIMIT = 2n ** 127n;

/**
 * Parses one command.
 * @param text a binary string: one character per octet received
 * @throws JsonSyntaxError
 */
export function parseCommandJson(text: string, options: ParseOptions): JsonValue {
  const parser = new Parser(text, options.comments);
  const value = parser.value(0);
  parser.end();
  return value;
}

class Parser {
  private at = 0;

  constructor(
    private readonly text: string,
    private readonly comments: boolean,
  ) {}

  value(depth: number): JsonValue {
    if (depth >= JSON_MAX_DEPTH) throw new JsonSyntaxError('fromJSON elements nested too deeply');
    this.skipBlank();
    const code = this.text.charCodeAt(this.at);
    switch (code) {
      case OPEN_MAP:
        return this.map(depth);
      case OPEN_LIST:
        return this.list(depth);
      case QUOTE:
        return this.string();
      case 0x74: // t
      case 0x66: // f
        return this.word('boolean', { true: true, false: false });
      case 0x6e: // n
        return this.word('null', { null: null });
      default:
        if ((code >= 0x30 && code <= 0x39) || code === 0x2d || code === 0x2e) return this.number();
        if (this.at >= this.text.length) throw new JsonSyntaxError('nothing read');
        throw this.error(`error: unexpected character ${this.text[this.at]}`, this.at + 1);
    }
  }

  /** @throws JsonSyntaxError if anything but blanks is left */
  end(): void {
    this.skipBlank();
    if (this.at < this.text.length) throw this.error('Extra data', this.at);
  }

  private map(depth: number): JsonMap {
    const map: Record<string, JsonValue> = {};
    this.at++;
    this.skipBlank();
    if (this.text.charCodeAt(this.at) === CLOSE_MAP) {
      this.at++;
      return map;
    }
    if (this.at >= this.text.length) throw this.error('Unterminated map, <string> or } expected', this.at);
    for (;;) {
      const key = this.string();
      this.expect(COLON, COLON, ':');
      const value = this.value(depth + 1);
      if (key === '__proto__') {
        // An ordinary member here; assignment would change the prototype instead.
        Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
      } else {
        map[key] = value;
      }
      if (this.expect(COMMA, CLOSE_MAP, ',}') === CLOSE_MAP) return map;
      this.skipBlank();
    }
  }

  private list(depth: number): JsonValue[] {
    const list: JsonValue[] = [];
    this.at++;
    for (;;) {
      this.skipBlank();
      if (this.text.charCodeAt(this.at) === CLOSE_LIST) {
        this.at++;
        return list;
      }
      list.push(this.value(depth + 1));
      if (this.expect(COMMA, CLOSE_LIST, ',]') === CLOSE_LIST) return list;
    }
  }

  /** Skips blanks, then takes one of two characters. */
  private expect(one: number, other: number, names: string): number {
    this.skipBlank();
    const code = this.text.charCodeAt(this.at);
    if (code === one || code === other) {
      this.at++;
      return code;
    }
    if (this.at >= this.text.length) throw this.error(`EOF read, one of "${names}" expected`, this.at + 1);
    throw this.error(`'${this.text[this.at]}' read, one of "${names}" expected`, this.at + 1);
  }

  private string(): string {
    const { text } = this;
    if (text.charCodeAt(this.at) !== QUOTE) throw this.error('String expected', this.at + 1);
    let from = ++this.at;
    let result = '';
    for (;;) {
      const code = text.charCodeAt(this.at);
      if (code === QUOTE) {
        result += text.slice(from, this.at++);
        return result;
      }
      if (code === BACKSLASH) {
        result += text.slice(from, this.at++);
        result += this.escape();
        from = this.at;
      } else if (this.at >= text.length) {
        throw this.error('Unterminated string', this.at + 1);
      } else {
        this.at++;
      }
    }
  }

  /** What follows a backslash. */
  private escape(): string {
    const start = this.at;
    const letter = this.text[this.at] ?? '';
    if (letter !== 'u') {
      const plain = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
      if (plain === undefined) throw this.error('Bad escape', start);
      this.at++;
      return plain;
    }
    // Kea keeps octets, so only those of \u0000 to \u00ff have a meaning.
    if (this.text.slice(start + 1, start + 3) !== '00') throw this.error('Unsupported unicode escape', start + 1);
    const digits = this.text.slice(start + 3, start + 5);
    if (!/^[0-9a-fA-F]{2}$/.test(digits)) throw this.error('Not hexadecimal in unicode escape', start + 1);
    this.at += 5;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  private word(kind: string, meanings: Readonly<Record<string, boolean | null>>): boolean | null {
    const start = this.at;
    while (isLetter(this.text.charCodeAt(this.at))) this.at++;
    const word = this.text.slice(start, this.at);
    const meaning = Object.hasOwn(meanings, word) ? meanings[word] : undefined;
    if (meaning === undefined) throw this.error(`Bad ${kind} value: ${word}`, start);
    return meaning;
  }

  private number(): number | bigint {
    const start = this.at;
    while (isNumberPart(this.text.charCodeAt(this.at))) this.at++;
    const digits = this.text.slice(start, this.at);
    if (/^-?0\d/.test(digits)) throw this.error(`Illegal leading zeros in '${digits}'`, start);
    if (/^-?\d+$/.test(digits)) return this.integer(digits, start);
    const value = /^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(digits) ? Number(digits) : Number.NaN;
    if (Number.isFinite(value)) return value;
    throw this.error(`Number overflow while trying to cast '${digits}' to double`, start);
  }

  private integer(digits: string, start: number): number | bigint {
    const value = Number(digits);
    if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
    // Longer than any 128-bit number: refused before BigInt spends quadratic time on it.
    const big = digits.length > 40 ? undefined : BigInt(digits);
    if (big === undefined || big >= INT128_LIMIT || big < -INT128_LIMIT) {
      throw this.error(`Number overflow while trying to cast '${digits}' to int64 and subsequently to int128`, start);
    }
    return big;
  }

  private skipBlank(): void {
    for (;;) {
      switch (this.text.charCodeAt(this.at)) {
        case SPACE:
        case NEWLINE:
        case RETURN:
        case TAB:
        case BACKSPACE:
        case FORM_FEED:
          this.at++;
          break;
        case HASH:
        case SLASH:
          if (!this.comments || !this.skipComment()) return;
          break;
        default:
          return;
      }
    }
  }

  /** Skips the comment that starts here; false if none does. A comment without end reaches to the end of the text. */
  private skipComment(): boolean {
    const second = this.text.charCodeAt(this.at + 1);
    let end: number;
    if (this.text.charCodeAt(this.at) === HASH || second === SLASH) end = this.text.indexOf('\n', this.at);
    else if (second === STAR) end = this.text.indexOf('*/', this.at + 2) + 2;
    else return false;
    this.at = end < 2 ? this.text.length : end;
    return true;
  }

  /** `consumed` is how many characters Kea's parser would have taken when it noticed. */
  private error(message: string, consumed: number): JsonSyntaxError {
    // Kea names the source <wire> and counts from 0 on unix sockets, <string> and from 1 over HTTP.
    const [source, base] = this.comments ? ['<wire>', 0] : ['<string>', 1];
    const before = this.text.slice(0, consumed);
    const lastLine = before.lastIndexOf('\n');
    const line = base + (lastLine < 0 ? 0 : before.split('\n').length - 1);
    const column = lastLine < 0 ? base + consumed : consumed - lastLine;
    return new JsonSyntaxError(`${message} in ${source}:${line}:${column}`);
  }
}

function isLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

function isNumberPart(code: number): boolean {
  // digits + - . e E
  return (
    (code >= 0x30 && code <= 0x39) || code === 0x2b || code === 0x2d || code === 0x2e || code === 0x65 || code === 0x45
  );
}
