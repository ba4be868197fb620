/**
 * Expression text -> syntax tree, by recursive descent. Grammar and messages are Kea's (CONFIG.md section 13 of the
 * notes, Kea ARM "Using Expressions in Classification"). Binding, from loosest: `+`, `sor`, `or`, `sand`, `and`, `not`.
 *
 * An opening parenthesis may begin a boolean or a string, and only what follows tells which. So operands are parsed
 * without knowing, and the place that needs one or the other asks afterwards.
 */

import { isIPv4 } from 'node:net';
import type { OptionRegistry } from '@lessor/dhcp';
import type { Octets } from '../values.js';
import { Lexer, type Token, TokenKind } from './lexer.js';
import { compilePattern, PatternError } from './pattern.js';
import { ExpressionSyntaxError } from './syntax-error.js';
import {
  type BooleanNode,
  INTEGER_TYPES,
  type Pattern,
  PKT_FIELDS,
  PKT4_FIELDS,
  type Place,
  type StringNode,
  type SyntaxTree,
} from './syntax-tree.js';

/** What an expression's text may refer to. */
export interface CompileOptions {
  readonly registry: OptionRegistry;
  /** True if member('name') may be asked for: a class defined before this one, or a built-in name. */
  isDefined(className: string): boolean;
}

/** Parentheses, calls and `not`s inside each other; more is refused, so that no text can exhaust the stack. */
const MAX_DEPTH = 200;
/** Boolean operators from loosest to tightest. */
const OPERATORS = ['sor', 'or', 'sand', 'and'] as const;
/** Bison names what it expected only if that is at most so many tokens. */
const MAX_EXPECTED = 4;

const UINT32_RANGE = { min: 0n, max: 0xffff_ffffn };

/** Parses a boolean expression (`test`). @throws ExpressionSyntaxError */
export function parseBoolean(text: string, options: CompileOptions): SyntaxTree<BooleanNode> {
  return new Parser(text, options).wholeBoolean();
}

/** Parses a string expression (`template-test`, flex-id). @throws ExpressionSyntaxError */
export function parseString(text: string, options: CompileOptions): SyntaxTree<StringNode> {
  return new Parser(text, options).wholeString();
}

/** An operand before its place has said which it must be. */
type Either =
  | { readonly kind: 'boolean'; readonly node: BooleanNode }
  | { readonly kind: 'string'; readonly node: StringNode };

const boolean = (node: BooleanNode): Either => ({ kind: 'boolean', node });
const string = (node: StringNode): Either => ({ kind: 'string', node });

class Parser {
  private readonly lexer: Lexer;
  private readonly memberNames = new Set<string>();
  private depth = 0;
  /** The token that comes next, if it has been looked at. */
  private ahead: Token | undefined;
  /** The token taken last. */
  private last!: Token;

  constructor(
    text: string,
    private readonly options: CompileOptions,
  ) {
    this.lexer = new Lexer(text);
  }

  wholeBoolean(): SyntaxTree<BooleanNode> {
    const root = this.boolean();
    this.take(TokenKind.end);
    return { root, memberNames: [...this.memberNames] };
  }

  wholeString(): SyntaxTree<StringNode> {
    const root = this.string();
    this.take(TokenKind.end);
    return { root, memberNames: [...this.memberNames] };
  }

  // --- booleans ---

  private boolean(): BooleanNode {
    const either = this.expression();
    return either.kind === 'boolean' ? either.node : this.fail('==', '+');
  }

  /** A boolean, or a string where no comparison follows. */
  private expression(level = 0): Either {
    const operator = OPERATORS[level];
    if (operator === undefined) return this.comparison();
    const first = this.expression(level + 1);
    if (first.kind === 'string' || this.peek().kind !== operator) return first;
    const operands = [first.node];
    while (this.accept(operator)) operands.push(this.booleanOperand(level + 1));
    return boolean({ type: operator, operands });
  }

  private booleanOperand(level: number): BooleanNode {
    const either = this.expression(level);
    return either.kind === 'boolean' ? either.node : this.fail('==', '+');
  }

  private comparison(): Either {
    const operand = this.operand();
    if (operand.kind === 'boolean') return operand;
    const left = this.sum(operand.node);
    if (!this.accept('==')) return string(left);
    return boolean({ type: 'equal', left, right: this.string() });
  }

  // --- strings ---

  private string(): StringNode {
    return this.sum(this.stringOperand());
  }

  /** What follows a string: `+ b + c`. */
  private sum(first: StringNode): StringNode {
    if (this.peek().kind !== '+') return first;
    const parts = [first];
    while (this.accept('+')) parts.push(this.stringOperand());
    return { type: 'concat', parts };
  }

  private stringOperand(): StringNode {
    const either = this.operand('string');
    return either.kind === 'string' ? either.node : this.fail();
  }

  // --- operands of either kind ---

  /** One operand. With `wanted` string nothing that can only be a boolean is taken. */
  private operand(wanted?: 'string'): Either {
    this.descend();
    const either = this.undeepOperand(this.next(), wanted);
    this.depth--;
    return either;
  }

  private undeepOperand(token: Token, wanted: 'string' | undefined): Either {
    switch (token.kind) {
      case '(':
        return this.parenthesized(wanted);
      case 'option':
        return this.suffixed({ at: 'packet', codes: this.codeChain(this.optionCode()) }, wanted);
      case 'relay4':
        return this.suffixed({ at: 'relay', codes: this.codeChain(this.subOptionCode()) }, wanted);
      case 'vendor':
        return this.vendor(wanted);
      case 'vendor-class':
        return this.vendorClass(wanted);
      case 'relay6':
        return this.relay6();
      case 'not':
      case 'member':
      case 'match':
        return wanted === 'string' ? this.failAt(token) : boolean(this.predicate(token));
      default:
        return string(this.plainString(token));
    }
  }

  private parenthesized(wanted: 'string' | undefined): Either {
    const inner: Either = wanted === 'string' ? string(this.string()) : this.expression();
    if (this.peek().kind !== ')') {
      if (inner.kind === 'boolean') this.fail(')', ...OPERATORS);
      else if (wanted === 'string') this.fail(')', '+');
      else this.fail(')', '==', '+');
    }
    this.next();
    return inner;
  }

  private predicate(token: Token): BooleanNode {
    switch (token.kind) {
      case 'not':
        // `not` binds tightest: it takes one comparison.
        return { type: 'not', of: this.booleanOperand(OPERATORS.length) };
      case 'member': {
        this.take('(');
        const name = this.take(TokenKind.string);
        if (!this.options.isDefined(name.text)) this.refuse(name, `Not defined client class '${name.text}'`);
        this.take(')');
        this.memberNames.add(name.text);
        return { type: 'member', className: name.text };
      }
      default: {
        this.take('(');
        const regex = this.take(TokenKind.string);
        this.take(',');
        const of = this.string();
        this.take(')', '+');
        const octets = utf8(regex.text);
        return { type: 'match', regex: octets, matches: this.pattern(regex, octets), of };
      }
    }
  }

  private pattern(token: Token, regex: Octets): Pattern {
    try {
      return compilePattern(regex);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      return this.refuse(token, `invalid regular expression '${token.text}': ${error.message}`);
    }
  }

  private plainString(token: Token): StringNode {
    switch (token.kind) {
      case TokenKind.string:
        return literal(utf8(token.text));
      case TokenKind.hex:
        return literal(octetsOfHex(token.text.slice(2)));
      case TokenKind.address:
        return literal(octetsOfAddress(token.text));
      case TokenKind.integer:
        return literal(octetsOfUint32(Number(this.integerIn(token, UINT32_RANGE))));
      case 'pkt':
        this.take('.');
        return { type: 'pkt', field: this.oneOf(PKT_FIELDS) };
      case 'pkt4':
        this.take('.');
        return { type: 'pkt4', field: this.oneOf(PKT4_FIELDS) };
      case 'pkt6':
        this.take('.');
        this.oneOf(['msgtype', 'transid']);
        return this.refuse(token, 'pkt6 can only be used in DHCPv6.');
      default:
        return this.call(token);
    }
  }

  private call(token: Token): StringNode {
    switch (token.kind) {
      case 'substring': {
        const of = this.firstArgument();
        this.take(',');
        const start = Number(this.take(TokenKind.integer).text);
        this.take(',');
        const length = this.oneOf(['all', TokenKind.integer]) === 'all' ? undefined : Number(this.last.text);
        this.take(')');
        return { type: 'substring', of, start, length };
      }
      case 'split': {
        const of = this.firstArgument();
        const delimiters = this.furtherArgument();
        this.take(',');
        const field = Number(this.take(TokenKind.integer).text);
        this.take(')');
        return { type: 'split', of, delimiters, field };
      }
      case 'concat': {
        const parts = [this.firstArgument(), this.furtherArgument()];
        this.take(')', '+');
        return { type: 'concat', parts };
      }
      case 'hexstring': {
        const of = this.firstArgument();
        const separator = this.furtherArgument();
        this.take(')', '+');
        return { type: 'hexstring', of, separator };
      }
      case 'ifelse':
      case 'sifelse': {
        this.take('(');
        const condition = this.boolean();
        const then = this.furtherArgument([',', ...OPERATORS]);
        const otherwise = this.furtherArgument();
        this.take(')', '+');
        return { type: 'ifelse', strict: token.kind === 'sifelse', condition, then, otherwise };
      }
      case 'lcase':
      case 'ucase':
      case 'addrtotext': {
        const of = this.firstArgument();
        this.take(')', '+');
        return { type: token.kind, of };
      }
      default: {
        const integer = integerType(token.kind);
        if (integer === undefined) return this.failAt(token);
        const of = this.firstArgument();
        this.take(')', '+');
        return { type: 'inttotext', integer, of };
      }
    }
  }

  private firstArgument(): StringNode {
    this.take('(');
    return this.string();
  }

  private furtherArgument(expected: readonly string[] = [',', '+']): StringNode {
    if (!this.accept(',')) this.fail(...expected);
    return this.string();
  }

  // --- places in the packet ---

  /** The rest of `option[first].option[b]...`, up to the suffix. */
  private codeChain(first: number): number[] {
    const codes = [first];
    for (;;) {
      this.take('.');
      if (!this.accept('option')) return codes;
      codes.push(this.subOptionCode());
    }
  }

  /** `.exists`, `.hex` or `.text`; the dot is taken already. */
  private suffixed(place: Place, wanted: 'string' | undefined): Either {
    const suffix = this.next();
    if (suffix.kind === 'exists' && wanted !== 'string') return boolean({ type: 'exists', place });
    if (suffix.kind === 'hex' || suffix.kind === 'text') return string({ type: 'option', place, form: suffix.kind });
    return this.failAt(suffix, 'option', 'text', 'hex', ...(wanted === 'string' ? [] : ['exists']));
  }

  /** The rest of `vendor.enterprise`, `vendor[E].exists`, `vendor[E].option[c]...`. */
  private vendor(wanted: 'string' | undefined): Either {
    if (this.accept('.')) {
      this.take('enterprise');
      return string({ type: 'enterprise', of: 'vendor' });
    }
    const enterprise = this.enterprise();
    this.take('.');
    const next = this.next();
    if (next.kind === 'option') {
      return this.suffixed({ at: 'vendor', enterprise, codes: this.codeChain(this.subOptionCode()) }, wanted);
    }
    if (next.kind === 'exists' && wanted !== 'string') {
      return boolean({ type: 'vendor-exists', of: 'vendor', enterprise });
    }
    return this.failAt(next, 'option', ...(wanted === 'string' ? [] : ['exists']));
  }

  /** The rest of `vendor-class.enterprise`, `vendor-class[E].exists`, `vendor-class[E].data[i]`. */
  private vendorClass(wanted: 'string' | undefined): Either {
    if (this.accept('.')) {
      this.take('enterprise');
      return string({ type: 'enterprise', of: 'vendor-class' });
    }
    const enterprise = this.enterprise();
    this.take('.');
    const next = this.next();
    if (next.kind === 'exists' && wanted !== 'string') {
      return boolean({ type: 'vendor-exists', of: 'vendor-class', enterprise });
    }
    if (next.kind !== 'data') return this.failAt(next, ...(wanted === 'string' ? [] : ['exists']), 'data');
    let index = 0;
    if (this.accept('[')) {
      index = Number(this.integerIn(this.take(TokenKind.integer), { min: 0n, max: 255n }));
      this.take(']');
    }
    return string({ type: 'vendor-class-data', enterprise, index });
  }

  /** relay6 is of DHCPv6; Kea refuses its nest level before it looks further. */
  private relay6(): never {
    this.take('[');
    const level = this.take(TokenKind.integer);
    this.integerIn(level, { min: -128n, max: 127n });
    return this.refuse(level, 'Nest level invalid for DHCPv4 packets');
  }

  /** `[code]` or `[name]`, a name being one of the space dhcp4. */
  private optionCode(): number {
    this.take('[');
    const token = this.next();
    let code: number | undefined;
    if (token.kind === TokenKind.integer) code = this.checkedCode(token);
    else if (token.kind === TokenKind.optionName) code = this.options.registry.findByName('dhcp4', token.text)?.code;
    else return this.failAt(token, TokenKind.integer, TokenKind.optionName);
    if (code === undefined) return this.refuse(token, `option '${token.text}' is not defined`);
    this.take(']');
    return code;
  }

  private subOptionCode(): number {
    this.take('[');
    const code = this.checkedCode(this.take(TokenKind.integer));
    this.take(']');
    return code;
  }

  private checkedCode(token: Token): number {
    const code = Number(token.text);
    if (code >= 0 && code <= 255) return code;
    return this.refuse(token, `Option code has invalid value in ${token.text}. Allowed range: 0..255`);
  }

  /** `[number]` or `[*]`, the latter as 0, which stands for any enterprise in Kea too. */
  private enterprise(): number {
    if (!this.accept('[')) this.fail('[', '.');
    const kind = this.oneOf(['*', TokenKind.integer]);
    const enterprise = kind === '*' ? 0 : Number(this.integerIn(this.last, UINT32_RANGE));
    this.take(']');
    return enterprise;
  }

  private integerIn(token: Token, range: { readonly min: bigint; readonly max: bigint }): bigint {
    const value = BigInt(token.text);
    if (value >= range.min && value <= range.max) return value;
    return this.refuse(token, `Invalid value in ${token.text}. Allowed range: ${range.min}..${range.max}`);
  }

  // --- tokens ---

  private peek(): Token {
    this.ahead ??= this.lexer.next();
    return this.ahead;
  }

  private next(): Token {
    this.last = this.peek();
    this.ahead = undefined;
    return this.last;
  }

  private accept(kind: string): boolean {
    if (this.peek().kind !== kind) return false;
    this.next();
    return true;
  }

  /** Takes a token of the kind; `others` could have followed too and are only named in the message. */
  private take(kind: string, ...others: readonly string[]): Token {
    return this.peek().kind === kind ? this.next() : this.fail(kind, ...others);
  }

  private oneOf<const K extends string>(kinds: readonly K[]): K {
    const token = this.next();
    return kinds.find((kind) => kind === token.kind) ?? this.failAt(token, ...kinds);
  }

  private descend(): void {
    if (++this.depth > MAX_DEPTH) this.refuse(this.peek(), `nested deeper than ${MAX_DEPTH}`);
  }

  private refuse(token: Token, message: string): never {
    throw new ExpressionSyntaxError(message, token.range);
  }

  private fail(...expected: readonly string[]): never {
    return this.failAt(this.peek(), ...expected);
  }

  private failAt(token: Token, ...expected: readonly string[]): never {
    const named = expected.length > 0 && expected.length <= MAX_EXPECTED;
    const expecting = named ? `, expecting ${expected.join(' or ')}` : '';
    return this.refuse(token, `syntax error, unexpected ${token.kind}${expecting}`);
  }
}

function literal(value: Octets): StringNode {
  return { type: 'literal', value };
}

function integerType(kind: string): keyof typeof INTEGER_TYPES | undefined {
  const name = kind.endsWith('totext') ? kind.slice(0, -'totext'.length) : '';
  return name in INTEGER_TYPES ? (name as keyof typeof INTEGER_TYPES) : undefined;
}

/** Configuration text is UTF-8 and expressions compare octets: a letter outside ASCII is several of them. */
function utf8(text: string): Octets {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function octetsOfHex(digits: string): Octets {
  const even = digits.length % 2 === 0 ? digits : `0${digits}`;
  return Buffer.from(even, 'hex').toString('latin1');
}

function octetsOfUint32(value: number): Octets {
  return String.fromCharCode(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

/** Octets of an address that node:net has found valid. */
function octetsOfAddress(text: string): Octets {
  if (isIPv4(text)) return String.fromCharCode(...text.split('.').map(Number));
  const tail = /[^:]*\.[^:]*$/.exec(text)?.[0];
  const hex = tail === undefined ? text : text.slice(0, -tail.length) + groupsOfIpv4(tail);
  const [head = '', rest] = hex.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = rest === undefined || rest === '' ? [] : rest.split(':');
  const zeros = new Array<string>(8 - before.length - after.length).fill('0');
  return octetsOfHex([...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join(''));
}

function groupsOfIpv4(text: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}
