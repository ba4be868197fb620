/**
 * The statistics of leases, for the server, each subnet and each pool, by Kea's names. They follow the changes the
 * ledger reports and are counted afresh at start and whenever the subnets change.
 */

import type { Lease } from '../domain/lease.js';
import { isExpired, LeaseState } from '../domain/lease.js';
import type { ConfigSnapshot, Pool, Subnet } from '../domain/snapshot.js';
import type { EpochMs, Ipv4, SubnetId } from '../domain/values.js';
import type { Clock, LeaseReader } from './ports.js';
import { poolStatistic, type Statistic, type Statistics, subnetStatistic } from './statistics.js';

/** What is counted at each of the three levels. */
interface LeaseCounters {
  readonly assigned: Statistic;
  readonly cumulative: Statistic;
  readonly declined: Statistic;
  readonly reclaimed: Statistic;
  readonly reclaimedDeclined: Statistic;
  /** Leases found so far by a recount. */
  readonly found: { assigned: number; declined: number };
}

interface PoolEntry {
  readonly first: Ipv4;
  readonly last: Ipv4;
  /** Pools of one subnet with the same pool-id share theirs. */
  readonly counters: LeaseCounters;
}

/** Statistics of one subnet that the packet path counts itself. */
export interface SubnetCounters {
  readonly reuses: Statistic;
  readonly reservationConflicts: Statistic;
}

interface SubnetEntry extends LeaseCounters, SubnetCounters {
  /** By first address. */
  readonly pools: readonly PoolEntry[];
  /** {@link rangesOf} the subnet it was made for. */
  readonly ranges: string;
}

/** Gauges and counters of a level: property, Kea's name. */
const LEASE_STATISTICS = {
  assigned: 'assigned-addresses',
  cumulative: 'cumulative-assigned-addresses',
  declined: 'declined-addresses',
  reclaimed: 'reclaimed-leases',
  reclaimedDeclined: 'reclaimed-declined-addresses',
} as const satisfies Readonly<Record<Exclude<keyof LeaseCounters, 'found'>, string>>;

const TOTAL = 'total-addresses';
const REUSES = 'v4-lease-reuses';
const CONFLICTS = 'v4-reservation-conflicts';

/** Why no address could be found, each with Kea's statistic beside v4-allocation-fail. */
export type AllocationFailure = 'shared-network' | 'subnet' | 'no-pools' | 'classes';

/** Keeps the lease statistics. Give {@link changed} to `Ledger.observe`. */
export class LeaseStatistics {
  private readonly server: LeaseCounters & SubnetCounters;
  private subnets = new Map<SubnetId, SubnetEntry>();
  /** Names registered for each subnet and its pools, to drop those of subnets that are gone. */
  private names = new Map<SubnetId, Set<string>>();
  /** What {@link topologyOf} said of the subnets in use; undefined before the first. */
  private topology: string | undefined;

  constructor(
    private readonly statistics: Statistics,
    private readonly clock: Pick<Clock, 'now'>,
  ) {
    this.server = {
      ...this.leaseCounters((name) => name),
      reuses: statistics.counter(REUSES),
      reservationConflicts: statistics.counter(CONFLICTS),
    };
  }

  /**
   * Takes up the subnets of a configuration and, unless ids and pools are those of the last one, counts all leases.
   * Cumulative counters go on.
   */
  rebuild(snapshot: Pick<ConfigSnapshot, 'subnets'>, leases: Pick<LeaseReader, 'all'>): void {
    const topology = topologyOf(snapshot.subnets);
    if (topology === this.topology) return;
    this.topology = topology;
    const before = this.names;
    this.names = new Map();
    this.subnets = new Map(snapshot.subnets.map((subnet) => [subnet.id, this.subnetEntry(subnet)]));
    for (const [id, names] of before) this.discardAllBut(this.names.get(id), names);
    this.recount(leases);
  }

  /**
   * The same after a change of few subnets: only those are made anew, and leases are looked at only if one of them has
   * any by `hasLeases`.
   */
  follow(
    snapshot: Pick<ConfigSnapshot, 'subnets'>,
    leases: Pick<LeaseReader, 'all'>,
    hasLeases: (id: SubnetId) => boolean,
  ): void {
    this.topology = undefined;
    const before = this.subnets;
    const fresh = new Map<SubnetId, SubnetEntry>();
    const old = new Map(this.names);
    this.subnets = new Map(
      snapshot.subnets.map((subnet) => {
        old.delete(subnet.id);
        const known = before.get(subnet.id);
        if (known?.ranges === rangesOf(subnet)) return [subnet.id, known];
        const names = this.names.get(subnet.id) ?? [];
        this.names.delete(subnet.id);
        const entry = this.subnetEntry(subnet);
        this.discardAllBut(this.names.get(subnet.id), names);
        fresh.set(subnet.id, entry);
        return [subnet.id, entry];
      }),
    );
    for (const [id, names] of old) {
      this.discardAllBut(undefined, names);
      this.names.delete(id);
    }
    const counted = [...fresh.keys()].some(hasLeases) ? leases.all() : [];
    this.count(levelsOf(fresh.values()), counted, (id) => fresh.has(id));
  }

  /** Counts what a subnet's packets do besides leases; the server's own if the subnet is unknown. */
  countersOf(subnetId: SubnetId): SubnetCounters {
    return this.subnets.get(subnetId) ?? this.server;
  }

  /** A lease was given without a change to the store (Kea: cache-threshold). */
  leaseReused(subnetId: SubnetId, nowMs: EpochMs): void {
    this.server.reuses.add(1, nowMs);
    this.subnets.get(subnetId)?.reuses.add(1, nowMs);
  }

  /** A reserved address is held by another client. */
  reservationConflict(subnetId: SubnetId, nowMs: EpochMs): void {
    this.server.reservationConflicts.add(1, nowMs);
    this.subnets.get(subnetId)?.reservationConflicts.add(1, nowMs);
  }

  /** No address was found for a client. The subnet's own statistics appear with its first failure, as in Kea. */
  allocationFailed(subnetId: SubnetId, why: readonly AllocationFailure[], nowMs: EpochMs): void {
    for (const name of ['v4-allocation-fail', ...why.map((reason) => `v4-allocation-fail-${reason}`)]) {
      this.statistics.counter(name).add(1, nowMs);
      if (this.subnets.has(subnetId)) this.register(subnetId, subnetStatistic(subnetId, name)).add(1, nowMs);
    }
  }

  /**
   * One lease changed. Assigned are leases in state default or declined, whether run out or not (Kea). A lease that
   * was assigned and had run out counts as reclaimed, by the sweeper or by the next client of the address.
   * A change that is undone is reported the other way round: gauges come right, cumulative counters do not go back.
   */
  readonly changed = (address: Ipv4, before: Lease | undefined, after: Lease | undefined): void => {
    const now = this.clock.now();
    const wasAssigned = before !== undefined && isAssigned(before);
    const ranOut = wasAssigned && isExpired(before, Math.floor(now / 1000));
    if (wasAssigned && !ranOut && after?.state === before.state && after.subnetId === before.subnetId) return;
    const isNew = after?.state === LeaseState.default && (!wasAssigned || ranOut);
    if (wasAssigned) {
      const released = after === undefined || !isAssigned(after) || after.subnetId !== before.subnetId;
      const cleared = before.state === LeaseState.declined && (released || after?.state !== LeaseState.declined);
      for (const level of this.levels(before.subnetId, address)) {
        if (released) level.assigned.add(-1, now);
        if (cleared) level.declined.add(-1, now);
        if (ranOut) level.reclaimed.add(1, now);
        if (ranOut && before.state === LeaseState.declined) level.reclaimedDeclined.add(1, now);
      }
    }
    if (after === undefined || !isAssigned(after)) return;
    const moved = !wasAssigned || after.subnetId !== before.subnetId;
    const newlyDeclined = after.state === LeaseState.declined && (moved || before.state !== LeaseState.declined);
    for (const level of this.levels(after.subnetId, address)) {
      if (moved) level.assigned.add(1, now);
      if (newlyDeclined) level.declined.add(1, now);
      if (isNew) level.cumulative.add(1, now);
    }
  };

  /** Sets the gauges from all leases. */
  private recount(leases: Pick<LeaseReader, 'all'>): void {
    this.count(new Set([this.server, ...levelsOf(this.subnets.values())]), leases.all(), () => true);
  }

  /** Sets the gauges of some levels from those leases whose subnet `concerns` them. */
  private count(
    levels: ReadonlySet<LeaseCounters>,
    leases: Iterable<Lease>,
    concerns: (id: SubnetId) => boolean,
  ): void {
    for (const { found } of levels) found.assigned = found.declined = 0;
    for (const lease of leases) {
      if (!isAssigned(lease) || !concerns(lease.subnetId)) continue;
      for (const { found } of this.levels(lease.subnetId, lease.address)) {
        found.assigned++;
        if (lease.state === LeaseState.declined) found.declined++;
      }
    }
    const now = this.clock.now();
    for (const { assigned, declined, found } of levels) {
      setIfOther(assigned, found.assigned, now);
      setIfOther(declined, found.declined, now);
    }
  }

  /** The server, and the subnet and pool the address is in, as far as they are configured. */
  private levels(subnetId: SubnetId, address: Ipv4): LeaseCounters[] {
    const subnet = this.subnets.get(subnetId);
    if (subnet === undefined) return [this.server];
    const pool = findPool(subnet.pools, address);
    return pool === undefined ? [this.server, subnet] : [this.server, subnet, pool.counters];
  }

  private subnetEntry(subnet: Subnet): SubnetEntry {
    const now = this.clock.now();
    const totals = new Map<number, number>();
    for (const pool of subnet.pools) totals.set(pool.id, (totals.get(pool.id) ?? 0) + poolSize(pool));
    const total = [...totals.values()].reduce((sum, size) => sum + size, 0);
    setIfOther(this.register(subnet.id, subnetStatistic(subnet.id, TOTAL), total), total, now);
    for (const [id, size] of totals)
      setIfOther(this.register(subnet.id, poolStatistic(subnet.id, id, TOTAL), size), size, now);
    const poolCounters = new Map(
      [...totals.keys()].map((id) => [
        id,
        this.leaseCounters((name) => this.register(subnet.id, poolStatistic(subnet.id, id, name)).name),
      ]),
    );
    return {
      ...this.leaseCounters((name) => this.register(subnet.id, subnetStatistic(subnet.id, name)).name),
      reuses: this.register(subnet.id, subnetStatistic(subnet.id, REUSES)),
      reservationConflicts: this.register(subnet.id, subnetStatistic(subnet.id, CONFLICTS)),
      pools: [...subnet.pools]
        .sort((a, b) => a.first - b.first)
        .map(({ first, last, id }) => ({ first, last, counters: poolCounters.get(id)! })),
      ranges: rangesOf(subnet),
    };
  }

  private leaseCounters(nameOf: (name: string) => string): LeaseCounters {
    const entries = Object.entries(LEASE_STATISTICS).map(([key, name]) => [key, this.statistics.counter(nameOf(name))]);
    return { ...Object.fromEntries(entries), found: { assigned: 0, declined: 0 } } as unknown as LeaseCounters;
  }

  private register(subnetId: SubnetId, name: string, initial = 0): Statistic {
    let names = this.names.get(subnetId);
    if (names === undefined) {
      names = new Set();
      this.names.set(subnetId, names);
    }
    names.add(name);
    return this.statistics.counter(name, initial);
  }

  private discardAllBut(kept: ReadonlySet<string> | undefined, names: Iterable<string>): void {
    for (const name of names) if (kept?.has(name) !== true) this.statistics.discard(name);
  }
}

/** Ids and pool ranges of all subnets as one text, to see whether they are the same as before. */
function topologyOf(subnets: readonly Subnet[]): string {
  return subnets.map((subnet) => `${subnet.id}:${rangesOf(subnet)}`).join(';');
}

function rangesOf({ pools }: Subnet): string {
  return pools.map((pool) => `${pool.id}=${pool.first}-${pool.last}`).join();
}

function levelsOf(entries: Iterable<SubnetEntry>): Set<LeaseCounters> {
  const levels = new Set<LeaseCounters>();
  for (const subnet of entries) {
    levels.add(subnet);
    for (const { counters } of subnet.pools) levels.add(counters);
  }
  return levels;
}

function isAssigned(lease: Lease): boolean {
  return lease.state === LeaseState.default || lease.state === LeaseState.declined;
}

function poolSize(pool: Pick<Pool, 'first' | 'last'>): number {
  return pool.last - pool.first + 1;
}

function setIfOther(statistic: Statistic, value: number, nowMs: EpochMs): void {
  if (statistic.value !== value) statistic.set(value, nowMs);
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
