/** What one server of a pair knows of itself and of the other, in memory, and the part of it that has to be on the disk. */

import type { PairFile } from '../../domain/pair/file.js';
import { OwnershipMap } from '../../domain/pair/ownership.js';
import { type EventNumber, eventNumber, MAX_EPOCH } from '../../domain/pair/version.js';
import { StoreError } from '../../errors.js';
import type { PairFileStore } from '../ports.js';

export type { PairFile } from '../../domain/pair/file.js';
export type { PairFileStore } from '../ports.js';

/** Counters reserved by one write of the file. */
const RESERVE = 1_000_000;

/** See the head of this file. */
export class PairMemory {
  readonly #store: PairFileStore;
  #file: PairFile;
  #counter: number;
  #ownership: OwnershipMap;

  /** Takes over what a file says, or what a new pair begins with; the boot number is one more. */
  constructor(store: PairFileStore, file: PairFile) {
    this.#store = store;
    this.#counter = file.reservedCounter;
    this.#file = file;
    this.#ownership = OwnershipMap.of(file.ownership);
    this.update({ boot: file.boot + 1, reservedCounter: file.reservedCounter + RESERVE });
  }

  /** What is on the disk. */
  get file(): PairFile {
    return this.#file;
  }

  get ownership(): OwnershipMap {
    return this.#ownership;
  }

  /** Changes what is on the disk. @throws StoreError if it can not be written: nothing has changed then */
  update(change: Partial<PairFile>): void {
    const next = { ...this.#file, ...change };
    this.#store.save(next);
    this.#file = next;
    if (change.ownership !== undefined) this.#ownership = OwnershipMap.of(change.ownership);
  }

  /** Begins a new epoch, above `atLeast` too; what else changes with it goes to the disk in the same write. */
  raiseEpoch(atLeast: number, change: Partial<PairFile>): void {
    const epoch = Math.max(this.#file.epoch, atLeast) + 1;
    if (epoch > MAX_EPOCH) throw new StoreError('store-corrupt', `the pair has no epochs left after ${MAX_EPOCH}`);
    this.update({ ...change, epoch, reservedCounter: RESERVE });
    this.#counter = 0;
  }

  /** The number of the next event of this server. @throws StoreError if no more can be reserved on the disk */
  nextEvent(): EventNumber {
    if (this.#counter + 1 >= this.#file.reservedCounter) {
      this.update({ reservedCounter: this.#counter + 1 + RESERVE });
    }
    return eventNumber(this.#file.epoch, ++this.#counter);
  }
}
