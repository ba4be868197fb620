/** Lets so many pieces of work run at once, the others in the order they came. */

/** See the head of this file. */
export class Limiter {
  private running = 0;
  private readonly waiting = new Set<() => void>();

  constructor(private readonly limit: number) {}

  /** Runs work when there is room. @throws the signal's reason if it aborts before that; what the work throws */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.running >= this.limit) await this.room(signal);
    else this.running++;
    try {
      return await work();
    } finally {
      this.release();
    }
  }

  /** Waits for the place of somebody who leaves. */
  private room(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        this.waiting.delete(enter);
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.waiting.add(enter);
    });
  }

  private release(): void {
    const [next] = this.waiting;
    if (next === undefined) {
      this.running--;
    } else {
      this.waiting.delete(next);
      next();
    }
  }
}
