/**
 * The statistics of leases, for the server, each subnet and each pool, by Kea's names. They follow the changes the
 * ledger reports; at start, and for subnets whose pools change, the leases are counted.
 */

import { isExpired, type Lease, LeaseState } from '../domain/lease.js';
import type { Sliced } from '../domain/slices.js';
import type { ConfigSnapshot, Pool, Subnet } from '../domain/snapshot.js';
import type { EpochMs, Ipv4, SubnetId } from '../domain/values.js';
import { isAssigned, LeaseCount, type LeaseCounters, levelsOf, type SubnetEntry } from './lease-count.js';
import type { Clock, LeaseReader } from './ports.js';
import { type SlicedSwap, swapAtOnce } from './sliced-swap.js';
import { poolStatistic, type Statistic, type Statistics, scopeOfStatistic, subnetStatistic } from './statistics.js';

/** The statistics of a subnet while a configuration is prepared. */
interface SubnetDraft {
  readonly entry: SubnetEntry;
  /** All of them, and those of its pools. */
  readonly statistics: ReadonlyMap<string, Statistic>;
  /** Gauges the configuration alone decides, with their values. */
  readonly totals: readonly (readonly [Statistic, number])[];
}

const TOTAL = 'total-addresses';
/** What the packet path counts for the server and for each subnet, by name: there from the start, as in Kea. */
const SUBNET_STATISTICS = ['v4-lease-reuses', 'v4-reservation-conflicts'] as const;

/** Keeps the lease statistics. Give {@link changed} to `Ledger.observe`. */
export class LeaseStatistics {
  private readonly server: LeaseCounters;
  private subnets = new Map<SubnetId, SubnetEntry>();
  /** A count under way, for a configuration that is prepared. */
  private counting: LeaseCount | undefined;
  /** Whether the leases of the whole server have been counted. */
  private counted = false;

  constructor(
    private readonly statistics: Statistics,
    private readonly clock: Pick<Clock, 'now'>,
  ) {
    this.server = leaseCounters((name) => statistics.counter(name));
    for (const name of SUBNET_STATISTICS) statistics.counter(name);
  }

  /** {@link LeaseStatistics.prepare} and what follows at one go. */
  rebuild(
    snapshot: Pick<ConfigSnapshot, 'subnets'>,
    leases: Pick<LeaseReader, 'page'>,
    hasLeases: (id: SubnetId) => boolean = () => true,
  ): void {
    swapAtOnce(this.prepare(snapshot, leases, hasLeases));
  }

  /**
   * Makes ready for the subnets of a configuration. Those whose id and pools stay keep their statistics; the leases
   * are looked at only if one of the others has any by `hasLeases`. Cumulative counters go on. What is new counts from
   * the commit on and is listed once it has settled.
   */
  *prepare(
    { subnets }: Pick<ConfigSnapshot, 'subnets'>,
    leases: Pick<LeaseReader, 'page'>,
    hasLeases: (id: SubnetId) => boolean = () => true,
  ): Sliced<SlicedSwap> {
    const next = new Map<SubnetId, SubnetEntry>();
    const drafts = new Map<SubnetId, SubnetDraft>();
    for (const subnet of subnets) {
      const known = this.subnets.get(subnet.id);
      if (known?.ranges === rangesOf(subnet)) next.set(subnet.id, known);
      else {
        const draft = this.draftOf(subnet);
        drafts.set(subnet.id, draft);
        next.set(subnet.id, draft.entry);
      }
      yield;
    }
    const counting = new LeaseCount(
      new Map([...drafts].map(([id, { entry }]) => [id, entry])),
      this.counted ? undefined : this.server,
    );
    if (!this.counted || [...drafts.keys()].some(hasLeases)) {
      this.counting = counting;
      yield* counting.run(leases);
    }
    // Where subnets have only come there is nothing to drop, and nothing to look for.
    const anyGone = [...this.subnets.keys()].some((id) => !next.has(id) || drafts.has(id));
    return {
      commit: () => {
        this.counting = undefined;
        this.counted = true;
        this.subnets = next;
        const now = this.clock.now();
        for (const { assigned, declined, found } of counting.levels) {
          setIfOther(assigned, found.assigned, now);
          setIfOther(declined, found.declined, now);
        }
      },
      abandon: () => {
        this.counting = undefined;
      },
      settle: () => this.settle(drafts, anyGone),
    };
  }

  /** Lists what is new, and drops what is gone: also what the packet path counted for subnets. */
  private *settle(drafts: ReadonlyMap<SubnetId, SubnetDraft>, anyGone: boolean): Sliced<void> {
    const now = this.clock.now();
    for (const { statistics, totals } of drafts.values()) {
      for (const statistic of statistics.values()) this.statistics.adopt(statistic);
      for (const [statistic, total] of totals) setIfOther(statistic, total, now);
      yield;
    }
    if (!anyGone) return;
    for (const name of this.statistics.names()) {
      if (!this.isWanted(name, drafts)) this.statistics.discard(name);
      yield;
    }
  }

  private isWanted(name: string, drafts: ReadonlyMap<SubnetId, SubnetDraft>): boolean {
    const scope = scopeOfStatistic(name);
    if (scope === undefined) return true;
    const draft = drafts.get(scope.subnetId);
    if (draft === undefined || scope.poolId === undefined) return this.subnets.has(scope.subnetId);
    return draft.statistics.has(name);
  }

  /**
   * One lease changed. Assigned are leases in state default or declined, whether run out or not (Kea). A lease that
   * was assigned and had run out counts as reclaimed, by the sweeper or by the next client of the address.
   * A change that is undone is reported the other way round: gauges come right, cumulative counters do not go back.
   */
  readonly changed = (address: Ipv4, before: Lease | undefined, after: Lease | undefined): void => {
    this.counting?.changed(address, before, after);
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

  /** The server, and the subnet and pool the address is in, as far as they are configured. */
  private levels(subnetId: SubnetId, address: Ipv4): readonly LeaseCounters[] {
    return levelsOf(this.server, this.subnets.get(subnetId), address);
  }

  private draftOf(subnet: Subnet): SubnetDraft {
    const statistics = new Map<string, Statistic>();
    const draft = (name: string, initial = 0): Statistic => {
      const statistic = this.statistics.draft(name, initial);
      statistics.set(name, statistic);
      return statistic;
    };
    const sizes = new Map<number, number>();
    for (const pool of subnet.pools) sizes.set(pool.id, (sizes.get(pool.id) ?? 0) + poolSize(pool));
    const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    const totals: [Statistic, number][] = [[draft(subnetStatistic(subnet.id, TOTAL), total), total]];
    const poolCounters = new Map<number, LeaseCounters>();
    for (const [id, size] of sizes) {
      totals.push([draft(poolStatistic(subnet.id, id, TOTAL), size), size]);
      poolCounters.set(
        id,
        leaseCounters((name) => draft(poolStatistic(subnet.id, id, name))),
      );
    }
    for (const name of SUBNET_STATISTICS) draft(subnetStatistic(subnet.id, name));
    const entry = {
      ...leaseCounters((name) => draft(subnetStatistic(subnet.id, name))),
      pools: subnet.pools
        .toSorted((a, b) => a.first - b.first)
        .map(({ first, last, id }) => ({ first, last, counters: poolCounters.get(id)! })),
      ranges: rangesOf(subnet),
    };
    return { entry, statistics, totals };
  }
}

/** The gauges and counters of a level, by Kea's names. */
function leaseCounters(statisticOf: (name: string) => Statistic): LeaseCounters {
  return {
    assigned: statisticOf('assigned-addresses'),
    cumulative: statisticOf('cumulative-assigned-addresses'),
    declined: statisticOf('declined-addresses'),
    reclaimed: statisticOf('reclaimed-leases'),
    reclaimedDeclined: statisticOf('reclaimed-declined-addresses'),
    found: { assigned: 0, declined: 0 },
  };
}

function rangesOf({ pools }: Subnet): string {
  return pools.map((pool) => `${pool.id}=${pool.first}-${pool.last}`).join();
}

function poolSize(pool: Pick<Pool, 'first' | 'last'>): number {
  return pool.last - pool.first + 1;
}

function setIfOther(statistic: Statistic, value: number, nowMs: EpochMs): void {
  if (statistic.value !== value) statistic.set(value, nowMs);
}
