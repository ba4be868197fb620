/** `lessor check FILE`: every error and warning of a configuration, without starting anything. */

import { type ConfigEnvironment, type LoadedConfig, loadConfig } from '../config/load.js';
import { ConfigError, type ConfigIssue, formatIssue } from '../errors.js';
import { machineConfigEnvironment } from '../platform/config-environment.js';
import { formatOptions, type OptionRow, parseOptions, UsageError } from './args.js';
import { ExitCode, type Io, writeLine } from './io.js';

const OPTIONS: readonly OptionRow[] = [
  { name: 'json', help: 'print the findings as JSON: {"ok", "errors": [...], "warnings": [...]}' },
  { name: 'insecure', short: 'X', help: 'restrictions on paths and secrets are warnings, as when serving with -X' },
  { name: 'elsewhere', help: 'the file is for another machine: do not ask whether its interfaces exist here' },
];

/** Usage text of `lessor check`. */
export const CHECK_USAGE = `Usage: lessor check [options] FILE

Reads a configuration the way \`lessor serve\` does and prints every error and
warning, each as FILE:LINE.COLUMN: MESSAGE (PATH).

${formatOptions(OPTIONS)}

Exit codes: 0 the configuration can be used, 1 it can not, 2 wrong usage.
`;

/** What a check found. */
export interface CheckReport {
  readonly errors: readonly ConfigIssue[];
  readonly warnings: readonly ConfigIssue[];
  readonly loaded?: LoadedConfig;
}

/** Settings of a check. */
export interface CheckOptions {
  readonly insecure: boolean;
  readonly checkInterfaces: boolean;
}

/** Reads the file and collects what is wrong with it. Throws only for defects of lessor. */
export function checkConfigFile(path: string, options: CheckOptions, env: Io['env']): CheckReport {
  return checkConfig(path, machineConfigEnvironment({ variables: env, ...options }));
}

/** The same with the files of an environment, which need not be those of the disk. */
export function checkConfig(path: string, environment: Omit<ConfigEnvironment, 'generation'>): CheckReport {
  try {
    const loaded = loadConfig({ kind: 'file', path }, { ...environment, generation: 1 });
    return { errors: [], warnings: loaded.warnings, loaded };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const is = (severity: ConfigIssue['severity']) => (issue: ConfigIssue) => issue.severity === severity;
    return { errors: error.issues.filter(is('error')), warnings: error.issues.filter(is('warning')) };
  }
}

/** Runs `lessor check`. */
export async function runCheck(argv: readonly string[], io: Io): Promise<number> {
  const args = parseOptions(argv, OPTIONS);
  const [path, ...more] = args.positionals;
  if (path === undefined || more.length > 0) throw new UsageError('give one configuration file');
  const options = { insecure: args.flag('insecure'), checkInterfaces: !args.flag('elsewhere') };
  const report = checkConfigFile(path, options, io.env);
  const ok = report.errors.length === 0;
  if (args.flag('json')) {
    writeLine(io.stdout, JSON.stringify({ ok, errors: report.errors, warnings: report.warnings }, undefined, 2));
  } else {
    for (const issue of [...report.errors, ...report.warnings]) writeLine(io.stderr, formatIssue(issue));
    writeLine(io.stdout, summary(path, report));
  }
  return ok ? ExitCode.ok : ExitCode.failed;
}

function summary(path: string, { errors, warnings, loaded }: CheckReport): string {
  const found = `${plural(errors.length, 'error')}, ${plural(warnings.length, 'warning')}`;
  if (loaded === undefined) return `${path}: ${found}`;
  const { subnets, pools, classes, reservations } = loaded.snapshot;
  const contents = [
    plural(subnets.length, 'subnet'),
    plural(pools.length, 'pool'),
    plural(classes.length, 'class', 'classes'),
    plural(reservations.length, 'reservation'),
  ];
  return `${path}: ${found}; ${contents.join(', ')}`;
}

function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
