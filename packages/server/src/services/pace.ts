/**
 * When long work gets a turn: one slice in a turn of the loop, for all long work together, and never before a packet
 * that is there. While packets come a slice is so short that they hardly notice, and all slices together get a share of
 * the time, so that whoever asks without a pause leaves the processors to the packets, those of his own program too; when
 * none has come for a while slices are longer, which saves turns, and follow each other.
 */

import type { Clock } from './ports.js';

/** A slice while packets come, in milliseconds. */
const BUSY_SLICE_MS = 0.05;
/** Of the time while packets come, what long work may have. */
const BUSY_SHARE = 0.2;
/** How much of its share long work may save up: so many slices may follow each other after a rest. */
const SAVED_MS = 1;
/** How long long work rests when it has had its share; timers know no shorter time. */
const REST_MS = 1;
/** A slice while none come. Also what a clock without a pace gives (services/in-slices.ts). */
export const SLICE_BUDGET_MS = 4;
/** Packets come, as long as the last one was here no longer ago. */
const BUSY_MS = 200;

/** A slice of long work, told when it should end by {@link Clock.monotonic}. */
export type Slice = (endMs: number) => void;

/** See the head of this file. */
export class Pace {
  private readonly waiting: Slice[] = [];
  private armed = false;
  private lastPacketAt = Number.NEGATIVE_INFINITY;
  /** What long work may still use, in milliseconds, as of `creditAt`. */
  private credit = SAVED_MS;
  private creditAt = 0;

  /** Serves what has arrived: called before each slice. Set by whoever reads the packets. */
  packetsFirst: () => void = () => undefined;

  constructor(private readonly clock: Pick<Clock, 'monotonic' | 'soon' | 'after'>) {}

  /** A packet is here. */
  arrived(): void {
    this.lastPacketAt = this.clock.monotonic();
  }

  /** True while packets come. */
  get busy(): boolean {
    return this.clock.monotonic() - this.lastPacketAt < BUSY_MS;
  }

  /** Runs `slice` when its turn comes. It must not throw. */
  spare(slice: Slice): void {
    this.waiting.push(slice);
    this.arm();
  }

  private arm(): void {
    if (this.armed) return;
    this.armed = true;
    this.clock.soon(() => this.turn());
  }

  private turn(): void {
    this.packetsFirst();
    const now = this.clock.monotonic();
    const busy = this.busy;
    this.credit = busy ? Math.min(SAVED_MS, this.credit + BUSY_SHARE * (now - this.creditAt)) : SAVED_MS;
    this.creditAt = now;
    if (this.credit <= 0) {
      this.clock.after(REST_MS, () => this.turn());
      return;
    }
    this.armed = false;
    this.run(now + (busy ? BUSY_SLICE_MS : SLICE_BUDGET_MS));
    // Behind what was waiting for a turn and goes on now: that counts too.
    queueMicrotask(() => {
      this.credit -= this.clock.monotonic() - now;
    });
    if (this.waiting.length > 0) this.arm();
  }

  private run(end: number): void {
    // What a slice asks for comes after this turn, whatever time is left of it.
    for (let left = this.waiting.length; left > 0; left--) {
      this.waiting.shift()!(end);
      if (this.clock.monotonic() >= end) break;
    }
  }
}
