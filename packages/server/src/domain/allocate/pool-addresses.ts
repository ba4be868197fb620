/** The addresses of one pool: which are free, and which of those comes next. */

import type { AllocatorName, Pool } from '../snapshot.js';
import type { Ipv4 } from '../values.js';
import type { Accept, Allocator, Chance } from './allocator.js';
import { createAllocator } from './create.js';
import { FreeMap } from './free-map.js';
import { IterativeAllocator } from './iterative.js';

/** How a pool is run; a change makes a new {@link PoolAddresses}. */
export interface PoolRules {
  readonly allocator: AllocatorName;
  /** Addresses that end in .0 and .255 are never picked (Kea: compatibility.exclude-first-last-24). */
  readonly excludesEdges: boolean;
}

/** Free addresses of a pool with its allocator. First fill, then {@link PoolAddresses.start}, then pick. */
export class PoolAddresses {
  readonly first: Ipv4;
  readonly last: Ipv4;
  private readonly map: FreeMap;
  private readonly usable: number;
  private allocator: Allocator | undefined;
  private reservedAddresses = new Set<Ipv4>();

  constructor(
    /** As the current configuration has it. */
    public pool: Pool,
    readonly rules: PoolRules,
  ) {
    this.first = pool.first;
    this.last = pool.last;
    this.map = new FreeMap(pool.first, pool.last);
    if (rules.excludesEdges) this.takeEdges();
    this.usable = this.map.free;
  }

  /** Addresses of the pool that are reserved. */
  get reserved(): ReadonlySet<Ipv4> {
    return this.reservedAddresses;
  }

  /** Says which addresses of the pool are reserved. The caller marks those for which that is new. */
  setReserved(addresses: Set<Ipv4>): void {
    this.reservedAddresses = addresses;
  }

  /** Adds or removes one reserved address. The caller marks it. */
  changeReserved(address: Ipv4, reserved: boolean): void {
    if (reserved) this.reservedAddresses.add(address);
    else this.reservedAddresses.delete(address);
  }

  /** How many addresses can be picked. */
  get free(): number {
    return this.map.free;
  }

  /** How many addresses are there for clients without a reservation, free or not. */
  get capacity(): number {
    return this.usable - this.reservedAddresses.size;
  }

  /** How many addresses the pool has, whatever their state. */
  get total(): number {
    return this.map.total;
  }

  isFree(address: Ipv4): boolean {
    return this.map.isFree(address);
  }

  /** Marks an address by whether anybody uses it; reserved and excluded ones stay taken. */
  mark(address: Ipv4, unused: boolean): void {
    const free = unused && !this.reservedAddresses.has(address) && !this.isExcluded(address);
    if (!this.map.setFree(address, free)) return;
    if (free) this.allocator?.freed(address);
    else this.allocator?.taken(address);
  }

  /** To be called once all that is in use has been marked: the allocator starts from what is free. */
  start(random: Chance): void {
    this.allocator = createAllocator(this.rules.allocator, this.map, random);
  }

  /** A free address; see {@link Allocator.pick}. */
  pick(accept?: Accept): Ipv4 | undefined {
    return this.map.free === 0 ? undefined : this.allocator?.pick(this.map, accept);
  }

  /** Like pick, but an iterative pool gives undefined once at its end, where the turn goes to the next pool. */
  pickInTurn(accept?: Accept): Ipv4 | undefined {
    if (!(this.allocator instanceof IterativeAllocator)) return this.pick(accept);
    return this.map.free === 0 ? undefined : this.allocator.pickForward(this.map, accept);
  }

  /** See {@link Allocator.remember}. */
  remember(): () => void {
    return this.allocator?.remember() ?? (() => undefined);
  }

  private isExcluded(address: Ipv4): boolean {
    return this.rules.excludesEdges && isEdge(address);
  }

  private takeEdges(): void {
    for (let base = this.first - (this.first % 256); base <= this.last; base += 256) {
      this.map.setFree(base, false);
      this.map.setFree(base + 255, false);
    }
  }
}

function isEdge(address: Ipv4): boolean {
  const octet = address & 255;
  return octet === 0 || octet === 255;
}
