/** Whoever is turned away all the time must not fill the log: one line a second tells what happened meanwhile. */

import type { Clock, Logger } from '../../services/ports.js';
import { plainAddress, type Rejection } from './connection-gate.js';

/** Lines are at least so far apart. */
const QUIET_MS = 1000;

/** See the head of this file. */
export class RefusalLog {
  #quietUntil = Number.NEGATIVE_INFINITY;
  #unlogged = 0;

  constructor(
    private readonly clock: Pick<Clock, 'monotonic'>,
    private readonly logger: Logger,
  ) {}

  /** Tells of a connection that was turned away. @returns the line, if one was written */
  tell(listener: string, source: string, reason: Rejection): string | undefined {
    const now = this.clock.monotonic();
    if (now < this.#quietUntil) {
      this.#unlogged++;
      return undefined;
    }
    const more = this.#unlogged === 0 ? '' : ` (${this.#unlogged} more since the last line)`;
    const text = `${plainAddress(source) || 'somebody'} is turned away from ${listener}: ${reason}${more}`;
    this.logger.log('WARN', 'LESSOR_CONNECTION_REFUSED', text);
    this.#quietUntil = now + QUIET_MS;
    this.#unlogged = 0;
    return text;
  }
}
