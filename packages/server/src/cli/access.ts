/** `lessor access`: what a configuration lets whom do, without starting anything. */

import { loadConfig } from '../config/load.js';
import { isLoopback } from '../config/sources.js';
import { missingFor } from '../control/access/authorise.js';
import { rightsOf } from '../control/access/command-rights.js';
import { COMMANDS } from '../control/commands/index.js';
import { exposureOf } from '../domain/access/exposure.js';
import { covers, formatRight } from '../domain/access/rights.js';
import type { ConfigSnapshot, Json } from '../domain/snapshot.js';
import { machineConfigEnvironment } from '../platform/config-environment.js';
import { formatOptions, type OptionRow, parseOptions, UsageError } from './args.js';
import { hashPassword } from './hash-password.js';
import { ExitCode, type Io, writeLine } from './io.js';

const OPTIONS: readonly OptionRow[] = [
  { name: 'config', short: 'c', value: 'FILE', help: 'the configuration file (must be given)' },
  { name: 'insecure', short: 'X', help: 'restrictions on paths and secrets are warnings' },
];

/** Usage text of `lessor access`. */
export const ACCESS_USAGE = `Usage: lessor access exposure -c FILE
       lessor access who-can COMMAND -c FILE
       lessor access test PRINCIPAL COMMAND [ARGUMENTS] -c FILE
       lessor access hash-password

exposure says to whom each listener is open; who-can lists the principals that
may use a command, and where; test says whether one may, with these arguments
(JSON), and if not which right is missing. hash-password reads a password, of
which it asks a terminal without showing it, and prints what is to stand in a
password-file in its place (scrypt).

${formatOptions(OPTIONS)}

Exit codes: 0 done, or it is allowed; 1 it is not; 2 wrong usage.
`;

/** Runs `lessor access`. */
export async function runAccess(argv: readonly string[], io: Io): Promise<number> {
  const args = parseOptions(argv, OPTIONS);
  if (args.positionals[0] === 'hash-password') return hashPassword(args.positionals.slice(1), io);
  const path = args.value('config');
  if (path === undefined) throw new UsageError('give the configuration file: -c FILE');
  const environment = machineConfigEnvironment({
    variables: io.env,
    insecure: args.flag('insecure'),
    checkInterfaces: false,
  });
  const { snapshot } = loadConfig({ kind: 'file', path }, { ...environment, generation: 1 });
  const [verb, ...words] = args.positionals;
  switch (verb) {
    case 'exposure':
      for (const { text } of exposureOf(snapshot.listeners, snapshot.access, isLoopback)) writeLine(io.stdout, text);
      return ExitCode.ok;
    case 'who-can':
      return whoCan(words, snapshot, io);
    case 'test':
      return test(words, snapshot, io);
    default:
      throw new UsageError('give one of exposure, who-can, test and hash-password');
  }
}

function whoCan([command, ...more]: readonly string[], { access }: ConfigSnapshot, io: Io): number {
  if (command === undefined || more.length > 0) throw new UsageError('give one command');
  const { family } = rightsOf(knownCommand(command));
  const rules = access?.principals;
  if (rules === undefined) {
    writeLine(io.stdout, 'whoever a listener lets in: there are no principals');
    return ExitCode.ok;
  }
  for (const { name, rights } of rules) {
    const having = rights.filter((right) => covers(right, command, family));
    if (having.length > 0) writeLine(io.stdout, `${name}: ${having.map(formatRight).join('; ')}`);
  }
  return ExitCode.ok;
}

function test([who, command, json, ...more]: readonly string[], snapshot: ConfigSnapshot, io: Io): number {
  if (who === undefined || command === undefined || more.length > 0)
    throw new UsageError('give a principal and a command');
  const rule = snapshot.access?.principals?.find(({ name }) => name === who);
  if (rule === undefined) throw new UsageError(`no principal '${who}' in the configuration`);
  const principal = { name: who, method: 'internal' as const, rights: rule.rights };
  const sent = { name: knownCommand(command), args: readJson(json), principal, listener: '', receivedAt: 0 };
  const services = { config: { current: snapshot }, leases: { getByAddress: () => undefined } };
  const missing = missingFor({ ...sent, service: undefined }, services);
  writeLine(io.stdout, missing === undefined ? 'allowed' : `denied: ${missing} is missing`);
  return missing === undefined ? ExitCode.ok : ExitCode.failed;
}

function knownCommand(name: string): string {
  if (COMMANDS.some((row) => row.name === name)) return name;
  throw new UsageError(`no command '${name}'`);
}

function readJson(text: string | undefined): Json | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as Json);
  } catch {
    throw new UsageError('ARGUMENTS are not JSON');
  }
}
