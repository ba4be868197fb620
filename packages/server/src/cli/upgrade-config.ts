/** `lessor upgrade-config`: a configuration file of an older Kea, as Kea 3 and lessor want it. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type UpgradedConfig, upgradeConfig } from '../config/upgrade.js';
import { formatIssue } from '../errors.js';
import { machineConfigEnvironment } from '../platform/config-environment.js';
import { formatOptions, type OptionRow, parseOptions, UsageError } from './args.js';
import { checkConfig } from './check.js';
import { ExitCode, type Io, writeLine } from './io.js';

const OPTIONS: readonly OptionRow[] = [
  { name: 'output', short: 'o', value: 'FILE', help: 'write it there; else to the standard output' },
  { name: 'force', help: 'overwrite a file that is there' },
];

/** Usage text of `lessor upgrade-config`. */
export const UPGRADE_CONFIG_USAGE = `Usage: lessor upgrade-config [options] FILE

Writes a configuration of an older Kea as Kea 3 and lessor want it, meaning the
same: subnets without an id get the number that Kea before 2.7 gave them, which
is the one in the lease file; reservation-mode becomes the flags of today; Logging
moves into Dhcp4, and so does what dhcp-ddns said of names. Comments and everything
else stay as they are. Every change is told, and then what \`lessor check\` still
finds.

${formatOptions(OPTIONS)}

Exit codes: 0 the result can be served, 1 something is left to do by hand, 2 wrong
usage.
`;

/** Runs it. @throws UsageError, LessorError, the system's Error */
export async function runUpgradeConfig(argv: readonly string[], io: Io): Promise<number> {
  const args = parseOptions(argv, OPTIONS);
  const [path, ...more] = args.positionals;
  if (path === undefined || more.length > 0) throw new UsageError('give one configuration file');
  const output = args.value('output');
  if (output !== undefined && existsSync(output) && !args.flag('force'))
    throw new UsageError(`${output} exists: --force`);
  const environment = machineConfigEnvironment({ variables: io.env, insecure: false, checkInterfaces: false });
  const upgraded = upgradeConfig(path, readFileSync(path), environment.readFile);
  for (const change of upgraded.changes) writeLine(io.stderr, change);
  if (output === undefined) io.stdout.write(upgraded.text.toString('utf8'));
  else writeFileSync(output, upgraded.text, { mode: 0o640 });
  return check(output ?? path, upgraded, environment, io);
}

function check(
  path: string,
  { text, changes }: UpgradedConfig,
  environment: ReturnType<typeof machineConfigEnvironment>,
  io: Io,
): number {
  const readFile = (file: string): string => (file === path ? text.toString('latin1') : environment.readFile(file));
  const { errors, warnings } = checkConfig(path, { ...environment, readFile });
  for (const issue of [...errors, ...warnings]) writeLine(io.stderr, formatIssue(issue));
  const end = errors.length === 0 ? 'it can be served' : 'the rest is to be changed by hand';
  writeLine(io.stderr, `${path}: ${changes.length} ${changes.length === 1 ? 'change' : 'changes'}; ${end}`);
  return errors.length === 0 ? ExitCode.ok : ExitCode.failed;
}
