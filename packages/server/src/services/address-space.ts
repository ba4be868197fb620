/**
 * Which addresses can be given to a new client, of all pools together, kept in memory and always right: an address
 * can be picked if no lease in force has it, it is not reserved, and it is not on offer to somebody. Picking one takes
 * the same time in an empty /24 and in a /8 that is nearly full.
 */

import type { Accept, Chance } from '../domain/allocate/allocator.js';
import { PoolAddresses, type PoolRules } from '../domain/allocate/pool-addresses.js';
import { RangeIndex } from '../domain/allocate/range-index.js';
import { expiresAtSec, isAvailable, type Lease } from '../domain/lease.js';
import type { Sliced } from '../domain/slices.js';
import type { ConfigSnapshot, Pool, Subnet } from '../domain/snapshot.js';
import type { EpochSec, Ipv4, SubnetId } from '../domain/values.js';
import { ExpiryIndex } from './expiry-index.js';
import { NumberMap } from './number-map.js';
import type { LeaseReader } from './ports.js';
import { leasePages, type SlicedSwap, swapAtOnce } from './sliced-swap.js';

/** A reserved address. */
export interface ReservedAddress {
  /** Subnet of the reservation, 0 if it is global. */
  readonly scope: SubnetId;
  readonly address: Ipv4;
}

const GLOBAL_SCOPE: SubnetId = 0;
/** Leases let go by one call of expireUpTo: when very many end in one second no packet waits for all of them. */
const EXPIRE_BATCH = 2048;

const NO_POOLS = new RangeIndex<PoolAddresses>([]);
/** Addresses of a new pool looked up before packets may have a turn. */
const FILL_BATCH = 256;

/** See the head of this file. Nothing can be picked before the first {@link AddressSpace.rebuild}. */
export class AddressSpace {
  /** By Pool.index of the current configuration. */
  private pools: readonly PoolAddresses[] = [];
  private byRange = NO_POOLS;
  /** New pools of a configuration that is being prepared: they follow every change from their first mark on. */
  private coming = NO_POOLS;
  private leases: LeaseReader | undefined;
  /** Addresses on offer; the values mean nothing. */
  private readonly held: NumberMap;
  private expiry = new ExpiryIndex(0);
  private nowSec: EpochSec = 0;
  private expiredUpToSec: EpochSec = 0;
  /** Pools of a subnet for binary search, made when first asked for. */
  private rangesBySubnet = new WeakMap<Subnet, RangeIndex<Pool>>();
  /** Where the last address of a subnet came from, by subnet: position in its list of pools. */
  private turnBySubnet = new Map<SubnetId, number>();

  /** @param mayGive whether an address that nobody holds may be given by this server: of a pair, only one may */
  constructor(
    private readonly random: Chance,
    private readonly mayGive: (address: Ipv4) => boolean = () => true,
  ) {
    this.held = new NumberMap(random.below(0x1_0000_0000));
  }

  /** {@link AddressSpace.prepare} and its commit at one go. */
  rebuild(snapshot: ConfigSnapshot, reserved: Iterable<ReservedAddress>, leases: LeaseReader, nowSec: EpochSec): void {
    swapAtOnce(this.prepare(snapshot, reserved, leases, nowSec));
  }

  /**
   * Makes ready for a configuration while the last one is in force. Pools that did not change keep their state, cursor
   * and all; for the others the leases are looked at (a million in about half a second). `reserved` are all reserved
   * addresses, which must not change until the commit; a subnet's own count where reservations-in-subnet is on, global
   * ones where reservations-global is on, and neither inside pools where reservations-out-of-pool promises that there
   * are none.
   */
  *prepare(
    snapshot: ConfigSnapshot,
    reserved: Iterable<ReservedAddress>,
    leases: LeaseReader,
    nowSec: EpochSec,
  ): Sliced<SlicedSwap> {
    if (leases !== this.leases) this.forget(leases, nowSec);
    this.nowSec = nowSec;
    const { pools, kept, fresh } = yield* this.matchPools(snapshot);
    const byRange = new RangeIndex(pools);
    yield;
    this.coming = new RangeIndex(fresh);
    const reservedIn = yield* reservationsByPool(reserved, snapshot, byRange);
    for (const pool of fresh) pool.setReserved(reservedIn.get(pool) ?? new Set());
    yield* this.fill(fresh, leases);
    return {
      commit: () => {
        for (const [pool, next] of kept) pool.pool = next;
        this.pools = pools;
        this.byRange = byRange;
        this.coming = NO_POOLS;
        for (const pool of kept.keys()) {
          const after = reservedIn.get(pool);
          if (after !== undefined || pool.reserved.size > 0) this.changeReserved(pool, after ?? new Set());
        }
      },
      abandon: () => {
        this.coming = NO_POOLS;
      },
      settle: function* () {},
    };
  }

  /**
   * Must be told of every change of a lease, staged or undone, in order. `nowSec` is the time of the last
   * expireUpTo if it is not given.
   */
  onLeaseChange(
    address: Ipv4,
    _before: Lease | undefined,
    after: Lease | undefined,
    nowSec: EpochSec = this.nowSec,
  ): void {
    this.nowSec = nowSec;
    const unused = isAvailable(after, nowSec);
    const free = unused && !this.held.has(address) && this.mayGive(address);
    if (!this.mark(address, free)) return;
    if (unused) this.expiry.delete(address);
    else this.expiry.set(address, expiresAtSec(after!));
  }

  /**
   * Lets addresses go whose lease ended before `nowSec`, though nobody may have reclaimed it yet. At most some
   * thousands at a time: call it with every batch.
   */
  expireUpTo(nowSec: EpochSec): void {
    this.nowSec = nowSec;
    if (this.expiredUpToSec === nowSec) return;
    const ended = this.expiry.takeUpTo(nowSec, EXPIRE_BATCH);
    for (const address of ended) this.onLeaseChange(address, undefined, this.leases?.getByAddress(address), nowSec);
    if (ended.length < EXPIRE_BATCH) this.expiredUpToSec = nowSec;
  }

  /** A free address of the pool, or undefined if it has none. It is picked again unless it is held or leased. */
  pick(pool: Pool, accept?: Accept): Ipv4 | undefined {
    return this.find(pool)?.pick(accept);
  }

  /**
   * A free address of the subnet, from the pools `acceptPool` lets through. As in Kea, an iterative subnet goes through
   * its pools one after the other and begins again after the last; the other allocators draw among the pools. Unlike
   * Kea a pool is drawn by how many addresses it has left, so that a small one is not exhausted first.
   */
  pickFromSubnet(subnet: Subnet, acceptPool: (pool: Pool) => boolean, accept?: Accept): Ipv4 | undefined {
    const [only] = subnet.pools;
    if (only !== undefined && subnet.pools.length === 1) return acceptPool(only) ? this.pick(only, accept) : undefined;
    const usable = subnet.pools.filter((pool) => this.freeCount(pool) > 0 && acceptPool(pool));
    if (usable.length === 0) return undefined;
    if (usable.length === 1) return this.pick(usable[0]!, accept);
    return subnet.allocator === 'iterative'
      ? this.pickInTurn(subnet, usable, accept)
      : this.pick(this.drawPool(usable), accept);
  }

  /** What pickFromSubnet would give now, chance aside. Nothing is picked: the next call gives the same. */
  preview(subnet: Subnet, acceptPool: (pool: Pool) => boolean, accept?: Accept): Ipv4 | undefined {
    const turn = this.turnBySubnet.get(subnet.id);
    const undo = subnet.pools.map((pool) => this.find(pool)?.remember());
    const address = this.pickFromSubnet(subnet, acceptPool, accept);
    for (const each of undo) each?.();
    if (turn === undefined) this.turnBySubnet.delete(subnet.id);
    else this.turnBySubnet.set(subnet.id, turn);
    return address;
  }

  /** Keeps an address from being picked while it is on offer. */
  hold(address: Ipv4): void {
    this.held.set(address, 0);
    this.mark(address, false);
  }

  /** Ends a hold; harmless if there is none. */
  unhold(address: Ipv4): void {
    if (this.held.delete(address)) this.refresh(address);
  }

  /** Ends a hold whose address has been leased meanwhile, which {@link AddressSpace.onLeaseChange} has told of. */
  holdBecameLease(address: Ipv4): void {
    this.held.delete(address);
  }

  /** Keeps an address from being picked because a reservation was added at run time. */
  reserve(reserved: ReservedAddress, snapshot: ConfigSnapshot): void {
    this.changeReservation(reserved, snapshot, true);
  }

  /** Ends what reserve, or a reservation given to rebuild, did; only when no other one has the address. */
  unreserve(reserved: ReservedAddress, snapshot: ConfigSnapshot): void {
    this.changeReservation(reserved, snapshot, false);
  }

  /** True if the address could be picked from the pool. */
  isFree(address: Ipv4, pool: Pool): boolean {
    return this.find(pool)?.isFree(address) ?? false;
  }

  /** The pool of the subnet the address is in, by binary search. */
  poolOf(subnet: Subnet, address: Ipv4): Pool | undefined {
    const [only] = subnet.pools;
    if (only === undefined) return undefined;
    if (subnet.pools.length === 1) return address >= only.first && address <= only.last ? only : undefined;
    let ranges = this.rangesBySubnet.get(subnet);
    if (ranges === undefined) {
      ranges = new RangeIndex(subnet.pools);
      this.rangesBySubnet.set(subnet, ranges);
    }
    return ranges.find(address);
  }

  /** How many addresses of the pool are there for clients without a reservation, free or not. */
  capacity(pool: Pool): number {
    return this.find(pool)?.capacity ?? 0;
  }

  /** How many addresses of the pool can be picked now. */
  freeCount(pool: Pool): number {
    return this.find(pool)?.free ?? 0;
  }

  /** {@link AddressSpace.refresh} of every address of the pools, to be interrupted. */
  *refreshAll(): Sliced<void> {
    for (const { first, last } of this.pools) {
      for (let address = first; address <= last; address++) {
        this.refresh(address);
        if (address % FILL_BATCH === 0) yield;
      }
      yield;
    }
  }

  // --- building ---

  /** Begins anew on another store of leases. */
  private forget(leases: LeaseReader, nowSec: EpochSec): void {
    this.leases = leases;
    this.expiry = new ExpiryIndex(nowSec);
    this.pools = [];
    this.byRange = NO_POOLS;
  }

  /** The pools of a configuration: those there are already, with what the configuration says of them, and new ones. */
  private *matchPools(snapshot: ConfigSnapshot): Sliced<{
    readonly pools: readonly PoolAddresses[];
    readonly kept: ReadonlyMap<PoolAddresses, Pool>;
    readonly fresh: readonly PoolAddresses[];
  }> {
    let known: ReadonlyMap<string, PoolAddresses> | undefined;
    const pools: PoolAddresses[] = [];
    const kept = new Map<PoolAddresses, Pool>();
    const fresh: PoolAddresses[] = [];
    for (const pool of snapshot.pools) {
      const rules = rulesOf(snapshot.subnetById.get(pool.subnetId)!, snapshot);
      let old = this.unchanged(pool, rules);
      if (old === undefined) {
        known ??= yield* this.byIdentity();
        old = known.get(identityOf(pool, rules));
      }
      if (old !== undefined) kept.set(old, pool);
      const state = old ?? new PoolAddresses(pool, rules);
      if (old === undefined) fresh.push(state);
      pools.push(state);
      yield;
    }
    return { pools, kept, fresh };
  }

  /** The addresses of a pool that stays as it is: most do when a subnet comes, goes or changes. */
  private unchanged(pool: Pool, { allocator, excludesEdges }: PoolRules): PoolAddresses | undefined {
    const now = this.pools[pool.index];
    const same = now?.pool === pool && now.rules.allocator === allocator && now.rules.excludesEdges === excludesEdges;
    return same ? now : undefined;
  }

  private *byIdentity(): Sliced<ReadonlyMap<string, PoolAddresses>> {
    const known = new Map<string, PoolAddresses>();
    for (const old of this.pools) {
      known.set(identityOf(old.pool, old.rules), old);
      yield;
    }
    return known;
  }

  /** Marks in new pools what leases, offers and reservations take, and starts their allocators. */
  private *fill(fresh: readonly PoolAddresses[], leases: LeaseReader): Sliced<void> {
    const addresses = fresh.reduce((sum, pool) => sum + pool.total, 0);
    if (addresses < leases.size) {
      for (const pool of fresh) yield* this.fillPool(pool, leases);
    } else if (fresh.length > 0) {
      const ranges = this.coming;
      for (const page of leasePages(leases)) {
        for (const lease of page.leases) ranges.forEach(lease.address, (pool) => this.fillOne(pool, lease));
        yield;
      }
    }
    for (const address of this.held.keys()) this.coming.forEach(address, (pool) => pool.mark(address, false));
    for (const pool of fresh) {
      for (const address of pool.reserved) pool.mark(address, false);
      pool.start(this.random);
      yield;
    }
  }

  private *fillPool(pool: PoolAddresses, leases: LeaseReader): Sliced<void> {
    for (let address = pool.first; address <= pool.last; address++) {
      this.fillOne(pool, leases.getByAddress(address));
      if (address % FILL_BATCH === 0) yield;
    }
    yield;
  }

  private fillOne(pool: PoolAddresses, lease: Lease | undefined): void {
    if (lease === undefined || isAvailable(lease, this.nowSec)) return;
    pool.mark(lease.address, false);
    this.expiry.set(lease.address, expiresAtSec(lease));
  }

  /** Marks an address in every pool it is in; false if it is in none. */
  private mark(address: Ipv4, free: boolean): boolean {
    const inUse = this.byRange.forEach(address, (pool) => pool.mark(address, free));
    return this.coming.forEach(address, (pool) => pool.mark(address, free)) || inUse;
  }

  /** Gives a pool that was there before other reservations. */
  private changeReserved(pool: PoolAddresses, after: Set<Ipv4>): void {
    const before = pool.reserved;
    pool.setReserved(after);
    for (const address of after) if (!before.has(address)) pool.mark(address, false);
    for (const address of before) if (!after.has(address)) this.refresh(address);
  }

  private changeReservation(reserved: ReservedAddress, snapshot: ConfigSnapshot, present: boolean): void {
    forEachPoolOf(reserved, snapshot, this.byRange, (pool) => pool.changeReserved(reserved.address, present));
    this.refresh(reserved.address);
  }

  /** Looks again at an address of which mayGive says something else now. */
  refresh(address: Ipv4): void {
    const unused =
      !this.held.has(address) && isAvailable(this.leases?.getByAddress(address), this.nowSec) && this.mayGive(address);
    this.mark(address, unused);
  }

  // --- choosing a pool ---

  private pickInTurn(subnet: Subnet, usable: readonly Pool[], accept?: Accept): Ipv4 | undefined {
    const inOrder = subnet.pools;
    const start = this.turnBySubnet.get(subnet.id) ?? 0;
    // Once round and back to the first: the pool at whose end we stand begins anew.
    for (let i = 0; i <= inOrder.length; i++) {
      const place = (start + i) % inOrder.length;
      const pool = inOrder[place]!;
      const address = usable.includes(pool) ? this.find(pool)!.pickInTurn(accept) : undefined;
      if (address === undefined) continue;
      this.turnBySubnet.set(subnet.id, place);
      return address;
    }
    return undefined;
  }

  private drawPool(usable: readonly Pool[]): Pool {
    const total = usable.reduce((sum, pool) => sum + this.freeCount(pool), 0);
    let rank = this.random.below(total);
    return usable.find((pool) => {
      rank -= this.freeCount(pool);
      return rank < 0;
    })!;
  }

  /** State of a pool, which may be one of an earlier configuration that a packet under way still works with. */
  private find(pool: Pool): PoolAddresses | undefined {
    const current = this.pools[pool.index];
    if (current?.pool === pool) return current;
    return this.pools.find(
      (one) => one.pool.subnetId === pool.subnetId && one.first === pool.first && one.last === pool.last,
    );
  }
}

function rulesOf(subnet: Subnet, { compatibility }: ConfigSnapshot): PoolRules {
  return { allocator: subnet.allocator, excludesEdges: compatibility.excludeFirstLast24 && subnet.prefixLength <= 24 };
}

/** Reserved addresses of each pool that has any. */
function* reservationsByPool(
  reserved: Iterable<ReservedAddress>,
  snapshot: ConfigSnapshot,
  pools: RangeIndex<PoolAddresses>,
): Sliced<Map<PoolAddresses, Set<Ipv4>>> {
  const sets = new Map<PoolAddresses, Set<Ipv4>>();
  for (const one of reserved) {
    forEachPoolOf(one, snapshot, pools, (pool) => {
      const set = sets.get(pool);
      if (set === undefined) sets.set(pool, new Set([one.address]));
      else set.add(one.address);
    });
    yield;
  }
  return sets;
}

/** Visits the pools from which the reservation takes its address. */
function forEachPoolOf(
  { scope, address }: ReservedAddress,
  snapshot: ConfigSnapshot,
  pools: RangeIndex<PoolAddresses>,
  visit: (pool: PoolAddresses) => void,
): void {
  pools.forEach(address, (pool) => {
    const { subnetId } = pool.pool;
    const subnet = snapshot.subnetById.get(subnetId);
    if (subnet === undefined || subnet.reservationsOutOfPool) return;
    const counts =
      scope === GLOBAL_SCOPE ? subnet.reservationsGlobal : scope === subnetId && subnet.reservationsInSubnet;
    if (counts) visit(pool);
  });
}

/** What must be the same for a pool to keep its state over a reconfiguration. */
function identityOf(pool: Pool, rules: PoolRules): string {
  return `${pool.subnetId} ${pool.first}-${pool.last} ${rules.allocator} ${rules.excludesEdges}`;
}
