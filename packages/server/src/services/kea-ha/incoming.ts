/** Leases that come from another server: stored without telling it of them again. */

import type { Lease } from '../../domain/lease.js';
import type { Ipv4 } from '../../domain/values.js';
import type { Ledger } from '../ledger.js';

/** See the head of this file. */
export class IncomingLeases {
  readonly #taking = new Set<Ipv4>();

  constructor(private readonly ledger: Pick<Ledger, 'leases' | 'transact'>) {}

  /** True while a lease of this address is being stored because another server said so. */
  isTaking(address: Ipv4): boolean {
    return this.#taking.has(address);
  }

  /** Stores leases. @throws StoreError */
  async store(leases: readonly Lease[]): Promise<void> {
    await this.#take(leases, (tx) => {
      for (const lease of leases) tx.put(lease);
    });
  }

  /** Removes a lease; resolves with whether there was one. @throws StoreError */
  async remove(address: Ipv4): Promise<boolean> {
    const there = this.ledger.leases.getByAddress(address);
    if (there === undefined) return false;
    await this.#take([there], (tx) => tx.delete(address));
    return true;
  }

  async #take(leases: readonly Lease[], work: Parameters<Ledger['transact']>[0]): Promise<void> {
    for (const { address } of leases) this.#taking.add(address);
    try {
      await this.ledger.transact(work);
    } finally {
      for (const { address } of leases) this.#taking.delete(address);
    }
  }
}
