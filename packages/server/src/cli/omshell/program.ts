/** The program lessor-omshell: its options, and where lines come from and go to. */

import { readFileSync } from 'node:fs';
import { LESSOR_VERSION } from '../../version.js';
import { formatOptions, type OptionRow, type ParsedArgs, parseOptions, parsePort, UsageError } from '../args.js';
import { ExitCode, type Io, writeLine } from '../io.js';
import { reportingErrors } from '../program.js';
import type { Outcome } from './commands.js';
import { readKeyFile } from './key.js';
import { Omshell, readLines } from './shell.js';
import type { OmshellOptions } from './state.js';
import { defaultHistoryFile, terminalLines } from './terminal.js';

const OPTIONS: readonly OptionRow[] = [
  { name: 'server', short: 's', value: 'HOST', help: 'name or address of the server (127.0.0.1)' },
  { name: 'port', short: 'p', value: 'PORT', help: 'its OMAPI port (7911)' },
  {
    name: 'key-file',
    short: 'k',
    value: 'FILE',
    help: 'file with a key as in dhcpd.conf, instead of the command `key`',
  },
  { name: 'connect', short: 'c', help: 'connect before the first command' },
  { name: 'file', short: 'f', value: 'FILE', help: 'read commands from a file' },
  { name: 'json', short: 'j', help: 'answer each command with one line of JSON, without prompts' },
  { name: 'exit-on-error', short: 'e', help: 'stop at the first command that fails, exit code 1' },
  { name: 'timeout', short: 't', value: 'SECONDS', help: 'wait no longer for an answer (0, the default: for ever)' },
  { name: 'extended', short: 'x', help: 'more than omshell has, as at a terminal (below)' },
  { name: 'plain', help: 'at a terminal, too, nothing that omshell does not have' },
  { name: 'history', value: 'FILE', help: 'where to keep the history of a terminal' },
  { name: 'no-history', help: 'keep none' },
  { name: 'help', short: 'h', help: 'print this' },
  { name: 'version', short: 'v', help: 'print the version' },
];

/** Usage text. */
export const OMSHELL_USAGE = `lessor-omshell ${LESSOR_VERSION}: talks OMAPI with a DHCP server, like ISC's omshell

Usage: lessor-omshell [options] [COMMAND ...]

${formatOptions(OPTIONS)}

Commands come from the command line (each in quotes), a file, or standard input; \`help\` lists them.
Without options it is omshell to the letter: prompts, texts, exit code 0 whatever happens.
At a terminal, and with --extended: quit, server names with dots and colons, quoted key names, the server's
own words behind omshell's, and what states and times mean.
Lines that begin with \`key\` are not kept in the history.
Exit codes: 0 done, 1 a command failed (with --exit-on-error, --json or commands on the command line), 2 wrong usage.

  lessor-omshell -k omapi.key -c 'new lease' 'set ip-address = 10.0.0.5' open
`;

/** Runs the program; resolves with its exit code. @param input standard input */
export function runOmshell(argv: readonly string[], io: Io, input: AsyncIterable<Uint8Array>): Promise<number> {
  return reportingErrors('lessor-omshell', OMSHELL_USAGE, io, async () => {
    const args = parseOptions(argv, OPTIONS);
    if (args.flag('help')) io.stdout.write(OMSHELL_USAGE);
    else if (args.flag('version')) writeLine(io.stdout, LESSOR_VERSION);
    else return run(args, io, input);
    return ExitCode.ok;
  });
}

async function run(args: ParsedArgs, io: Io, input: AsyncIterable<Uint8Array>): Promise<number> {
  const commands = commandsOf(args);
  const atTerminal = commands === undefined && process.stdin.isTTY === true && process.stdout.isTTY === true;
  const shell = new Omshell(shellOptions(args, io, atTerminal));
  const lines = linesOf(args, io, input, commands, atTerminal ? shell : undefined);
  const look = { json: args.flag('json'), prompt: !atTerminal, exitOnError: args.flag('exit-on-error') };
  await runOmshellLines(shell, args.flag('connect') ? connectFirst(lines) : lines, io, look);
  const strict = look.exitOnError || look.json || args.positionals.length > 0;
  return strict && shell.failed ? ExitCode.failed : ExitCode.ok;
}

/** How a shell shows itself. */
export interface Look {
  /** A line of JSON for each command, and nothing else. */
  readonly json: boolean;
  /** Print the prompt (a terminal does it itself). */
  readonly prompt: boolean;
  /** Stop at the first command that fails. */
  readonly exitOnError: boolean;
}

/** omshell's own. */
const PLAIN: Look = { json: false, prompt: true, exitOnError: false };

/** Executes lines until they end, and drops the connection. */
export async function runOmshellLines(
  shell: Omshell,
  lines: AsyncIterable<string>,
  io: Io,
  look: Look = PLAIN,
): Promise<void> {
  const interrupt = (): void => shell.state.disconnect();
  io.signal?.addEventListener('abort', interrupt, { once: true });
  const showObject = (): void => {
    if (!look.json) io.stdout.write(`${shell.status()}${look.prompt ? '> ' : ''}`, 'latin1');
  };
  showObject();
  for await (const line of lines) {
    const outcome = await shell.execute(line);
    if (look.json) writeLine(io.stdout, shell.toJson(line, outcome));
    else show(outcome, shell.state.extended, io);
    if (outcome.quit || (outcome.failed && look.exitOnError) || io.signal?.aborted) break;
    showObject();
  }
  io.signal?.removeEventListener('abort', interrupt);
  shell.state.disconnect();
}

/** Complaints first: omshell's standard output waits for the next prompt. */
function show({ text, errors, detail }: Outcome, extended: boolean, io: Io): void {
  io.stderr.write(errors, 'latin1');
  io.stdout.write(text, 'latin1');
  if (extended && detail !== undefined) writeLine(io.stdout, `(${detail})`);
}

async function* connectFirst(lines: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  yield 'connect\n';
  yield* lines;
}

/** Commands given otherwise than by standard input. @throws UsageError */
function commandsOf(args: ParsedArgs): readonly string[] | undefined {
  const file = args.value('file');
  if (file !== undefined && args.positionals.length > 0)
    throw new UsageError('commands from a file or from the command line, not both');
  if (file === undefined && args.positionals.length === 0) return undefined;
  const text = file === undefined ? args.positionals.map((line) => `${line}\n`).join('') : readFileSync(file, 'utf8');
  return [text];
}

function linesOf(
  args: ParsedArgs,
  io: Io,
  input: AsyncIterable<Uint8Array>,
  commands: readonly string[] | undefined,
  terminal: Omshell | undefined,
): AsyncIterable<string> {
  if (commands !== undefined) return readLines(octetsOf(commands));
  if (terminal === undefined) return readLines(input);
  const history = args.flag('no-history') ? undefined : (args.value('history') ?? defaultHistoryFile(io.env));
  return terminalLines(terminal.state, history);
}

async function* octetsOf(texts: readonly string[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const text of texts) yield Buffer.from(text, 'utf8');
}

function shellOptions(args: ParsedArgs, io: Io, atTerminal: boolean): OmshellOptions {
  const server = args.value('server');
  const port = parsePort(args.value('port'), 'server');
  const keyFile = args.value('key-file');
  const { key, warning } = keyFile === undefined ? {} : readKeyFile(keyFile);
  if (warning !== undefined) writeLine(io.stderr, `lessor-omshell: ${warning}`);
  return {
    ...(server !== undefined && { server }),
    ...(port !== undefined && { port }),
    ...(key !== undefined && { key }),
    timeoutMs: parseSeconds(args.value('timeout')) * 1000,
    extended: args.flag('extended') || (atTerminal && !args.flag('plain')),
  };
}

function parseSeconds(text: string | undefined): number {
  if (text === undefined) return 0;
  const seconds = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || seconds > 86_400) throw new UsageError(`not a number of seconds: ${text}`);
  return seconds;
}
