/**
 * Reads the regular expressions of match(): the ECMAScript grammar of C++ std::regex over octets, which is what Kea
 * uses. It has no Unicode, named groups or lookbehind; \w, \d, \s and classes such as [[:alpha:]] mean ASCII.
 */

import type { Octets } from '../values.js';

/** A regular expression that can not be used; the message is for operators. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
}

/** Which of the 256 octets: one element each, 1 for "in the set". */
export type OctetSet = Uint8Array;

/** What a regular expression is made of. Groups leave no trace: only whether the whole text matches is ever asked. */
export type PatternNode =
  | { readonly type: 'set'; readonly set: OctetSet }
  | { readonly type: 'sequence' | 'choice'; readonly of: readonly PatternNode[] }
  | { readonly type: 'repeat'; readonly of: PatternNode; readonly min: number; readonly max: number }
  | { readonly type: 'assertion'; readonly holds: 'start' | 'end' | 'word-edge' | 'no-word-edge' };

const MAX_DEPTH = 200;

/** @throws PatternError */
export function parsePattern(text: Octets): PatternNode {
  return new PatternParser(text).whole();
}

/** Octets of \w, which \b looks at too. */
export const WORD: OctetSet = setOf(/\w/);

const SHORTHANDS: Readonly<Record<string, OctetSet>> = {
  d: setOf(/\d/),
  D: setOf(/\D/),
  w: WORD,
  W: setOf(/\W/),
  s: setOf(/[ \t\n\v\f\r]/),
  S: setOf(/[^ \t\n\v\f\r]/),
};
const NAMED_CLASSES: Readonly<Record<string, OctetSet>> = {
  alnum: setOf(/[A-Za-z0-9]/),
  alpha: setOf(/[A-Za-z]/),
  blank: setOf(/[ \t]/),
  cntrl: setOf(/[^ -~\u0080-\u00ff]/),
  d: setOf(/\d/),
  digit: setOf(/\d/),
  graph: setOf(/[!-~]/),
  lower: setOf(/[a-z]/),
  print: setOf(/[ -~]/),
  punct: setOf(/[!-/:-@[-`{-~]/),
  s: setOf(/[ \t\n\v\f\r]/),
  space: setOf(/[ \t\n\v\f\r]/),
  upper: setOf(/[A-Z]/),
  w: WORD,
  xdigit: setOf(/[0-9A-Fa-f]/),
};
const ANY = setOf(/[^\n\r]/);
const CONTROLS: Readonly<Record<string, string>> = { '0': '\0', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
const ASSERTIONS = { '^': 'start', $: 'end', '\\b': 'word-edge', '\\B': 'no-word-edge' } as const;

class PatternParser {
  private position = 0;
  private depth = 0;

  constructor(private readonly text: Octets) {}

  whole(): PatternNode {
    const node = this.choice();
    if (this.position < this.text.length) throw parenthesesError();
    return node;
  }

  private choice(): PatternNode {
    if (++this.depth > MAX_DEPTH) throw new PatternError(`groups nested deeper than ${MAX_DEPTH}`);
    const of = [this.sequence()];
    while (this.accept('|')) of.push(this.sequence());
    this.depth--;
    return of.length === 1 ? of[0]! : { type: 'choice', of };
  }

  private sequence(): PatternNode {
    const of: PatternNode[] = [];
    while (this.position < this.text.length && !this.at('|') && !this.at(')')) {
      of.push(this.assertion() ?? this.repeated());
    }
    return { type: 'sequence', of };
  }

  private assertion(): PatternNode | undefined {
    for (const [sign, holds] of Object.entries(ASSERTIONS)) {
      if (this.accept(sign)) return { type: 'assertion', holds };
    }
    return undefined;
  }

  private repeated(): PatternNode {
    let node = this.atom();
    for (;;) {
      const bounds = this.quantifier();
      if (bounds === undefined) return node;
      this.accept('?'); // Lazy or greedy makes no difference to whether the whole text matches.
      node = { type: 'repeat', of: node, ...bounds };
    }
  }

  private quantifier(): { min: number; max: number } | undefined {
    if (this.accept('*')) return { min: 0, max: Number.POSITIVE_INFINITY };
    if (this.accept('+')) return { min: 1, max: Number.POSITIVE_INFINITY };
    if (this.accept('?')) return { min: 0, max: 1 };
    if (!this.at('{')) return undefined;
    const match = this.acceptPattern(/\{(\d{1,6})(,(\d{1,6})?)?\}/y);
    if (match === undefined) throw new PatternError("Invalid range in '{}' in regular expression");
    const min = Number(match[1]);
    const max = match[2] === undefined ? min : match[3] === undefined ? Number.POSITIVE_INFINITY : Number(match[3]);
    if (max < min) throw new PatternError("Invalid range in '{}' in regular expression");
    return { min, max };
  }

  private atom(): PatternNode {
    if (this.accept('(')) return this.group();
    if (this.accept('[')) return { type: 'set', set: this.bracket() };
    if (this.accept('.')) return { type: 'set', set: ANY };
    if (this.accept('\\')) return { type: 'set', set: this.escape() };
    const character = this.take();
    if ('*+?{'.includes(character)) throw new PatternError(`nothing to repeat before '${character}'`);
    return { type: 'set', set: single(character) };
  }

  private group(): PatternNode {
    if (this.acceptPattern(/\?[=!]/y) !== undefined) {
      throw new PatternError('lookahead is not supported: its cost has no bound; use another test with and, or, not');
    }
    if (this.at('?') && !this.accept('?:')) throw new PatternError("Invalid '(?...)' group in regular expression");
    const node = this.choice();
    if (!this.accept(')')) throw parenthesesError();
    return node;
  }

  /** What follows a backslash outside brackets. */
  private escape(): OctetSet {
    if (/[1-9]/.test(this.text[this.position] ?? '')) {
      throw new PatternError('back-references are not supported: their cost has no bound');
    }
    const shorthand = this.shorthand();
    return shorthand ?? single(this.escapedCharacter());
  }

  private shorthand(): OctetSet | undefined {
    const set = SHORTHANDS[this.text[this.position] ?? ''];
    if (set !== undefined) this.position++;
    return set;
  }

  private escapedCharacter(): string {
    const code = this.acceptPattern(/x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})/y);
    if (code !== undefined) {
      const value = Number.parseInt(code[1] ?? code[2]!, 16);
      if (value > 255) throw new PatternError(`\\u${code[2]} is more than one octet`);
      return String.fromCharCode(value);
    }
    if (this.at('x') || this.at('u')) throw new PatternError(`too few digits after '\\${this.text[this.position]}'`);
    const control = this.acceptPattern(/c([A-Za-z])/y);
    if (control !== undefined) return String.fromCharCode(control[1]!.charCodeAt(0) & 31);
    const character = this.take('escape');
    return CONTROLS[character] ?? character;
  }

  // --- [...] ---

  private bracket(): OctetSet {
    const inverted = this.accept('^');
    const set: OctetSet = new Uint8Array(256);
    while (!this.accept(']')) {
      const from = this.bracketItem();
      // A '-' that ends the brackets stands for itself.
      if (!this.at('-') || this.text[this.position + 1] === ']') addAll(set, from);
      else {
        this.position++;
        addRange(set, from, this.bracketItem());
      }
    }
    if (inverted) for (let octet = 0; octet < 256; octet++) set[octet]! ^= 1;
    return set;
  }

  /** One character, or a set such as \d or [:alpha:]. */
  private bracketItem(): OctetSet {
    const named = this.acceptPattern(/\[:([a-z]+):\]/y);
    if (named !== undefined) {
      const set = NAMED_CLASSES[named[1]!];
      if (set === undefined) throw new PatternError(`there is no character class [:${named[1]}:]`);
      return set;
    }
    if (this.at('[.') || this.at('[=')) throw new PatternError('[. and [= are not supported');
    if (!this.accept('\\')) return single(this.take('['));
    if (this.accept('b')) return single('\b');
    return this.shorthand() ?? single(this.escapedCharacter());
  }

  // --- characters ---

  private at(text: string): boolean {
    return this.text.startsWith(text, this.position);
  }

  private accept(text: string): boolean {
    if (!this.at(text)) return false;
    this.position += text.length;
    return true;
  }

  private acceptPattern(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.position;
    const match = pattern.exec(this.text);
    if (match === null) return undefined;
    this.position += match[0].length;
    return match;
  }

  private take(open?: '[' | 'escape'): string {
    const character = this.text[this.position++];
    if (character !== undefined) return character;
    throw new PatternError(
      open === '[' ? "Unexpected end of bracket expression, ']' is missing" : "Unexpected end after '\\'",
    );
  }
}

function parenthesesError(): PatternError {
  return new PatternError("Mismatched '(' and ')' in regular expression");
}

function setOf(pattern: RegExp): OctetSet {
  return Uint8Array.from({ length: 256 }, (_, octet) => (pattern.test(String.fromCharCode(octet)) ? 1 : 0));
}

function single(character: string): OctetSet {
  const set = new Uint8Array(256);
  set[character.charCodeAt(0)] = 1;
  return set;
}

function addAll(target: OctetSet, set: OctetSet): void {
  for (let octet = 0; octet < 256; octet++) target[octet]! |= set[octet]!;
}

function addRange(target: OctetSet, from: OctetSet, to: OctetSet): void {
  const first = onlyOctet(from);
  const last = onlyOctet(to);
  if (first === undefined || last === undefined || first > last) {
    throw new PatternError('Invalid range in bracket expression');
  }
  target.fill(1, first, last + 1);
}

function onlyOctet(set: OctetSet): number | undefined {
  const octet = set.indexOf(1);
  return octet >= 0 && octet === set.lastIndexOf(1) ? octet : undefined;
}
