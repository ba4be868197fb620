/**
 * In which order requests that change something are performed: in that in which they came, except that those which
 * name their objects and share none of them go on side by side, so that one flush can serve many.
 */

/** See the head of this file. */
export class ChangeQueue {
  /** Resolves when the last change that wants to be alone is over. */
  private alone: Promise<unknown> = Promise.resolve();
  private readonly shared = new Set<Promise<unknown>>();
  private readonly byKey = new Map<string, Promise<unknown>>();

  /** Performs a change when its turn comes. @param keys what it is about; undefined = anything, so it is alone */
  run<T>(keys: readonly string[] | undefined, work: () => Promise<T>): Promise<T> {
    return keys === undefined ? this.runAlone(work) : this.runBeside(keys, work);
  }

  private runAlone<T>(work: () => Promise<T>): Promise<T> {
    const turn = Promise.all([this.alone, ...this.shared]).then(work);
    this.alone = turn.catch(() => undefined);
    return turn;
  }

  private runBeside<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const turn = Promise.all([this.alone, ...keys.map((key) => this.byKey.get(key))]).then(work);
    const over: Promise<unknown> = turn
      .catch(() => undefined)
      .then(() => {
        this.shared.delete(over);
        for (const key of keys) if (this.byKey.get(key) === over) this.byKey.delete(key);
      });
    this.shared.add(over);
    for (const key of keys) this.byKey.set(key, over);
    return turn;
  }
}
