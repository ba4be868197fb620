/** lessor-shell at a terminal: a prompt, completion, history. */

import { createInterface, type Interface } from 'node:readline';
import { COMMANDS } from '../../control/commands/index.js';
import { HISTORY_LINES, loadHistory, saveHistory } from '../history.js';

/** Words of the shell itself. */
export const SHELL_WORDS: readonly (readonly [word: string, help: string])[] = [
  ['help', 'what can be typed here; `help COMMAND`: what a command takes'],
  ['json', 'show answers as JSON'],
  ['table', 'show answers for people'],
  ['raw', 'show answers as they come'],
  ['quit', 'leave (as does ^D)'],
];

/** What lessor knows of a command by its own table; a real Kea may have commands that are not in it. */
function rowOf(name: string) {
  return COMMANDS.find((row) => row.name === name);
}

/** What could stand at the end of a line, and the part of it that would be replaced. */
export function completeLine(line: string, commands: readonly string[]): [candidates: string[], part: string] {
  const words = line.trimStart().split(/\s+/);
  const part = words.at(-1)!;
  const known = [...commands, ...SHELL_WORDS.map(([word]) => word)];
  if (words.length === 1) return [startingWith(part, known).map((word) => `${word} `), part];
  if (words[0] === 'help') return [words.length === 2 ? startingWith(part, known) : [], part];
  const given = new Set(words.slice(1, -1).map((word) => word.split('=')[0]));
  const names = Object.keys(rowOf(words[0]!)?.args ?? {}).filter((name) => !given.has(name));
  return [startingWith(part, names).map((name) => `${name}=`), part];
}

function startingWith(part: string, words: readonly string[]): string[] {
  return words.filter((word) => word.startsWith(part));
}

/** The text of `help`, or of `help COMMAND`. */
export function helpText(topic: string | undefined, commands: readonly string[]): string {
  if (topic === undefined) {
    const words = SHELL_WORDS.map(([word, help]) => `  ${word.padEnd(8)}${help}\n`).join('');
    return `COMMAND NAME=VALUE ... or COMMAND {JSON}; completion by the tab key.\n${words}The server has ${commands.length} commands: list-commands.\n`;
  }
  const row = rowOf(topic);
  if (row === undefined) return commands.includes(topic) ? 'nothing is known of it here\n' : `no command '${topic}'\n`;
  const args = Object.entries(row.args ?? {}).map(
    ([name, { type, optional }]) => `  ${name}=  ${type}${optional ? ', may be left out' : ''}\n`,
  );
  return `${row.name}: ${row.summary}\n${args.join('')}`;
}

/** What the terminal needs of the shell. */
export interface TerminalOptions {
  readonly prompt: string;
  /** undefined: no history is kept. */
  readonly historyFile: string | undefined;
  /** Names for completion; may grow while the shell runs. */
  commands(): readonly string[];
}

/** Lines that may be kept: not those with a password in them. */
function isKept(line: string): boolean {
  return line.trim() !== '' && !/password|secret/i.test(line);
}

/** Reads lines, one after the other has been dealt with, until end of input or an interrupt. */
export async function* terminalLines(options: TerminalOptions): AsyncGenerator<string, void, undefined> {
  const terminal: Interface = createInterface({
    input: process.stdin,
    output: process.stdout,
    prompt: options.prompt,
    history: loadHistory(options.historyFile),
    historySize: HISTORY_LINES,
    removeHistoryDuplicates: true,
    completer: (line: string) => completeLine(line, options.commands()),
  });
  let history: readonly string[] | undefined;
  terminal.on('history', (lines: string[]) => {
    history = lines.filter(isKept);
  });
  try {
    terminal.prompt();
    // Lines that are pasted while a command runs wait in the iterator.
    for await (const line of terminal) {
      yield line;
      terminal.prompt();
    }
  } finally {
    terminal.close();
    if (history !== undefined) saveHistory(options.historyFile, history);
  }
}
