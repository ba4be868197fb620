/**
 * The clock of a server: the wall clock, until it is told to hold. From then on setting the wall clock does not move it. A
 * server of a pair reckons the ends of leases by such a clock, so that a clock set right neither ends a lease early nor
 * stretches a promise. (Adjusting a clock slowly, as NTP does, is no jump: Linux adjusts CLOCK_MONOTONIC with it.)
 */

import type { EpochMs } from '../domain/values.js';
import { Pace, type Slice } from './pace.js';
import type { Cancel, Clock } from './ports.js';

/** See the head of this file. */
export class SteadyClock implements Clock {
  readonly #wall: Clock;
  /** This clock minus the monotonic one, while it holds. */
  #baseMs: number | undefined;
  /** Of the long work of the server. */
  readonly pace: Pace;

  constructor(wall: Clock) {
    this.#wall = wall;
    this.pace = new Pace(wall);
  }

  /**
   * Goes on at the pace of the monotonic clock from here, `offsetMs` ahead of the wall clock. Said again by a relation of a
   * hub that knows of no offset, it changes nothing.
   */
  hold(offsetMs: number): void {
    if (this.#baseMs !== undefined && offsetMs === 0) return;
    this.#baseMs = this.#wall.now() + offsetMs - this.#wall.monotonic();
  }

  /** Goes back by so much, while it holds: what ends by it ends later. */
  setBack(byMs: number): void {
    if (this.#baseMs !== undefined) this.#baseMs -= byMs;
  }

  now(): EpochMs {
    return this.#baseMs === undefined ? this.#wall.now() : Math.round(this.#wall.monotonic() + this.#baseMs);
  }

  monotonic(): number {
    return this.#wall.monotonic();
  }

  after(delayMs: number, fn: () => void): Cancel {
    return this.#wall.after(delayMs, fn);
  }

  soon(fn: () => void): void {
    this.#wall.soon(fn);
  }

  spare(slice: Slice): void {
    this.pace.spare(slice);
  }

  packetsCome(): boolean {
    return this.pace.busy;
  }

  /** How far this clock is ahead of the wall clock, which somebody may have set since, in milliseconds. */
  get offsetMs(): number {
    return this.now() - this.#wall.now();
  }
}
