/** The shell as a loop of lines: prompts, execution, rendering as omshell's text or as JSON. It does no input or output. */

import { attributeTypes, formatHex } from '@lessor/omapi';
import { execute, type Outcome } from './commands.js';
import { OmshellLexer } from './lexer.js';
import { encodeValue, printValue } from './object.js';
import { type OmshellOptions, OmshellState } from './state.js';

/** Longest line that is one command; the rest of a longer one is the next. */
const MAX_LINE_OCTETS = 1023;

/** A shell. Everything it takes and gives is a binary string. */
export class Omshell {
  /** True once a command has failed. */
  failed = false;
  readonly state: OmshellState;

  constructor(options: OmshellOptions = {}) {
    this.state = new OmshellState(options);
  }

  /** What to show before reading a line: the object, if connected. The prompt itself, `> `, comes after it. */
  status(): string {
    if (!this.state.connected) return '';
    const { object, extended } = this.state;
    if (object === undefined) return 'obj: <null>\n';
    return object.print(extended ? (name, octets) => explain(object.type, name, octets) : undefined);
  }

  /** Executes a line as it was read, newline included. */
  async execute(line: string): Promise<Outcome> {
    const nul = line.indexOf('\0');
    const outcome = await execute(this.state, new OmshellLexer(nul < 0 ? line : line.slice(0, nul)));
    this.failed ||= outcome.failed;
    return outcome;
  }

  /** The outcome of a line, and the object after it, as one line of JSON. */
  toJson(line: string, { text, errors, failed, detail }: Outcome): string {
    const { connected, object } = this.state;
    const messages = `${errors}${text}`.split('\n').filter((message) => message !== '');
    const shown = object && {
      type: object.type,
      handle: object.handle,
      attributes: Object.fromEntries(
        [...object.attributes()].map(([name, value]) => {
          const octets = encodeValue(value);
          const decoded = value === null ? null : decode(object.type, name, octets);
          return [name, { text: utf8(printValue(value)), hex: formatHex(octets), value: decoded }];
        }),
      ),
    };
    // A secret is nothing to be passed on.
    const command = utf8(/^\s*key\s/i.test(line) ? 'key' : line.trim());
    return JSON.stringify({
      command,
      ok: !failed,
      connected,
      messages: messages.map(utf8),
      detail,
      object: shown ?? null,
    });
  }
}

/** The octets of an attribute as a value JSON can hold: by its type if there is one, else as hexadecimal. */
function decode(type: string, name: string, octets: Uint8Array): unknown {
  const types = attributeTypes(type);
  const value = types !== undefined && Object.hasOwn(types, name) ? types[name]!.decode(octets) : undefined;
  return value === undefined || value instanceof Uint8Array ? formatHex(octets) : value;
}

/** What an attribute means, where octets do not say: states, times, addresses. */
function explain(type: string, name: string, octets: Uint8Array): string | undefined {
  const types = attributeTypes(type);
  if (types === undefined || !Object.hasOwn(types, name)) return undefined;
  const value = types[name]!.decode(octets);
  switch (types[name]!.name) {
    case 'time':
      return new Date(Number(value) * 1000).toISOString().replace('T', ' ').replace('.000Z', ' UTC');
    case 'text':
    case 'data':
    case 'hardware address':
      return undefined;
    default:
      return value === undefined ? undefined : String(value);
  }
}

function utf8(binary: string): string {
  return Buffer.from(binary, 'latin1').toString('utf8');
}

/** Cuts octets into the lines omshell sees: up to a newline, but at most 1023 octets. The last may have no newline. */
export async function* readLines(input: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  let rest = '';
  for await (const chunk of input) {
    rest += Buffer.from(chunk).toString('latin1');
    for (let end = lineEnd(rest); end > 0; end = lineEnd(rest)) {
      yield rest.slice(0, end);
      rest = rest.slice(end);
    }
  }
  if (rest !== '') yield rest;
}

/** Length of the first line; 0 if it is not all there. */
function lineEnd(text: string): number {
  const newline = text.indexOf('\n');
  if (newline >= 0 && newline < MAX_LINE_OCTETS) return newline + 1;
  return text.length >= MAX_LINE_OCTETS ? MAX_LINE_OCTETS : 0;
}
