/**
 * Who failed to prove a key too often waits: one second for the first failure above the limit, twice as long for each
 * one more. What is kept is bounded however many sources there are.
 */

import { isIPv6 } from 'node:net';
import type { Clock } from '../services/ports.js';

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 300_000;
/** Failures are forgotten when none has been added for so long. */
const FORGET_MS = 3_600_000;
const MAX_SOURCES = 10_000;

/** What is known of one source. */
interface Record {
  readonly failures: number;
  readonly lastAt: number;
  readonly barredUntil: number;
}

/** See the head of this file. Times are those of a clock that never jumps. */
export class SourcePenalties {
  /** In the order of their last failures. */
  private readonly records = new Map<string, Record>();

  /** @param limit failures that cost nothing; 0 = none ever does */
  constructor(
    private readonly clock: Pick<Clock, 'monotonic'>,
    private readonly limit: number,
  ) {}

  /** Milliseconds for which a source is to be turned away, 0 if it may come. */
  waitMs(source: string): number {
    const record = this.records.get(sourceKey(source));
    return record === undefined ? 0 : Math.max(0, record.barredUntil - this.clock.monotonic());
  }

  /** A source has failed. Returns how long it has to wait now, in milliseconds. */
  fail(source: string): number {
    if (this.limit === 0) return 0;
    const now = this.clock.monotonic();
    const key = sourceKey(source);
    const old = this.records.get(key);
    const failures = old === undefined || now - old.lastAt > FORGET_MS ? 1 : old.failures + 1;
    const above = failures - this.limit;
    const waitMs = above <= 0 ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(above - 1, 30));
    this.records.delete(key);
    this.records.set(key, { failures, lastAt: now, barredUntil: now + waitMs });
    if (this.records.size > MAX_SOURCES) this.records.delete(this.records.keys().next().value!);
    return waitMs;
  }

  /** A source has proved a key: what it did before is forgiven. */
  forgive(source: string): void {
    this.records.delete(sourceKey(source));
  }
}

/** IPv6 clients have a /64 to choose from, and so count as one. */
function sourceKey(source: string): string {
  if (!isIPv6(source)) return source;
  const [left = '', right = ''] = source.replace(/%.*$/, '').split('::');
  const before = left === '' ? [] : left.split(':');
  const after = right === '' ? [] : right.split(':');
  const missing = Math.max(0, 8 - before.length - after.length);
  return [...before, ...Array<string>(missing).fill('0'), ...after].slice(0, 4).join(':');
}
