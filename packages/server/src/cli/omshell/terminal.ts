/** The shell at a terminal: editing, history from one day to the next, completion. */

import { createInterface } from 'node:readline';
import { OBJECTS } from '@lessor/omapi';
import { HISTORY_LINES, historyFileOf, loadHistory, saveHistory } from '../history.js';
import { COMMAND_NAMES } from './commands.js';
import type { OmshellState } from './state.js';

/** Where history is kept unless told otherwise. */
export function defaultHistoryFile(env: Readonly<Record<string, string | undefined>>): string {
  return historyFileOf('omshell', env);
}

/** What could stand at the end of a line, and the part of the line that it would replace. */
export function complete(line: string, state: Pick<OmshellState, 'object'>): [candidates: string[], part: string] {
  const words = line.trimStart().split(/\s+/);
  const part = words.at(-1) ?? '';
  const candidates = words.length <= 1 ? [...COMMAND_NAMES, 'quit'] : argumentsOf(words, state);
  return [candidates.filter((word) => word.startsWith(part)).map((word) => `${word} `), part];
}

const ALGORITHM_NAMES = ['hmac-md5', 'hmac-sha1', 'hmac-sha224', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512'];

function argumentsOf([command, ...args]: readonly string[], { object }: Pick<OmshellState, 'object'>): string[] {
  if (args.length === 2 && command === 'set') return ['='];
  if (args.length !== 1) return [];
  switch (command) {
    case 'new':
      return Object.keys(OBJECTS);
    case 'key-algorithm':
      return ALGORITHM_NAMES;
    case 'set':
    case 'unset':
      return object !== undefined && Object.hasOwn(OBJECTS, object.type)
        ? Object.keys(OBJECTS[object.type as keyof typeof OBJECTS])
        : [];
    default:
      return [];
  }
}

/** Lines that may be kept: those with a secret in them may not. */
export function isKept(line: string): boolean {
  return line.trim() !== '' && !/^\s*key\s/i.test(line);
}

/**
 * Reads lines from the terminal, one after the other has been dealt with. Ends at end of input or an interrupt.
 * @param historyFile undefined: no history is kept
 */
export async function* terminalLines(
  state: OmshellState,
  historyFile: string | undefined,
): AsyncGenerator<string, void, undefined> {
  const terminal = createInterface({
    input: process.stdin,
    output: process.stdout,
    prompt: '> ',
    history: loadHistory(historyFile).filter(isKept),
    historySize: HISTORY_LINES,
    removeHistoryDuplicates: true,
    completer: (line: string) => complete(line, state),
  });
  let closed = false;
  terminal.once('close', () => {
    closed = true;
    state.disconnect(); // whatever is being waited for
  });
  let history: readonly string[] = [];
  terminal.on('history', (lines: string[]) => {
    history = lines.filter(isKept);
  });
  try {
    while (!closed) {
      const line = await new Promise<string | undefined>((resolve) => {
        terminal.once('line', resolve);
        terminal.once('close', () => resolve(undefined));
        terminal.prompt();
      });
      if (line === undefined) return;
      yield `${Buffer.from(line, 'utf8').toString('latin1')}\n`;
    }
  } finally {
    terminal.close();
    if (history.length > 0) saveHistory(historyFile, history);
  }
}
