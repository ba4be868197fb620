/**
 * The matcher behind match('regex', value): whether a regular expression takes a whole byte string.
 *
 * JavaScript's own engine backtracks, so one innocent looking test and one hostile option could hold the server for
 * hours. This one walks a finite automaton: one table look-up per octet, and never more than (size of the pattern) x
 * (length of the value) steps. The automaton's states are made when a packet first needs them and forgotten when
 * there are too many. What no finite automaton can do, back-references and lookahead, is refused by name.
 */

import type { Octets } from '../values.js';
import { type OctetSet, PatternError, type PatternNode, parsePattern, WORD } from './pattern-syntax.js';
import type { Pattern } from './syntax-tree.js';

export { PatternError } from './pattern-syntax.js';

/** Size of a pattern once its {n,m} are written out. With MAX_SUBJECT it bounds the cost of the worst evaluation. */
const MAX_STEPS = 1000;
/** Determined states kept; a usual pattern needs as many as it has characters. */
const MAX_STATES = 400;
/** Octets a value may have. Options on the wire have at most 255 unless a client splits them. */
export const MAX_SUBJECT = 4096;

/**
 * Compiles a regular expression. The function it gives must not be called with more than {@link MAX_SUBJECT} octets
 * if its worst-case time matters.
 * @throws PatternError
 */
export function compilePattern(text: Octets): Pattern {
  const automaton = new Automaton(assemble(parsePattern(text)));
  return (subject) => automaton.accepts(subject);
}

// --- the program: a nondeterministic automaton ---

/** One instruction. `next` are indexes of instructions. */
type Instruction =
  | { readonly op: 'octet'; readonly set: OctetSet; readonly next: number }
  | { readonly op: 'fork'; readonly next: number[] }
  | { readonly op: 'assert'; readonly holds: Assertion; readonly next: number }
  | { readonly op: 'accept' };
type Assertion = (PatternNode & { type: 'assertion' })['holds'];

interface Program {
  readonly instructions: readonly Instruction[];
  readonly start: number;
}

function assemble(root: PatternNode): Program {
  const instructions: Instruction[] = [{ op: 'accept' }];
  const add = (instruction: Instruction): number => {
    if (instructions.length >= MAX_STEPS) throw new PatternError('the expression is too large');
    return instructions.push(instruction) - 1;
  };
  /** Code for `node` that goes on at `next`; returns where it starts. Written from the end to the start. */
  const emit = (node: PatternNode, next: number): number => {
    switch (node.type) {
      case 'set':
        return add({ op: 'octet', set: node.set, next });
      case 'assertion':
        return add({ op: 'assert', holds: node.holds, next });
      case 'sequence':
        return node.of.reduceRight((after, part) => emit(part, after), next);
      case 'choice':
        return add({ op: 'fork', next: node.of.map((part) => emit(part, next)) });
      case 'repeat':
        return repeat(node, next);
    }
  };
  const repeat = (node: PatternNode & { type: 'repeat' }, next: number): number => {
    let entry = next;
    if (node.max === Number.POSITIVE_INFINITY) {
      const loop: number[] = [next];
      entry = add({ op: 'fork', next: loop });
      loop.push(emit(node.of, entry));
    } else {
      for (let i = node.min; i < node.max; i++) entry = add({ op: 'fork', next: [next, emit(node.of, entry)] });
    }
    for (let i = 0; i < node.min; i++) {
      const before = instructions.length;
      entry = emit(node.of, entry);
      if (instructions.length === before) break; // An empty group repeated is still empty.
    }
    return entry;
  };
  return { start: emit(root, 0), instructions };
}

// --- the automaton, determined as it is used ---

/** What came before a place in the text, as far as ^ and \b care. */
type Before = 'start' | 'word' | 'other';

interface State {
  /** Instructions to go on with, ascending; empty: nothing can match any more. */
  readonly entries: readonly number[];
  readonly before: Before;
  /** By class of the next octet. */
  readonly next: (State | undefined)[];
  /** Whether the text may end here; undefined = not looked at yet. */
  accepts: boolean | undefined;
}

class Automaton {
  private readonly classOf: Uint16Array;
  private readonly sampleOf: readonly number[];
  private readonly usesWords: boolean;
  private states = new Map<string, State>();
  private start: State | undefined;

  constructor(private readonly program: Program) {
    this.usesWords = program.instructions.some((one) => one.op === 'assert' && one.holds.endsWith('word-edge'));
    const sets = program.instructions.flatMap((one) => (one.op === 'octet' ? [one.set] : []));
    ({ classOf: this.classOf, sampleOf: this.sampleOf } = classify(this.usesWords ? [...sets, WORD] : sets));
  }

  accepts(subject: Octets): boolean {
    this.start ??= this.state([this.program.start], 'start');
    let state = this.start;
    for (let i = 0; i < subject.length; i++) {
      const octetClass = this.classOf[subject.charCodeAt(i) & 255]!;
      state = state.next[octetClass] ?? this.advance(state, octetClass);
      if (state.entries.length === 0) return false;
    }
    state.accepts ??= this.reachable(state, undefined).has(0);
    return state.accepts;
  }

  /** The state after one more octet of the class. */
  private advance(state: State, octetClass: number): State {
    const octet = this.sampleOf[octetClass]!;
    const entries = new Set<number>();
    for (const index of this.reachable(state, octet)) {
      const instruction = this.program.instructions[index]!;
      if (instruction.op === 'octet' && instruction.set[octet] === 1) entries.add(instruction.next);
    }
    const before = this.usesWords && WORD[octet] === 1 ? 'word' : 'other';
    const next = this.state(
      [...entries].sort((a, b) => a - b),
      before,
    );
    state.next[octetClass] = next;
    return next;
  }

  /** All instructions that can be reached without taking an octet, the next one being `octet` (undefined: the end). */
  private reachable(state: State, octet: number | undefined): Set<number> {
    const seen = new Set<number>(state.entries);
    // A Set is walked in order of insertion, what is added on the way included.
    for (const index of seen) {
      const instruction = this.program.instructions[index]!;
      if (instruction.op === 'fork') for (const next of instruction.next) seen.add(next);
      else if (instruction.op === 'assert' && holds(instruction.holds, state.before, octet)) seen.add(instruction.next);
    }
    return seen;
  }

  private state(entries: readonly number[], before: Before): State {
    const key = `${before}${entries}`;
    let state = this.states.get(key);
    if (state === undefined) {
      if (this.states.size >= MAX_STATES) {
        this.states = new Map();
        this.start = undefined;
      }
      state = { entries, before, next: new Array(this.sampleOf.length).fill(undefined), accepts: undefined };
      this.states.set(key, state);
    }
    return state;
  }
}

function holds(assertion: Assertion, before: Before, octet: number | undefined): boolean {
  if (assertion === 'start') return before === 'start';
  if (assertion === 'end') return octet === undefined;
  const edge = (before === 'word') !== (octet !== undefined && WORD[octet] === 1);
  return edge === (assertion === 'word-edge');
}

/** Octets that no set tells apart are one class. */
function classify(sets: readonly OctetSet[]): { classOf: Uint16Array; sampleOf: number[] } {
  const distinct = [...new Map(sets.map((set) => [set.join(''), set])).values()];
  const classes = new Map<string, number>();
  const classOf = new Uint16Array(256);
  const sampleOf: number[] = [];
  for (let octet = 0; octet < 256; octet++) {
    const signature = distinct.map((set) => set[octet]).join('');
    let octetClass = classes.get(signature);
    if (octetClass === undefined) {
      octetClass = sampleOf.push(octet) - 1;
      classes.set(signature, octetClass);
    }
    classOf[octet] = octetClass;
  }
  return { classOf, sampleOf };
}
