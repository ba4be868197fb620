/** Leases that come from another server: stored without telling it of them again. */

import { type Lease, LeaseState } from '../../domain/lease.js';
import type { EpochSec, Ipv4 } from '../../domain/values.js';
import type { Ledger } from '../ledger.js';
import type { LeaseReader } from '../ports.js';

/** What {@link IncomingLeases} work with. */
export interface IncomingParts {
  readonly ledger: { readonly leases: Pick<LeaseReader, 'getByAddress'> } & Pick<Ledger, 'transact'>;
  readonly nowSec: () => number;
  /** How far the partner's clock is ahead, as measured. */
  readonly skewSec: () => number;
  /** The partner is to have this lease in the place of what it sent. */
  readonly offer: (mine: Lease) => void;
}

/** Times that differ by no more are the same: they are whole seconds, and skew is measured in those. */
const SAME_TIME_SEC = 2;

/** See the head of this file. */
export class IncomingLeases {
  readonly #taking = new Set<Ipv4>();

  constructor(private readonly parts: IncomingParts) {}

  /** True while a lease of this address is being stored because another server said so. */
  isTaking(address: Ipv4): boolean {
    return this.#taking.has(address);
  }

  /** Stores what the partner changed, unless it is overtaken. @throws StoreError */
  async update(lease: Lease): Promise<void> {
    if (!this.#isOvertaken(lease)) await this.store([lease]);
  }

  /**
   * The partner gave a lease up; resolves with whether there was one. Kept if that is overtaken.
   * @param clttSec when its client was last heard of, where the partner says so
   * @throws StoreError
   */
  async giveUp(address: Ipv4, clttSec: EpochSec | undefined): Promise<boolean> {
    return (clttSec !== undefined && this.#isOvertaken({ address, clttSec })) || (await this.remove(address));
  }

  /**
   * What a Kea could not send while the cable was cut it sends afterwards, and would have it written over what its partner
   * gave meanwhile. Where a client was heard of later here, further than the clocks are apart, the partner gets ours.
   */
  #isOvertaken({ address, clttSec }: Pick<Lease, 'address' | 'clttSec'>): boolean {
    const { ledger, nowSec, skewSec, offer } = this.parts;
    const mine = ledger.leases.getByAddress(address);
    if (mine?.state !== LeaseState.default || mine.clttSec + mine.validLifetimeSec <= nowSec()) return false;
    if (mine.clttSec <= clttSec + Math.abs(skewSec()) + SAME_TIME_SEC) return false;
    offer(mine);
    return true;
  }

  /** Stores leases. @throws StoreError */
  async store(leases: readonly Lease[]): Promise<void> {
    await this.#take(leases, (tx) => {
      for (const lease of leases) tx.put(lease);
    });
  }

  /** Removes a lease; resolves with whether there was one. @throws StoreError */
  async remove(address: Ipv4): Promise<boolean> {
    const there = this.parts.ledger.leases.getByAddress(address);
    if (there === undefined) return false;
    await this.#take([there], (tx) => tx.delete(address));
    return true;
  }

  async #take(leases: readonly Lease[], work: Parameters<Ledger['transact']>[0]): Promise<void> {
    for (const { address } of leases) this.#taking.add(address);
    try {
      await this.parts.ledger.transact(work);
    } finally {
      for (const { address } of leases) this.#taking.delete(address);
    }
  }
}
