/**
 * Kea's configuration file dialect to a positioned tree. The parser goes on after a fault, at the next member or
 * item, so that several faults of a file are reported at once.
 */

import { atOnce, type Sliced } from '../domain/slices.js';
import { IssueList, memberPath, positionOf, type TextPosition } from './issues.js';
import { Lexer, type Token } from './lexer.js';
import type { ConfigNode, MapMember } from './tree.js';

/** How deep maps and lists may nest (Kea 3.x: 100). */
export const MAX_NESTING = 100;

/**
 * Parses a configuration file.
 * @param text the file as a binary string
 * @param issues collects what is wrong; trailing commas and leading zeros are warnings, as in Kea
 * @param readFile reads include files
 * @returns the top-level value, or undefined if there is none at all
 */
export function parseConfigText(
  file: string,
  text: string,
  issues: IssueList = new IssueList(),
  readFile: (path: string) => string = () => {
    throw new Error('no files here');
  },
): ConfigNode | undefined {
  return atOnce(parseConfigSliced(file, text, issues, readFile));
}

/** {@link parseConfigText}, to be interrupted before every list and map. */
export function parseConfigSliced(
  file: string,
  text: string,
  issues: IssueList,
  readFile: (path: string) => string,
): Sliced<ConfigNode | undefined> {
  return new Parser(new Lexer(file, text, issues, readFile), issues).document();
}

class Parser {
  private token: Token;

  constructor(
    private readonly lexer: Lexer,
    private readonly issues: IssueList,
  ) {
    this.token = lexer.next();
  }

  *document(): Sliced<ConfigNode | undefined> {
    if (this.token.kind === 'end') {
      this.fault(this.token.at, '', 'the file is empty: a map with the member "Dhcp4" is expected');
      return undefined;
    }
    const value = yield* this.value('', 0);
    this.rest();
    return value;
  }

  /** Nothing may follow the configuration. */
  private rest(): void {
    const { token } = this;
    if (token.kind === 'end') return;
    if (token.kind !== 'bad') this.fault(token.at, '', `${describe(token)} after the end of the configuration`);
    let next = this.lexer.next();
    while (next.kind !== 'end') next = this.lexer.next(); // the lexer reports what it finds
  }

  /** A value, or undefined where there is none (reported). */
  private *value(path: string, depth: number): Sliced<ConfigNode | undefined> {
    const { token } = this;
    switch (token.kind) {
      case '{':
        return yield* this.nested(token.at, path, depth, () => this.map(token.at, path, depth));
      case '[':
        return yield* this.nested(token.at, path, depth, () => this.list(token.at, path, depth));
      case 'string':
        this.advance();
        return { kind: 'string', at: token.at, value: token.value };
      case 'integer':
        this.advance();
        return { kind: 'integer', at: token.at, value: token.value };
      case 'real':
        this.advance();
        return { kind: 'real', at: token.at, value: token.value };
      case 'word':
        this.advance();
        return token.value === null
          ? { kind: 'null', at: token.at }
          : { kind: 'boolean', at: token.at, value: token.value };
      case 'bad':
        this.advance();
        return undefined;
      default:
        this.fault(token.at, path, `${describe(token)} where a value is expected`);
        return undefined;
    }
  }

  /** Guards the nesting limit; what is nested deeper is skipped. */
  private *nested(
    at: TextPosition,
    path: string,
    depth: number,
    parse: () => Sliced<ConfigNode>,
  ): Sliced<ConfigNode | undefined> {
    yield;
    if (depth < MAX_NESTING) return yield* parse();
    this.fault(at, path, `maps and lists are nested more than ${MAX_NESTING} deep`);
    this.skipNested();
    return undefined;
  }

  private *map(at: TextPosition, path: string, depth: number): Sliced<ConfigNode> {
    const members = new Map<string, MapMember>();
    this.advance();
    let separated = true; // a comma, or the beginning, stands before
    let leading = true; // nothing stands before, not even something wrong
    for (;;) {
      const { token } = this;
      if (token.kind === '}') {
        this.advance();
        return { kind: 'map', at, members };
      }
      if (token.kind === 'end') {
        this.fault(token.at, path, `the text ends inside the map that begins at ${where(at)}: } is missing`);
        return { kind: 'map', at, members };
      }
      if (token.kind === ']') {
        this.fault(token.at, path, `] closes the map that begins at ${where(at)}: } is expected`);
        this.advance();
        return { kind: 'map', at, members };
      }
      if (token.kind === ',') {
        this.comma(leading, path, '}');
        separated = true;
        continue;
      }
      if (!separated) this.fault(token.at, path, `${describe(token)} where , or } is expected`);
      separated = false;
      leading = false;
      yield* this.member(members, path, depth);
    }
  }

  private *member(members: Map<string, MapMember>, path: string, depth: number): Sliced<void> {
    const key = this.token;
    if (key.kind !== 'string') {
      if (key.kind !== 'bad') this.fault(key.at, path, `${describe(key)} where the name of a member is expected`);
      this.skipToSeparator();
      return;
    }
    this.advance();
    // Paths begin inside the one map of the file, as operators speak of them.
    const own = depth === 0 && key.value === 'Dhcp4' ? '' : memberPath(path, key.value);
    if (this.token.kind !== ':') {
      if (this.token.kind !== 'bad') {
        this.fault(this.token.at, own, `${describe(this.token)} where : is expected after "${key.value}"`);
      }
      this.skipToSeparator();
      return;
    }
    this.advance();
    const before = this.token;
    const value = yield* this.value(own, depth + 1);
    if (value === undefined) {
      if (this.token === before) this.skipToSeparator();
      return;
    }
    const previous = members.get(key.value);
    if (previous === undefined) {
      members.set(key.value, { keyAt: key.at, value });
    } else {
      this.issues.error(
        'config-duplicate',
        positionOf(key.at, own),
        `"${key.value}" is given twice in the same map, before at ${where(previous.keyAt)}`,
      );
    }
  }

  private *list(at: TextPosition, path: string, depth: number): Sliced<ConfigNode> {
    const items: ConfigNode[] = [];
    this.advance();
    let separated = true;
    let leading = true;
    for (;;) {
      const { token } = this;
      if (token.kind === ']') {
        this.advance();
        return { kind: 'list', at, items };
      }
      if (token.kind === 'end') {
        this.fault(token.at, path, `the text ends inside the list that begins at ${where(at)}: ] is missing`);
        return { kind: 'list', at, items };
      }
      if (token.kind === '}') {
        this.fault(token.at, path, `} closes the list that begins at ${where(at)}: ] is expected`);
        this.advance();
        return { kind: 'list', at, items };
      }
      if (token.kind === ',') {
        this.comma(leading, path, ']');
        separated = true;
        continue;
      }
      if (!separated) this.fault(token.at, path, `${describe(token)} where , or ] is expected`);
      separated = false;
      leading = false;
      const item = yield* this.value(`${path}[${items.length}]`, depth + 1);
      if (item !== undefined) items.push(item);
      else if (this.token === token) this.skipToSeparator();
    }
  }

  /** Takes commas: one separates, more than one or one before the end is a warning (Kea), a leading one an error. */
  private comma(leading: boolean, path: string, close: '}' | ']'): void {
    const { at } = this.token;
    this.advance();
    if (leading) this.fault(at, path, 'a comma stands before the first entry');
    else if (this.token.kind === close || this.token.kind === ',') {
      this.issues.warning('config-syntax', positionOf(at, path), 'extra comma');
    }
  }

  /** Skips to the next comma or closing bracket of this level. */
  private skipToSeparator(): void {
    while (this.token.kind !== ',' && this.token.kind !== '}' && this.token.kind !== ']' && this.token.kind !== 'end') {
      if (this.token.kind === '{' || this.token.kind === '[') this.skipNested();
      else this.advance();
    }
  }

  /** Skips from an opening bracket to behind the closing one. */
  private skipNested(): void {
    let open = 0;
    do {
      if (this.token.kind === '{' || this.token.kind === '[') open++;
      else if (this.token.kind === '}' || this.token.kind === ']') open--;
      else if (this.token.kind === 'end') return;
      this.advance();
    } while (open > 0);
  }

  private advance(): void {
    this.token = this.lexer.next();
  }

  private fault(at: TextPosition, path: string, message: string): void {
    this.issues.error('config-syntax', positionOf(at, path), message);
  }
}

function where(at: TextPosition): string {
  return `${at.file}:${at.line}.${at.column}`;
}

function describe(token: Token): string {
  switch (token.kind) {
    case 'string':
      return `the string "${token.value}"`;
    case 'integer':
    case 'real':
      return `the number ${token.value}`;
    case 'word':
      return String(token.value);
    case 'end':
      return 'the end of the file';
    case 'bad':
      return 'something unreadable';
    default:
      return token.kind;
  }
}
