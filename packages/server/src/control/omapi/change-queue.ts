/**
 * In which order requests that change something are performed: in that in which they came, except that those which
 * name their objects and share none of them go on side by side, so that one flush can serve many.
 */

/** See the head of this file. */
export class ChangeQueue {
  /** Resolves when the last change that wants to be alone is over; undefined: it is. */
  private alone: Promise<unknown> | undefined;
  private readonly shared = new Set<Promise<unknown>>();
  private readonly byKey = new Map<string, Promise<unknown>>();

  /** Performs a change when its turn comes. @param keys what it is about; undefined = anything, so it is alone */
  run<T>(keys: readonly string[] | undefined, work: () => Promise<T>): Promise<T> {
    return keys === undefined ? this.runAlone(work) : this.runBeside(keys, work);
  }

  private runAlone<T>(work: () => Promise<T>): Promise<T> {
    const turn = Promise.all([this.alone, ...this.shared]).then(work);
    const over: Promise<unknown> = turn
      .catch(() => undefined)
      .then(() => {
        if (this.alone === over) this.alone = undefined;
      });
    this.alone = over;
    return turn;
  }

  private runBeside<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = [this.alone, ...keys.map((key) => this.byKey.get(key))].filter((one) => one !== undefined);
    const turn = before.length === 0 ? work() : Promise.all(before).then(work);
    const forget = (): void => {
      this.shared.delete(over);
      for (const key of keys) if (this.byKey.get(key) === over) this.byKey.delete(key);
    };
    const over: Promise<unknown> = turn.then(forget, forget);
    this.shared.add(over);
    for (const key of keys) this.byKey.set(key, over);
    return turn;
  }
}
