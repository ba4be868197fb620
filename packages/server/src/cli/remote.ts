/** Commands to a running server, for the subcommands of `lessor` that ask one. */

import { CommandClient, type KeaAnswer, KeaError } from '@lessor/kea';
import { LessorError } from '../errors.js';
import { type OptionRow, type ParsedArgs, UsageError } from './args.js';
import type { Io } from './io.js';

/** Where the server is. */
export const REMOTE_OPTIONS: readonly OptionRow[] = [
  { name: 'socket', short: 'u', value: 'PATH', help: 'unix control socket of the server' },
  { name: 'url', value: 'URL', help: 'or its HTTP control socket' },
  { name: 'auth-user', value: 'USER', help: 'basic authentication; the password is in LESSOR_PASSWORD' },
];

/**
 * Sends one command; resolves with its answer if that is a success or nothing found.
 * @throws UsageError without a server, LessorError `command-failed` with the server's text, or if it can not be reached
 */
export async function askServer(args: ParsedArgs, io: Io, name: string, members?: object): Promise<KeaAnswer> {
  const [socketPath, url, user] = [args.value('socket'), args.value('url'), args.value('auth-user')];
  if ((socketPath === undefined) === (url === undefined)) throw new UsageError('give either --socket or --url');
  const client = new CommandClient({
    ...(socketPath === undefined ? { url } : { socketPath }),
    ...(user === undefined ? {} : { user, password: io.env.LESSOR_PASSWORD ?? '' }),
  });
  try {
    const answer = await client.command(name, members);
    if (answer.result === 0 || answer.result === 3) return answer;
    throw new LessorError('command-failed', answer.text ?? `result ${answer.result}`);
  } catch (error) {
    if (error instanceof KeaError) throw new LessorError('command-failed', error.message, { cause: error });
    throw error;
  } finally {
    client.close();
  }
}
