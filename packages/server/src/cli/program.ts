/** The subcommands of `lessor`, as a table. */

import { ConfigError, LessorError } from '../errors.js';
import { extendedVersion, LESSOR_VERSION } from '../version.js';
import { ACCESS_USAGE, runAccess } from './access.js';
import { UsageError } from './args.js';
import { AUDIT_USAGE, runAudit } from './audit.js';
import { BMC_USAGE, runBmc } from './bmc.js';
import { CHECK_USAGE, runCheck } from './check.js';
import { DOCTOR_USAGE, runDoctor } from './doctor.js';
import { EXPLAIN_USAGE, runExplain } from './explain.js';
import { HA_USAGE, runHa } from './ha.js';
import { IMPORT_DHCPD_USAGE, runImportDhcpd } from './import-dhcpd.js';
import { ExitCode, type Io, type Run, writeLine } from './io.js';
import { LEASES_USAGE, runLeases } from './leases.js';
import { OMAPI_KEYGEN_USAGE, runOmapiKeygen } from './omapi-keygen.js';
import { PAIR_USAGE, runPair } from './pair.js';
import { PKI_USAGE, runPki } from './pki.js';
import { PLAN_USAGE, runPlan } from './plan.js';
import { runServe, SERVE_USAGE } from './serve.js';
import { runUpgradeConfig, UPGRADE_CONFIG_USAGE } from './upgrade-config.js';

/** One subcommand. */
interface Subcommand {
  readonly name: string;
  readonly summary: string;
  /** Absent: the subcommand answers --help itself. */
  readonly usage?: string;
  readonly run: Run;
}

const SUBCOMMANDS: readonly Subcommand[] = [
  { name: 'serve', summary: 'serve DHCP by a Kea configuration file', usage: SERVE_USAGE, run: runServe },
  { name: 'check', summary: 'find every error in a configuration file', usage: CHECK_USAGE, run: runCheck },
  {
    name: 'client',
    summary: 'be a DHCP client or relay: get, renew, release a lease; load a server',
    run: async (argv, io) => (await import('./client.js')).run(argv, io),
  },
  { name: 'leases', summary: 'list, filter and follow a lease file', usage: LEASES_USAGE, run: runLeases },
  { name: 'ha', summary: 'say what a server of a pair is doing, and why', usage: HA_USAGE, run: runHa },
  { name: 'pair', summary: 'make two servers a pair, certificates included', usage: PAIR_USAGE, run: runPair },
  {
    name: 'import-dhcpd',
    summary: 'convert dhcpd.conf and dhcpd.leases',
    usage: IMPORT_DHCPD_USAGE,
    run: runImportDhcpd,
  },
  {
    name: 'upgrade-config',
    summary: "an older Kea's configuration as Kea 3 and lessor want it",
    usage: UPGRADE_CONFIG_USAGE,
    run: runUpgradeConfig,
  },
  { name: 'pki', summary: 'make certificates for listeners, operators and pairs', usage: PKI_USAGE, run: runPki },
  {
    name: 'omapi-keygen',
    summary: 'make a key for OMAPI, with the configuration for lessor and dhcpd',
    usage: OMAPI_KEYGEN_USAGE,
    run: runOmapiKeygen,
  },
  { name: 'access', summary: 'who may do what, and what is exposed to whom', usage: ACCESS_USAGE, run: runAccess },
  {
    name: 'doctor',
    summary: 'try every control listener from every interface of this machine',
    usage: DOCTOR_USAGE,
    run: runDoctor,
  },
  { name: 'audit', summary: 'verify the audit file', usage: AUDIT_USAGE, run: runAudit },
  {
    name: 'bmc',
    summary: 'management processors that were seen, and alarms about them',
    usage: BMC_USAGE,
    run: runBmc,
  },
  {
    name: 'plan',
    summary: 'what a configuration file would change in a running server',
    usage: PLAN_USAGE,
    run: runPlan,
  },
  {
    name: 'explain',
    summary: 'what a server would answer to a packet, and why',
    usage: EXPLAIN_USAGE,
    run: runExplain,
  },
  { name: 'version', summary: 'print versions', run: printVersion },
];

/** Usage text of `lessor` itself. */
export const LESSOR_USAGE = `lessor ${LESSOR_VERSION}: a DHCPv4 server configured by Kea's files

Usage: lessor COMMAND [options]

${SUBCOMMANDS.map(({ name, summary }) => `  ${name.padEnd(14)}${summary}`).join('\n')}

\`lessor COMMAND --help\` tells more. \`kea-dhcp4\` is the same server with Kea's options.
Exit codes: 0 done, 1 wrong configuration or failure while running, 2 wrong usage,
3 no server answered (client).
`;

/** Runs `lessor` with its arguments; resolves with the exit code. */
export async function runLessor(argv: readonly string[], io: Io): Promise<number> {
  const [word, ...rest] = argv;
  if (word === undefined) {
    io.stderr.write(LESSOR_USAGE);
    return ExitCode.usage;
  }
  if (word === 'help' || word === '--help' || word === '-h') return help(rest[0], io);
  if (word === '--version' || word === '-v') return printVersion([], io);
  const subcommand = SUBCOMMANDS.find(({ name }) => name === word);
  if (subcommand === undefined) {
    writeLine(io.stderr, `lessor: no command '${word}'`);
    io.stderr.write(LESSOR_USAGE);
    return ExitCode.usage;
  }
  if (subcommand.usage !== undefined && (rest.includes('--help') || rest.includes('-h'))) return help(word, io);
  return reportingErrors(`lessor ${word}`, subcommand.usage, io, () => subcommand.run(rest, io));
}

/**
 * Runs `work`; what it throws becomes one clear line and an exit code. Stack traces are shown only for defects, and
 * for anything if LESSOR_DEBUG is set.
 */
export async function reportingErrors(
  program: string,
  usage: string | undefined,
  io: Io,
  work: () => Promise<number>,
): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UsageError) {
      writeLine(io.stderr, `${program}: ${error.message}`);
      if (usage !== undefined) io.stderr.write(`\n${usage}`);
      return ExitCode.usage;
    }
    const expected = error instanceof LessorError ? error.code !== 'invariant' : isSystemError(error);
    if (error instanceof ConfigError) writeLine(io.stderr, error.message);
    else if (expected) writeLine(io.stderr, `${program}: ${(error as Error).message}`);
    if (!expected || io.env.LESSOR_DEBUG !== undefined) {
      writeLine(io.stderr, `${program}: ${error instanceof Error ? error.stack : String(error)}`);
    }
    return ExitCode.failed;
  }
}

/** An error of the operating system (no such file, address in use), not of the program. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}

async function help(topic: string | undefined, io: Io): Promise<number> {
  const subcommand = SUBCOMMANDS.find(({ name }) => name === topic);
  if (topic === undefined || subcommand === undefined) {
    io.stdout.write(LESSOR_USAGE);
    return topic === undefined ? ExitCode.ok : ExitCode.usage;
  }
  if (subcommand.usage === undefined) return subcommand.run(['--help'], io);
  io.stdout.write(subcommand.usage);
  return ExitCode.ok;
}

async function printVersion(_argv: readonly string[], io: Io): Promise<number> {
  writeLine(io.stdout, extendedVersion());
  return ExitCode.ok;
}
