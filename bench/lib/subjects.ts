/** The servers that are measured, as a table: how each is configured and started. */

import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatIpv4 } from 'lessor/internal/domain/values.js';
import { findPeer, getPeer, type PeerName } from '../../tests/lib/peers.js';
import { CLIENT_SIDE, SERVER_SIDE, spawnIn } from './lab.js';
import {
  CONTROL_LOGIN,
  CONTROL_PORT,
  CONTROL_SOCKET,
  dhcpdConfig,
  keaConfig,
  type Workload,
  writeDhcpdLeases,
  writeLeaseFile,
} from './workloads.js';

/** Names of the servers. */
export type SubjectName = 'kea-1' | 'kea-2' | 'dhcpd' | 'bare' | 'lessor' | PairName;
/** Names of pairs, which only the scenario `ha` measures. */
export type PairName = 'kea-pair' | 'lessor-pair';

/** Names of the pairs. */
export const PAIR_NAMES: readonly PairName[] = ['lessor-pair', 'kea-pair'];

/** How a server is started. */
interface Subject {
  readonly title: string;
  /** Where the search for its sustained rate begins. */
  readonly guessPerSec: number;
  /** Flushes before it acknowledges. */
  readonly durable: boolean;
  /** Reads Kea's lease file, so that it can start with leases. */
  readonly readsLeases: boolean;
  /** Says why it can not be measured here, or undefined. */
  missing(options: SubjectOptions): string | undefined;
  /** Writes its configuration and names its command. */
  prepare(workload: Workload, folder: string, options: SubjectOptions): readonly string[];
  /** The same for its passive partner, in a folder of its own. */
  preparePartner?(workload: Workload, folder: string, options: SubjectOptions): readonly string[];
}

/** What the command line says about subjects. */
export interface SubjectOptions {
  /** lessor's command; `FILE` in it stands for the configuration file. */
  readonly lessorCommand: readonly string[];
}

const LEASE_FILE = 'leases.csv';
/** Configuration of Kea's Control Agent, for whoever starts it. */
export const AGENT_FILE = 'agent.json';

/** Writes the file of credentials; how a configuration names it. Without a newline: Kea 2.2 takes it for a part. */
function login(folder: string): object {
  writeFileSync(join(folder, 'login'), CONTROL_LOGIN, { mode: 0o600 });
  return { type: 'basic', directory: folder, clients: [{ 'password-file': 'login' }] };
}

function agentConfig(unix: object, authentication: object): string {
  const http = { 'http-host': '127.0.0.1', 'http-port': CONTROL_PORT, authentication };
  const agent = { ...http, 'control-sockets': { dhcp4: unix } };
  return JSON.stringify({ 'Control-agent': agent });
}

/** build/bench/lib -> the repository. */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** lessor as a clone has it. */
export const LESSOR_COMMAND: readonly string[] = [join(ROOT, 'packages/server/bin/lessor'), 'serve', '-c', 'FILE'];

/** Says that a peer is missing. `npm run` has lessor's own kea-dhcp4 in its path: Debian's are named by their full path. */
function programMissing(name: PeerName): string | undefined {
  return findPeer(name) === undefined ? `${name} is not installed` : undefined;
}

function kea(threads: number, guessPerSec: number): Subject {
  return {
    title: `Kea 2.2 memfile, ${threads === 1 ? 'one thread' : `${threads} threads`}`,
    guessPerSec,
    durable: false,
    readsLeases: true,
    missing: () => programMissing('kea-dhcp4'),
    prepare(workload, folder) {
      const file = join(folder, 'kea.json');
      const unix = { 'socket-type': 'unix', 'socket-name': join(folder, CONTROL_SOCKET) };
      const places = { folder, leaseFile: join(folder, LEASE_FILE), threads, control: { 'control-socket': unix } };
      writeFileSync(file, keaConfig(workload, places));
      writeFileSync(join(folder, AGENT_FILE), agentConfig(unix, login(folder)));
      return [getPeer('kea-dhcp4'), '-c', file];
    },
  };
}

/** The two servers of a hot-standby pair, on loopback to each other; the standby has no clients. */
function pairMembers(passive: boolean): object {
  const relation = {
    'this-server-name': passive ? 'beta' : 'alpha',
    mode: 'hot-standby',
    'heartbeat-delay': 1000,
    'multi-threading': { 'enable-multi-threading': true, 'http-dedicated-listener': true },
    peers: ['alpha', 'beta'].map((name, side) => ({
      name,
      url: `http://127.0.0.1:${8765 + side}/`,
      role: side === 0 ? 'primary' : 'standby',
    })),
  };
  const hooks = '/usr/lib/x86_64-linux-gnu/kea/hooks/';
  return {
    'multi-threading': { 'enable-multi-threading': true, 'thread-pool-size': 2 },
    ...(passive ? { 'interfaces-config': { interfaces: [] } } : {}),
    'hooks-libraries': [
      { library: `${hooks}libdhcp_lease_cmds.so` },
      { library: `${hooks}libdhcp_ha.so`, parameters: { 'high-availability': [relation] } },
    ],
  };
}

function pair(
  title: string,
  durable: boolean,
  guessPerSec: number,
  command: Command,
  missing: Subject['missing'],
): Subject {
  const prepare = (
    workload: Workload,
    folder: string,
    options: SubjectOptions,
    passive: boolean,
  ): readonly string[] => {
    const file = join(folder, 'pair.json');
    const places = { folder, leaseFile: join(folder, LEASE_FILE), threads: 2, control: {}, more: pairMembers(passive) };
    writeFileSync(file, keaConfig(workload, places));
    return command(file, options);
  };
  return {
    ...{ title, durable, guessPerSec, readsLeases: true, missing },
    prepare: (workload, folder, options) => prepare(workload, folder, options, false),
    preparePartner: (workload, folder, options) => prepare(workload, folder, options, true),
  };
}

type Command = (file: string, options: SubjectOptions) => readonly string[];

/** The table. */
export const SUBJECTS: Readonly<Record<SubjectName, Subject>> = {
  'kea-1': kea(1, 4000),
  'kea-2': kea(2, 5000),
  dhcpd: {
    title: 'ISC dhcpd 4.4.3',
    guessPerSec: 500,
    durable: true,
    readsLeases: false,
    missing: () => programMissing('dhcpd'),
    prepare(workload, folder) {
      const file = join(folder, 'dhcpd.conf');
      const leases = join(folder, 'dhcpd.leases');
      writeFileSync(file, dhcpdConfig(workload));
      writeDhcpdLeases(workload, leases, Math.floor(Date.now() / 1000));
      const pid = join(folder, 'dhcpd.pid');
      return [getPeer('dhcpd'), '-4', '-f', '-q', '-cf', file, '-lf', leases, '-pf', pid, SERVER_SIDE.interface];
    },
  },
  'kea-pair': pair(
    'Kea 2.2 hot-standby pair, two threads each',
    false,
    1000,
    (file) => [getPeer('kea-dhcp4'), '-c', file],
    () => programMissing('kea-dhcp4'),
  ),
  'lessor-pair': pair(
    'lessor hot-standby pair',
    true,
    4000,
    (file, { lessorCommand }) => lessorCommand.map((word) => (word === 'FILE' ? file : word)),
    () => undefined,
  ),
  bare: {
    title: 'bare responder (the ceiling)',
    guessPerSec: 12_000,
    durable: true,
    readsLeases: false,
    missing: () => undefined,
    prepare(workload, folder) {
      const program = fileURLToPath(new URL('../bare-responder.js', import.meta.url));
      const lease = join(folder, LEASE_FILE);
      return [process.execPath, program, SERVER_SIDE.interface, lease, formatIpv4(workload.firstAddress)];
    },
  },
  lessor: {
    title: 'lessor',
    guessPerSec: 10_000,
    durable: true,
    readsLeases: true,
    missing: ({ lessorCommand }) => {
      const script = lessorCommand.find((word) => word.endsWith('.js'));
      return script === undefined || existsSync(script) ? undefined : `${script} is not built`;
    },
    prepare(workload, folder, { lessorCommand }) {
      const file = join(folder, 'lessor.json');
      const unix = { 'socket-type': 'unix', 'socket-name': join(folder, CONTROL_SOCKET) };
      const http = { 'socket-type': 'http', 'socket-port': CONTROL_PORT, authentication: login(folder) };
      const places = {
        folder,
        leaseFile: join(folder, LEASE_FILE),
        threads: 1,
        control: { 'control-sockets': [unix, http] },
      };
      writeFileSync(file, keaConfig(workload, places));
      return lessorCommand.map((word) => (word === 'FILE' ? file : word));
    },
  },
};

/** Seconds a server may take to answer for the first time: fifteen million leases on a machine with other work. */
const START_TIMEOUT_SEC = 900;

/** A server that runs. */
export interface RunningSubject {
  readonly name: SubjectName;
  /** From the start of its process to its first OFFER. */
  readonly firstAnswerMs: number;
  /** Resident memory in MiB, now and at its highest. */
  memory(): { readonly nowMiB: number; readonly peakMiB: number };
  /** Processor time its process has used, in milliseconds. */
  cpuMs(): number;
  stop(): Promise<void>;
}

/** Starts a server with a fresh folder and waits for its first answer. @throws Error with its log if there is none. */
export async function startSubject(
  name: SubjectName,
  workload: Workload,
  workFolder: string,
  options: SubjectOptions,
): Promise<RunningSubject> {
  const folder = join(workFolder, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o750 });
  if (workload.leases > 0) writeLeaseFile(workload, join(folder, LEASE_FILE), Math.floor(Date.now() / 1000));
  const command = SUBJECTS[name].prepare(workload, folder, options);
  const partner = startPartner(name, workload, folder, options);
  const asking = await startAsking();
  const output = openSync(join(folder, 'output.log'), 'a');
  const env = { ...process.env, ...keaDirectories(folder) };
  const startedAt = Date.now();
  const child = spawnIn(SERVER_SIDE.namespace, command, { stdio: ['ignore', output, output], env, cwd: folder });
  const died = new Promise<undefined>((resolve) => child.once('exit', () => resolve(undefined)));
  const answeredAt = await Promise.race([asking.answered, died]);
  if (answeredAt === undefined) {
    asking.giveUp();
    child.kill('SIGKILL');
    partner?.kill('SIGKILL');
    throw new Error(`${name} did not answer:\n${readFileSync(join(folder, 'output.log'), 'utf8').slice(-3000)}`);
  }
  return {
    name,
    firstAnswerMs: answeredAt - startedAt,
    memory: () => memoryOf(child.pid!),
    cpuMs: () => cpuMsOf(child.pid!),
    async stop() {
      await stop(child);
      if (partner !== undefined) await stop(partner);
    },
  };
}

/** Starts the passive server of a pair. */
function startPartner(
  name: SubjectName,
  workload: Workload,
  activeFolder: string,
  options: SubjectOptions,
): ChildProcess | undefined {
  const folder = join(activeFolder, 'partner');
  mkdirSync(folder, { recursive: true, mode: 0o750 });
  const command = SUBJECTS[name].preparePartner?.(workload, folder, options);
  if (command === undefined) return undefined;
  const output = openSync(join(folder, 'output.log'), 'a');
  const env = { ...process.env, ...keaDirectories(folder) };
  return spawnIn(SERVER_SIDE.namespace, command, { stdio: ['ignore', output, output], env, cwd: folder });
}

/** Kea's directories, and lessor's, are the subject's folder: both refuse files outside of them. */
function keaDirectories(folder: string): Record<string, string> {
  return {
    KEA_DHCP_DATA_DIR: folder,
    KEA_PIDFILE_DIR: folder,
    KEA_LOCKFILE_DIR: folder,
    KEA_LOG_FILE_DIR: folder,
    KEA_CONTROL_SOCKET_DIR: folder,
  };
}

/** Starts the program that asks until it is answered; resolves when it has begun. */
async function startAsking(): Promise<{ answered: Promise<number | undefined>; giveUp(): void }> {
  const program = fileURLToPath(new URL('first-answer.js', import.meta.url));
  const child = spawnIn(
    CLIENT_SIDE.namespace,
    [process.execPath, program, SERVER_SIDE.address, CLIENT_SIDE.address, String(START_TIMEOUT_SEC)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let text = '';
  const begun = new Promise<void>((resolve) => {
    child.stdout!.on('data', (piece: Buffer) => {
      text += piece;
      if (text.includes('sending')) resolve();
    });
  });
  const answered = new Promise<number | undefined>((resolve) => {
    child.once('close', () => {
      const match = /^(\d{10,})$/m.exec(text);
      resolve(match === null ? undefined : Number(match[1]));
    });
  });
  await begun;
  return { answered, giveUp: () => void child.kill('SIGKILL') };
}

function memoryOf(pid: number): { nowMiB: number; peakMiB: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) / 1024;
  return { nowMiB: field('VmRSS'), peakMiB: field('VmHWM') };
}

/** Kernel ticks are 10 ms on every Linux user space sees (USER_HZ). */
const TICK_MS = 10;

function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(timer);
}
