/** Looks at every address of the pools again when what may be given has changed, in slices, so that packets do not wait. */

import type { AddressSpace } from './address-space.js';
import { inSlices } from './in-slices.js';
import type { Cancel, Clock } from './ports.js';

/** How often time alone is looked at: in partner-down addresses come free as promises run out. */
const REPEAT_MS = 10_000;

/** See the head of this file. */
export class AddressRefresh {
  #running = false;
  #again = false;
  #timer: Cancel | undefined;

  constructor(
    private readonly addresses: () => Pick<AddressSpace, 'refreshAll'>,
    private readonly clock: Pick<Clock, 'monotonic' | 'soon' | 'after'>,
  ) {}

  /** Looks at all of them, once more from the beginning if it is at it already. */
  everything(): void {
    this.#again = true;
    if (!this.#running) void this.#run();
  }

  /** Whether to look again and again. */
  repeat(repeating: boolean): void {
    if (!repeating) this.stop();
    else this.#timer ??= this.clock.after(REPEAT_MS, () => this.#repeated());
  }

  stop(): void {
    this.#timer?.();
    this.#timer = undefined;
  }

  #repeated(): void {
    this.#timer = undefined;
    this.everything();
    this.repeat(true);
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#again) {
      this.#again = false;
      // Constructing a pair settles things before there are addresses.
      await new Promise<void>((resolve) => this.clock.soon(resolve));
      await inSlices(this.addresses().refreshAll(), this.clock);
    }
    this.#running = false;
  }
}
