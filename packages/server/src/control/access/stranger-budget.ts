/**
 * What may be spent, of the processor that also serves clients, on those who have proved nothing: connections, TLS
 * handshakes, requests that are refused. Whoever proves who he is gets back what he cost, so only strangers wait, in
 * the kernel's queue or for their refusal. One budget for all doors: an attack on one is paid for by strangers at all.
 */

import { type Bucket, charge, take } from '../../domain/access/rate.js';
import type { Clock } from '../../services/ports.js';

/** What things cost, in units of some 10 µs of a processor. */
export const STRANGER_COST = {
  /** To take a connection from the kernel, and close it or watch it. */
  arrival: 1,
  /** To make a connection of it that is read from. */
  connection: 10,
  /** A TLS handshake that came to its end, on top: one signature at least. */
  handshake: 90,
  /** To refuse a request. */
  refusal: 8,
} as const;

/** Units a second: some four hundredths of a processor; or 360 connections a second of people who say something and stay unknown. */
const UNITS_PER_SEC = 4000;
/** The same at the doors of partners, put by for when there is nothing left of that: a hundredth of a processor. */
const RESERVED_UNITS_PER_SEC = 1000;
/** What is saved up before the next ones are taken in. */
const BATCH_UNITS = 40;
/** Debts beyond this are forgotten, so that whoever comes now does not pay for long for those before. */
const MOST_WAIT_MS = 1000;

/** See the head of this file. */
export class StrangerBudget {
  private bucket: Bucket;

  constructor(
    private readonly clock: Pick<Clock, 'monotonic'>,
    private readonly perSecond = UNITS_PER_SEC,
  ) {
    this.bucket = { tokens: perSecond / 10, at: clock.monotonic() };
  }

  /** @returns 0 if something of this cost may be done now, and it is paid for; else milliseconds to wait before asking again */
  take(units: number): number {
    const now = this.clock.monotonic();
    const left = this.filled(now);
    const taken = take(left, this.perSecond, now, Math.min(units, this.perSecond / 10));
    this.bucket = taken ?? left;
    // Whoever has to wait waits until there is enough for several: each waking costs something too.
    return taken === undefined ? ((BATCH_UNITS - left.tokens) * 1000) / this.perSecond : 0;
  }

  /** Pays for something that is done already, if need be on credit. @returns milliseconds until that is paid off */
  charge(units: number): number {
    const now = this.clock.monotonic();
    const { tokens } = charge(this.filled(now), this.perSecond, now, units);
    this.bucket = { tokens: Math.max(tokens, (-MOST_WAIT_MS * this.perSecond) / 1000), at: now };
    return Math.max(0, (-this.bucket.tokens * 1000) / this.perSecond);
  }

  /** Somebody was no stranger: what he cost comes back. */
  refund(units: number): void {
    const now = this.clock.monotonic();
    const { tokens } = this.filled(now);
    this.bucket = { tokens: Math.min(this.perSecond / 10, tokens + units), at: now };
  }

  /** A tenth of a second is all that is saved up: more would be a stall when it is spent at once. */
  private filled(now: number): Bucket {
    const { tokens } = charge(this.bucket, this.perSecond, now, 0);
    return { tokens: Math.min(this.perSecond / 10, tokens), at: now };
  }
}

/**
 * What may be spent at a door of a partner: what all strangers may, and a little more that nobody spends elsewhere. Who
 * else knocks at it, or at any other door, then keeps the partner waiting for its turn in the kernel's queue, and no longer.
 * @returns as {@link StrangerBudget.take}
 */
export function withReserve(strangers: StrangerBudget, clock: Pick<Clock, 'monotonic'>): (units: number) => number {
  const reserve = new StrangerBudget(clock, RESERVED_UNITS_PER_SEC);
  return (units) => {
    const waitMs = strangers.take(units);
    return waitMs === 0 ? 0 : Math.min(waitMs, reserve.take(units));
  };
}
