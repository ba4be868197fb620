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
  /** When this turn's time is over; undefined: nothing has been done in it yet. */
  private endsAt: number | undefined;
  private running = false;

  /**
   * @param stepsPerTurn of all workers together
   * @param msPerTurn after which no step is begun
   */
  constructor(
    private readonly clock: Pick<Clock, 'monotonic' | 'soon'>,
    private readonly stepsPerTurn: number,
    private readonly msPerTurn = Number.POSITIVE_INFINITY,
  ) {
    this.left = stepsPerTurn;
  }

  /** Somebody has work: it is begun at once if this turn has room. Who waits already is not to be added again. */
  add(worker: Worker): void {
    this.waiting.push(worker);
    if (!this.running) this.run();
  }

  private run(): void {
    if (this.endsAt === undefined) this.begin();
    else if (!this.hasRoom()) return;
    this.running = true;
    const worked = new Set<Worker>();
    do {
      const worker = this.waiting.shift();
      if (worker === undefined) break;
      this.left--;
      worked.add(worker);
      if (worker.step()) this.waiting.push(worker);
    } while (this.hasRoom());
    for (const worker of worked) worker.rest();
    this.running = false;
  }

  private begin(): void {
    this.left = this.stepsPerTurn;
    this.endsAt = this.clock.monotonic() + this.msPerTurn;
    this.clock.soon(() => {
      this.endsAt = undefined;
      if (this.waiting.length > 0) this.run();
    });
  }

  private hasRoom(): boolean {
    return this.left > 0 && this.clock.monotonic() < this.endsAt!;
  }
}
