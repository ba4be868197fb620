/** Turns of commands: so many a second for a principal, and few expensive ones at a time, so that packets come first. */

import { type Bucket, fullBucket, take } from '../../domain/access/rate.js';
import { CommandError } from '../../errors.js';
import type { Clock } from '../../services/ports.js';
import type { ControlCommand } from '../command.js';
import type { CommandGate } from '../dispatcher.js';

/** Expensive commands that run at a time, of one principal and of all. */
const EXPENSIVE_OF_ONE = 1;
const EXPENSIVE_OF_ALL = 2;
/** Expensive commands that may wait; one more is refused. */
const MAX_WAITING = 32;
/** Principals whose rate is remembered. */
const MAX_PRINCIPALS = 1024;

interface Waiting {
  readonly who: string;
  start(): void;
}

/** See the head of this file. */
export class CommandLimiter implements CommandGate {
  private readonly buckets = new Map<string, Bucket>();
  private readonly running = new Map<string, number>();
  private readonly waiting: Waiting[] = [];
  private runningOfAll = 0;

  constructor(private readonly clock: Pick<Clock, 'monotonic'>) {}

  /** @throws CommandError `command-limited` */
  async pass<T>({ principal, name }: ControlCommand, expensive: boolean, work: () => Promise<T>): Promise<T> {
    const { method, commandsPerSecond = 0 } = principal;
    if (method === 'internal') return work();
    const who = `${method} ${principal.name}`;
    if (commandsPerSecond > 0) this.charge(who, commandsPerSecond);
    if (!expensive) return work();
    await this.turn(who, name);
    try {
      return await work();
    } finally {
      this.done(who);
    }
  }

  private charge(who: string, perSecond: number): void {
    const now = this.clock.monotonic();
    const bucket = take(this.buckets.get(who) ?? fullBucket(perSecond, now), perSecond, now);
    if (bucket === undefined) {
      throw new CommandError('command-limited', `more than ${perSecond} commands a second: wait and send it again`);
    }
    this.buckets.delete(who);
    this.buckets.set(who, bucket);
    if (this.buckets.size > MAX_PRINCIPALS) this.buckets.delete(this.buckets.keys().next().value!);
  }

  private turn(who: string, name: string): Promise<void> {
    if (this.mayRun(who)) {
      this.begin(who);
      return Promise.resolve();
    }
    if (this.waiting.length >= MAX_WAITING) {
      throw new CommandError('command-limited', `too many commands like ${name} are under way: send it again later`);
    }
    return new Promise((resolve) => this.waiting.push({ who, start: resolve }));
  }

  private mayRun(who: string): boolean {
    return this.runningOfAll < EXPENSIVE_OF_ALL && (this.running.get(who) ?? 0) < EXPENSIVE_OF_ONE;
  }

  private begin(who: string): void {
    this.runningOfAll++;
    this.running.set(who, (this.running.get(who) ?? 0) + 1);
  }

  private done(who: string): void {
    this.runningOfAll--;
    const left = this.running.get(who)! - 1;
    if (left === 0) this.running.delete(who);
    else this.running.set(who, left);
    // Whoever has waited longest of those who may: one principal's queue does not hold up another's.
    const next = this.waiting.findIndex((one) => this.mayRun(one.who));
    if (next === -1) return;
    const [{ who: nextWho, start }] = this.waiting.splice(next, 1) as [Waiting];
    this.begin(nextWho);
    start();
  }
}
