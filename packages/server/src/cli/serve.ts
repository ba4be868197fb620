/** `lessor serve`: from the command line to a running server, and from signals to its end. */

import { writeFileSync } from 'node:fs';
import type { RunningServer, ServerOptions } from '../main.js';
import { startServer } from '../main.js';
import { formatOptions, type OptionRow, parseOptions, parsePort, UsageError } from './args.js';
import { type Io, writeLine } from './io.js';
import { prepareQuickstart, quickstartGreeting } from './quickstart.js';
import { becomeUser, USER_OPTION } from './user.js';

const OPTIONS: readonly OptionRow[] = [
  { name: 'config', short: 'c', value: 'FILE', help: "Kea's configuration file" },
  { name: 'port', short: 'p', value: 'NUMBER', help: 'server port instead of 67 (for tests)' },
  { name: 'client-port', short: 'P', value: 'NUMBER', help: 'send all replies to this port (for tests)' },
  { name: 'insecure', short: 'X', help: 'restrictions on paths and secrets are warnings' },
  { name: 'debug', short: 'd', help: 'log everything, whatever the configuration says; show stack traces' },
  { name: 'exit-on-fatal', short: 'F', help: 'accepted; a reconfiguration that fails is always undone' },
  { ...USER_OPTION, short: 'u', value: 'NAME[:GROUP]' },
  { name: 'quickstart', help: 'no file: a small network on 127.0.0.1 port 6767, data below ./var' },
];

/** Usage text of `lessor serve`. */
export const SERVE_USAGE = `Usage: lessor serve -c FILE [options]
       lessor serve --quickstart

Serves DHCPv4 until SIGTERM or SIGINT, which finish what is in flight; a second
one ends the process at once. SIGHUP reads the configuration file again.

${formatOptions(OPTIONS)}

With --user the configuration, its credentials and the directories below must be
the user's to read and write; the server never has root's rights while it serves.

Directories are those of Kea and follow its variables: KEA_DHCP_DATA_DIR,
KEA_CONTROL_SOCKET_DIR, KEA_LOG_FILE_DIR, KEA_PIDFILE_DIR, KEA_LOCKFILE_DIR,
KEA_HOOKS_PATH, KEA_LEGAL_LOG_DIR; also KEA_LOGGER_DESTINATION.

Exit codes: 0 stopped by a signal or the shutdown command, 1 wrong configuration
or failure, 2 wrong usage.
`;

/** Runs \`lessor serve\` until it is told to stop. */
export async function runServe(argv: readonly string[], io: Io): Promise<number> {
  const args = parseOptions(argv, OPTIONS);
  if (args.positionals.length > 0) throw new UsageError(`unexpected word '${args.positionals[0]}'`);
  const configFile = args.value('config');
  const quickstart = args.flag('quickstart');
  if ((configFile === undefined) === !quickstart) throw new UsageError('give either -c FILE or --quickstart');
  const serverPort = parsePort(args.value('port'), 'server');
  const clientPort = parsePort(args.value('client-port'), 'client');
  const prepared = quickstart ? prepareQuickstart(process.cwd(), io.env) : undefined;
  const options: ServerOptions = {
    config: { kind: 'file', path: prepared?.configFile ?? configFile! },
    variables: prepared?.variables ?? io.env,
    serverPort: serverPort ?? prepared?.serverPort ?? 67,
    ...(clientPort !== undefined && { clientPort }),
    insecure: args.flag('insecure'),
    verbose: args.flag('debug'),
  };
  nameProcess('lessor');
  becomeUser(args);
  const greet = (server: RunningServer): void => {
    if (prepared !== undefined) writeLine(io.stdout, quickstartGreeting(server, prepared));
  };
  return serveUntilStopped(options, io, greet);
}

/** Starts the server, obeys signals and resolves with the exit code when it has stopped. */
export async function serveUntilStopped(
  options: ServerOptions,
  io: Io,
  started?: (server: RunningServer) => void,
): Promise<number> {
  keepFilesPrivate();
  const server = await startServer(options);
  const reload = (): void => void server.reload();
  process.on('SIGHUP', reload);
  // Kea ignores a broken log reader; so do we: writes report the error where they happen.
  const stop = (): void => void server.stop();
  io.signal?.addEventListener('abort', stop);
  if (io.signal?.aborted) stop();
  started?.(server);
  const exitValue = await server.finished;
  process.off('SIGHUP', reload);
  return exitValue;
}

/** Whatever a daemon makes is for its owner and his group, as Kea's daemons have it. */
export function keepFilesPrivate(): void {
  process.umask(0o027);
}

/**
 * Gives the process a name in /proc/PID/comm, where ps, pidof and Stork look (Node calls itself `node`); at most 15
 * characters. Where there is no such file the name stays.
 */
export function nameProcess(name: string): void {
  try {
    writeFileSync('/proc/self/comm', name);
  } catch {
    // Only Linux has it, and nothing depends on it.
  }
}
