/** What one server of a pair knows of itself and of the other, in memory, and the part of it that has to be on the disk. */

import type { PairFile, WithheldAddress } from '../../domain/pair/file.js';
import { OwnershipMap } from '../../domain/pair/ownership.js';
import { type EventNumber, eventNumber, MAX_EPOCH } from '../../domain/pair/version.js';
import type { EpochSec, Ipv4 } from '../../domain/values.js';
import { StoreError } from '../../errors.js';
import type { PairFileStore } from '../ports.js';

export type { PairFile } from '../../domain/pair/file.js';
export type { PairFileStore } from '../ports.js';

/**
 * Counters reserved by one write of the file. Few, as each start uses up so many: a life that begins anew counts from the
 * time (open-memory.ts), which must be ahead of them.
 */
const RESERVE = 16_384;

/** See the head of this file. */
export class PairMemory {
  readonly #store: PairFileStore;
  #file: PairFile;
  #counter: number;
  #ownership: OwnershipMap;
  #withheld: ReadonlySet<Ipv4>;

  /** Takes over what a file says, or what a new pair begins with; the boot number is one more. */
  constructor(store: PairFileStore, file: PairFile) {
    this.#store = store;
    this.#counter = file.reservedCounter;
    this.#file = file;
    this.#ownership = OwnershipMap.of(file.ownership);
    this.#withheld = addressesOf(file.withheld);
    this.update({ boot: file.boot + 1, reservedCounter: file.reservedCounter + RESERVE });
  }

  /** What is on the disk. */
  get file(): PairFile {
    return this.#file;
  }

  get ownership(): OwnershipMap {
    return this.#ownership;
  }

  /** True while the address is on its way to the partner: nobody gives it. */
  isGranting(address: Ipv4): boolean {
    return this.#file.grant?.ranges.some(({ first, last }) => address >= first && address <= last) ?? false;
  }

  /** True while a lease may run of which nobody knows any more: the address is neither given nor refused. */
  isWithheld(address: Ipv4): boolean {
    return this.#withheld.has(address);
  }

  /** The list of withheld addresses with these on it: each until the later of two times. */
  withheldWith(more: Iterable<WithheldAddress>): WithheldAddress[] {
    const until = new Map<Ipv4, EpochSec>();
    for (const { address, untilSec } of [...this.#file.withheld, ...more]) {
      until.set(address, Math.max(untilSec, until.get(address) ?? 0));
    }
    return Array.from(until, ([address, untilSec]) => ({ address, untilSec }));
  }

  /** Changes what is on the disk. @throws StoreError if it can not be written: nothing has changed then */
  update(change: Partial<PairFile>): void {
    const next = { ...this.#file, ...change };
    this.#store.save(next);
    this.#file = next;
    this.#heed(change);
  }

  /** Takes note of what goes to the disk with the next change: nothing is lost with it but a hint for people. */
  remember(change: Pick<PairFile, 'agreed' | 'covers'>): void {
    this.#file = { ...this.#file, ...change };
  }

  /**
   * The same for what need not survive: a crash before it is written leads to something more careful. A disk that can not
   * be written must not keep a server from falling silent.
   */
  note(change: Partial<PairFile>): void {
    try {
      this.update(change);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#file = { ...this.#file, ...change };
      this.#heed(change);
    }
  }

  #heed({ ownership, withheld }: Partial<PairFile>): void {
    if (ownership !== undefined) this.#ownership = OwnershipMap.of(ownership);
    if (withheld !== undefined) this.#withheld = addressesOf(withheld);
  }

  /** The same for what can be done later as well: nothing changes if the disk can not be written. */
  attempt(change: Partial<PairFile>): void {
    try {
      this.update(change);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
  }

  /** Begins a new epoch, above `atLeast` too; what else changes with it goes to the disk in the same write. */
  raiseEpoch(atLeast: number, change: Partial<PairFile>): void {
    const epoch = Math.max(this.#file.epoch, atLeast) + 1;
    if (epoch > MAX_EPOCH) throw new StoreError('store-corrupt', `the pair has no epochs left after ${MAX_EPOCH}`);
    // Counters go on: they tell the events of this life from those of one that was lost, whatever its epochs were.
    this.update({ ...change, epoch });
  }

  /** The number of the next event of this server. @throws StoreError if no more can be reserved on the disk */
  nextEvent(): EventNumber {
    if (this.#counter + 1 >= this.#file.reservedCounter) {
      this.update({ reservedCounter: this.#counter + 1 + RESERVE });
    }
    return eventNumber(this.#file.epoch, ++this.#counter);
  }
}

function addressesOf(withheld: readonly WithheldAddress[]): ReadonlySet<Ipv4> {
  return new Set(withheld.map(({ address }) => address));
}
