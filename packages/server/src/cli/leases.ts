/** `lessor leases`: what is in a lease file, and what happens to it. Reads files only: the server need not run. */

import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { directoriesFrom } from '../config/environment.js';
import type { Lease } from '../domain/lease.js';
import { formatIpv4 } from '../domain/values.js';
import { nodeFileOps } from '../store/file-ops.js';
import { type LeaseFileSchema, LeaseRowParser, parseLeaseFileHeader } from '../store/lease-file.js';
import { readLeaseFile } from '../store/lease-file-reader.js';
import { filesToLoad, leaseFileSet } from '../store/lease-file-set.js';
import { LeaseRecord, leaseOf } from '../store/lease-record.js';
import { formatOptions, type OptionRow, parseOptions, UsageError } from './args.js';
import { checkConfigFile } from './check.js';
import { followEvents } from './follow-events.js';
import { ExitCode, type Io, writeLine } from './io.js';
import { compileQuery, formatJsonLine, formatLine, formatTable, type LeaseFilter } from './lease-view.js';

const OPTIONS: readonly OptionRow[] = [
  { name: 'config', short: 'c', value: 'FILE', help: 'take the lease file this configuration names' },
  { name: 'state', value: 'STATE', help: 'active, expired, declined, reclaimed or released' },
  { name: 'subnet', value: 'SUBNET', help: 'a subnet-id, or a prefix like 192.0.2.0/24' },
  { name: 'mac', value: 'HEX', help: 'hardware address' },
  { name: 'ip', value: 'ADDRESS', help: 'IP address' },
  { name: 'hostname', value: 'TEXT', help: 'part of the hostname' },
  { name: 'client-id', value: 'HEX', help: 'client identifier' },
  { name: 'json', help: 'one JSON object a line, as lease4-get answers' },
  { name: 'follow', help: 'go on and print every change' },
  { name: 'url', value: 'URL', help: 'with --follow: take the changes from the HTTP control socket of a server' },
  { name: 'auth-user', value: 'USER', help: 'basic authentication there; the password is in LESSOR_PASSWORD' },
];

/** Usage text of `lessor leases`. */
export const LEASES_USAGE = `Usage: lessor leases [options] [FILE]

Lists the leases in a lease file (default: kea-leases4.csv in KEA_DHCP_DATA_DIR),
those of an interrupted cleanup (FILE.completed, FILE.2, FILE.1) included.

${formatOptions(OPTIONS)}

Exit codes: 0 done, 1 the file can not be read, 2 wrong usage.
`;

/** How often a followed file is looked at. */
const POLL_MS = 200;

/** Runs `lessor leases`. */
export async function runLeases(argv: readonly string[], io: Io): Promise<number> {
  const args = parseOptions(argv, OPTIONS);
  if (args.value('url') !== undefined && !args.flag('follow')) throw new UsageError('--url goes with --follow');
  if (args.positionals.length > 1) throw new UsageError('give one lease file');
  const filter = compileQuery({
    ...optional('state', args.value('state')),
    ...optional('subnet', args.value('subnet')),
    ...optional('mac', args.value('mac')),
    ...optional('ip', args.value('ip')),
    ...optional('hostname', args.value('hostname')),
    ...optional('clientId', args.value('client-id')),
  });
  const json = args.flag('json');
  const url = args.value('url');
  if (url !== undefined) {
    const user = args.value('auth-user');
    const login = user === undefined ? undefined : { user, password: io.env.LESSOR_PASSWORD ?? '' };
    await followEvents(new URL('/events', url), login, filter, json, io);
    return ExitCode.ok;
  }
  const path = args.positionals[0] ?? leaseFileOf(args.value('config'), io);
  const { leases, end } = readLeases(path, io);
  const now = nowSec();
  const wanted = [...leases.values()].filter((lease) => filter(lease, now)).sort((a, b) => a.address - b.address);
  if (json) for (const lease of wanted) writeLine(io.stdout, formatJsonLine(lease));
  else io.stdout.write(formatTable(wanted, now));
  if (args.flag('follow')) await follow(path, end, leases, filter, json, io);
  else if (!json) writeLine(io.stderr, `${wanted.length} of ${leases.size} leases`);
  return ExitCode.ok;
}

function optional<K extends string>(key: K, value: string | undefined): Partial<Record<K, string>> {
  return (value === undefined ? {} : { [key]: value }) as Partial<Record<K, string>>;
}

function nowSec(): number {
  return Math.floor(Date.now() / 1000);
}

function leaseFileOf(configFile: string | undefined, io: Io): string {
  if (configFile === undefined) return `${directoriesFrom(io.env).data}/kea-leases4.csv`;
  // The restrictions on paths are the server's business; here the file is only read.
  const report = checkConfigFile(configFile, { insecure: true, checkInterfaces: false }, io.env);
  if (report.loaded === undefined) throw new UsageError(`${configFile} has errors: see lessor check`);
  return report.loaded.snapshot.leaseDatabase.path;
}

/** Current leases by address, and how far the journal was read. */
interface LeaseFileState {
  readonly leases: Map<number, Lease>;
  readonly end: number;
}

/** Reads all files of a lease file in the order Kea loads them. @throws StoreError, file system errors */
function readLeases(path: string, io: Io): LeaseFileState {
  const leases = new Map<number, Lease>();
  const record = new LeaseRecord();
  const warn = ({ path: file, line, problem }: { path: string; line: number; problem: string }): void =>
    writeLine(io.stderr, `${file}:${line}: ${problem}`);
  let end = 0;
  const files = filesToLoad(nodeFileOps, leaseFileSet(path));
  // An absent file is an error with its name, as when it is opened.
  for (const file of files.length === 0 ? [path] : files) {
    const summary = readLeaseFile(nodeFileOps, file, record, {
      row: (row) => applyRow(leases, row),
      bad: warn,
      torn: warn,
    });
    if (file === path) end = summary.soundOctets;
  }
  return { leases, end };
}

/** A row replaces the lease of its address; with lifetime 0 it removes it. */
function applyRow(leases: Map<number, Lease>, row: LeaseRecord): void {
  if (row.validLifetimeSec === 0) leases.delete(row.address);
  else leases.set(row.address, leaseOf(row, row.blob, 0));
}

/** Prints what is appended to the journal until the user interrupts. */
async function follow(
  path: string,
  from: number,
  leases: Map<number, Lease>,
  filter: LeaseFilter,
  json: boolean,
  io: Io,
): Promise<void> {
  const print = (address: number, before: Lease | undefined): void => {
    const lease = leases.get(address);
    // A change is shown if the lease is asked for after it or was before it: an end is news too.
    if (![before, lease].some((each) => each !== undefined && filter(each, nowSec()))) return;
    if (lease === undefined) {
      writeLine(io.stdout, json ? JSON.stringify({ removed: formatIpv4(address) }) : `${formatIpv4(address)}  removed`);
    } else writeLine(io.stdout, json ? formatJsonLine(lease) : formatLine(lease, nowSec()));
  };
  let journal = openJournal(path, from);
  while (io.signal?.aborted !== true) {
    journal?.readNew((record) => {
      const before = leases.get(record.address);
      applyRow(leases, record);
      print(record.address, before);
    });
    // A cleanup replaced the file: what was not read of the old one has been, so go on with the new.
    if (journal === undefined || !journal.isCurrent()) {
      journal?.close();
      journal = openJournal(path, 0);
    }
    await pause(io.signal);
  }
  journal?.close();
}

function pause(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, POLL_MS);
    signal?.addEventListener('abort', done);
  });
}

/** One open journal, read piece by piece as it grows. */
interface OpenJournal {
  readNew(row: (record: LeaseRecord) => void): void;
  /** True while the name still means this file. */
  isCurrent(): boolean;
  close(): void;
}

function openJournal(path: string, from: number): OpenJournal | undefined {
  if (!existsSync(path)) return undefined;
  const fd = openSync(path, 'r');
  const { ino } = statSync(path);
  const record = new LeaseRecord();
  let position = from;
  let schema: LeaseFileSchema | undefined;
  let held = Buffer.alloc(0);
  if (from > 0) schema = parseLeaseFileHeader(nodeFileOps.firstLine(path) ?? '');
  return {
    readNew(row) {
      const piece = Buffer.allocUnsafe(1 << 16);
      for (;;) {
        const count = readSync(fd, piece, 0, piece.length, position);
        if (count === 0) return;
        position += count;
        held = Buffer.concat([held, piece.subarray(0, count)]);
        let start = 0;
        for (let end = held.indexOf(0x0a, start); end >= 0; end = held.indexOf(0x0a, start)) {
          if (schema === undefined) schema = parseLeaseFileHeader(held.toString('latin1', start, end));
          else if (new LeaseRowParser(schema).parse(held, start, end, record) === '') row(record);
          start = end + 1;
        }
        held = held.subarray(start);
      }
    },
    isCurrent: () => statSync(path, { throwIfNoEntry: false })?.ino === ino,
    close: () => closeSync(fd),
  };
}
