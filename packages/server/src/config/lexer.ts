/**
 * Tokens of Kea's configuration file dialect: JSON with `#`, `//` and C comments and `<?include "file"?>`.
 * Works on binary strings. Faults are reported and repaired as well as can be, so that the parser goes on.
 */

import { type IssueList, positionOf, type TextPosition } from './issues.js';
import { unicodeOf } from './values.js';

/** One token. `text` of a string is its decoded value. */
export type Token =
  | { readonly kind: '{' | '}' | '[' | ']' | ',' | ':'; readonly at: TextPosition }
  | { readonly kind: 'string'; readonly at: TextPosition; readonly value: string }
  | { readonly kind: 'integer'; readonly at: TextPosition; readonly value: number | bigint }
  | { readonly kind: 'real'; readonly at: TextPosition; readonly value: number }
  | { readonly kind: 'word'; readonly at: TextPosition; readonly value: boolean | null }
  /** Something already reported; stands where a value may stand. */
  | { readonly kind: 'bad'; readonly at: TextPosition }
  | { readonly kind: 'end'; readonly at: TextPosition };

/** How deep `<?include?>` may nest (Kea: 10). */
const MAX_INCLUDE_DEPTH = 10;

const WORDS: ReadonlyMap<string, boolean | null> = new Map<string, boolean | null>([
  ['true', true],
  ['false', false],
  ['null', null],
]);

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

const NUMBER = /[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?/y;
const WORD = /[A-Za-z_][A-Za-z0-9_.-]*/y;
const INCLUDE = /<\?[ \t\r\n]*include[ \t\r\n]*"([^"\n]+)"[ \t\r\n]*\?>/y;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/** One file being read. */
interface Source {
  readonly file: string;
  readonly text: string;
  offset: number;
  line: number;
  lineStart: number;
}

/** Delivers the tokens of a file and of the files it includes. */
export class Lexer {
  private readonly stack: Source[] = [];

  /** @param readFile gives a file's octets as a binary string, or throws */
  constructor(
    file: string,
    text: string,
    private readonly issues: IssueList,
    private readonly readFile: (path: string) => string,
  ) {
    this.stack.push(openSource(file, text));
  }

  /** The next token; 'end' for ever once all is read. */
  next(): Token {
    for (;;) {
      const source = this.stack[this.stack.length - 1]!;
      this.skipBlank(source);
      if (source.offset >= source.text.length) {
        if (this.stack.length === 1) return { kind: 'end', at: place(source) };
        this.stack.pop();
        continue;
      }
      if (source.text.startsWith('<?', source.offset)) {
        this.include(source);
        continue;
      }
      return this.token(source);
    }
  }

  private token(source: Source): Token {
    const at = place(source);
    const character = source.text[source.offset]!;
    switch (character) {
      case '{':
      case '}':
      case '[':
      case ']':
      case ',':
      case ':':
        source.offset++;
        return { kind: character, at };
      case '"':
        return { kind: 'string', at, value: this.string(source) };
      default:
    }
    const number = match(NUMBER, source);
    if (number !== undefined) return this.number(number, at);
    const word = match(WORD, source);
    if (word !== undefined) return this.word(word, at);
    source.offset++;
    if (character === "'") {
      const close = source.text.indexOf("'", source.offset);
      const lineEnd = endOfLine(source);
      if (close !== -1 && close < lineEnd) source.offset = close + 1;
      this.fault(at, 'strings are written in double quotes, not in single ones');
    } else {
      this.fault(at, `invalid character ${printable(character)}`);
    }
    return { kind: 'bad', at };
  }

  private number(text: string, at: TextPosition): Token {
    if (text.startsWith('+')) {
      this.fault(at, `a number has no plus sign: write ${text.slice(1)}`);
      return { kind: 'bad', at };
    }
    if (/[.eE]/.test(text)) {
      const value = Number(text);
      if (Number.isFinite(value)) return { kind: 'real', at, value };
      this.fault(at, `the number ${text} is too big`);
      return { kind: 'bad', at };
    }
    if (/^-?0[0-9]/.test(text)) {
      this.issues.warning('config-syntax', positionOf(at, ''), `leading zeros in ${text}: it is read as decimal`);
    }
    const value = BigInt.asIntN(64, BigInt(text));
    const exact = BigInt(text);
    if (exact > INT64_MAX || exact < INT64_MIN) {
      this.fault(at, `the integer ${text} does not fit in 64 bits`);
      return { kind: 'bad', at };
    }
    return { kind: 'integer', at, value: Number.isSafeInteger(Number(value)) ? Number(value) : value };
  }

  private word(text: string, at: TextPosition): Token {
    const value = WORDS.get(text);
    if (value !== undefined) return { kind: 'word', at, value };
    if (WORDS.has(text.toLowerCase())) {
      this.fault(at, `${text} is written in lower case: ${text.toLowerCase()}`);
    } else {
      this.fault(at, `${text} is neither true, false nor null; a string needs double quotes`);
    }
    return { kind: 'bad', at };
  }

  /** Reads a string from its opening quote to behind its closing one. */
  private string(source: Source): string {
    const { text } = source;
    const start = place(source);
    let value = '';
    source.offset++;
    for (;;) {
      const at = place(source);
      const character = text[source.offset];
      if (character === undefined || character === '\n') {
        this.fault(start, 'this string is not closed before the end of its line');
        return value;
      }
      source.offset++;
      if (character === '"') return value;
      if (character === '\\') {
        value += this.escape(source, at);
      } else {
        if (character < ' ') {
          this.fault(at, `invalid control character ${printable(character)} in a string: write it as an escape`);
        }
        value += character;
      }
    }
  }

  /** Reads what follows a backslash. */
  private escape(source: Source, at: TextPosition): string {
    const character = source.text[source.offset] ?? '';
    const simple = ESCAPES[character];
    if (simple !== undefined) {
      source.offset++;
      return simple;
    }
    if (character === 'u') {
      const digits = source.text.slice(source.offset + 1, source.offset + 5);
      if (/^[0-9A-Fa-f]{4}$/.test(digits)) {
        source.offset += 5;
        const code = Number.parseInt(digits, 16);
        if (code <= 0xff) return String.fromCharCode(code);
        this.fault(
          at,
          `unsupported unicode escape \\u${digits}: only \\u0000 to \\u00ff, meaning one octet, are taken`,
        );
        return '?';
      }
      this.fault(at, '\\u is followed by four hexadecimal digits');
      return '?';
    }
    this.fault(at, `bad escape \\${printable(character)} in a string: a backslash itself is written \\\\`);
    return '\\';
  }

  /** Skips white space and comments. */
  private skipBlank(source: Source): void {
    const { text } = source;
    for (;;) {
      const character = text[source.offset];
      if (character === '\n') newLine(source);
      else if (character === ' ' || character === '\t' || character === '\r') source.offset++;
      else if (character === '#' || text.startsWith('//', source.offset)) source.offset = endOfLine(source);
      else if (text.startsWith('/*', source.offset)) this.skipComment(source);
      else return;
    }
  }

  private skipComment(source: Source): void {
    const at = place(source);
    const close = source.text.indexOf('*/', source.offset + 2);
    if (close === -1) this.fault(at, 'this comment is not closed: */ is missing');
    const end = close === -1 ? source.text.length : close + 2;
    for (let i = source.text.indexOf('\n', source.offset); i !== -1 && i < end; i = source.text.indexOf('\n', i + 1)) {
      source.line++;
      source.lineStart = i + 1;
    }
    source.offset = end;
  }

  /** Opens the file an include directive names; its tokens come next. */
  private include(source: Source): void {
    const at = place(source);
    INCLUDE.lastIndex = source.offset;
    const directive = INCLUDE.exec(source.text);
    if (directive === null) {
      this.fault(at, 'a directive is written <?include "file"?>');
      const close = source.text.indexOf('?>', source.offset);
      source.offset = close === -1 || close > endOfLine(source) ? endOfLine(source) : close + 2;
      return;
    }
    for (const character of directive[0]) {
      source.offset++;
      if (character === '\n') {
        source.line++;
        source.lineStart = source.offset;
      }
    }
    const file = unicodeOf(directive[1]!);
    if (this.stack.length > MAX_INCLUDE_DEPTH) {
      this.fault(at, `files include each other more than ${MAX_INCLUDE_DEPTH} deep (do they in a circle?)`);
      return;
    }
    try {
      this.stack.push(openSource(file, this.readFile(file)));
    } catch (error) {
      this.issues.error(
        'config-file',
        positionOf(at, ''),
        `can not open include file ${file}: ${reasonOf(error)} (relative names start at the working directory)`,
      );
    }
  }

  private fault(at: TextPosition, message: string): void {
    this.issues.error('config-syntax', positionOf(at, ''), message);
  }
}

/** Why something thrown was thrown, in one line. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A character for a message: itself, or its code. */
export function printable(character: string): string {
  return character >= ' ' && character <= '~'
    ? character
    : `0x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

function openSource(file: string, text: string): Source {
  return { file, text, offset: 0, line: 1, lineStart: 0 };
}

function place(source: Source): TextPosition {
  return { file: source.file, line: source.line, column: source.offset - source.lineStart + 1 };
}

function newLine(source: Source): void {
  source.offset++;
  source.line++;
  source.lineStart = source.offset;
}

function endOfLine(source: Source): number {
  const end = source.text.indexOf('\n', source.offset);
  return end === -1 ? source.text.length : end;
}

/** Takes what the sticky expression matches here. */
function match(expression: RegExp, source: Source): string | undefined {
  expression.lastIndex = source.offset;
  const found = expression.exec(source.text)?.[0];
  if (found !== undefined) source.offset += found.length;
  return found;
}
