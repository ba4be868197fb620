/**
 * Bounded work per turn of the event loop, dealt out in rounds: however much clients ask at once, packets of DHCP are
 * looked at after a few requests, and no client waits for all of another's.
 */

import type { Clock } from '../services/ports.js';

/** Somebody with work to do in small steps. */
export interface Worker {
  /** Does one step; true if there may be another. */
  step(): boolean;
  /** Called after its steps of a turn. */
  rest(): void;
}

/** See the head of this file. */
export class FairTurns {
  private readonly waiting: Worker[] = [];
  private left: number;
  private running = false;
  private armed = false;

  /** @param stepsPerTurn of all workers together */
  constructor(
    private readonly clock: Pick<Clock, 'soon'>,
    private readonly stepsPerTurn: number,
  ) {
    this.left = stepsPerTurn;
  }

  /** Somebody has work: it is begun at once if this turn has room. Who waits already is not to be added again. */
  add(worker: Worker): void {
    this.waiting.push(worker);
    if (!this.running) this.run();
  }

  private run(): void {
    this.running = true;
    const worked = new Set<Worker>();
    while (this.left > 0) {
      const worker = this.waiting.shift();
      if (worker === undefined) break;
      this.left--;
      worked.add(worker);
      if (worker.step()) this.waiting.push(worker);
    }
    for (const worker of worked) worker.rest();
    this.running = false;
    if (this.armed) return;
    this.armed = true;
    this.clock.soon(() => {
      this.armed = false;
      this.left = this.stepsPerTurn;
      if (this.waiting.length > 0) this.run();
    });
  }
}
