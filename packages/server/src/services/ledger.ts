/**
 * The single writer of leases. Everything that changes a lease (packets, commands, expiry, later HA) passes through
 * {@link Ledger.transact}; what it stages becomes durable together or is undone together.
 */

import type { Lease } from '../domain/lease.js';
import type { Ipv4 } from '../domain/values.js';
import { LessorError, StoreError } from '../errors.js';
import type { LeaseReader, LeaseStore, StoreHealth } from './ports.js';

/** What `work` may do: read leases, seeing its own changes, and stage changes. Only valid while `work` runs. */
export interface LeaseTransaction extends LeaseReader {
  /** Stages a new or changed lease. */
  put(lease: Lease): void;
  /** Stages the removal of a lease; harmless if there is none. */
  delete(address: Ipv4): void;
  /** Calls `act` once what is staged is durable, and never if that fails. It must be quick and must not throw. */
  afterwards(act: () => void): void;
}

/** Told of every change as it is staged, and of the reverse if the change is undone: it sees what reads see. */
export type LeaseObserver = (address: Ipv4, before: Lease | undefined, after: Lease | undefined) => void;

/**
 * Redundancy's hand in every change: it gives each record its version, and keeps a record of what is removed until the
 * partner knows.
 */
export interface LeaseStamp {
  /** What is stored in the place of `lease`. */
  put(lease: Lease, before: Lease | undefined): Lease;
  /** What is stored in the place of a lease that is to be removed; undefined: it is removed. */
  remove(before: Lease): Lease | undefined;
  /** What was staged is durable. */
  committed(): void;
  /** What was staged of these addresses has been undone; observers have been told. */
  undone(addresses: readonly Ipv4[]): void;
}

/** What redundancy works with: the ledger, or of a hub's the part that belongs to one relation (ledger-parts.ts). */
export type LedgerPart = Pick<Ledger, 'leases' | 'health' | 'observe' | 'observeDurable' | 'useStamp' | 'transact'>;

/** One change staged and not yet durable, kept to tell observers the reverse. */
interface Staged {
  readonly address: Ipv4;
  readonly before: Lease | undefined;
  readonly after: Lease | undefined;
}

/** Work that arrived while a commit was in flight. */
interface Queued {
  run(): void | Promise<void>;
  refuse(error: Error): void;
}

/** How many units of work may wait for the commit in flight before more are refused. */
const MAX_QUEUED = 16_384;

/** See the head of this file. */
export class Ledger {
  /** Leases as they are now, staged changes included. */
  readonly leases: LeaseReader;
  readonly #store: LeaseStore;
  readonly #observers: LeaseObserver[] = [];
  readonly #onDurable: LeaseObserver[] = [];
  readonly #queue: Queued[] = [];
  readonly #tx: LeaseTransaction;
  #staged: Staged[] = [];
  #afterwards: (() => void)[] = [];
  #working = false;
  #busy = false;
  #stamp: LeaseStamp | undefined;

  constructor(store: LeaseStore) {
    this.#store = store;
    this.leases = store;
    this.#tx = transactionOver(
      store,
      (lease) => this.#put(lease),
      (address) => this.#delete(address),
      (act) => this.#later(act),
    );
  }

  /** Whether commits succeed now. */
  get health(): StoreHealth {
    return this.#store.health;
  }

  /** Units of work waiting for the commit in flight. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Adds an observer. It is called synchronously in the order of registration and must not throw. */
  observe(observer: LeaseObserver): void {
    this.#observers.push(observer);
  }

  /** Calls `observer` with each change once it is durable, in order. It must be quick and must not throw. */
  observeDurable(observer: LeaseObserver): void {
    this.#onDurable.push(observer);
  }

  /** From now on every change passes `stamp`. */
  useStamp(stamp: LeaseStamp): void {
    this.#stamp = stamp;
  }

  /**
   * Runs `work` at once if the ledger is idle, else when its turn comes, then makes what it staged durable.
   * If the store commits synchronously and the ledger was idle the result is returned without a promise.
   *
   * `work` must be synchronous. If it throws, what it staged is undone and its error is passed on.
   * @throws StoreError if the commit fails: everything staged is undone, observers have been told the reverse.
   */
  transact<T>(work: (tx: LeaseTransaction) => T): T | Promise<T> {
    if (!this.#busy) return this.#perform(work);
    if (this.#queue.length >= MAX_QUEUED) {
      throw new StoreError('store-unavailable', 'too much work waits for the lease store');
    }
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({
        run: () => {
          try {
            const result = this.#perform(work);
            if (result instanceof Promise) return result.then(resolve, reject);
            resolve(result);
          } catch (error) {
            reject(error);
          }
          return undefined;
        },
        refuse: reject,
      });
    });
  }

  /** Resolves when everything handed in so far is durable or has failed. */
  async idle(): Promise<void> {
    if (this.#busy) await this.transact(() => undefined);
  }

  #perform<T>(work: (tx: LeaseTransaction) => T): T | Promise<T> {
    this.#busy = true;
    let result: T;
    try {
      this.#working = true;
      result = work(this.#tx);
      if (result instanceof Promise)
        throw new LessorError('invariant', 'work handed to the ledger must be synchronous');
    } catch (error) {
      this.#working = false;
      this.#abandon();
      this.#next();
      throw error;
    }
    this.#working = false;
    if (this.#staged.length === 0) {
      this.#settle();
      this.#next();
      return result;
    }
    let commit: Promise<void> | void;
    try {
      commit = this.#store.commit();
    } catch (error) {
      this.#fail();
      throw error;
    }
    if (commit === undefined) {
      this.#settle();
      this.#stamp?.committed();
      this.#next();
      return result;
    }
    return commit.then(
      () => {
        this.#settle();
        this.#stamp?.committed();
        this.#next();
        return result;
      },
      (error: unknown) => {
        this.#fail();
        throw error;
      },
    );
  }

  #put(lease: Lease): void {
    this.#assertWorking();
    const before = this.#store.getByAddress(lease.address);
    this.#replace(before, this.#stamp === undefined ? lease : this.#stamp.put(lease, before));
  }

  #replace(before: Lease | undefined, after: Lease): void {
    this.#store.put(after);
    this.#tell({ address: after.address, before, after });
  }

  #delete(address: Ipv4): void {
    this.#assertWorking();
    const before = this.#store.getByAddress(address);
    if (before === undefined) return;
    const kept = this.#stamp?.remove(before);
    if (kept !== undefined) this.#replace(before, kept);
    else {
      this.#store.delete(address);
      this.#tell({ address, before, after: undefined });
    }
  }

  #tell(change: Staged): void {
    this.#staged.push(change);
    for (const observer of this.#observers) observer(change.address, change.before, change.after);
  }

  #assertWorking(): void {
    if (!this.#working) throw new LessorError('invariant', 'a lease transaction was used after its work had returned');
  }

  #later(act: () => void): void {
    this.#assertWorking();
    this.#afterwards.push(act);
  }

  /** What was staged is durable. */
  #settle(): void {
    const staged = this.#staged;
    this.#staged = [];
    const afterwards = this.#afterwards;
    if (afterwards.length > 0) this.#afterwards = [];
    for (const observer of this.#onDurable) {
      for (const { address, before, after } of staged) observer(address, before, after);
    }
    for (const act of afterwards) act();
  }

  /** `work` threw: the store still holds the staged changes. */
  #abandon(): void {
    this.#store.rollback();
    this.#tellReverse();
  }

  /** The commit failed: the store has undone the changes itself. */
  #fail(): void {
    this.#tellReverse();
    this.#next();
  }

  #tellReverse(): void {
    const staged = this.#staged;
    this.#staged = [];
    this.#afterwards = [];
    for (let i = staged.length - 1; i >= 0; i--) {
      const { address, before, after } = staged[i]!;
      for (const observer of this.#observers) {
        try {
          observer(address, after, before);
        } catch {
          // An observer that threw on the way in may throw on the way out; the others must still hear of it, and the
          // first error is already on its way to the caller.
        }
      }
    }
    this.#stamp?.undone(staged.map(({ address }) => address));
  }

  /** The work in hand is finished: the next in the queue may run, on a clean stack. */
  #next(): void {
    const queued = this.#queue.shift();
    if (queued === undefined) {
      this.#busy = false;
      return;
    }
    queueMicrotask(() => void queued.run());
  }
}

function transactionOver(
  reader: LeaseReader,
  put: (lease: Lease) => void,
  remove: (address: Ipv4) => void,
  afterwards: (act: () => void) => void,
): LeaseTransaction {
  return {
    getByAddress: (address) => reader.getByAddress(address),
    findByClientId: (clientId, accept) => reader.findByClientId(clientId, accept),
    findByHwAddress: (hwAddress, accept) => reader.findByHwAddress(hwAddress, accept),
    listByClientId: (clientId) => reader.listByClientId(clientId),
    listByHwAddress: (hwAddress) => reader.listByHwAddress(hwAddress),
    listByHostname: (hostname) => reader.listByHostname(hostname),
    page: (after, limit) => reader.page(after, limit),
    walk: (after, show) => reader.walk(after, show),
    all: () => reader.all(),
    get size() {
      return reader.size;
    },
    put,
    delete: remove,
    afterwards,
  };
}
