/** Long work beside packets: who has a turn, in which order, and for how long. */

import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Sliced } from 'lessor/internal/domain/slices.js';
import { inSlices, spareTurn, type WorkClock } from 'lessor/internal/services/in-slices.js';
import { Pace } from 'lessor/internal/services/pace.js';

/** A clock that moves by hand, and a loop that turns by hand. */
class HandLoop {
  ms = 1000;
  private next: (() => void)[] = [];
  readonly pace = new Pace(this.asClock());
  readonly clock: WorkClock = { ...this.asClock(), spare: (slice) => this.pace.spare(slice) };

  private timers: { readonly at: number; readonly fn: () => void }[] = [];

  private asClock() {
    return {
      monotonic: () => this.ms,
      soon: (fn: () => void) => void this.next.push(fn),
      after: (delayMs: number, fn: () => void) => {
        this.timers.push({ at: this.ms + delayMs, fn });
        return () => undefined;
      },
    };
  }
  /** One turn of the loop. @returns how many callbacks it had */
  turn(): number {
    const due = [...this.timers.filter(({ at }) => at <= this.ms).map(({ fn }) => fn), ...this.next];
    this.timers = this.timers.filter(({ at }) => at > this.ms);
    this.next = [];
    for (const fn of due) fn();
    return due.length;
  }
}

describe('the pace of long work', () => {
  let loop: HandLoop;
  let steps: string[];
  beforeEach(() => {
    loop = new HandLoop();
    steps = [];
  });

  /** Work whose steps take some time each. */
  function* work(name: string, count: number, stepMs: number): Sliced<string> {
    for (let i = 0; i < count; i++) {
      steps.push(name);
      loop.ms += stepMs;
      yield;
    }
    return name;
  }

  it('gives all work together one slice a turn, one after the other', async () => {
    const a = inSlices(work('a', 3, 5), loop.clock);
    const b = inSlices(work('b', 2, 5), loop.clock);
    assert.deepEqual(steps, []);
    for (let turn = 0; turn < 5; turn++) {
      assert.equal(loop.turn(), 1);
      assert.equal(steps.length, turn + 1);
    }
    while (loop.turn() > 0);
    assert.deepEqual(steps, ['a', 'b', 'a', 'b', 'a']);
    assert.deepEqual(await Promise.all([a, b]), ['a', 'b']);
  });

  it('gives 50 microseconds while packets come and 4 milliseconds otherwise', () => {
    void inSlices(work('a', 10_000, 0.01), loop.clock);
    loop.pace.arrived();
    loop.turn();
    assert.ok(steps.length >= 5 && steps.length <= 6, `${steps.length} steps beside packets`);
    steps.length = 0;
    loop.ms += 201;
    loop.turn();
    assert.ok(steps.length >= 399 && steps.length <= 401, `${steps.length} steps alone`);
  });

  it('gives a fifth of the time while packets come, what is done after a turn was waited for included', async () => {
    let done = 0;
    const goOn = async (): Promise<void> => {
      for (;;) {
        await spareTurn(loop.clock);
        loop.ms += 0.04;
        done += 0.04;
      }
    };
    void goOn();
    void inSlices(work('a', 1e9, 0.01), loop.clock);
    const begin = loop.ms;
    while (loop.ms < begin + 1000) {
      loop.pace.arrived();
      loop.turn();
      await Promise.resolve();
      loop.ms += 0.02;
    }
    const used = done + steps.length * 0.01;
    assert.ok(used > 180 && used < 220, `${used} of 1000 ms`);
  });

  it('lets several pieces share a slice, none of them twice', () => {
    void inSlices(work('a', 2, 0.01), loop.clock);
    const order: string[] = [];
    loop.pace.spare(() => {
      order.push('b');
      loop.pace.spare(() => order.push('again'));
    });
    loop.turn();
    assert.deepEqual([steps, order], [['a', 'a'], ['b']]);
    loop.turn();
    assert.deepEqual(order, ['b', 'again']);
    assert.equal(loop.turn(), 0);
  });

  it('serves what has arrived before each slice', () => {
    loop.pace.packetsFirst = () => steps.push('packets');
    void inSlices(work('a', 2, 5), loop.clock);
    while (loop.turn() > 0);
    assert.deepEqual(steps, ['packets', 'a', 'packets', 'a', 'packets']);
  });

  it('passes on what work throws, and goes on with the rest', async () => {
    const broken = inSlices(
      // biome-ignore lint/correctness/useYield: it throws before.
      (function* (): Sliced<void> {
        throw new Error('broken');
      })(),
      loop.clock,
    );
    const turn = spareTurn(loop.clock);
    while (loop.turn() > 0);
    await assert.rejects(broken, /broken/);
    await turn;
  });
});
