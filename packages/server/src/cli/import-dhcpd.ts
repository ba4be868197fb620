/** `lessor import-dhcpd`: a configuration and a lease file from those of ISC dhcpd. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { loadConfig } from '../config/load.js';
import type { ConfigSnapshot, JsonMap } from '../domain/snapshot.js';
import { ConfigError, LessorError } from '../errors.js';
import { machineConfigEnvironment } from '../platform/config-environment.js';
import { LeaseRecord } from '../store/lease-record.js';
import { LeaseRowBuffer } from '../store/lease-row-buffer.js';
import { formatOptions, type OptionRow, parseOptions, UsageError } from './args.js';
import { convertDhcpd } from './dhcpd/convert.js';
import { type ConvertedLeases, convertLeases, runTimeObjects } from './dhcpd/leases.js';
import { formatNote, type Note } from './dhcpd/notes.js';
import { type ConfStatement, readTree } from './dhcpd/tree.js';
import { ExitCode, type Io, writeLine } from './io.js';

const OPTIONS: readonly OptionRow[] = [
  { name: 'output', short: 'o', value: 'FILE', help: 'write the configuration there; else to the standard output' },
  { name: 'interfaces', short: 'i', value: 'LIST', help: "dhcpd's interfaces, by commas; all, if not given" },
  { name: 'leases', value: 'FILE', help: "dhcpd's leases (/var/lib/dhcp/dhcpd.leases)" },
  { name: 'lease-output', value: 'FILE', help: 'write the leases in force there, as kea-leases4.csv' },
  { name: 'ddns-output', value: 'FILE', help: 'write a configuration of kea-dhcp-ddns for its zones there' },
  { name: 'force', help: 'overwrite files that are there' },
];

/** Usage text of `lessor import-dhcpd`. */
export const IMPORT_DHCPD_USAGE = `Usage: lessor import-dhcpd [options] DHCPD.CONF

Converts a configuration of ISC dhcpd, and its leases, so that clients keep their
addresses. What has no equivalent is named with file and line, in the output too.

${formatOptions(OPTIONS)}

Exit codes: 0 all of it was converted, 1 it was but for the statements named, or it
can not be read, 2 wrong usage.
`;

/** Runs it. @throws UsageError, LessorError, the system's Error */
export async function runImportDhcpd(argv: readonly string[], io: Io): Promise<number> {
  const args = parseOptions(argv, OPTIONS);
  const [path, ...more] = args.positionals;
  if (path === undefined || more.length > 0) throw new UsageError('give one configuration of dhcpd');
  const [output, leases, leaseOutput, ddnsOutput] = ['output', 'leases', 'lease-output', 'ddns-output'].map((name) =>
    args.value(name),
  );
  if ((leases === undefined) !== (leaseOutput === undefined)) throw new UsageError('--leases goes with --lease-output');
  for (const file of [output, leaseOutput, ddnsOutput]) {
    if (file !== undefined && existsSync(file) && !args.flag('force')) throw new UsageError(`${file} exists: --force`);
  }
  const interfaces = args.value('interfaces')?.split(',') ?? ['*'];
  const leaseTree = leases === undefined ? [] : readTree(leases, readOctets);
  const tree = [...readTree(path, readOctets), ...runTimeObjects(leaseTree)];
  const { config, updateServer, notes } = convertDhcpd(tree, interfaces);
  const snapshot = checked(config, io);
  for (const note of notes) writeLine(io.stderr, formatNote(note));
  const text = withNotes(config, path, notes);
  if (output === undefined) io.stdout.write(text);
  else writeFileSync(output, text, { mode: 0o640 });
  if (ddnsOutput !== undefined) writeUpdateServer(ddnsOutput, updateServer, path, io);
  const homeless = leaseOutput === undefined ? 0 : importLeases(leaseTree, leaseOutput, snapshot, io);
  return homeless > 0 || notes.some(({ kind }) => kind === 'lost') ? ExitCode.failed : ExitCode.ok;
}

function readOctets(file: string): string {
  return readFileSync(file, 'latin1');
}

/** What was made must load: else there is more to say than the notes do. */
function checked(config: JsonMap, io: Io): ConfigSnapshot {
  const environment = machineConfigEnvironment({ variables: io.env, insecure: false, checkInterfaces: false });
  try {
    return loadConfig({ kind: 'json', value: { Dhcp4: config } }, { ...environment, generation: 1 }).snapshot;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const { message, position } of error.issues) writeLine(io.stderr, `${position.path}: ${message}`);
    throw new LessorError(
      'dhcpd-syntax',
      'what dhcpd was told can not be served: the places are those of what it would become',
    );
  }
}

/** The configuration as a file, with the notes as comments. */
function withNotes(config: JsonMap, path: string, notes: readonly Note[]): string {
  const lines = notes.map((note) => `// ${formatNote(note)}\n`).join('');
  return `// Made of ${path} by lessor import-dhcpd.\n${lines}${JSON.stringify({ Dhcp4: config }, undefined, 2)}\n`;
}

/** The configuration of kea-dhcp-ddns: it has the keys, and is for its user alone. */
function writeUpdateServer(file: string, config: JsonMap | undefined, path: string, io: Io): void {
  if (config === undefined) {
    writeLine(io.stderr, `${file}: not written, ${path} has no zones`);
    return;
  }
  const text = `// Made of ${path} by lessor import-dhcpd.\n${JSON.stringify({ DhcpDdns: config }, undefined, 2)}\n`;
  writeFileSync(file, text, { mode: 0o640 });
}

/** @returns how many leases in force have no place in the configuration */
function importLeases(tree: readonly ConfStatement[], to: string, snapshot: ConfigSnapshot, io: Io): number {
  const nowSec = Math.floor(Date.now() / 1000);
  const found = convertLeases(tree, (address) => subnetOf(address, snapshot), nowSec);
  writeFileSync(to, leaseFile(found), { mode: 0o640 });
  writeLine(io.stderr, `${to}: ${found.leases.length} leases in force`);
  if (found.homeless.length > 0) {
    const shown = found.homeless.slice(0, 10).join(', ');
    writeLine(io.stderr, `NOT CONVERTED: ${found.homeless.length} leases that are in no subnet: ${shown}`);
  }
  return found.homeless.length;
}

function subnetOf(address: number, { subnets }: ConfigSnapshot): number | undefined {
  return subnets.find(({ prefix, prefixLength }) => address >= prefix && address < prefix + 2 ** (32 - prefixLength))
    ?.id;
}

function leaseFile({ leases }: ConvertedLeases): Buffer {
  const rows = new LeaseRowBuffer();
  const record = new LeaseRecord();
  rows.appendHeader();
  for (const lease of leases) {
    record.setLease(lease);
    rows.append(record);
  }
  return rows.view;
}
