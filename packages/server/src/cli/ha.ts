/** `lessor ha`: what a server of a pair is doing and why, and where the two are configured differently, for people. */

import { CommandClient, type JsonMap, type JsonValue } from '@lessor/kea';
import { LessorError } from '../errors.js';
import { formatOptions, type OptionRow, type ParsedArgs, parseOptions, UsageError } from './args.js';
import { ExitCode, type Io, writeLine } from './io.js';

const OPTIONS: readonly OptionRow[] = [
  { name: 'socket', value: 'PATH', help: 'unix control socket of the server' },
  { name: 'server', value: 'NAME', help: 'on a hub: the relation with this server; status says all if absent' },
  { name: 'json', help: 'print the answer of the server' },
  { name: 'without-its-leases', help: 'partner-down: it never comes back, and leases that it alone knew are given up' },
  {
    name: 'wait',
    value: 'SECONDS',
    help: 'partner-down: how long those leases may run; the longest lifetime if absent',
  },
  { name: 'apply', help: 'push: put it in force on the partner; without it only what would change is said' },
];

/** Usage text of `lessor ha`. */
export const HA_USAGE = `Usage: lessor ha status --socket PATH [--json]
       lessor ha diff --socket PATH [--json]
       lessor ha push --socket PATH [--apply] [--json]
       lessor ha partner-down --socket PATH [--without-its-leases [--wait SECONDS]]
       lessor ha continue --socket PATH

status says in plain words what this server of a pair is doing, and why; diff where the configurations of the two servers
differ; push what the configuration of this server would change on its partner, and with --apply changes it there.
partner-down tells this server that the other is down, continue that it may serve though it has not heard from the other
since it started. Both are believed: make sure that the other serves nobody.

${formatOptions(OPTIONS)}

Exit codes: 0 both servers work together, are configured alike, or it was pushed; 1 not so, or there is no pair; 2 wrong usage.
`;

/** Kea's result code for an answer without content. */
const NO_DIFFERENCE = 3;

type Verb = (client: CommandClient, io: Io, options: ParsedArgs) => Promise<number>;

const VERBS: Readonly<Record<string, Verb>> = { status, diff, push, 'partner-down': partnerDown, continue: goOn };

/** Runs it. */
export async function runHa(argv: readonly string[], io: Io): Promise<number> {
  const options = parseOptions(argv, OPTIONS);
  const [verb = ''] = options.positionals;
  if (options.positionals.length !== 1 || !Object.hasOwn(VERBS, verb)) {
    throw new UsageError(`what to do is one of: ${Object.keys(VERBS).join(', ')}`);
  }
  const socketPath = options.value('socket');
  if (socketPath === undefined) throw new UsageError('--socket is needed');
  const client = new CommandClient({ socketPath });
  return await VERBS[verb]!(client, io, options);
}

async function status(client: CommandClient, io: Io, options: ParsedArgs): Promise<number> {
  const all = await client.call('status-get');
  const listed = all['high-availability'];
  const pairs = Array.isArray(listed) ? (listed as readonly JsonValue[]).filter(isMap) : [];
  const server = options.value('server');
  const wanted = pairs.filter((pair) => server === undefined || isOf(pair, server));
  const [only, second] = wanted;
  if (only === undefined) {
    const text = server === undefined ? 'this server has no partner' : `no relation has a server ${server}`;
    throw new LessorError('command-failed', text);
  }
  if (options.flag('json')) writeLine(io.stdout, JSON.stringify(second === undefined ? only : wanted, null, 2));
  else for (const line of wanted.flatMap(describePair)) writeLine(io.stdout, line);
  const works = wanted.every(({ lessor }) => isMap(lessor) && lessor.connected === true);
  return works ? ExitCode.ok : ExitCode.failed;
}

async function diff(client: CommandClient, io: Io, options: ParsedArgs): Promise<number> {
  const { result, text, arguments: answer } = await client.command('ha-config-diff', ofRelation(options));
  if (result !== 0 && result !== NO_DIFFERENCE) throw new LessorError('command-failed', text ?? 'the server refused');
  const differences = isMap(answer) ? answer.differences : [];
  const list = Array.isArray(differences) ? (differences as readonly JsonValue[]).filter(isMap) : [];
  if (options.flag('json')) writeLine(io.stdout, JSON.stringify(list, null, 2));
  else if (list.length === 0) writeLine(io.stdout, 'both servers are configured alike');
  else
    for (const { path, here, there } of list) writeLine(io.stdout, `${path}: here ${show(here)}, there ${show(there)}`);
  return list.length === 0 ? ExitCode.ok : ExitCode.failed;
}

async function push(client: CommandClient, io: Io, options: ParsedArgs): Promise<number> {
  const apply = options.flag('apply');
  const answer = await client.command('ha-config-push', { ...ofRelation(options), apply });
  if (answer.result !== 0) throw new LessorError('command-failed', answer.text ?? 'the server refused');
  if (options.flag('json')) writeLine(io.stdout, JSON.stringify(answer.arguments ?? {}, null, 2));
  else {
    writeLine(io.stdout, answer.text ?? '');
    writeLine(io.stdout, apply ? 'in force on the partner' : 'nothing was changed; --apply puts it in force');
  }
  return ExitCode.ok;
}

async function partnerDown(client: CommandClient, io: Io, options: ParsedArgs): Promise<number> {
  const wait = options.value('wait');
  if (wait !== undefined && !/^\d{1,10}$/.test(wait)) throw new UsageError('--wait takes a number of seconds');
  return await tell(client, io, 'ha-partner-down', {
    ...ofRelation(options),
    ...(options.flag('without-its-leases') ? { 'without-its-leases': true } : {}),
    ...(wait === undefined ? {} : { wait: Number(wait) }),
  });
}

async function goOn(client: CommandClient, io: Io, options: ParsedArgs): Promise<number> {
  return await tell(client, io, 'ha-continue', ofRelation(options));
}

/** Sends a command and prints what the server says to it. */
async function tell(client: CommandClient, io: Io, command: string, args: JsonMap): Promise<number> {
  const answer = await client.command(command, args);
  if (answer.result !== 0) throw new LessorError('command-failed', answer.text ?? 'the server refused');
  writeLine(io.stdout, answer.text ?? '');
  return ExitCode.ok;
}

function show(value: JsonValue | undefined): string {
  return value === null || value === undefined ? 'nothing' : JSON.stringify(value);
}

/** True if the server is one of the relation's. */
function isOf(pair: JsonMap, server: string): boolean {
  const servers = mapAt(pair, 'ha-servers');
  return ['local', 'remote'].some((side) => mapAt(servers, side)['server-name'] === server);
}

/** Which relation of a hub is meant. */
function ofRelation(options: ParsedArgs): JsonMap {
  const server = options.value('server');
  return server === undefined ? {} : { 'server-name': server };
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
    ...(Array.isArray(own.drift) ? own.drift.filter(isMap).map(describeDrifted) : []),
  ];
}

/** A section of the configuration that the two servers do not have in common. */
function describeDrifted({ section, 'changed-on': where }: JsonMap): string {
  const changed = { here: ', changed here', there: ', changed there', both: ', changed on both' };
  const said = Object.entries(changed).find(([name]) => name === where)?.[1] ?? '';
  return `  configured differently: ${String(section)}${said} (lessor ha diff says where)`;
}

function mapAt(map: JsonMap, name: string): JsonMap {
  const value = map[name];
  return isMap(value) ? value : {};
}

function isMap(value: JsonValue | undefined): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
