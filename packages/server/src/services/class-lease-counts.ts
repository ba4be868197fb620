/**
 * How many leases clients of each class have (Kea: libdhcp_limits): a lease counts for the classes its client was in when
 * it got it. Leases are looked at only while the library is configured; then changes are followed.
 */

import { type Lease, LeaseState } from '../domain/lease.js';
import { leaseClasses } from '../domain/limits/lease-classes.js';
import type { Sliced } from '../domain/slices.js';
import type { Ipv4 } from '../domain/values.js';
import type { LeaseReader } from './ports.js';
import { leasePages, type SlicedSwap } from './sliced-swap.js';

/** Nothing is followed. */
const NOTHING: Ipv4 = -1;

/** Keeps the numbers. Give {@link changed} to `Ledger.observe`. */
export class ClassLeaseCounts {
  #counts = new Map<string, number>();
  /** Addresses up to this one have been counted, and are followed. */
  #through: Ipv4 = NOTHING;
  /** True while a configuration in force wants them. */
  #wanted = false;

  /** Leases of a class, 0 if it has none. */
  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** Makes ready for a configuration: leases are counted if it wants that and the last one did not. */
  *prepare(wanted: boolean, leases: Pick<LeaseReader, 'page'>): Sliced<SlicedSwap> {
    if (wanted && !this.#wanted) {
      this.#forget();
      for (const { leases: page, through } of leasePages(leases)) {
        for (const lease of page) this.#count(lease, 1);
        this.#through = through;
        yield;
      }
    }
    return {
      commit: () => {
        this.#wanted = wanted;
        if (!wanted) this.#forget();
      },
      abandon: () => {
        if (!this.#wanted) this.#forget();
      },
      settle: function* () {},
    };
  }

  /** One lease changed. */
  readonly changed = (address: Ipv4, before: Lease | undefined, after: Lease | undefined): void => {
    if (address > this.#through) return;
    if (before?.state === after?.state && before?.userContext === after?.userContext) return;
    if (before !== undefined) this.#count(before, -1);
    if (after !== undefined) this.#count(after, 1);
  };

  #count({ state, userContext }: Lease, change: 1 | -1): void {
    if (state !== LeaseState.default) return;
    for (const name of leaseClasses(userContext)) {
      const count = this.of(name) + change;
      // A template makes as many classes as there are values: those without a lease are forgotten.
      if (count === 0) this.#counts.delete(name);
      else this.#counts.set(name, count);
    }
  }

  #forget(): void {
    this.#counts = new Map();
    this.#through = NOTHING;
  }
}
