/**
 * Bounded work per turn of the event loop, dealt out in rounds: however much clients ask at once, packets of DHCP are
 * looked at after a few requests, and no client waits for all of another's. While packets come, turns are those of long
 * work (services/pace.ts).
 */

import type { Clock } from '../services/ports.js';

/** What turns are reckoned by; with a pace (`spare`) they keep it. */
export type TurnClock = Pick<Clock, 'monotonic' | 'soon' | 'spare' | 'packetsCome'>;

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
  /** A turn of long work has been asked for. */
  private asked = false;

  /**
   * @param stepsPerTurn of all workers together
   * @param msPerTurn after which no step is begun
   */
  constructor(
    private readonly clock: TurnClock,
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
    const { clock } = this;
    if (clock.spare !== undefined && clock.packetsCome?.() === true) {
      this.askToSpare(clock.spare.bind(clock));
      return;
    }
    if (this.endsAt === undefined) this.begin();
    else if (!this.hasRoom()) return;
    this.work();
  }

  private askToSpare(spare: NonNullable<Clock['spare']>): void {
    if (this.asked) return;
    this.asked = true;
    spare((endMs) => {
      this.asked = false;
      this.left = this.stepsPerTurn;
      const before = this.endsAt;
      this.endsAt = endMs;
      this.work();
      this.endsAt = before;
      if (this.waiting.length > 0) this.run();
    });
  }

  /** At least one step. */
  private work(): void {
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
