/**
 * Connections that have not said enough yet. Each is a record and no stream, so that ten thousand of them cost little to
 * take, to keep and to collect around; one becomes a stream when a whole question is there (first-octets.ts), few in a turn of the
 * loop.
 */

import type { Admission } from '../control/access/connection-gate.js';
import type { ArrivalWaiter, Cancel, Clock, TcpArrival } from '../services/ports.js';
import { FairTurns, type TurnClock, type Worker } from './fair-turns.js';

/** Connections that are listened to before the loop looks at its packets again. */
const FIRSTS_PER_TURN = 2;

/** What becomes of them. */
export interface SilentEnds {
  /** Whether what has come is worth a stream. */
  enough(octets: Buffer): boolean;
  /** That much is there, or its end. */
  spoke(arrival: TcpArrival, admission: Admission | undefined): void;
  /** It has not said enough for too long. */
  expired(arrival: TcpArrival, admission: Admission | undefined): void;
}

/** See the head of this file. */
export class SilentConnections {
  /** In the order in which they came. */
  readonly #waiting = new Set<Silent>();
  readonly #turns: FairTurns;
  #cancel: Cancel | undefined;

  constructor(
    private readonly clock: Pick<Clock, 'after'> & TurnClock,
    private readonly timeoutMs: number,
    private readonly ends: SilentEnds,
  ) {
    this.#turns = new FairTurns(clock, FIRSTS_PER_TURN);
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Waits for what it says. @returns false if that is not possible: it is a stream at once then */
  add(arrival: TcpArrival, admission: Admission | undefined): boolean {
    const silent = new Silent(this, arrival, admission, this.clock.monotonic());
    if (arrival.whenReadable?.(silent) !== true) return false;
    this.#waiting.add(silent);
    if (this.#cancel === undefined) this.#sweep();
    return true;
  }

  /** Closes the one that has waited the longest; false if there is none. */
  evict(): boolean {
    const [longest] = this.#waiting;
    if (longest !== undefined) this.#drop(longest);
    return longest !== undefined;
  }

  /** Closes all. */
  close(): void {
    this.#cancel?.();
    for (const silent of this.#waiting) this.#drop(silent);
  }

  queue(silent: Silent): void {
    this.#turns.add(silent);
  }

  listen(silent: Silent): void {
    // It may have made room for another while it waited for its turn.
    if (!this.#waiting.has(silent)) return;
    const { arrival, admission, ended } = silent;
    if (!ended && arrival.peek !== undefined && !this.ends.enough(arrival.peek())) return;
    this.#waiting.delete(silent);
    this.ends.spoke(arrival, admission);
  }

  #drop(silent: Silent): void {
    this.#waiting.delete(silent);
    silent.admission?.release();
    silent.arrival.refuse();
  }

  /** One timer for all: who came first runs out first. */
  #sweep(): void {
    this.#cancel = undefined;
    const now = this.clock.monotonic();
    for (const silent of this.#waiting) {
      const leftMs = silent.since + this.timeoutMs - now;
      if (leftMs > 0) {
        this.#cancel = this.clock.after(leftMs, () => this.#sweep());
        return;
      }
      this.#waiting.delete(silent);
      this.ends.expired(silent.arrival, silent.admission);
    }
  }
}

/** One of them. */
class Silent implements Worker, ArrivalWaiter {
  ended = false;
  #queued = false;

  constructor(
    private readonly owner: SilentConnections,
    readonly arrival: TcpArrival,
    readonly admission: Admission | undefined,
    /** Monotonic milliseconds. */
    readonly since: number,
  ) {}

  ready(ended: boolean): void {
    this.ended ||= ended;
    if (this.#queued) return;
    this.#queued = true;
    this.owner.queue(this);
  }

  step(): boolean {
    this.#queued = false;
    this.owner.listen(this);
    return false;
  }

  rest(): void {
    // Nothing is kept between steps.
  }
}
