/**
 * Syntax tree -> closures. Entry point of this folder for config/: {@link compileBooleanExpression} and
 * {@link compileStringExpression}. What does not depend on the packet is computed here, once.
 */

import type { OptionRegistry } from '@lessor/dhcp';
import { lowerCase, type Octets } from '../values.js';
import { type CompiledExpression, type EvaluationContext, EvaluationError } from './expression.js';
import {
  type Read,
  readEnterprise,
  readField,
  readNumber,
  readPlace,
  readPlaceText,
  readVendorClass,
  readVendorExists,
} from './packet-values.js';
import { parseBoolean, parseString } from './parser.js';
import { MAX_SUBJECT } from './pattern.js';
import type { CompileOptions } from './place-parser.js';
import {
  addressToText,
  concat,
  hexString,
  integerToText,
  split,
  substring,
  uint32At,
  upperCase,
} from './string-functions.js';
import type { BooleanNode, StringNode } from './syntax-tree.js';

export type { CompileOptions } from './place-parser.js';
export { ExpressionSyntaxError } from './syntax-error.js';

/** Compiles a `test`. Kea's grammar of release 3.3. @throws ExpressionSyntaxError */
export function compileBooleanExpression(text: string, options: CompileOptions): CompiledExpression<boolean> {
  const { root, memberNames } = parseBoolean(text, options);
  return { text, memberNames, evaluate: compileBoolean(root, options.registry).read };
}

/** Compiles a `template-test` or a flexible identifier. Kea's grammar of release 3.3. @throws ExpressionSyntaxError */
export function compileStringExpression(text: string, options: CompileOptions): CompiledExpression<Octets> {
  const { root, memberNames } = parseString(text, options);
  return { text, memberNames, evaluate: compileString(root, options.registry).read };
}

/** A compiled node. */
interface Code<T> {
  readonly read: Read<T>;
  /** True if `read` does not look at its argument. */
  readonly constant: boolean;
}

/** Kea converts positions when it evaluates, into int: beyond that the evaluation fails. */
const INT32_MAX = 0x7fff_ffff;
const NO_POSITION = new EvaluationError('a position or length is beyond the range of an int');
const LONG_SUBJECT = new EvaluationError(`match() takes at most ${MAX_SUBJECT} octets`);
/** Equalities in a row that are worth a set. */
const MIN_SET = 4;

function compileString(node: StringNode, registry: OptionRegistry): Code<Octets> {
  switch (node.type) {
    case 'literal':
      return constant(node.value);
    case 'option': {
      if (node.form === 'text') return fromPacket(readPlaceText(node.place, registry));
      const value = readPlace(node.place, registry);
      return fromPacket((context) => value(context) ?? '');
    }
    case 'pkt':
    case 'pkt4':
      return fromPacket(readField(node.field));
    case 'enterprise':
      return fromPacket(readEnterprise(node.of));
    case 'vendor-class-data':
      return fromPacket(readVendorClass(node.enterprise, node.index));
    case 'concat':
      return compileConcat(node, registry);
    case 'substring': {
      const of = compileString(node.of, registry);
      const { start, length } = node;
      if (!isInt32(start) || !isInt32(length ?? 0)) return fold([of], whenNotEmpty(of, fail(NO_POSITION)));
      return fold([of], (context) => substring(of.read(context), start, length));
    }
    case 'split': {
      const of = compileString(node.of, registry);
      const delimiters = compileString(node.delimiters, registry);
      const { field } = node;
      if (!isInt32(field)) return fold([of, delimiters], whenNotEmpty(of, fail(NO_POSITION)));
      return fold([of, delimiters], (context) => split(of.read(context), delimiters.read(context), field));
    }
    case 'hexstring': {
      const of = compileString(node.of, registry);
      const separator = compileString(node.separator, registry);
      return fold([of, separator], (context) => hexString(of.read(context), separator.read(context)));
    }
    case 'lcase':
      return map(compileString(node.of, registry), lowerCase);
    case 'ucase':
      return map(compileString(node.of, registry), upperCase);
    case 'addrtotext':
      return map(compileString(node.of, registry), addressToText);
    case 'inttotext': {
      const { integer } = node;
      return map(compileString(node.of, registry), (value) => integerToText(value, integer));
    }
    case 'ifelse':
      return compileChoice(node, registry);
  }
}

function compileConcat(node: StringNode & { type: 'concat' }, registry: OptionRegistry): Code<Octets> {
  return node.parts
    .map((part) => compileString(part, registry))
    .reduce((left, right) => fold([left, right], (context) => concat(left.read(context), right.read(context))));
}

function compileChoice(node: StringNode & { type: 'ifelse' }, registry: OptionRegistry): Code<Octets> {
  const condition = compileBoolean(node.condition, registry);
  const then = compileString(node.then, registry);
  const otherwise = compileString(node.otherwise, registry);
  const parts = [condition, then, otherwise];
  if (!node.strict) {
    return fold(parts, (context) => (condition.read(context) ? then : otherwise).read(context));
  }
  return fold(parts, (context) => {
    const chosen = condition.read(context);
    const values = [then.read(context), otherwise.read(context)] as const;
    return chosen ? values[0] : values[1];
  });
}

function compileBoolean(node: BooleanNode, registry: OptionRegistry): Code<boolean> {
  switch (node.type) {
    case 'not': {
      const of = compileBoolean(node.of, registry);
      return fold([of], (context) => !of.read(context));
    }
    case 'and':
    case 'sand':
      return compileOperator(
        node.operands.map((operand) => compileBoolean(operand, registry)),
        false,
        node.type === 'sand',
      );
    case 'or':
    case 'sor':
      return compileOperator(compileAlternatives(node.operands, registry), true, node.type === 'sor');
    case 'equal':
      return compileEqual(node, registry);
    case 'exists': {
      const value = readPlace(node.place, registry);
      return fromPacket((context) => value(context) !== undefined);
    }
    case 'vendor-exists':
      return fromPacket(readVendorExists(node.of, node.enterprise));
    case 'member': {
      const { className } = node;
      return fromPacket((context) => context.isMember(className));
    }
    case 'match': {
      const of = compileString(node.of, registry);
      const { matches } = node;
      return fold([of], (context) => {
        const value = of.read(context);
        if (value.length > MAX_SUBJECT) throw LONG_SUBJECT;
        return matches(value);
      });
    }
  }
}

/** `or` and `sor` are decided by the first true, `and` and `sand` by the first false; the strict ones go on all the same. */
function compileOperator(operands: readonly Code<boolean>[], decider: boolean, strict: boolean): Code<boolean> {
  const reads = operands.map((operand) => operand.read);
  const [first, second] = reads as [Read<boolean>, Read<boolean> | undefined];
  if (second === undefined) return operands[0]!;
  if (strict) {
    return fold(operands, (context) => {
      let result = !decider;
      for (const read of reads) if (read(context) === decider) result = decider;
      return result;
    });
  }
  if (reads.length === 2) {
    return fold(operands, (context) => (first(context) === decider ? decider : second(context)));
  }
  return fold(operands, (context) => {
    for (const read of reads) if (read(context) === decider) return decider;
    return !decider;
  });
}

/**
 * The operands of an `or`. Long lists of `pkt4.mac == 0x... or pkt4.mac == 0x...` are common in real files: such a run
 * becomes one look-up in a set.
 */
function compileAlternatives(operands: readonly BooleanNode[], registry: OptionRegistry): Code<boolean>[] {
  const codes: Code<boolean>[] = [];
  for (let i = 0; i < operands.length; ) {
    const run = equalityRun(operands, i);
    if (run.values.length >= MIN_SET) {
      const subject = compileString(run.subject!, registry).read;
      const values = new Set(run.values);
      codes.push(fromPacket((context) => values.has(subject(context))));
      i += run.values.length;
    } else {
      codes.push(compileBoolean(operands[i]!, registry));
      i++;
    }
  }
  return codes;
}

/** From `start` on, how many operands compare one and the same thing to literals. */
function equalityRun(operands: readonly BooleanNode[], start: number): { subject?: StringNode; values: Octets[] } {
  const values: Octets[] = [];
  let subject: StringNode | undefined;
  let key = '';
  for (let i = start; i < operands.length; i++) {
    const equality = literalEquality(operands[i]!);
    if (equality === undefined) break;
    const own = JSON.stringify(equality.subject);
    if (subject === undefined) ({ subject } = equality);
    else if (own !== key) break;
    key = own;
    values.push(equality.value);
  }
  return subject === undefined ? { values } : { subject, values };
}

function literalEquality(node: BooleanNode): { subject: StringNode; value: Octets } | undefined {
  if (node.type !== 'equal') return undefined;
  const { left, right } = node;
  if (right.type === 'literal') return left.type === 'literal' ? undefined : { subject: left, value: right.value };
  return left.type === 'literal' ? { subject: right, value: left.value } : undefined;
}

function compileEqual(node: BooleanNode & { type: 'equal' }, registry: OptionRegistry): Code<boolean> {
  const equality = literalEquality(node);
  if (equality !== undefined) return compileLiteralEqual(equality.subject, equality.value, registry);
  const left = compileString(node.left, registry);
  const right = compileString(node.right, registry);
  return fold([left, right], (context) => left.read(context) === right.read(context));
}

/** The usual tests, by ways that make no strings on the way. */
function compileLiteralEqual(subject: StringNode, value: Octets, registry: OptionRegistry): Code<boolean> {
  if ((subject.type === 'pkt' || subject.type === 'pkt4') && value.length === 4) {
    const number = readNumber(subject.field);
    if (number !== undefined) {
      const wanted = uint32At(value, 0);
      return fromPacket((context) => number(context) === wanted);
    }
  }
  if (subject.type === 'substring' && value !== '' && subject.start >= 0 && subject.length === value.length) {
    const { start } = subject;
    const of = compileString(subject.of, registry);
    if (isInt32(start)) return fold([of], (context) => of.read(context).startsWith(value, start));
  }
  const code = compileString(subject, registry);
  return fold([code], (context) => code.read(context) === value);
}

// --- making code ---

function constant<T>(value: T): Code<T> {
  return { read: () => value, constant: true };
}

function fromPacket<T>(read: Read<T>): Code<T> {
  return { read, constant: false };
}

function map(of: Code<Octets>, apply: (value: Octets) => Octets): Code<Octets> {
  return fold([of], (context) => apply(of.read(context)));
}

/** Code that depends on nothing but `inputs`: computed at once if they are all constant. */
function fold<T>(inputs: readonly Code<unknown>[], read: Read<T>): Code<T> {
  if (!inputs.every((input) => input.constant)) return fromPacket(read);
  try {
    return constant(read(NO_PACKET));
  } catch (error) {
    // An expression that always fails still compiles, as in Kea: its class never matches.
    if (error instanceof EvaluationError) return fromPacket(read);
    throw error;
  }
}

function whenNotEmpty(of: Code<Octets>, otherwise: () => Octets): Read<Octets> {
  return (context) => (of.read(context) === '' ? '' : otherwise());
}

function fail(error: EvaluationError): () => never {
  return () => {
    throw error;
  };
}

function isInt32(value: number): boolean {
  return value <= INT32_MAX && value >= -INT32_MAX - 1;
}

/** What constants are computed with; they do not look at it. */
const NO_PACKET: EvaluationContext = {
  option: () => undefined,
  relaySubOption: () => undefined,
  isMember: () => false,
  interfaceName: '',
  source: 0,
  destination: 0,
  length: 0,
  chaddr: '',
  hlen: 0,
  htype: 0,
  ciaddr: 0,
  giaddr: 0,
  yiaddr: 0,
  siaddr: 0,
  messageType: 0,
  xid: 0,
};
