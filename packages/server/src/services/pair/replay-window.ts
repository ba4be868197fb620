/** Message numbers seen: each is accepted once, in any order within a window, and none that is older than the window. */

/** How far apart messages under way at the same time may be. */
const WINDOW = 1024;

/** See the head of this file. */
export class ReplayWindow {
  #highest = 0;
  #seen = new Set<number>();
  #floor = 0;

  /** The sender has given up every message below this number: one that still comes is refused. */
  giveUpBelow(number: number): void {
    this.#floor = Math.max(this.#floor, number);
  }

  /**
   * What a number (1, 2, ...) is the first time it comes, `new`; when it came before or is too old to tell, `seen`; when its
   * sender no longer waits for an answer, `late`.
   */
  accept(number: number): 'new' | 'seen' | 'late' {
    if (!Number.isSafeInteger(number) || number <= this.#highest - WINDOW || this.#seen.has(number)) return 'seen';
    if (number < this.#floor) return 'late';
    this.#seen.add(number);
    if (number > this.#highest) {
      this.#highest = number;
      if (this.#seen.size > 2 * WINDOW) this.#seen = new Set([...this.#seen].filter((one) => one > number - WINDOW));
    }
    return 'new';
  }
}
