/**
 * Calls of scripts on their way: so many run at once, so many wait, and what finds no room is counted and logged. Nobody
 * waits for a script, and a script that hangs keeps no client from being served.
 */

import type { HookPoint, ScriptCall } from '../../domain/run-script/environment.js';
import type { Clock, Logger, ProgramEnd, ProgramPort } from '../ports.js';

/** Scripts that run at once. */
const MAX_RUNNING = 16;
/** Calls that wait for one of those to end: some three kilobytes each. */
const MAX_WAITING = 2048;
/** How long scripts may go on when the server ends. */
const LAST_MS = 5000;
/** Lines about what goes wrong are at least so far apart. */
const QUIET_MS = 1000;

/** What a {@link ScriptQueue} works with. */
export interface ScriptQueueDeps {
  readonly programs: ProgramPort;
  readonly clock: Clock;
  /** kea-dhcp4.run-script-hooks. */
  readonly logger: Logger;
}

interface Waiting {
  readonly file: string;
  readonly call: ScriptCall;
}

/** Scripts in numbers, since the server began. */
export interface ScriptCounts {
  readonly waiting: number;
  readonly running: number;
  readonly ended: number;
  /** Of those that ended: with an exit status other than 0, by a signal, or never begun. */
  readonly failed: number;
  /** Calls, or packets with all their calls, that found no room. */
  readonly dropped: number;
}

/** See the head of this file. */
export class ScriptQueue {
  readonly #deps: ScriptQueueDeps;
  #waiting: Waiting[] = [];
  #running = 0;
  #ended = 0;
  #failed = 0;
  #dropped = 0;
  #kicked = false;
  #closing = false;
  #quietUntil = Number.NEGATIVE_INFINITY;
  #unlogged = 0;
  #idle: (() => void) | undefined;

  constructor(deps: ScriptQueueDeps) {
    this.#deps = deps;
  }

  /** Numbers for the metrics. */
  get counts(): ScriptCounts {
    return {
      waiting: this.#waiting.length,
      running: this.#running,
      ended: this.#ended,
      failed: this.#failed,
      dropped: this.#dropped,
    };
  }

  /** Room for so many calls. Where there is none, what would be called need not be worked out: {@link drop}. */
  get room(): number {
    return this.#closing ? 0 : MAX_WAITING - this.#waiting.length;
  }

  /** Puts a call in the queue. Never waits, never throws. */
  push(file: string, call: ScriptCall): void {
    if (this.room <= 0) {
      this.drop();
      return;
    }
    this.#waiting.push({ file, call });
    if (this.#kicked) return;
    // On a turn of its own: the packets in hand are answered first.
    this.#kicked = true;
    this.#deps.clock.soon(() => {
      this.#kicked = false;
      this.#begin();
    });
  }

  /** Counts something that is not told for want of room. */
  drop(): void {
    this.#dropped++;
    const text = `${this.#running} scripts run and ${this.#waiting.length} calls wait: one more is not made (${this.#dropped} so far)`;
    this.#complain('LESSOR_SCRIPT_DROPPED', text);
  }

  /** Lets what runs and waits come to its end, for a while; what does not is ended. */
  async close(): Promise<void> {
    const { clock, logger, programs } = this.#deps;
    this.#closing = true;
    if (this.#running > 0 || this.#waiting.length > 0) {
      await new Promise<void>((resolve) => {
        const cancel = clock.after(LAST_MS, resolve);
        this.#idle = () => {
          cancel();
          resolve();
        };
        this.#begin();
      });
    }
    const given = this.#waiting.splice(0).length;
    this.#dropped += given;
    if (given + this.#running > 0) {
      const text = `the server ends: ${this.#running} scripts that still run are ended, ${given} calls are not made`;
      logger.log('WARN', 'LESSOR_SCRIPT_GIVEN_UP', text);
    }
    await programs.close();
  }

  #begin(): void {
    while (this.#running < MAX_RUNNING) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      this.#running++;
      const { file, call } = next;
      const args = [call.hookPoint];
      void this.#deps.programs
        .run({ file, args, environment: call.environment })
        .then((end) => this.#end(file, call.hookPoint, end));
    }
    if (this.#running === 0) this.#idle?.();
  }

  #end(file: string, hookPoint: HookPoint, end: ProgramEnd): void {
    this.#running--;
    this.#ended++;
    if (end.kind !== 'exited' || end.status !== 0) {
      this.#failed++;
      this.#complain('LESSOR_SCRIPT_FAILED', `${file} ${hookPoint}: ${describe(end)}`);
    }
    this.#begin();
  }

  /** A script that fails at every packet must not fill the log. */
  #complain(id: string, text: string): void {
    const { clock, logger } = this.#deps;
    const now = clock.monotonic();
    if (now < this.#quietUntil) {
      this.#unlogged++;
      return;
    }
    const more = this.#unlogged === 0 ? '' : ` (${this.#unlogged} more lines left out since the last one)`;
    logger.log('WARN', id, text + more);
    this.#quietUntil = now + QUIET_MS;
    this.#unlogged = 0;
  }
}

function describe(end: ProgramEnd): string {
  switch (end.kind) {
    case 'exited':
      return `exit status ${end.status}`;
    case 'killed':
      return `ended by ${end.signal}`;
    case 'failed':
      return `not run: ${end.reason}`;
  }
}
