/**
 * When long work gets a turn: one slice in a turn of the loop, for all long work together, and never before a packet
 * that is there. While packets come a slice is so short that they hardly notice; when none has come for a while it is
 * longer, which saves turns.
 */

import type { Clock } from './ports.js';

/** A slice while packets come, in milliseconds. */
const BUSY_SLICE_MS = 0.05;
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

  /** Serves what has arrived: called before each slice. Set by whoever reads the packets. */
  packetsFirst: () => void = () => undefined;

  constructor(private readonly clock: Pick<Clock, 'monotonic' | 'soon'>) {}

  /** A packet is here. */
  arrived(): void {
    this.lastPacketAt = this.clock.monotonic();
  }

  /** Runs `slice` when its turn comes. It must not throw. */
  spare(slice: Slice): void {
    this.waiting.push(slice);
    this.arm();
  }

  private arm(): void {
    if (this.armed) return;
    this.armed = true;
    this.clock.soon(() => this.run());
  }

  private run(): void {
    this.armed = false;
    this.packetsFirst();
    const now = this.clock.monotonic();
    const end = now + (now - this.lastPacketAt < BUSY_MS ? BUSY_SLICE_MS : SLICE_BUDGET_MS);
    // What a slice asks for comes after this turn, whatever time is left of it.
    for (let left = this.waiting.length; left > 0; left--) {
      this.waiting.shift()!(end);
      if (this.clock.monotonic() >= end) break;
    }
    if (this.waiting.length > 0) this.arm();
  }
}
