/**
 * Leases that come from another server: stored without telling it of them again. What a Kea could not send while the
 * cable was cut it sends afterwards, and would have it written over what its partner gave meanwhile: domain/ha/judge.ts
 * says what is the latest.
 */

import {
  type Here,
  isSuperseded,
  judgeLease,
  type LoneDecision,
  outlivesRemoval,
  type Removed,
  type Verdict,
} from '../../domain/ha/judge.js';
import { type Lease, LeaseState } from '../../domain/lease.js';
import { holderOf, inForce } from '../../domain/pair/record.js';
import type { EpochSec, Ipv4 } from '../../domain/values.js';
import type { Ledger } from '../ledger.js';
import type { LeaseReader } from '../ports.js';

/** What {@link IncomingLeases} work with. */
export interface IncomingParts {
  readonly ledger: {
    readonly leases: Pick<LeaseReader, 'getByAddress' | 'listByClientId' | 'listByHwAddress'>;
  } & Pick<Ledger, 'transact'>;
  readonly nowSec: () => EpochSec;
  /** How far the partner's clock is ahead, as measured. */
  readonly skewSec: () => number;
  /** The partner has served alone since both were last together. */
  readonly partnerWasAlone: () => boolean;
  /** What was decided here of an address while the partner was not told. */
  readonly decided: (address: Ipv4) => LoneDecision | undefined;
  /** The partner is to have what is here of this address. */
  readonly offer: (address: Ipv4) => void;
  /** The partner is to remove this lease. */
  readonly retract: (theirs: Lease) => void;
  /** Of this address the partner has the latest: it is to be told nothing. */
  readonly settled: (address: Ipv4) => void;
}

/** See the head of this file. */
export class IncomingLeases {
  readonly #taking = new Set<Ipv4>();

  constructor(private readonly parts: IncomingParts) {}

  /** True while a lease of this address is being stored because another server said so. */
  isTaking(address: Ipv4): boolean {
    return this.#taking.has(address);
  }

  /** What is to be done with a lease that the partner has in its database. */
  judge(theirs: Lease): Verdict {
    return judgeLease(theirs, this.#here(theirs, this.parts.partnerWasAlone()));
  }

  /** Leases of the same client in force here that it left for one of the partner's. */
  supersededBy(theirs: Lease): Lease[] {
    const here = this.#here(theirs);
    return here.elsewhere.filter((mine) => isSuperseded(mine, theirs, here));
  }

  /**
   * Stores what the partner changed, unless it is overtaken. Resolves with whether the client may be told: Kea holds its
   * ACK back until it has our answer.
   * @throws StoreError
   */
  async update(theirs: Lease): Promise<boolean> {
    const { ledger, offer, retract } = this.parts;
    const { address } = theirs;
    switch (judgeLease(theirs, this.#here(theirs))) {
      case 'keep': {
        const mine = ledger.leases.getByAddress(address);
        const isHolder = mine !== undefined && holderOf(mine) === holderOf(theirs);
        // Of its own client the partner has our later time already, by its synchronisation, or a still later one by now.
        if (!isHolder) offer(address);
        return isHolder;
      }
      case 'over':
        retract(theirs);
        return false;
      default:
        await this.store([theirs]);
        return true;
    }
  }

  /**
   * The partner removed a lease; resolves with whether there was one. What is here later is kept.
   * @param removed what it was, where the partner says so
   * @throws StoreError
   */
  async giveUp(address: Ipv4, removed: Removed | undefined): Promise<boolean> {
    if (removed === undefined || !outlivesRemoval(removed, this.#here(removed))) return await this.remove(address);
    this.parts.offer(address);
    return true;
  }

  #here({ address, clientId, hwAddress, subnetId }: Removed & Partial<Pick<Lease, 'subnetId'>>, wasTold = false): Here {
    const { ledger, decided, skewSec } = this.parts;
    const { leases } = ledger;
    const nowSec = this.parts.nowSec();
    const ofClient = clientId !== '' ? leases.listByClientId(clientId) : leases.listByHwAddress(hwAddress);
    const elsewhere = ofClient.filter(
      (lease) =>
        lease.address !== address &&
        lease.subnetId === subnetId &&
        lease.state === LeaseState.default &&
        inForce(lease, nowSec) &&
        holderOf(lease) === holderOf({ clientId, hwAddress }),
    );
    return { mine: leases.getByAddress(address), elsewhere, decided, nowSec, skewSec: skewSec(), wasTold };
  }

  /** Stores leases. @throws StoreError */
  async store(leases: readonly Lease[]): Promise<void> {
    for (const { address } of leases) this.parts.settled(address);
    await this.#take(leases, (tx) => {
      for (const lease of leases) tx.put(lease);
    });
  }

  /** Removes a lease; resolves with whether there was one. @throws StoreError */
  async remove(address: Ipv4): Promise<boolean> {
    const there = this.parts.ledger.leases.getByAddress(address);
    if (there === undefined) return false;
    this.parts.settled(address);
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
