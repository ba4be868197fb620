/** Programs run by a process of their own: why is in script-host.ts. */

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ProgramCall, ProgramEnd, ProgramPort } from '../services/ports.js';
import type { HostOrder, HostReport } from './script-host-messages.js';

const HOST = fileURLToPath(new URL('./script-host.js', import.meta.url));
/** A host that has died is not begun anew before. */
const REST_MS = 1000;

/** See the head of this file. */
export class ScriptRunner implements ProgramPort {
  readonly #pending = new Map<number, (end: ProgramEnd) => void>();
  #host: ChildProcess | undefined;
  #startedAt = Number.NEGATIVE_INFINITY;
  #nextId = 1;

  start(): void {
    if (this.#host !== undefined || performance.now() - this.#startedAt < REST_MS) return;
    this.#startedAt = performance.now();
    // Nothing of the server's environment is a script's business, nor are options of its Node.
    const host = fork(HOST, [], { env: {}, execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#host = host;
    host.on('message', ({ id, end }: HostReport) => this.#resolve(id, end));
    host.on('error', ({ message }) => this.#lost(host, message));
    host.on('exit', (status, signal) => {
      this.#lost(host, `the process that runs scripts ended (${signal ?? `status ${status}`})`);
    });
  }

  run(call: ProgramCall): Promise<ProgramEnd> {
    this.start();
    const host = this.#host;
    if (host === undefined) {
      return Promise.resolve({ kind: 'failed', reason: 'the process that runs scripts has died, it is begun anew' });
    }
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#pending.set(id, resolve);
      const order: HostOrder = { ...call, id };
      host.send(order, (error) => {
        if (error !== null) this.#resolve(id, { kind: 'failed', reason: error.message });
      });
    });
  }

  close(): Promise<void> {
    const host = this.#host;
    if (host === undefined) return Promise.resolve();
    const order: HostOrder = 'end';
    // A script that does not heed SIGTERM keeps its host, and must not keep this process.
    host.unref();
    return new Promise((resolve) => {
      host.once('disconnect', resolve);
      host.once('exit', () => resolve());
      host.send(order, (error) => {
        if (error !== null) resolve();
      });
    });
  }

  #resolve(id: number, end: ProgramEnd): void {
    const resolve = this.#pending.get(id);
    this.#pending.delete(id);
    resolve?.(end);
  }

  /** What it was running nobody will hear of. */
  #lost(host: ChildProcess, reason: string): void {
    if (this.#host !== host) return;
    this.#host = undefined;
    for (const id of [...this.#pending.keys()]) this.#resolve(id, { kind: 'failed', reason });
  }
}
