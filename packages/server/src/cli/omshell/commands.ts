/**
 * omshell's commands, as a table. Each reads its own words, in omshell's order: what a line has done before it turns out
 * to be wrong stays done. Texts are omshell's, misspellings included: scripts look for them.
 */

import { readFileSync } from 'node:fs';
import { deleteRequest, openRequest, refreshRequest, updateRequest } from '@lessor/omapi';
import { isEnd, isIdentifier, isMark, type OmshellLexer, type Token } from './lexer.js';
import { ShellObject } from './object.js';
import type { Failure, OmshellState } from './state.js';
import { parseSecret, parseValue } from './values.js';

/** What a command had to say. */
export interface Outcome {
  /** For standard output; empty if all went well. */
  readonly text: string;
  /** For standard error, before the text. */
  readonly errors: string;
  readonly failed: boolean;
  /** What the server said or the system reports beyond omshell's few words. */
  readonly detail?: string | undefined;
  readonly quit?: boolean;
}

/** Says what went wrong. */
type Say = Partial<Omit<Outcome, 'failed'>>;
type Command = (state: OmshellState, lexer: OmshellLexer) => Say | undefined | Promise<Say | undefined>;

/** Executes one line. */
export async function execute(state: OmshellState, lexer: OmshellLexer): Promise<Outcome> {
  const word = lexer.next();
  const said = await commandOf(state, word)(state, lexer);
  const errors = lexer.complaints + (said?.errors ?? '');
  const { text = '', detail, quit = false } = said ?? {};
  const failed = errors !== '' || (text !== '' && text !== HELP);
  return { text, errors, failed, detail, quit };
}

function commandOf(state: OmshellState, word: Token): Command {
  if (isEnd(word)) return () => undefined;
  const name = word.text.toLowerCase();
  if (word.kind === 'keyword' && Object.hasOwn(COMMANDS, name)) return COMMANDS[name]!;
  if (isMark(word, '?')) return help;
  if (state.extended && (name === 'quit' || name === 'exit')) return () => ({ quit: true });
  return (_, lexer) => {
    lexer.warn(`unknown token: ${word.text}`);
    lexer.skip();
    return undefined;
  };
}

const HELP = `Commands:
  port <server omapi port>
  server <server address>
  key <key name> <key value>
  connect
  disconnect
  new <object-type>
  set <name> = <value>
  create
  open
  update
  unset <name>
  refresh
  remove
`;

const help: Command = (_, lexer) => {
  lexer.skip();
  return { text: HELP };
};

/** THE commands. */
const COMMANDS: Readonly<Record<string, Command>> = {
  help,
  port,
  server,
  key,
  'key-algorithm': keyAlgorithm,
  connect,
  disconnect,
  new: newObject,
  close,
  set,
  unset,
  open: (state, lexer) => open(state, lexer, false),
  create: (state, lexer) => open(state, lexer, true),
  update,
  refresh,
  remove,
};

/** Names of the commands, for completion. */
export const COMMAND_NAMES: readonly string[] = Object.keys(COMMANDS);

/** Passes over the rest of the line and says something. */
function stop(lexer: OmshellLexer, ...lines: readonly string[]): Say {
  lexer.skip();
  return { text: lines.map((line) => `${line}\n`).join('') };
}

/** The failure of a request as omshell words it. */
function can(what: string, failure: Failure | undefined): Say | undefined {
  return failure && { text: `can't ${what} object: ${failure.text}\n`, detail: failure.detail };
}

function port(state: OmshellState, lexer: OmshellLexer): Say | undefined {
  const word = lexer.next();
  if (isIdentifier(word)) {
    const number = servicePort(word.text);
    if (number === undefined) return { text: `unknown service name: ${word.text}\n` };
    state.port = number;
  } else if (word.kind === 'number') {
    state.port = Number.parseInt(word.text, 10) & 0xffff;
  } else return stop(lexer, 'usage: port <port>');
  return isEnd(lexer.next()) ? undefined : stop(lexer, 'usage: port <server>');
}

/** Port of a TCP service by /etc/services. */
function servicePort(name: string): number | undefined {
  let services: string;
  try {
    services = readFileSync('/etc/services', 'latin1');
  } catch {
    return undefined;
  }
  for (const line of services.split('\n')) {
    const [first, portAndProtocol, ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/);
    const match = /^(\d+)\/tcp$/.exec(portAndProtocol ?? '');
    if (match && (first === name || aliases.includes(name))) return Number(match[1]);
  }
  return undefined;
}

const SERVER_USAGE = 'usage: server <server>';

function server(state: OmshellState, lexer: OmshellLexer): Say | undefined {
  if (state.extended) {
    const name = /^("?)([\w.:%-]+)\1;?$/.exec(lexer.rest())?.[2];
    if (name === undefined) return { text: `${SERVER_USAGE}\n` };
    state.server = name;
    return undefined;
  }
  const word = lexer.next();
  if (word.kind === 'number') {
    const parts = [word.text];
    while (parts.length < 4) {
      if (!isMark(lexer.next(), '.')) return stop(lexer, SERVER_USAGE);
      const part = lexer.next();
      if (part.kind !== 'number') return stop(lexer, SERVER_USAGE);
      parts.push(part.text);
    }
    state.server = parts.join('.');
  } else if (isIdentifier(word)) state.server = word.text;
  else return stop(lexer, SERVER_USAGE);
  return isEnd(lexer.next()) ? undefined : stop(lexer, SERVER_USAGE);
}

const KEY_USAGE = 'usage: key <name> <value>';

function key(state: OmshellState, lexer: OmshellLexer): Say | undefined {
  const name = keyName(lexer, state.extended);
  if (name === undefined) return stop(lexer, KEY_USAGE);
  state.keyName = name;
  state.secret = parseSecret(lexer);
  if (state.secret.length === 0) {
    lexer.skip();
    return undefined;
  }
  return isEnd(lexer.next()) ? undefined : stop(lexer, KEY_USAGE);
}

/** Words with dots between; a dot at the end belongs to the name. */
function keyName(lexer: OmshellLexer, extended: boolean): string | undefined {
  if (extended && lexer.peek().kind === 'string') return lexer.next().text;
  if (lexer.peek().kind === 'string') {
    lexer.next();
    return undefined;
  }
  let name = '';
  while (isIdentifier(lexer.peek()) || lexer.peek().kind === 'number') {
    name += lexer.next().text;
    if (!isMark(lexer.peek(), '.')) break;
    name += lexer.next().text;
  }
  return name === '' ? undefined : name;
}

function keyAlgorithm(state: OmshellState, lexer: OmshellLexer): Say | undefined {
  const word = lexer.next();
  if (word.kind !== 'name') {
    return stop(lexer, 'missing or invalid algorithm name', 'usage: key-algoritm <algorithm name>');
  }
  state.algorithm = word.text;
  if (isEnd(lexer.next())) return undefined;
  return stop(lexer, `extra information after ${word.text}`, 'usage: key-algorithm <algorithm name>');
}

async function connect(state: OmshellState, lexer: OmshellLexer): Promise<Say | undefined> {
  if (!isEnd(lexer.next())) return stop(lexer, 'usage: connect');
  const failure = await state.connect();
  return failure && { errors: `dhcpctl_connect: ${failure.text}\n`, detail: failure.detail };
}

function disconnect(state: OmshellState, lexer: OmshellLexer): Say | undefined {
  if (!isEnd(lexer.next())) return stop(lexer, 'usage: disconnect');
  if (!state.connected) return { errors: 'not connected\n' };
  // omshell can not let go of what it has lost: it takes another connect.
  if (state.isLost) {
    return { errors: 'dhcpctl_disconnect detected invalid arg\ndhcpctl_disconnect: invalid argument\n' };
  }
  state.disconnect();
  return undefined;
}

const NOT_CONNECTED = 'not connected.';

function newObject(state: OmshellState, lexer: OmshellLexer): Say | undefined {
  const type = lexer.next();
  if (!isIdentifier(type) && type.kind !== 'string') return { text: 'usage: new <object-type>\n' };
  if (state.object !== undefined) return stop(lexer, 'an object is already open.');
  if (!state.connected) return stop(lexer, NOT_CONNECTED);
  state.object = new ShellObject(type.text);
  return isEnd(lexer.next()) ? undefined : stop(lexer, 'usage: new <object-type>');
}

function close(state: OmshellState, lexer: OmshellLexer): Say | undefined {
  if (!isEnd(lexer.next())) return stop(lexer, 'usage: close');
  if (!state.connected) return stop(lexer, NOT_CONNECTED);
  if (state.object === undefined) return stop(lexer, 'not open.');
  state.object = undefined;
  return undefined;
}

const SET_USAGE = 'usage: set <name> = <value>';

function set(state: OmshellState, lexer: OmshellLexer): Say | undefined {
  const name = lexer.next();
  if (!isIdentifier(name) && name.kind !== 'string') return stop(lexer, SET_USAGE);
  if (state.object === undefined) return stop(lexer, 'no open object.');
  if (!state.connected) return stop(lexer, NOT_CONNECTED);
  if (!isMark(lexer.next(), '=')) return stop(lexer, SET_USAGE);
  const { value, invalid, last } = parseValue(lexer);
  if (value !== undefined) state.object.set(name.text, value);
  const lines = [...(invalid ? ['invalid value.'] : []), ...(isEnd(last) ? [] : [SET_USAGE])];
  if (lines.length === 2) lexer.skip(); // once for each complaint: a line may end twice
  return lines.length === 0 ? undefined : stop(lexer, ...lines);
}

function unset(state: OmshellState, lexer: OmshellLexer): Say | undefined {
  const name = lexer.next();
  if (!isIdentifier(name) && name.kind !== 'string') return stop(lexer, 'usage: unset <name>');
  if (state.object === undefined) return stop(lexer, 'no open object.');
  if (!state.connected) return stop(lexer, NOT_CONNECTED);
  if (!isEnd(lexer.next())) return stop(lexer, 'usage: unset <name>');
  state.object.set(name.text, null);
  return undefined;
}

async function open(state: OmshellState, lexer: OmshellLexer, create: boolean): Promise<Say | undefined> {
  const extra = lexer.next();
  if (!isEnd(extra)) return stop(lexer, `usage: ${extra.text}`);
  if (!state.connected) return stop(lexer, NOT_CONNECTED);
  if (state.object === undefined) return stop(lexer, 'you must make a new object first!');
  const flags = create ? { create, exclusive: true } : {};
  return can('open', await state.askForObject(openRequest(state.object.type, state.object.changes(), flags)));
}

async function update(state: OmshellState, lexer: OmshellLexer): Promise<Say | undefined> {
  const extra = lexer.next();
  if (!isEnd(extra)) return stop(lexer, `usage: ${extra.text}`);
  if (!state.connected) return stop(lexer, NOT_CONNECTED);
  if (state.object === undefined) return stop(lexer, "you haven't opened an object yet!");
  return can('update', await state.askToDo(updateRequest(state.object.handle, state.object.changes())));
}

async function refresh(state: OmshellState, lexer: OmshellLexer): Promise<Say | undefined> {
  if (!isEnd(lexer.next())) return stop(lexer, 'usage: refresh');
  if (!state.connected) return { text: `${NOT_CONNECTED}\n` };
  if (state.object === undefined) return { text: 'no object.\n' };
  return can('refresh', await state.askForObject(refreshRequest(state.object.handle)));
}

async function remove(state: OmshellState, lexer: OmshellLexer): Promise<Say | undefined> {
  if (!isEnd(lexer.next())) return stop(lexer, 'usage: remove');
  if (!state.connected) return { text: `${NOT_CONNECTED}\n` };
  if (state.object === undefined) return { text: 'no object.\n' };
  const failure = await state.askToDo(deleteRequest(state.object.handle));
  if (failure === undefined) state.object = undefined;
  return can('destroy', failure);
}
