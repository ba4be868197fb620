/** `lessor plan`: what a configuration file would change in a running server, and for which clients. Applies nothing. */

import { formatJson, type JsonValue } from '@lessor/kea';
import { formatOptions, type OptionRow, parseOptions, UsageError } from './args.js';
import { checkConfigFile } from './check.js';
import { ExitCode, type Io, writeLine } from './io.js';
import { askServer, REMOTE_OPTIONS } from './remote.js';

const OPTIONS: readonly OptionRow[] = [...REMOTE_OPTIONS, { name: 'json', help: 'print the answer as JSON' }];

/** Usage text of `lessor plan`. */
export const PLAN_USAGE = `Usage: lessor plan --socket PATH [FILE]
       lessor plan --url URL [FILE]

Compares FILE (without it: the server's own configuration file as it is now) with
what the server has in force: what would change, and which leases could not be
renewed. Changes nothing.

${formatOptions(OPTIONS)}

Exit codes: 0 done, 1 the file has errors or the server does not answer, 2 wrong usage.
`;

/** Runs `lessor plan`. */
export async function runPlan(argv: readonly string[], io: Io): Promise<number> {
  const args = parseOptions(argv, OPTIONS);
  const [file, ...more] = args.positionals;
  if (more.length > 0) throw new UsageError('give one configuration file');
  const answer = await askServer(args, io, 'config-plan', file === undefined ? undefined : configurationOf(file, io));
  writeLine(io.stdout, args.flag('json') ? formatJson((answer.arguments ?? {}) as JsonValue) : (answer.text ?? ''));
  return ExitCode.ok;
}

/** What the file says, includes and comments resolved; paths and interfaces are the server's business. */
function configurationOf(file: string, io: Io): object {
  const { loaded } = checkConfigFile(file, { insecure: true, checkInterfaces: false }, io.env);
  if (loaded === undefined) throw new UsageError(`${file} has errors: see lessor check`);
  return { Dhcp4: loaded.source };
}
