/**
 * The Control Agent as a program, under its own name and under Kea's with Kea's options, so that unit files and tools
 * which start kea-ctrl-agent start this.
 */

import { AGENT_NAME, loadAgentConfig } from '../config/agent.js';
import { ConfigError, formatIssue } from '../errors.js';
import { type AgentOptions, startAgent } from '../main/agent.js';
import { machineConfigEnvironment } from '../platform/config-environment.js';
import { buildReport, extendedVersion, KEA_COMPATIBILITY, LESSOR_VERSION } from '../version.js';
import { formatShortOptions, type OptionRow, parseOptions, UsageError } from './args.js';
import { ExitCode, type Io, writeLine } from './io.js';
import { reportingErrors } from './program.js';
import { keepFilesPrivate, nameProcess } from './serve.js';
import { becomeUser, USER_OPTION } from './user.js';

const OPTIONS: readonly OptionRow[] = [
  { name: 'v', short: 'v', help: 'print the version number and exit' },
  { name: 'V', short: 'V', help: 'print the extended version and exit' },
  { name: 'W', short: 'W', help: 'print the build report and exit' },
  { name: 'd', short: 'd', help: 'log everything, show stack traces' },
  { name: 'X', short: 'X', help: 'config-write may write anywhere' },
  { name: 'c', short: 'c', value: 'file', help: 'serve by this configuration file' },
  { name: 't', short: 't', value: 'file', help: 'check the configuration file and exit' },
  USER_OPTION,
];

/** Usage text of the agent under a program name. */
export function agentUsage(program: string): string {
  return `lessor-agent ${LESSOR_VERSION}, the Control Agent of Kea: one HTTP port for several daemons

Usage: ${program} -[v|V|W] [-d|X] [-{c|t} cfgfile] [--user name[:group]]

${formatShortOptions(OPTIONS)}

Serves until SIGTERM or SIGINT; SIGHUP reads the configuration file again.
Exit codes: 0 done or stopped, 1 anything else.
`;
}

/** Runs the agent under a program name; resolves with the exit code. */
export async function runAgent(program: string, argv: readonly string[], io: Io): Promise<number> {
  const usage = agentUsage(program);
  if (argv.includes('--help') || argv.includes('-h')) {
    io.stdout.write(usage);
    return ExitCode.ok;
  }
  const status = await reportingErrors(program, usage, io, () => run(program, argv, io));
  // Kea has no code of its own for wrong usage; any other status is what `shutdown` asked for.
  return status === ExitCode.usage ? ExitCode.failed : status;
}

async function run(program: string, argv: readonly string[], io: Io): Promise<number> {
  const args = parseOptions(argv, OPTIONS);
  if (args.flag('v')) return print(KEA_COMPATIBILITY, io);
  if (args.flag('V')) return print(extendedVersion(), io);
  if (args.flag('W')) return print(buildReport(), io);
  if (args.positionals.length > 0) throw new UsageError(`unexpected word '${args.positionals[0]}'`);
  const toCheck = args.value('t');
  if (toCheck !== undefined) return check(toCheck, args.flag('X'), io);
  const configFile = args.value('c');
  if (configFile === undefined) throw new UsageError('Configuration file not specified.');
  if (program === AGENT_NAME) process.title = [program, ...argv].join(' ');
  nameProcess(program);
  becomeUser(args);
  return serve(
    {
      config: { kind: 'file', path: configFile },
      variables: io.env,
      insecure: args.flag('X'),
      verbose: args.flag('d'),
    },
    io,
  );
}

async function serve(options: AgentOptions, io: Io): Promise<number> {
  keepFilesPrivate();
  const agent = await startAgent(options);
  const reload = (): void => void agent.reload();
  const stop = (): void => void agent.stop();
  process.on('SIGHUP', reload);
  io.signal?.addEventListener('abort', stop);
  if (io.signal?.aborted) stop();
  const exitValue = await agent.finished;
  process.off('SIGHUP', reload);
  return exitValue;
}

function check(path: string, insecure: boolean, io: Io): number {
  const environment = machineConfigEnvironment({ variables: io.env, insecure, checkInterfaces: false });
  try {
    const { warnings } = loadAgentConfig({ kind: 'file', path }, { ...environment, generation: 1 });
    for (const issue of warnings) writeLine(io.stderr, formatIssue(issue));
    return ExitCode.ok;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const issue of error.issues) writeLine(io.stderr, formatIssue(issue));
    return ExitCode.failed;
  }
}

function print(text: string, io: Io): number {
  writeLine(io.stdout, text);
  return ExitCode.ok;
}
