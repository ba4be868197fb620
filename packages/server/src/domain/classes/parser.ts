/**
 * Expression text -> syntax tree, by recursive descent. Grammar and messages are Kea's (Kea ARM "Using Expressions in
 * Classification"). Binding, from loosest: `+`, `sor`, `or`, `sand`, `and`, `not`.
 *
 * An opening parenthesis may begin a boolean or a string, and only what follows tells which. So operands are parsed
 * without knowing, and the place that needs one or the other asks afterwards.
 */

import type { Octets } from '../values.js';
import { type Token, TokenKind } from './lexer.js';
import { octetsOfAddress, octetsOfHex, octetsOfText } from './literals.js';
import { compilePattern, PatternError } from './pattern.js';
import { asBoolean, asString, type CompileOptions, type Either, PlaceParser, UINT32_RANGE } from './place-parser.js';
import { octetsOfUint32 } from './string-functions.js';
import {
  type BooleanNode,
  INTEGER_TYPES,
  type Pattern,
  PKT_FIELDS,
  PKT4_FIELDS,
  type StringNode,
  type SyntaxTree,
} from './syntax-tree.js';

/** Boolean operators from loosest to tightest. */
const OPERATORS = ['sor', 'or', 'sand', 'and'] as const;

/** Parses a boolean expression (`test`). @throws ExpressionSyntaxError */
export function parseBoolean(text: string, options: CompileOptions): SyntaxTree<BooleanNode> {
  return new Parser(text, options).wholeBoolean();
}

/** Parses a string expression (`template-test`, flex-id). @throws ExpressionSyntaxError */
export function parseString(text: string, options: CompileOptions): SyntaxTree<StringNode> {
  return new Parser(text, options).wholeString();
}

class Parser extends PlaceParser {
  private readonly memberNames = new Set<string>();

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
    return asBoolean({ type: operator, operands });
  }

  private booleanOperand(level: number): BooleanNode {
    const either = this.expression(level);
    return either.kind === 'boolean' ? either.node : this.fail('==', '+');
  }

  private comparison(): Either {
    const operand = this.operand();
    if (operand.kind === 'boolean') return operand;
    const left = this.sum(operand.node);
    if (!this.accept('==')) return asString(left);
    return asBoolean({ type: 'equal', left, right: this.string() });
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
    return this.nested(() => this.operandFrom(this.next(), wanted));
  }

  private operandFrom(token: Token, wanted: 'string' | undefined): Either {
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
        return wanted === 'string' ? this.failAt(token) : asBoolean(this.predicate(token));
      default:
        return asString(this.plainString(token));
    }
  }

  private parenthesized(wanted: 'string' | undefined): Either {
    const inner: Either = wanted === 'string' ? asString(this.string()) : this.expression();
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
        const octets = octetsOfText(regex.text);
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
        return literal(octetsOfText(token.text));
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
        this.take(',', '+');
        const start = Number(this.take(TokenKind.integer).text);
        this.take(',');
        const length = this.oneOf(['all', TokenKind.integer]) === 'all' ? undefined : Number(this.last.text);
        this.take(')');
        return { type: 'substring', of, start, length };
      }
      case 'split': {
        const of = this.firstArgument();
        const delimiters = this.furtherArgument();
        this.take(',', '+');
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
}

function literal(value: Octets): StringNode {
  return { type: 'literal', value };
}

function integerType(kind: string): keyof typeof INTEGER_TYPES | undefined {
  const name = kind.endsWith('totext') ? kind.slice(0, -'totext'.length) : '';
  return name in INTEGER_TYPES ? (name as keyof typeof INTEGER_TYPES) : undefined;
}
