/** The command line of lessor-shell: kea-shell's options and its own. */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientOptions } from '@lessor/kea';
import { LESSOR_VERSION } from '../../version.js';
import { formatOptions, type OptionRow, type ParsedArgs, parseOptions, parsePort, UsageError } from '../args.js';

/** kea-shell's own options, with its defaults. */
const KEA_SHELL_OPTIONS: readonly OptionRow[] = [
  { name: 'host', value: 'HOST', help: 'name or address of the server or Control Agent (127.0.0.1)' },
  { name: 'port', value: 'PORT', help: 'its HTTP port (8000)' },
  { name: 'path', value: 'PATH', help: 'path of the URL' },
  { name: 'ca', value: 'FILE', help: 'file or directory of authorities; turns HTTPS on' },
  { name: 'cert', value: 'FILE', help: "the client's certificate" },
  { name: 'key', value: 'FILE', help: 'and its key' },
  { name: 'timeout', value: 'SECONDS', help: 'longest wait (10)' },
  { name: 'service', value: 'NAME', multiple: true, help: 'daemon behind a Control Agent; may be repeated' },
  { name: 'auth-user', value: 'USER', help: 'basic authentication' },
  { name: 'auth-password', value: 'PASSWORD', help: 'basic authentication; better in LESSOR_SHELL_PASSWORD' },
];

const OWN_OPTIONS: readonly OptionRow[] = [
  { name: 'unix', short: 'u', value: 'PATH', help: 'talk to a unix socket instead' },
  { name: 'json', short: 'j', help: 'one line of JSON for each answer' },
  { name: 'table', short: 't', help: 'for people, as at a terminal' },
  { name: 'raw', short: 'r', help: 'the answer as it came, as kea-shell prints it' },
  { name: 'watch', short: 'w', value: 'SECONDS', help: 'repeat until interrupted' },
  { name: 'history', value: 'FILE', help: 'where to keep the history of a terminal' },
  { name: 'no-history', help: 'keep none' },
  { name: 'help', short: 'h', help: 'print this' },
  { name: 'version', short: 'v', help: 'print the version' },
];

/** Usage text. */
export const SHELL_USAGE = `lessor-shell ${LESSOR_VERSION}: sends commands to a Kea-compatible server, like kea-shell

Usage: lessor-shell [options] [COMMAND [NAME=VALUE ... | JSON]]

As kea-shell:
${formatOptions(KEA_SHELL_OPTIONS)}

Besides:
${formatOptions(OWN_OPTIONS)}

Arguments of the command come as words (values are JSON, or else text), as a JSON object, or, as with kea-shell, from
standard input without the outer braces. Without a command: interactive at a terminal, else list-commands.
Exit codes: in a pipe those of kea-shell, 0 for any answer, 1 for none; with --json, --table or at a terminal
0 for success, 1 for any failure, 3 if nothing was found; 2 wrong usage.

  lessor-shell -u /run/kea/kea4-ctrl-socket lease4-get ip-address=192.0.2.10
  lessor-shell --host dhcp1 --auth-user admin --watch 5 stat-lease4-get
`;

/** How answers are shown. */
export type Look = 'raw' | 'json' | 'table';

/** What the command line asks for. */
export interface ShellOptions {
  readonly client: ClientOptions;
  /** Not empty: daemons behind a Control Agent. */
  readonly services: readonly string[];
  /** undefined: as fits where the output goes. */
  readonly look: Look | undefined;
  readonly watchSec: number | undefined;
  /** Command and arguments. */
  readonly words: readonly string[];
  /** undefined: none is kept; '': the usual place. */
  readonly historyFile: string | undefined;
}

/** The words of the command line. @throws UsageError */
export function parseShellArgs(argv: readonly string[]): ParsedArgs {
  return parseOptions(withoutEmptyService(argv), [...KEA_SHELL_OPTIONS, ...OWN_OPTIONS]);
}

/** What they mean. @throws UsageError; Error of the system for files that can not be read */
export function shellOptions(args: ParsedArgs, env: Readonly<Record<string, string | undefined>>): ShellOptions {
  const looks = (['raw', 'json', 'table'] as const).filter((name) => args.flag(name));
  if (looks.length > 1) throw new UsageError(`--${looks.join(' and --')} contradict each other`);
  return {
    client: clientOptions(args, env),
    services: args.values('service').filter((name) => name !== ''),
    look: looks[0],
    watchSec: parseSeconds(args.value('watch'), '--watch'),
    words: args.positionals,
    historyFile: args.flag('no-history') ? undefined : (args.value('history') ?? ''),
  };
}

function clientOptions(args: ParsedArgs, env: Readonly<Record<string, string | undefined>>): ClientOptions {
  const timeoutMs = (parseSeconds(args.value('timeout'), '--timeout') ?? 10) * 1000;
  const socketPath = args.value('unix');
  if (socketPath !== undefined) return { socketPath, timeoutMs };
  const [ca, cert, key] = [args.value('ca'), args.value('cert'), args.value('key')];
  if ((cert === undefined) !== (key === undefined)) throw new UsageError('--cert and --key must be used together');
  if (cert !== undefined && ca === undefined) throw new UsageError('--cert and --key with HTTPS disabled (no --ca)');
  const host = args.value('host') ?? '127.0.0.1';
  const port = parsePort(args.value('port'), 'server') ?? 8000;
  const user = args.value('auth-user');
  return {
    url: `${ca === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}/${args.value('path') ?? ''}`,
    timeoutMs,
    headers: { 'User-Agent': `lessor-shell/${LESSOR_VERSION}` },
    ...(user !== undefined && { user, password: args.value('auth-password') ?? env.LESSOR_SHELL_PASSWORD ?? '' }),
    ...(ca !== undefined && {
      tls: {
        ca: readAuthorities(ca),
        ...(cert !== undefined && { cert: readFileSync(cert), key: readFileSync(key!) }),
      },
    }),
  };
}

/** A file of certificates, or all the files of a directory. */
function readAuthorities(path: string): Buffer[] {
  if (!statSync(path).isDirectory()) return [readFileSync(path)];
  return readdirSync(path)
    .map((name) => join(path, name))
    .filter((file) => statSync(file).isFile())
    .map((file) => readFileSync(file));
}

function parseSeconds(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined;
  const seconds = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || seconds <= 0 || seconds > 86_400) {
    throw new UsageError(`${option} ${text}: not a number of seconds from 0 to 86400`);
  }
  return seconds;
}

/** kea-shell takes `--service` without a name, and means none by it. */
function withoutEmptyService(argv: readonly string[]): string[] {
  return argv.filter((word, index) => {
    const next = argv[index + 1];
    return word !== '--service' || (next !== undefined && !next.startsWith('-'));
  });
}
