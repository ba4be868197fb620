/** Simulated time, chance and network: everything that happens in a run follows from its seed. */

import type { Cancel, Clock } from 'lessor/internal/services/ports.js';

/** A small generator of good quality (mulberry32). */
export class SimRandom {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  /** 0 <= x < 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }
  chance(probability: number): boolean {
    return this.next() < probability;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** The queue of what is going to happen, in true time (milliseconds from the start of the run). */
export class World {
  now = 0;
  #order = 0;
  readonly #heap: Event[] = [];
  /** Wall clock at the start. */
  readonly epochMs = 1_795_321_794_000;

  constructor(readonly random: SimRandom) {}

  /** Runs `run` so many milliseconds from now. */
  after(delayMs: number, run: () => void): Cancel {
    const event: Event = { at: this.now + Math.max(0, delayMs), order: this.#order++, run, cancelled: false };
    this.#push(event);
    return () => {
      event.cancelled = true;
    };
  }

  /** Lets everything happen up to an instant. What is awaited between two events is done before the second. */
  async runUntil(untilMs: number): Promise<void> {
    for (let event = this.#heap[0]; event !== undefined && event.at <= untilMs; event = this.#heap[0]) {
      this.#pop();
      if (event.cancelled) continue;
      this.now = event.at;
      event.run();
      await settled();
    }
    this.now = untilMs;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let i = heap.push(event) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (before(heap[parent]!, event)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (before(last, heap[child]!)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Resolves when every promise that can go on by itself has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The clock of one server: off by an amount that faults change, and gone when the process is. */
export class SimClock implements Clock {
  /** Added to true time. */
  offsetMs = 0;
  constructor(
    private readonly world: World,
    /** Runs what is due, unless the process has ended; later if it is frozen. */
    private readonly deliver: (run: () => void) => void,
  ) {}
  now(): number {
    return this.world.epochMs + Math.floor(this.world.now) + this.offsetMs;
  }
  monotonic(): number {
    return this.world.now;
  }
  after(delayMs: number, fn: () => void): Cancel {
    let cancelled = false;
    const cancel = this.world.after(delayMs, () =>
      this.deliver(() => {
        if (!cancelled) fn();
      }),
    );
    return () => {
      cancelled = true;
      cancel();
    };
  }
  soon(fn: () => void): void {
    this.after(0, fn);
  }
}
