/** `lessor access hash-password`: a password goes in, what may stand in a file in its place comes out. */

import { randomBytes, scryptSync } from 'node:crypto';
import { createInterface } from 'node:readline';
import { formatPasswordHash } from '../domain/access/password-hash.js';
import { UsageError } from './args.js';
import { ExitCode, type Io, writeLine } from './io.js';

/** 16 MiB of memory and some 50 ms for each attempt (RFC 7914). */
const PARAMETERS = { cost: 16_384, blockSize: 8, parallelization: 1 } as const;
const SALT_OCTETS = 16;
const KEY_OCTETS = 32;

/** Runs it: the first line of standard input is the password. */
export async function hashPassword(words: readonly string[], io: Io): Promise<number> {
  // On a command line every user of the machine can read it.
  if (words.length > 0) throw new UsageError('the password is read from standard input');
  const password = await readPassword(io);
  if (password === '') throw new UsageError('the password is empty');
  const salt = randomBytes(SALT_OCTETS);
  const key = scryptSync(password, salt, KEY_OCTETS, { ...PARAMETERS, maxmem: 64 * 1024 * 1024 });
  writeLine(io.stdout, formatPasswordHash({ ...PARAMETERS, salt, key }));
  return ExitCode.ok;
}

/** One line; of a terminal without echo. */
async function readPassword(io: Io): Promise<string> {
  const terminal = process.stdin.isTTY === true;
  if (terminal) io.stderr.write('password: ');
  const lines = createInterface({ input: process.stdin, terminal });
  try {
    for await (const line of lines) return line;
    return '';
  } finally {
    lines.close();
    if (terminal) io.stderr.write('\n');
  }
}
