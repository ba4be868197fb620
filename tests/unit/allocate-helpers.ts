/** Pools, subnets, leases and chance for tests of address allocation. */

import type { Chance } from 'lessor/internal/domain/allocate/allocator.js';
import type { Lease } from 'lessor/internal/domain/lease.js';
import type { AllocatorName, ConfigSnapshot, Pool, Subnet } from 'lessor/internal/domain/snapshot.js';
import { type Ipv4, parseIpv4 } from 'lessor/internal/domain/values.js';
import type { LeaseReader } from 'lessor/internal/services/ports.js';

/** A repeatable source of chance (xorshift32). */
export function seededChance(seed = 1): Chance & { bytes(count: number): Uint8Array } {
  let state = seed | 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  return { below: (bound) => next() % bound, bytes: (count) => Uint8Array.from({ length: count }, () => next() & 255) };
}

/** An address from its text. */
export function ip(text: string): number {
  const address = parseIpv4(text);
  if (address === undefined) throw new Error(`no address: ${text}`);
  return address;
}

/** A lease in force until `clttSec + validLifetimeSec`. */
export function lease(address: number, changes: Partial<Lease> = {}): Lease {
  return {
    address,
    hwAddress: '\x02\0\0\0\0\x01',
    clientId: '',
    validLifetimeSec: 3600,
    clttSec: 1000,
    subnetId: 1,
    poolId: 0,
    fqdnFwd: false,
    fqdnRev: false,
    hostname: '',
    state: 0,
    userContext: '',
    ...changes,
  };
}

/** The part of a subnet allocation looks at. */
export interface SubnetPlan {
  readonly id: number;
  readonly prefixLength?: number;
  readonly allocator?: AllocatorName;
  /** `first-last`. */
  readonly pools: readonly string[];
  readonly reservationsGlobal?: boolean;
  readonly reservationsInSubnet?: boolean;
  readonly reservationsOutOfPool?: boolean;
}

/** A snapshot with nothing but subnets and pools. */
export function snapshotOf(plans: readonly SubnetPlan[], excludeFirstLast24 = false): ConfigSnapshot {
  const pools: Pool[] = [];
  const subnets = plans.map((plan, index) => {
    const own = plan.pools.map((range): Pool => {
      const [first, last] = range.split('-').map(ip) as [number, number];
      const pool = { id: 0, index: pools.length, subnetId: plan.id, first, last, clientClasses: [] };
      pools.push(pool as unknown as Pool);
      return pools.at(-1)!;
    });
    const subnet = {
      id: plan.id,
      index,
      prefixLength: plan.prefixLength ?? 24,
      allocator: plan.allocator ?? 'iterative',
      pools: own,
      reservationsGlobal: plan.reservationsGlobal ?? false,
      reservationsInSubnet: plan.reservationsInSubnet ?? true,
      reservationsOutOfPool: plan.reservationsOutOfPool ?? false,
    };
    return subnet as unknown as Subnet;
  });
  return {
    pools,
    subnets,
    subnetById: new Map(subnets.map((subnet) => [subnet.id, subnet])),
    compatibility: { excludeFirstLast24 },
  } as unknown as ConfigSnapshot;
}

/** Leases in a Map, with what AddressSpace reads of a LeaseReader. */
export class MapLeases implements Pick<LeaseReader, 'getByAddress' | 'all' | 'size'> {
  readonly byAddress = new Map<number, Lease>();
  get size(): number {
    return this.byAddress.size;
  }
  getByAddress(address: number): Lease | undefined {
    return this.byAddress.get(address);
  }
  all(): Iterable<Lease> {
    return this.byAddress.values();
  }
  page(after: Ipv4 | undefined, limit: number): Lease[] {
    return [...this.byAddress.values()]
      .filter(({ address }) => after === undefined || address > after)
      .sort((a, b) => a.address - b.address)
      .slice(0, limit);
  }
  asReader(): LeaseReader {
    return this as unknown as LeaseReader;
  }
}
