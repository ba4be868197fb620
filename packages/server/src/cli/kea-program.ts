/**
 * `kea-dhcp4`: the server under the name and with the options of Kea's daemon, so that unit files and tools which start
 * Kea start lessor. Its exit codes are Kea's too: 0, or 1 for anything that went wrong, wrong usage included.
 */

import { formatIssue } from '../errors.js';
import type { ServerOptions } from '../main.js';
import { buildReport, extendedVersion, KEA_COMPATIBILITY, LESSOR_VERSION } from '../version.js';
import { formatShortOptions, type OptionRow, type ParsedArgs, parseOptions, parsePort, UsageError } from './args.js';
import { checkConfigFile } from './check.js';
import { ExitCode, type Io, writeLine } from './io.js';
import { reportingErrors } from './program.js';
import { nameProcess, serveUntilStopped } from './serve.js';
import { becomeUser, USER_OPTION } from './user.js';

const PROGRAM = 'kea-dhcp4';

const OPTIONS: readonly OptionRow[] = [
  { name: 'v', short: 'v', help: 'print the version number and exit' },
  { name: 'V', short: 'V', help: 'print the extended version and exit' },
  { name: 'W', short: 'W', help: 'print the build report and exit' },
  { name: 'd', short: 'd', help: 'log everything, show stack traces' },
  { name: 'F', short: 'F', help: 'accepted; a reconfiguration that fails is always undone' },
  { name: 'R', short: 'R', help: 'accepted; there is no configuration backend to repair' },
  { name: 'X', short: 'X', help: 'restrictions on paths and secrets are warnings' },
  { name: 'c', short: 'c', value: 'file', help: 'serve by this configuration file' },
  { name: 't', short: 't', value: 'file', help: 'check the configuration file and exit' },
  { name: 'T', short: 'T', value: 'file', help: 'the same with the hooks checked too (lessor always does)' },
  { name: 'p', short: 'p', value: 'number', help: 'server port, 1-65535 (for tests)' },
  { name: 'P', short: 'P', value: 'number', help: 'client port, 1-65535 (for tests)' },
  USER_OPTION,
];

/** Usage text of `kea-dhcp4`. */
export const KEA_USAGE = `lessor ${LESSOR_VERSION}, DHCPv4 server with the interface of Kea ${KEA_COMPATIBILITY}

Usage: ${PROGRAM} -[v|V|W] [-d|F|R|X] [-{c|t|T} cfgfile] [-p number] [-P number] [--user name[:group]]

${formatShortOptions(OPTIONS)}

Exit codes: 0 done or stopped, 1 anything else.
`;

/** Runs `kea-dhcp4` with its arguments; resolves with the exit code. */
export async function runKeaDhcp4(argv: readonly string[], io: Io): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) {
    io.stdout.write(KEA_USAGE);
    return ExitCode.ok;
  }
  const status = await reportingErrors(PROGRAM, KEA_USAGE, io, () => run(argv, io));
  // Kea has no code of its own for wrong usage; any other status is what `shutdown` asked for.
  return status === ExitCode.usage ? ExitCode.failed : status;
}

async function run(argv: readonly string[], io: Io): Promise<number> {
  const args = parseOptions(argv, OPTIONS);
  if (args.flag('v')) return print(KEA_COMPATIBILITY, io);
  if (args.flag('V')) return print(extendedVersion(), io);
  if (args.flag('W')) return print(buildReport(), io);
  if (args.positionals.length > 0) throw new UsageError(`unexpected word '${args.positionals[0]}'`);
  const serverPort = parsePort(args.value('p'), 'server') ?? 67;
  const clientPort = parsePort(args.value('P'), 'client');
  const toCheck = args.value('T') ?? args.value('t');
  if (toCheck !== undefined) return check(toCheck, args, io);
  const configFile = args.value('c');
  if (configFile === undefined) throw new UsageError('Configuration file not specified.');
  nameAsKea(argv);
  becomeUser(args);
  const options: ServerOptions = {
    config: { kind: 'file', path: configFile },
    variables: io.env,
    serverPort,
    ...(clientPort !== undefined && { clientPort }),
    insecure: args.flag('X'),
    verbose: args.flag('d'),
  };
  return serveUntilStopped(options, io);
}

function print(text: string, io: Io): number {
  writeLine(io.stdout, text);
  return ExitCode.ok;
}

function check(file: string, args: ParsedArgs, io: Io): number {
  const report = checkConfigFile(file, { insecure: args.flag('X'), checkInterfaces: true }, io.env);
  for (const issue of [...report.errors, ...report.warnings]) writeLine(io.stderr, formatIssue(issue));
  return report.errors.length === 0 ? ExitCode.ok : ExitCode.failed;
}

/**
 * Makes the process look like Kea's: Stork (and pgrep, and monitoring scripts) finds daemons by the name in
 * /proc/PID/comm, then reads `-c FILE` from the command line. process.title overwrites the words `node SCRIPT`.
 */
function nameAsKea(argv: readonly string[]): void {
  process.title = [PROGRAM, ...argv].join(' ');
  nameProcess(PROGRAM);
}
