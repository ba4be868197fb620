/** Lines typed at a terminal, kept from one day to the next. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** Lines that are kept. */
export const HISTORY_LINES = 500;

/** Where a program keeps its history unless told otherwise (XDG base directories: state). */
export function historyFileOf(program: string, env: Readonly<Record<string, string | undefined>>): string {
  return join(env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'lessor', `${program}_history`);
}

/** Newest first, as readline has it; the file has the oldest first. @param file undefined: none is kept */
export function loadHistory(file: string | undefined): string[] {
  if (file === undefined) return [];
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .reverse();
  } catch {
    return []; // there is none yet
  }
}

/** Keeps lines, newest first; mode 0600. A history that can not be kept is no reason to bother anybody. */
export function saveHistory(file: string | undefined, lines: readonly string[]): void {
  if (file === undefined) return;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, `${[...lines].reverse().join('\n')}\n`, { mode: 0o600 });
  } catch {
    // see above
  }
}
