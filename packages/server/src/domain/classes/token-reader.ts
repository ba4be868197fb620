/** Taking tokens one by one, and refusing what does not fit: what the parts of the parser have in common. */

import { Lexer, type Token } from './lexer.js';
import { ExpressionSyntaxError } from './syntax-error.js';

/** Parentheses, calls and `not`s inside each other; more is refused, so that no text can exhaust the stack. */
const MAX_DEPTH = 200;
/** Bison names what it expected only if that is at most so many tokens. */
const MAX_EXPECTED = 4;

/** Tokens of one text. Looks one token ahead at most, and only when asked to. */
export class TokenReader {
  private readonly lexer: Lexer;
  private depth = 0;
  /** The token that comes next, if it has been looked at. */
  private ahead: Token | undefined;
  /** The token taken last. */
  protected last!: Token;

  constructor(text: string) {
    this.lexer = new Lexer(text);
  }

  protected peek(): Token {
    this.ahead ??= this.lexer.next();
    return this.ahead;
  }

  protected next(): Token {
    this.last = this.peek();
    this.ahead = undefined;
    return this.last;
  }

  protected accept(kind: string): boolean {
    if (this.peek().kind !== kind) return false;
    this.next();
    return true;
  }

  /** Takes a token of the kind; `others` could have followed too and are only named in the message. */
  protected take(kind: string, ...others: readonly string[]): Token {
    return this.peek().kind === kind ? this.next() : this.fail(kind, ...others);
  }

  protected oneOf<const K extends string>(kinds: readonly K[]): K {
    const token = this.next();
    return kinds.find((kind) => kind === token.kind) ?? this.failAt(token, ...kinds);
  }

  /** Does `work` one level deeper. @throws ExpressionSyntaxError if that is too deep */
  protected nested<T>(work: () => T): T {
    if (++this.depth > MAX_DEPTH) this.refuse(this.peek(), `nested deeper than ${MAX_DEPTH}`);
    const result = work();
    this.depth--;
    return result;
  }

  protected refuse(token: Token, message: string): never {
    throw new ExpressionSyntaxError(message, token.range);
  }

  protected fail(...expected: readonly string[]): never {
    return this.failAt(this.peek(), ...expected);
  }

  protected failAt(token: Token, ...expected: readonly string[]): never {
    const named = expected.length > 0 && expected.length <= MAX_EXPECTED;
    const expecting = named ? `, expecting ${expected.map(nameOf).join(' or ')}` : '';
    return this.refuse(token, `syntax error, unexpected ${nameOf(token.kind)}${expecting}`);
  }

  protected integerIn(token: Token, range: { readonly min: bigint; readonly max: bigint }): bigint {
    const value = BigInt(token.text);
    if (value >= range.min && value <= range.max) return value;
    return this.refuse(token, `Invalid value in ${token.text}. Allowed range: ${range.min}..${range.max}`);
  }
}

/** Bison puts a comma, and nothing else, in quotes. */
function nameOf(kind: string): string {
  return kind === ',' ? '","' : kind;
}
