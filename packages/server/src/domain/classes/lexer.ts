/**
 * Splits expression text into tokens, one at a time: the parser asks for a token only when it needs it, so the first
 * thing wrong in the text is the one reported, as in Kea.
 */

import { isIP } from 'node:net';
import { ExpressionSyntaxError, type TextRange } from './syntax-error.js';

/** Words of the language, and nothing but them: any other word is an error, except as an option name before `]`. */
const KEYWORDS = [
  'not and sand or sor option relay4 relay6 member peeraddr linkaddr text hex exists pkt iface src dst len',
  'pkt4 mac hlen htype ciaddr giaddr yiaddr siaddr substring split all concat ifelse sifelse hexstring addrtotext',
  'int8totext int16totext int32totext uint8totext uint16totext uint32totext lcase ucase pkt6 msgtype transid',
  'vendor-class vendor data enterprise match',
].flatMap((line) => line.split(' '));

const PUNCTUATION = ['==', '.', '(', ')', '[', ']', ',', '*', '+'];

/** Kinds of token that are not a word or a sign standing for itself; the names are those of Kea's messages. */
export const TokenKind = {
  end: 'end of file',
  string: 'constant string',
  integer: 'integer',
  hex: 'constant hexstring',
  optionName: 'option name',
  address: 'ip address',
} as const;

/** One token. `kind` is one of {@link TokenKind}, or the keyword or sign itself. */
export interface Token {
  readonly kind: string;
  /** As written; for a string what is between the quotes. */
  readonly text: string;
  readonly range: TextRange;
}

/** What may start at a place. The longest wins, and of equally long ones the first, as in a flex scanner. */
const RULES: readonly { readonly kind: string | undefined; readonly pattern: RegExp }[] = [
  { kind: TokenKind.string, pattern: /'[^'\n]*'/y },
  { kind: TokenKind.hex, pattern: /0[xX][0-9a-fA-F]+/y },
  { kind: TokenKind.integer, pattern: /-?[0-9]+/y },
  { kind: TokenKind.optionName, pattern: /[A-Za-z](?:[-_A-Za-z0-9]*[A-Za-z0-9])?(?=[ \t\n]*\])/y },
  {
    kind: TokenKind.address,
    pattern: /[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+|[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:.]*/y,
  },
  { kind: undefined, pattern: alternatives([...KEYWORDS, ...PUNCTUATION]) },
];

const BLANK = /[ \t]+/y;
const INT64_MAX = 2n ** 63n - 1n;

/** The scanner. {@link Lexer.next} answers "end of file" for ever once the text is used up. */
export class Lexer {
  private position = 0;
  private line = 1;
  private lineStart = 0;

  constructor(private readonly text: string) {}

  /** @throws ExpressionSyntaxError at a character that starts no token, or a number or address that is none. */
  next(): Token {
    this.skipBlanks();
    if (this.position >= this.text.length) return { kind: TokenKind.end, text: '', range: this.range(0) };
    const { kind, text } = this.longestMatch();
    const range = this.range(text.length);
    check(kind, text, range);
    this.position += text.length;
    return { kind: kind ?? text, text: kind === TokenKind.string ? text.slice(1, -1) : text, range };
  }

  private longestMatch(): { kind: string | undefined; text: string } {
    let kind: string | undefined;
    let text = '';
    for (const rule of RULES) {
      const match = matchAt(rule.pattern, this.text, this.position);
      if (match.length > text.length) ({ kind, text } = { kind: rule.kind, text: match });
      // A name is only one before a bracket, and then it also beats the keyword it may spell.
      if (rule.kind === TokenKind.optionName && match !== '' && match.length === text.length) break;
    }
    if (text !== '') return { kind, text };
    const character = String.fromCodePoint(this.text.codePointAt(this.position)!);
    throw new ExpressionSyntaxError(`Invalid character: ${character}`, this.range(1));
  }

  private skipBlanks(): void {
    for (;;) {
      this.position += matchAt(BLANK, this.text, this.position).length;
      if (this.text[this.position] !== '\n') return;
      this.position++;
      this.line++;
      this.lineStart = this.position;
    }
  }

  /** The range of the next `length` characters; an empty one is the place itself. */
  private range(length: number): TextRange {
    const column = this.position - this.lineStart + 1;
    return { line: this.line, column, endLine: this.line, endColumn: Math.max(column, column + length - 1) };
  }
}

function check(kind: string | undefined, text: string, range: TextRange): void {
  if (kind === TokenKind.integer) {
    const value = text.length > 20 ? undefined : BigInt(text);
    if (value === undefined || value > INT64_MAX || value < -INT64_MAX - 1n) {
      throw new ExpressionSyntaxError(`Failed to convert ${text} to an integer.`, range);
    }
  } else if (kind === TokenKind.address && isIP(text) === 0) {
    throw new ExpressionSyntaxError(`Failed to convert ${text} to an IP address.`, range);
  }
}

function matchAt(pattern: RegExp, text: string, position: number): string {
  pattern.lastIndex = position;
  return pattern.exec(text)?.[0] ?? '';
}

/** One pattern for many fixed texts, the longest first so that it takes the longest. */
function alternatives(words: readonly string[]): RegExp {
  const longestFirst = [...words].sort((a, b) => b.length - a.length);
  return new RegExp(longestFirst.map((word) => word.replace(/[.()[\]*+]/g, '\\$&')).join('|'), 'y');
}
