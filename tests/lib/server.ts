/** One run of a subject in a namespace, with directories of its own. */

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from './netns.js';
import { removeScratch, scratchFolder } from './scratch.js';
import { subject as chosenSubject, hook, type Subject } from './subject.js';
import { PATIENCE_MS } from './until.js';

/** A `Dhcp4` map, without interfaces, database, control socket and loggers: the server adds those. */
export type Dhcp4 = Readonly<Record<string, unknown>>;

/** An answer of the control channel. */
export interface CommandAnswer {
  readonly result: number;
  readonly text?: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
}

/** One row of a lease file, by column name. */
export type LeaseRow = Readonly<Record<string, string>>;

/** How to run a server. */
export interface ServerOptions {
  readonly subject?: Subject;
  /** Folder that outlives the server (its configuration and leases); default: a new one, removed by `close`. */
  readonly folder?: string;
  /** Interfaces to listen on; default lan0. */
  readonly interfaces?: readonly string[];
  /** Program and arguments put before the server's (strace). */
  readonly prefix?: readonly string[];
  /** Folder of the lease file, if not `folder`. */
  readonly leaseFolder?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A server that can be started, killed and started again on the same files. */
export class Server {
  readonly folder: string;
  readonly subject: Subject;
  readonly #namespace: Host;
  readonly #options: ServerOptions;
  #process: ChildProcess | undefined;
  #exit: Promise<void> | undefined;
  #ending: number | NodeJS.Signals | undefined;
  #dhcp4: Dhcp4 = {};

  constructor(namespace: Host, options: ServerOptions = {}) {
    this.#namespace = namespace;
    this.#options = options;
    this.subject = options.subject ?? chosenSubject;
    this.folder = options.folder ?? scratchFolder();
    for (const name of ['run', 'data']) mkdirSync(join(this.folder, name), { recursive: true, mode: 0o750 });
  }

  get configFile(): string {
    return join(this.folder, 'kea-dhcp4.conf');
  }

  get leaseFile(): string {
    return join(this.#options.leaseFolder ?? join(this.folder, 'data'), 'kea-leases4.csv');
  }

  get logFile(): string {
    return join(this.folder, 'log');
  }

  /** Path of its control socket. */
  get socket(): string {
    return join(this.folder, 'run', 'ctrl');
  }

  /** Process id of what was started (strace's, if it was started under strace). */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** The whole configuration around a test's part of it. */
  complete(dhcp4: Dhcp4): { Dhcp4: Record<string, unknown> } {
    return {
      Dhcp4: {
        'interfaces-config': { interfaces: this.#options.interfaces ?? ['lan0'] },
        'lease-database': { type: 'memfile', persist: true, name: this.leaseFile, 'lfc-interval': 0 },
        ...this.subject.controlSocket(this.socket),
        loggers: [
          {
            name: 'kea-dhcp4',
            severity: process.env.SERVER_LOG ?? 'WARN',
            debuglevel: 99,
            output_options: [{ output: 'stdout' }],
          },
        ],
        ...dhcp4,
        'hooks-libraries': [hook('lease_cmds'), ...((dhcp4['hooks-libraries'] as unknown[] | undefined) ?? [])],
      },
    };
  }

  /** Writes the configuration file. */
  configure(dhcp4: Dhcp4): void {
    this.#dhcp4 = dhcp4;
    writeFileSync(this.configFile, JSON.stringify(this.complete(dhcp4), null, 2));
  }

  /** Starts and waits until it answers commands; its DHCP sockets are open then. @throws Error with its log if not. */
  async start(timeoutMs = PATIENCE_MS): Promise<void> {
    const log = openSync(this.logFile, 'a');
    const run = join(this.folder, 'run');
    rmSync(this.socket, { force: true });
    const child = this.#namespace.spawn([...(this.#options.prefix ?? []), ...this.subject.command(this.configFile)], {
      stdio: ['ignore', log, log],
      env: {
        ...process.env,
        KEA_PIDFILE_DIR: run,
        KEA_LOCKFILE_DIR: run,
        KEA_CONTROL_SOCKET_DIR: run,
        KEA_DHCP_DATA_DIR: join(this.folder, 'data'),
        KEA_LOG_FILE_DIR: this.folder,
        ...this.#options.env,
      },
    });
    closeSync(log);
    this.#process = child;
    this.#ending = undefined;
    this.#exit = new Promise((resolve) =>
      child.once('exit', (status, signal) => {
        this.#ending = signal ?? status ?? 0;
        resolve();
      }),
    );
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      try {
        await this.command('version-get');
        return;
      } catch (error) {
        if (!this.running || performance.now() > deadline) {
          await this.kill();
          throw new Error(`${this.subject.name} did not start: ${(error as Error).message}\n${this.log()}`);
        }
        await sleep(15);
      }
    }
  }

  /** Stops it with a signal and waits for its end; its exit status, or the signal it died of. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals | undefined> {
    if (this.running) this.#process?.kill(signal);
    await this.#exit;
    return this.#ending;
  }

  /** Waits until it has ended by itself; as {@link stop}. */
  async ended(): Promise<number | NodeJS.Signals | undefined> {
    await this.#exit;
    return this.#ending;
  }

  /** SIGKILL; of a server behind another program (strace), to both. */
  async kill(): Promise<void> {
    if (this.#options.prefix !== undefined) this.#namespace.killAll();
    await this.stop('SIGKILL');
  }

  get running(): boolean {
    return this.#process !== undefined && this.#ending === undefined;
  }

  /** Exit status or signal of the last run, undefined while it runs. */
  get ending(): number | NodeJS.Signals | undefined {
    return this.#ending;
  }

  /** Sends a signal. */
  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** Sends a command and waits for the answer. @throws Error if the socket does not answer. */
  async command(name: string, args?: Readonly<Record<string, unknown>>): Promise<CommandAnswer> {
    const text = await this.send(JSON.stringify({ command: name, ...(args && { arguments: args }) }));
    try {
      return JSON.parse(text);
    } catch {
      throw new Error(`${name}: answer is no JSON: ${text}`);
    }
  }

  /** Sends a command as it is written; the answer as it comes. @throws Error if the socket does not answer. */
  send(written: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.socket);
      let text = '';
      socket.setEncoding('utf8');
      socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error(`not answered: ${written}`)));
      socket.on('connect', () => socket.write(written));
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(text));
    });
  }

  /** Sends a command that must succeed; its arguments. @throws AssertionError otherwise. */
  async must(name: string, args?: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>> {
    const answer = await this.command(name, args);
    assert.equal(answer.result, 0, `${name}: ${answer.text}`);
    return answer.arguments ?? {};
  }

  /** Gives it another configuration without a restart (and writes it to the file, for a restart). */
  async reconfigure(dhcp4: Dhcp4): Promise<void> {
    this.configure(dhcp4);
    await this.must('config-set', this.complete(dhcp4));
  }

  /** The configuration last given. */
  get dhcp4(): Dhcp4 {
    return this.#dhcp4;
  }

  /** The lease of an address as lease4-get has it, or undefined. */
  async lease(address: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    const answer = await this.command('lease4-get', { 'ip-address': address });
    assert.ok(answer.result === 0 || answer.result === 3, `lease4-get: ${answer.text}`);
    return answer.result === 0 ? answer.arguments : undefined;
  }

  /** All leases, as lease4-get-all has them. */
  async leases(): Promise<Readonly<Record<string, unknown>>[]> {
    const answer = await this.command('lease4-get-all');
    assert.ok(answer.result === 0 || answer.result === 3, `lease4-get-all: ${answer.text}`);
    return (answer.arguments?.leases ?? []) as Readonly<Record<string, unknown>>[];
  }

  /** Value of a statistic; 0 if it was never set. */
  async statistic(name: string): Promise<number> {
    const samples = (await this.must('statistic-get', { name }))[name] as [number, string][] | undefined;
    return samples?.[0]?.[0] ?? 0;
  }

  /** Its output so far. */
  log(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : '';
  }

  /** Kills it and removes its folder. */
  async close(): Promise<void> {
    await this.kill();
    if (this.#options.folder === undefined) removeScratch(this.folder);
  }
}

/**
 * Reads a lease file as Kea does: the last row of an address counts, a row with lifetime 0 removes it. Rows that are
 * cut short (by a crash) are left out. A cleanup under way renames and removes the files: what is read lies between two
 * looks that found the same ones.
 */
export function readLeaseFile(path: string): Map<string, LeaseRow> {
  const files = [`${path}.completed`, `${path}.2`, `${path}.1`, path];
  const look = () => files.map((file) => statSync(file, { throwIfNoEntry: false })?.ino).join(' ');
  for (;;) {
    const before = look();
    const leases = readParts(files);
    if (leases !== undefined && look() === before) return leases;
  }
}

/** The leases of the files that are there; undefined if one went away meanwhile. */
function readParts(files: readonly string[]): Map<string, LeaseRow> | undefined {
  const leases = new Map<string, LeaseRow>();
  for (const part of files) {
    if (!existsSync(part)) continue;
    let text: string;
    try {
      text = readFileSync(part, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    const [header, ...lines] = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
    const columns = (header ?? '').split(',');
    for (const line of lines) {
      const values = line.split(',');
      const row: LeaseRow = Object.fromEntries(columns.map((column, index) => [column, values[index] ?? '']));
      const address = row.address ?? '';
      if (row.valid_lifetime === '0') leases.delete(address);
      else if (address !== '') leases.set(address, row);
    }
  }
  return leases;
}
