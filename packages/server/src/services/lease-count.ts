/** The levels leases are counted at (server, subnet, pool), and counting those there are while they go on changing. */

import { type Lease, LeaseState } from '../domain/lease.js';
import type { Sliced } from '../domain/slices.js';
import type { Ipv4, SubnetId } from '../domain/values.js';
import type { LeaseReader } from './ports.js';
import { leasePages } from './sliced-swap.js';
import type { Statistic } from './statistics.js';

/** What is counted at each of the three levels. */
export interface LeaseCounters {
  readonly assigned: Statistic;
  readonly cumulative: Statistic;
  readonly declined: Statistic;
  readonly reclaimed: Statistic;
  readonly reclaimedDeclined: Statistic;
  /** Leases found so far by a count. */
  readonly found: { assigned: number; declined: number };
}

/** A pool and its level. */
export interface PoolEntry {
  readonly first: Ipv4;
  readonly last: Ipv4;
  /** Pools of one subnet with the same pool-id share theirs. */
  readonly counters: LeaseCounters;
}

/** The levels of a subnet. */
export interface SubnetEntry extends LeaseCounters {
  /** By first address. */
  readonly pools: readonly PoolEntry[];
  /** Ids and ranges of the pools as one text: two subnets with the same are counted alike. */
  readonly ranges: string;
}

/** Counts the leases of some levels in slices, while leases go on changing. */
export class LeaseCount {
  readonly levels: ReadonlySet<LeaseCounters>;
  /** Every lease up to this address has been counted, and its changes are followed. */
  private through: Ipv4 = -1;

  constructor(
    private readonly subnets: ReadonlyMap<SubnetId, SubnetEntry>,
    private readonly server: LeaseCounters | undefined,
  ) {
    const levels = new Set<LeaseCounters>(server === undefined ? [] : [server]);
    for (const subnet of subnets.values()) {
      levels.add(subnet);
      for (const { counters } of subnet.pools) levels.add(counters);
    }
    this.levels = levels;
  }

  /** Counts all there are, to be interrupted after every page. */
  *run(leases: Pick<LeaseReader, 'page'>): Sliced<void> {
    for (const page of leasePages(leases)) {
      for (const lease of page.leases) this.add(lease, 1);
      this.through = page.through;
      yield;
    }
  }

  /** One lease changed; which is nothing to us if we have not come to it yet. */
  changed(address: Ipv4, before: Lease | undefined, after: Lease | undefined): void {
    if (address > this.through) return;
    if (before !== undefined) this.add(before, -1);
    if (after !== undefined) this.add(after, 1);
  }

  private add(lease: Lease, change: 1 | -1): void {
    if (!isAssigned(lease)) return;
    for (const { found } of levelsOf(this.server, this.subnets.get(lease.subnetId), lease.address)) {
      found.assigned += change;
      if (lease.state === LeaseState.declined) found.declined += change;
    }
  }
}

/** The server, the subnet, and the pool of the subnet the address is in; none that is undefined. */
export function levelsOf(
  server: LeaseCounters | undefined,
  subnet: SubnetEntry | undefined,
  address: Ipv4,
): readonly LeaseCounters[] {
  const levels: LeaseCounters[] = [];
  if (server !== undefined) levels.push(server);
  if (subnet === undefined) return levels;
  levels.push(subnet);
  const pool = findPool(subnet.pools, address);
  if (pool !== undefined) levels.push(pool.counters);
  return levels;
}

/** True for a lease somebody has, or whose address is out of use: in state default or declined, run out or not (Kea). */
export function isAssigned(lease: Lease): boolean {
  return lease.state === LeaseState.default || lease.state === LeaseState.declined;
}

/** Binary search among pools that do not overlap. */
function findPool(pools: readonly PoolEntry[], address: Ipv4): PoolEntry | undefined {
  let low = 0;
  let high = pools.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const pool = pools[middle]!;
    if (address < pool.first) high = middle - 1;
    else if (address > pool.last) low = middle + 1;
    else return pool;
  }
  return undefined;
}
