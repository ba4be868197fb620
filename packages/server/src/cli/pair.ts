/** `lessor pair`: makes two servers a pair in two commands, one on each; keys never leave the machine they are of. */

import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { formatOptions, type OptionRow, type ParsedArgs, parseOptions, parsePort, UsageError } from './args.js';
import { ExitCode, type Io, writeLine } from './io.js';
import { initPair } from './pair/init.js';
import { joinPair } from './pair/join.js';
import { parseToken } from './pair/token.js';

const DEFAULT_PORT = 8765;
const DEFAULT_WAIT_SEC = 900;

const OPTIONS: readonly OptionRow[] = [
  { name: 'config', short: 'c', value: 'FILE', help: 'the configuration file (must be given)' },
  { name: 'address', value: 'ADDRESS', help: 'where the partner reaches this server (init: must be given)' },
  { name: 'port', value: 'PORT', help: `port of both servers for each other; ${DEFAULT_PORT} (init)` },
  { name: 'name', value: 'NAME', help: 'name of this server; the host name' },
  { name: 'mode', value: 'MODE', help: 'hot-standby or load-balancing; hot-standby (init)' },
  { name: 'device', value: 'INTERFACE', help: 'the interface through which alone the partner comes' },
  { name: 'dir', value: 'DIR', help: 'folder for certificates; "pair" beside the configuration' },
  { name: 'wait', value: 'SECONDS', help: `how long to wait for the partner; ${DEFAULT_WAIT_SEC} (init)` },
  { name: 'copy-config', help: 'take the configuration of the first server (join)' },
  { name: 'interfaces', value: 'LIST', help: 'with it: the interfaces of this server for clients, by commas (join)' },
];

/** Usage text of `lessor pair`. */
export const PAIR_USAGE = `Usage: lessor pair init -c FILE --address ADDRESS [options]     on the first server
       lessor pair join TOKEN -c FILE [--copy-config] [options]  on the second one

init makes an authority and a certificate, prints a token and waits. join takes
the token to the first server, proves who it is and gets a certificate. Then both
configuration files have the relation in them (what was there before is kept as
FILE.before-pair), and both servers are to be started again.

Who has the token can become the partner, once and while init waits: hand it over
as you would a password.

${formatOptions(OPTIONS)}

Exit codes: 0 both files are written, 1 nothing was changed, 2 wrong usage.
`;

/** Runs `lessor pair`. @throws UsageError, LessorError, ConfigError */
export async function runPair(argv: readonly string[], io: Io): Promise<number> {
  const args = parseOptions(argv, OPTIONS);
  const file = args.value('config');
  if (file === undefined) throw new UsageError('give the configuration file: -c FILE');
  const path = resolve(file);
  const own = {
    name: nameOf(args),
    folder: resolve(args.value('dir') ?? join(dirname(path), 'pair')),
    device: args.value('device'),
    interfaces: args.value('interfaces')?.split(','),
  };
  const address = addressOf(args);
  const [verb, token, ...more] = args.positionals;
  if (verb === 'init' && token === undefined) {
    if (address === undefined)
      throw new UsageError('give the address at which the partner reaches this server: --address');
    const port = parsePort(args.value('port'), 'peer') ?? DEFAULT_PORT;
    await initPair({ path, own, address, port, mode: modeOf(args), waitMs: secondsOf(args) * 1000 }, io);
  } else if (verb === 'join' && token !== undefined && more.length === 0) {
    const copy = args.flag('copy-config');
    if (own.interfaces !== undefined && !copy) throw new UsageError('--interfaces goes with --copy-config');
    await joinPair({ path, own, address, token: parseToken(token), copy }, io);
  } else throw new UsageError('give `init`, or `join` and the token');
  writeLine(io.stdout, `${path} is written. Start both servers again, then look:`);
  writeLine(io.stdout, '  lessor ha status --socket SOCKET');
  return ExitCode.ok;
}

function nameOf(args: ParsedArgs): string {
  const name = args.value('name') ?? hostname();
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name)) {
    throw new UsageError(`'${name}' is no server name (letters, digits, '.', '-', '_'): give --name`);
  }
  return name;
}

function addressOf(args: ParsedArgs): string | undefined {
  const address = args.value('address');
  if (address !== undefined && isIP(address) === 0) throw new UsageError(`'${address}' is not an IP address`);
  return address;
}

function modeOf(args: ParsedArgs): 'hot-standby' | 'load-balancing' {
  const mode = args.value('mode') ?? 'hot-standby';
  if (mode === 'hot-standby' || mode === 'load-balancing') return mode;
  throw new UsageError(`no mode '${mode}': hot-standby or load-balancing`);
}

function secondsOf(args: ParsedArgs): number {
  const text = args.value('wait') ?? String(DEFAULT_WAIT_SEC);
  const seconds = Number(text);
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= 86_400) return seconds;
  throw new UsageError(`--wait ${text}: 1 to 86400 seconds`);
}
