/**
 * How many leases each subnet has, counted and not read from the statistics, which operators reset. Follows the
 * changes the ledger reports (stat-lease4-get).
 */

import { type Lease, LeaseState } from '../domain/lease.js';
import type { Ipv4, SubnetId } from '../domain/values.js';
import type { LeaseReader } from './ports.js';

/** Leases of one subnet by state. Others are free or kept for affinity only. */
export interface SubnetLeases {
  /** In state default, whether run out or not. */
  readonly assigned: number;
  readonly declined: number;
}

const NONE: SubnetLeases = { assigned: 0, declined: 0 };

/** Keeps the numbers. Give {@link changed} to `Ledger.observe`. */
export class SubnetLeaseCounts {
  private readonly bySubnet = new Map<SubnetId, { assigned: number; declined: number }>();

  /** @param leases those there are already */
  constructor(leases: Pick<LeaseReader, 'all'>) {
    for (const lease of leases.all()) this.count(lease, 1);
  }

  /** Numbers of a subnet, zeros where it has no lease. */
  of(subnetId: SubnetId): SubnetLeases {
    return this.bySubnet.get(subnetId) ?? NONE;
  }

  /** True if a subnet has a lease in one of the two states. */
  has(subnetId: SubnetId): boolean {
    const { assigned, declined } = this.of(subnetId);
    return assigned + declined > 0;
  }

  /** One lease changed. */
  readonly changed = (_address: Ipv4, before: Lease | undefined, after: Lease | undefined): void => {
    if (before?.state === after?.state && before?.subnetId === after?.subnetId) return;
    if (before !== undefined) this.count(before, -1);
    if (after !== undefined) this.count(after, 1);
  };

  private count({ state, subnetId }: Lease, change: 1 | -1): void {
    if (state !== LeaseState.default && state !== LeaseState.declined) return;
    let counts = this.bySubnet.get(subnetId);
    if (counts === undefined) {
      counts = { assigned: 0, declined: 0 };
      this.bySubnet.set(subnetId, counts);
    }
    if (state === LeaseState.default) counts.assigned += change;
    else counts.declined += change;
  }
}
