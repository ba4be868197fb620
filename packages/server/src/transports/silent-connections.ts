/**
 * Connections that have said nothing yet. Each is a record and no stream, so that ten thousand of them cost little to
 * take, to keep and to collect around; one becomes a stream when its first octets are there, few in a turn of the loop.
 */

import type { Admission } from '../control/access/connection-gate.js';
import type { Cancel, Clock, TcpArrival } from '../services/ports.js';
import { FairTurns, type TurnClock, type Worker } from './fair-turns.js';

/** Connections that speak up before the loop looks at its packets again. */
const FIRSTS_PER_TURN = 2;

/** What becomes of them. */
export interface SilentEnds {
  /** The first octets are there, or its end. */
  spoke(arrival: TcpArrival, admission: Admission | undefined): void;
  /** It has said nothing for too long. */
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

  speak(silent: Silent): void {
    // It may have made room for another while it waited for its turn.
    if (this.#waiting.delete(silent)) this.ends.spoke(silent.arrival, silent.admission);
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
class Silent implements Worker {
  constructor(
    private readonly owner: SilentConnections,
    readonly arrival: TcpArrival,
    readonly admission: Admission | undefined,
    /** Monotonic milliseconds. */
    readonly since: number,
  ) {}

  ready(): void {
    this.owner.queue(this);
  }

  step(): boolean {
    this.owner.speak(this);
    return false;
  }

  rest(): void {
    // Nothing is kept between steps.
  }
}
