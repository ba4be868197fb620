/**
 * Tells a Kea partner of every change of a lease, the latest of each address, and remembers what it has not taken yet:
 * an ACK for such a lease waits, also where the lease was written by an earlier attempt (Kea 3 acknowledges those).
 */

import type { Lease } from '../../domain/lease.js';
import { LeaseState } from '../../domain/lease.js';
import type { JsonMap } from '../../domain/snapshot.js';
import type { Ipv4 } from '../../domain/values.js';
import { updateArguments } from './lease-wire.js';

/** What came of an update. */
export type UpdateOutcome = 'stored' | 'conflict' | 'failed';

/** What {@link LeaseUpdates} works with. */
export interface UpdateParts {
  /** Sends a command; resolves with Kea's result code, rejects if there was no answer. */
  readonly send: (command: string, args: JsonMap) => Promise<number>;
  readonly lease: (address: Ipv4) => Lease | undefined;
  /** What came of each update, for the state machine. */
  readonly onOutcome: (outcome: UpdateOutcome, lease: Lease) => void;
}

/** Kea's result codes that matter here. */
const EMPTY = 3;
const CONFLICT = 4;

/** See the head of this file. */
export class LeaseUpdates {
  /** Addresses the partner has not taken: the lease removed, or undefined where the present one is to be sent. */
  readonly #open = new Map<
    Ipv4,
    { readonly removed: Lease | undefined; sending: Promise<UpdateOutcome> | undefined }
  >();

  constructor(private readonly parts: UpdateParts) {}

  /** Addresses the partner has not taken. */
  get size(): number {
    return this.#open.size;
  }

  /** A lease was changed here. Kea tells nobody of leases that ran out: each server sees that by itself. */
  changed(address: Ipv4, before: Lease | undefined, after: Lease | undefined): void {
    if ((after ?? before)?.state === LeaseState.expiredReclaimed) return;
    this.#open.set(address, { removed: after === undefined ? before : undefined, sending: undefined });
  }

  /** The partner has its lease from somewhere else: by a synchronisation. */
  forget(): void {
    this.#open.clear();
  }

  /** What is open now; the function forgets that, but for what has changed since. */
  mark(): () => void {
    const marked = [...this.#open];
    return () => {
      for (const [address, entry] of marked) if (this.#open.get(address) === entry) this.#open.delete(address);
    };
  }

  /** The partner has the latest of an address. */
  settled(address: Ipv4): void {
    this.#open.delete(address);
  }

  /** True if the partner has what we have of the address. */
  isStored(address: Ipv4): boolean {
    return !this.#open.has(address);
  }

  /** Sends what is open of an address; one message at a time for each. */
  send(address: Ipv4): Promise<UpdateOutcome> {
    const entry = this.#open.get(address);
    if (entry === undefined) return Promise.resolve('stored');
    entry.sending ??= this.#perform(address, entry.removed).then((outcome) => {
      // Changed again meanwhile: the newer one is sent by whoever asks for it.
      if (this.#open.get(address) === entry) {
        if (outcome === 'stored') this.#open.delete(address);
        else entry.sending = undefined;
      }
      return outcome;
    });
    return entry.sending;
  }

  /** Sends all that is open, one after the other; stops at the first that gets no answer, and resolves with false then. */
  async sendAll(): Promise<boolean> {
    for (const address of [...this.#open.keys()]) if ((await this.send(address)) === 'failed') return false;
    return true;
  }

  async #perform(address: Ipv4, removed: Lease | undefined): Promise<UpdateOutcome> {
    const lease = removed ?? this.parts.lease(address);
    if (lease === undefined) return 'stored';
    const gone = removed !== undefined || lease.state === LeaseState.released;
    let outcome: UpdateOutcome;
    try {
      const result = await this.parts.send(gone ? 'lease4-del' : 'lease4-update', updateArguments(lease));
      if (result === 0 || (gone && result === EMPTY)) outcome = 'stored';
      else outcome = result === CONFLICT ? 'conflict' : 'failed';
    } catch {
      outcome = 'failed';
    }
    this.parts.onOutcome(outcome, lease);
    return outcome;
  }
}
