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

  /** True the first time a number (1, 2, ...) comes; false if it came before, or is too old to tell. */
  accept(number: number): boolean {
    if (!Number.isSafeInteger(number) || number < this.#floor || number <= this.#highest - WINDOW) return false;
    if (this.#seen.has(number)) return false;
    this.#seen.add(number);
    if (number > this.#highest) {
      this.#highest = number;
      if (this.#seen.size > 2 * WINDOW) this.#seen = new Set([...this.#seen].filter((one) => one > number - WINDOW));
    }
    return true;
  }
}
