/** What a command line program touches of the process, handed in so that a test can stand in for it. */

import type { Writable } from 'node:stream';

/** The exit codes of every lessor program. */
export const ExitCode = {
  /** Done. */
  ok: 0,
  /** The configuration is wrong, or something failed while running. */
  failed: 1,
  /** The command line itself is wrong: the usage was printed. */
  usage: 2,
  /** `lessor client`: no server answered in time. */
  noAnswer: 3,
} as const;

/** Streams and environment of a program. */
export interface Io {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted when the user interrupts (SIGINT, SIGTERM); long-running commands end then. */
  readonly signal?: AbortSignal;
}

/** A subcommand: takes the words after its name, answers with an exit code. */
export type Run = (argv: readonly string[], io: Io) => Promise<number>;

/** Io over the real process. Interrupting once aborts `signal`; interrupting again ends the process. */
export function processIo(): Io {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort());
  return { stdout: process.stdout, stderr: process.stderr, env: process.env, signal: controller.signal };
}

/** Writes one line. */
export function writeLine(stream: Writable, line: string): void {
  stream.write(`${line}\n`);
}
