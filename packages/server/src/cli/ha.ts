/** `lessor ha status`: what a server of a pair is doing and why, for people. */

import { CommandClient, type JsonMap, type JsonValue } from '@lessor/kea';
import { LessorError } from '../errors.js';
import { formatOptions, type OptionRow, parseOptions, UsageError } from './args.js';
import { ExitCode, type Io, writeLine } from './io.js';

const OPTIONS: readonly OptionRow[] = [
  { name: 'socket', value: 'PATH', help: 'unix control socket of the server' },
  { name: 'json', help: "print Kea's JSON as status-get has it" },
];

/** Usage text of `lessor ha`. */
export const HA_USAGE = `Usage: lessor ha status --socket PATH [--json]

Says in plain words what this server of a pair is doing, and why.

${formatOptions(OPTIONS)}

Exit codes: 0 both servers work together, 1 they do not or there is no pair, 2 wrong usage.
`;

/** Runs it. */
export async function runHa(argv: readonly string[], io: Io): Promise<number> {
  const options = parseOptions(argv, OPTIONS);
  if (options.positionals.length !== 1 || options.positionals[0] !== 'status')
    throw new UsageError('the one thing to ask for is: status');
  const socketPath = options.value('socket');
  if (socketPath === undefined) throw new UsageError('--socket is needed');
  const client = new CommandClient({ socketPath });
  const status = await client.call('status-get');
  const pairs = status['high-availability'];
  const [pair] = Array.isArray(pairs) ? (pairs as readonly JsonValue[]) : [];
  if (!isMap(pair)) throw new LessorError('command-failed', 'this server has no partner');
  if (options.flag('json')) writeLine(io.stdout, JSON.stringify(pair, null, 2));
  else for (const line of describePair(pair)) writeLine(io.stdout, line);
  return isMap(pair.lessor) && pair.lessor.connected === true ? ExitCode.ok : ExitCode.failed;
}

/** The lines of the report. */
export function describePair(pair: JsonMap): string[] {
  const servers = mapAt(pair, 'ha-servers');
  const [local, remote, own] = [mapAt(servers, 'local'), mapAt(servers, 'remote'), mapAt(pair, 'lessor')];
  const scopes = Array.isArray(local.scopes) ? local.scopes.map(String) : [];
  const skew = remote['clock-skew'];
  return [
    `${String(local['server-name'])} (${String(local.role)}, ${String(pair['ha-mode'])}): ${String(own.state)}`,
    `  ${String(own.reason)}`,
    `  answers the clients of: ${scopes.length === 0 ? 'nobody' : scopes.join(' and ')}`,
    `${String(remote['server-name'])} (${String(remote.role)}): ${String(own['partner-state'])}, ${own.connected === true ? 'answers' : 'does not answer'}`,
    ...(typeof skew === 'number' && skew !== 0 ? [`  its clock differs by ${skew} s`] : []),
    ...(typeof own.unconfirmed === 'number' && own.unconfirmed > 0
      ? [`  ${own.unconfirmed} leases are not stored there yet`]
      : []),
  ];
}

function mapAt(map: JsonMap, name: string): JsonMap {
  const value = map[name];
  return isMap(value) ? value : {};
}

function isMap(value: JsonValue | undefined): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
