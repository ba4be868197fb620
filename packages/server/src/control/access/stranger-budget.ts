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
/** What is saved up before the next ones are taken in. */
const BATCH_UNITS = 80;
/** Debts beyond this are forgotten, so that whoever comes now does not pay for long for those before. */
const MOST_WAIT_MS = 1000;

/** See the head of this file. */
export class StrangerBudget {
  private bucket: Bucket;

  constructor(private readonly clock: Pick<Clock, 'monotonic'>) {
    this.bucket = { tokens: UNITS_PER_SEC / 10, at: clock.monotonic() };
  }

  /** @returns 0 if something of this cost may be done now, and it is paid for; else milliseconds to wait before asking again */
  take(units: number): number {
    const now = this.clock.monotonic();
    const left = this.filled(now);
    const taken = take(left, UNITS_PER_SEC, now, Math.min(units, UNITS_PER_SEC / 10));
    this.bucket = taken ?? left;
    // Whoever has to wait waits until there is enough for several: each waking costs something too.
    return taken === undefined ? ((BATCH_UNITS - left.tokens) * 1000) / UNITS_PER_SEC : 0;
  }

  /** Pays for something that is done already, if need be on credit. @returns milliseconds until that is paid off */
  charge(units: number): number {
    const now = this.clock.monotonic();
    const { tokens } = charge(this.filled(now), UNITS_PER_SEC, now, units);
    this.bucket = { tokens: Math.max(tokens, (-MOST_WAIT_MS * UNITS_PER_SEC) / 1000), at: now };
    return Math.max(0, (-this.bucket.tokens * 1000) / UNITS_PER_SEC);
  }

  /** Somebody was no stranger: what he cost comes back. */
  refund(units: number): void {
    const now = this.clock.monotonic();
    const { tokens } = this.filled(now);
    this.bucket = { tokens: Math.min(UNITS_PER_SEC / 10, tokens + units), at: now };
  }

  /** A tenth of a second is all that is saved up: more would be a stall when it is spent at once. */
  private filled(now: number): Bucket {
    const { tokens } = charge(this.bucket, UNITS_PER_SEC, now, 0);
    return { tokens: Math.min(UNITS_PER_SEC / 10, tokens), at: now };
  }
}
