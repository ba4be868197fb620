/** The machine's clock behind the port Clock: the only place of the server that names Date and timers. */

import { performance } from 'node:perf_hooks';
import type { Cancel, Clock } from '../services/ports.js';

/** The longest delay setTimeout takes (2^31 - 1 ms, 24.8 days); beyond it fires at once. */
const LONGEST_DELAY_MS = 0x7fff_ffff;

/** Real time. `after` does not keep the process alive; delays beyond 24.8 days are waited for in pieces. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs: number, fn: () => void): Cancel {
    let timer: NodeJS.Timeout;
    const wait = (leftMs: number): void => {
      const pieceMs = Math.min(leftMs, LONGEST_DELAY_MS);
      timer = setTimeout(() => (leftMs > pieceMs ? wait(leftMs - pieceMs) : fn()), pieceMs).unref();
    };
    wait(Math.max(0, delayMs));
    return () => clearTimeout(timer);
  },
  soon: (fn) => {
    setImmediate(fn);
  },
};

/** Milliseconds since 1970 of a date as HTTP and Kea write it (RFC 1123); undefined if the text is none. */
export function parseDate(text: string): number | undefined {
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}
