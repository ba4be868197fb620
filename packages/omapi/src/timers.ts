/** The one place that names the machine's timer. */

/** Calls a function later; what it returns calls that off. */
export interface Timers {
  after(delayMs: number, run: () => void): () => void;
}

/** Node's timers. */
export const systemTimers: Timers = {
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};
