/** The pairs the matrix is run against: two lessors, lessor and Kea either way round, two Keas, two dhcpds. */

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseVersion } from 'lessor/internal/domain/pair/version.js';
import { PairLab, type PairOptions } from '../lib/pair-lab.js';
import { getPeer } from '../lib/peers.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';
import { SUBJECTS } from '../lib/subject.js';
import type { Binding, JournalRecord } from './history.js';

/** Which side: 0 the primary, which is the active one in hot-standby. */
export type Side = 0 | 1;

/** A pair of servers on the stage. */
export interface System {
  readonly lab: PairLab;
  start(side: Side): Promise<void>;
  /** SIGKILL. */
  kill(side: Side): Promise<void>;
  /** In order. */
  stop(side: Side): Promise<void>;
  signal(side: Side, signal: NodeJS.Signals): void;
  /** What the server says its state is. */
  state(side: Side): Promise<string>;
  /** The state in which both work together. */
  readonly together: string;
  /** Two lessors, of which more is demanded. */
  readonly ours: boolean;
  /** Addresses of the Keas that have a lessor for a partner. */
  readonly keas: readonly string[];
  /** Kea's configuration, commands and lease file. */
  readonly isKeaLike: boolean;
  /** Process id of a server; undefined when it does not run. */
  pid(side: Side): number | undefined;
  leaseFile(side: Side): string;
  /** Changes members of the configuration of a server, while it runs if it can do that. */
  change(side: Side, change: Change): Promise<void>;
  bindings(side: Side): Promise<Binding[]>;
  /** Versioned records in the order they were written; undefined for servers without versions. */
  journal(side: Side): JournalRecord[] | undefined;
  log(side: Side): string;
  /** Its lease file as it is. */
  files(side: Side): string;
  close(): Promise<void>;
}

/** Names of the pairs. */
export const SYSTEM_NAMES = ['lessor', 'lessor+kea', 'kea+lessor', 'kea', 'dhcpd'] as const;
export type SystemName = (typeof SYSTEM_NAMES)[number];

/** Programs a system needs beside lessor. */
export const PROGRAMS: Readonly<Record<SystemName, readonly ('kea-dhcp4' | 'dhcpd')[]>> = {
  lessor: [],
  'lessor+kea': ['kea-dhcp4'],
  'kea+lessor': ['kea-dhcp4'],
  kea: ['kea-dhcp4'],
  dhcpd: ['dhcpd'],
};

/** Seconds of a lease: so short that leases run out during a run. */
export const LEASE_SEC = 20;
/** The least lead time lessor takes. */
const MCLT_SEC = 10;
/** The addresses. */
export const POOL = '10.77.1.0 - 10.77.3.255';

/** Kea's times as short as its own tests have them; with its defaults a dead primary is missed after 60 s. */
const KEA_RELATION = {
  'heartbeat-delay': 500,
  'max-response-delay': 2000,
  'max-ack-delay': 1000,
  'max-unacked-clients': 0,
  'multi-threading': { 'enable-multi-threading': true, 'http-dedicated-listener': true },
};

/** What a row changes of a system. dhcpd heeds of `server` the folder of the leases and the environment. */
export type Variation = Pick<PairOptions, 'dhcp4' | 'own' | 'server' | 'relation' | 'lessor' | 'tls' | 'subjects'>;

/** A change of a configuration in the words of each kind of server. */
export interface Change {
  /** Members of Dhcp4. */
  readonly dhcp4: Readonly<Record<string, unknown>>;
  /** What is replaced by what in dhcpd.conf. */
  readonly dhcpd?: readonly [string, string];
}

/** Sets a pair up; nothing runs yet. */
export function openSystem(name: SystemName, variation: Variation = {}): System {
  if (name === 'dhcpd') return new DhcpdPair(variation);
  const { lessor, kea } = SUBJECTS;
  const subjects = (
    {
      lessor: [lessor, lessor],
      'lessor+kea': [lessor, kea],
      'kea+lessor': [kea, lessor],
      kea: [kea, kea],
    } as const
  )[name];
  const pure = name === 'lessor';
  const lab = new PairLab({
    apart: true,
    subjects: variation.subjects ?? subjects,
    tls: variation.tls ?? pure,
    lessor: { ...(pure ? { mclt: MCLT_SEC } : { partner: 'kea' }), ...variation.lessor },
    relation: pure ? (variation.relation ?? {}) : { ...KEA_RELATION, ...variation.relation },
    dhcp4: {
      'valid-lifetime': LEASE_SEC,
      'decline-probation-period': 15,
      'expired-leases-processing': { 'reclaim-timer-wait-time': 1, 'hold-reclaimed-time': 3600 },
      subnet4: [{ id: 77, subnet: '10.77.0.0/22', pools: [{ pool: POOL }] }],
      ...(pure ? {} : { 'multi-threading': { 'enable-multi-threading': true, 'thread-pool-size': 2 } }),
      ...variation.dhcp4,
    },
    ...(variation.own === undefined ? {} : { own: variation.own }),
    ...(variation.server === undefined ? {} : { server: variation.server }),
  });
  const keas = subjects.includes(lessor)
    ? subjects.flatMap((one, side) => (one === kea ? [`10.77.0.${side + 1}`] : []))
    : [];
  return new KeaLikePair(lab, pure, keas);
}

/** Two servers with Kea's control channel. */
class KeaLikePair implements System {
  readonly together = 'hot-standby';
  readonly isKeaLike = true;

  constructor(
    readonly lab: PairLab,
    readonly ours: boolean,
    readonly keas: readonly string[],
  ) {}

  pid(side: Side): number | undefined {
    return this.lab.servers[side].pid;
  }

  leaseFile(side: Side): string {
    return this.lab.servers[side].leaseFile;
  }

  change(side: Side, { dhcp4 }: Change): Promise<void> {
    const server = this.lab.servers[side];
    return server.reconfigure({ ...server.dhcp4, ...dhcp4 });
  }

  start(side: Side): Promise<void> {
    return this.lab.servers[side].start();
  }

  kill(side: Side): Promise<void> {
    return this.lab.servers[side].kill();
  }

  async stop(side: Side): Promise<void> {
    await this.lab.servers[side].stop();
  }

  signal(side: Side, signal: NodeJS.Signals): void {
    this.lab.servers[side].signal(signal);
  }

  async state(side: Side): Promise<string> {
    const ha = (await this.lab.ha(side)) as { 'ha-servers': { local: { state: string } } };
    return ha['ha-servers'].local.state;
  }

  async bindings(side: Side): Promise<Binding[]> {
    const leases = await this.lab.servers[side].leases();
    return leases
      .filter(({ state }) => state === 0)
      .map((lease) => ({
        addr: String(lease['ip-address']),
        holder: String(lease['hw-address']),
        end: (Number(lease.cltt) + Number(lease['valid-lft'])) * 1000 - performance.timeOrigin,
      }));
  }

  journal(side: Side): JournalRecord[] | undefined {
    return this.ours ? lessorJournal(this.lab.servers[side].leaseFile) : undefined;
  }

  log(side: Side): string {
    return this.lab.servers[side].log();
  }

  files(side: Side): string {
    const { leaseFile } = this.lab.servers[side];
    return existsSync(leaseFile) ? readFileSync(leaseFile, 'utf8') : '';
  }

  close(): Promise<void> {
    return this.lab.close();
  }
}

/** Rows of lessor's journal, with their versions. */
function lessorJournal(path: string): JournalRecord[] {
  if (!existsSync(path)) return [];
  const [header, ...lines] = readFileSync(path, 'utf8').split('\n');
  const columns = (header ?? '').split(',');
  const [address, hardware, lifetime, state, context] = [
    'address',
    'hwaddr',
    'valid_lifetime',
    'state',
    'user_context',
  ].map((name) => columns.indexOf(name));
  const records: JournalRecord[] = [];
  for (const line of lines) {
    const cells = line.split(',');
    // The version is the first thing in the user-context, and has no comma in it.
    const text = /"lessor-pair":\s*"([0-9x.-]+)"/.exec(cells[context!] ?? '')?.[1];
    const version = text === undefined ? undefined : parseVersion(text);
    if (cells.length < columns.length || version === undefined) continue;
    const gone = cells[lifetime!] === '0';
    records.push({
      addr: cells[address!]!,
      version,
      holder: gone ? undefined : cells[hardware!],
      state: Number(cells[state!]),
    });
  }
  return records;
}

/** Two dhcpds with failover. */
class DhcpdPair implements System {
  readonly lab = new PairLab({ apart: true });
  readonly together = 'normal';
  readonly ours = false;
  readonly keas = [];
  readonly isKeaLike = false;
  readonly #folders = [scratchFolder(), scratchFolder()] as const;
  readonly #children: (ChildProcess | undefined)[] = [undefined, undefined];

  constructor(private readonly variation: Variation) {
    for (const side of [0, 1] as const) {
      writeFileSync(join(this.#folders[side], 'dhcpd.conf'), this.#config(side));
      writeFileSync(this.leaseFile(side), '');
    }
  }

  leaseFile(side: Side): string {
    return join(this.variation.server?.[side].leaseFolder ?? this.#folders[side], 'dhcpd.leases');
  }

  pid(side: Side): number | undefined {
    return this.#children[side]?.pid;
  }

  /** It reads its configuration only when it starts. */
  async change(side: Side, { dhcpd: [what, by] = ['', ''] }: Change): Promise<void> {
    const text = this.#config(side);
    if (what === '' || !text.includes(what)) throw new Error(`dhcpd.conf has no '${what}'`);
    writeFileSync(join(this.#folders[side], 'dhcpd.conf'), text.replace(what, by));
    await this.kill(side);
    await this.start(side);
  }

  #config(side: Side): string {
    return `authoritative; default-lease-time ${LEASE_SEC}; max-lease-time ${LEASE_SEC}; min-lease-time 5;
failover peer "pair" { ${side === 0 ? `primary; mclt ${MCLT_SEC}; split 255;` : 'secondary;'}
  address 192.0.2.${side + 1}; port 647; peer address 192.0.2.${2 - side}; peer port 647;
  max-response-delay 15; max-unacked-updates 10; load balance max seconds 3; }
subnet 10.77.0.0 netmask 255.255.252.0 { pool { failover peer "pair"; range ${POOL.replace(' - ', ' ')}; } }
`;
  }

  async start(side: Side): Promise<void> {
    const folder = this.#folders[side];
    const log = openSync(join(folder, 'log'), 'a');
    const file = (name: string): string => join(folder, name);
    const flags = ['-4', '-f', '-d', '-cf', file('dhcpd.conf'), '-lf', this.leaseFile(side), '--no-pid', 'lan0'];
    const [program, args] = this.lab.hosts[side].wrap(getPeer('dhcpd'), ...flags);
    const env = { ...process.env, ...this.variation.server?.[side].env };
    this.#children[side] = spawn(program, args, { stdio: ['ignore', log, log], env });
    closeSync(log);
    const began = this.log(side).length;
    for (let i = 0; i < 600 && !this.log(side).slice(began).includes('Server starting'); i++) await sleep(50);
  }

  async #end(side: Side, signal: NodeJS.Signals): Promise<void> {
    const child = this.#children[side];
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const over = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await over;
  }

  kill(side: Side): Promise<void> {
    return this.#end(side, 'SIGKILL');
  }

  stop(side: Side): Promise<void> {
    return this.#end(side, 'SIGTERM');
  }

  signal(side: Side, signal: NodeJS.Signals): void {
    this.#children[side]?.kill(signal);
  }

  async state(side: Side): Promise<string> {
    return [...this.log(side).matchAll(/I move from \S+ to (\S+)/g)].at(-1)?.[1] ?? 'starting';
  }

  async bindings(side: Side): Promise<Binding[]> {
    const found = new Map<string, Binding | undefined>();
    for (const [, addr, body] of readFileSync(this.leaseFile(side), 'utf8').matchAll(/lease (\S+) \{([^}]*)\}/g)) {
      const active = /^\s*binding state active;/m.test(body!);
      const holder = /hardware ethernet (\S+);/.exec(body!)?.[1];
      const ends = /^\s*ends \d (\d+)\/(\d+)\/(\d+) (\d+):(\d+):(\d+);/m.exec(body!)?.slice(1).map(Number);
      if (!active || holder === undefined || ends === undefined) found.set(addr!, undefined);
      else {
        const [year, month, day, hour, minute, second] = ends;
        const end = Date.UTC(year!, month! - 1, day, hour, minute, second) - performance.timeOrigin;
        found.set(addr!, { addr: addr!, holder, end });
      }
    }
    const now = performance.now();
    return [...found.values()].filter((one): one is Binding => one !== undefined && one.end > now);
  }

  journal(): undefined {
    return undefined;
  }

  files(side: Side): string {
    return readFileSync(this.leaseFile(side), 'utf8');
  }

  log(side: Side): string {
    const file = join(this.#folders[side], 'log');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  async close(): Promise<void> {
    await Promise.all([this.kill(0), this.kill(1)]);
    await this.lab.close();
    for (const folder of this.#folders) removeScratch(folder);
  }
}
