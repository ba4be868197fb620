/**
 * How much somebody may send: what a connection has sent is charged to its source before it is parsed, and reading stops
 * until it is paid for. So a source is slowed down by TCP, and only who is not slowed down by that is disconnected.
 */

import type { AccessControl } from '../control/access/access-control.js';
import type { ListenerPolicy } from '../domain/access/policy.js';
import type { Cancel, Clock } from '../services/ports.js';

/** What is read from. */
export interface Meterable {
  pause(): unknown;
  resume(): unknown;
  destroy(): unknown;
}

/** Charges what comes in by one connection. */
export class InputMeter {
  private cancel: Cancel = () => undefined;
  private waiting = false;

  /** @param listener as it is now */
  constructor(
    private readonly access: Pick<AccessControl, 'spend'>,
    private readonly listener: () => ListenerPolicy | undefined,
    private readonly source: string,
    private readonly clock: Pick<Clock, 'after'>,
  ) {}

  /** True while nothing more is to be read. */
  get isWaiting(): boolean {
    return this.waiting;
  }

  /**
   * Charges octets, and keeps the stream from being read until they are paid for.
   * @param resumed called then, in place of the stream's resume
   * @returns false if it was destroyed instead
   */
  charge(octets: number, stream: Meterable, resumed: () => void = () => void stream.resume()): boolean {
    const waitMs = this.access.spend(this.listener(), this.source, octets);
    if (waitMs === 0) return true;
    if (waitMs === Number.POSITIVE_INFINITY) {
      stream.destroy();
      return false;
    }
    stream.pause();
    this.cancel();
    this.waiting = true;
    this.cancel = this.clock.after(waitMs, () => {
      this.waiting = false;
      resumed();
    });
    return true;
  }

  /** The connection is closed. */
  stop(): void {
    this.cancel();
  }
}
