/** The OMAPI objects `pool`, `subnet` and `shared-network`: reached through the handles that a lease carries. */

import { type OutgoingEntry, Result } from '@lessor/omapi';
import type { ConfigSnapshot, Pool, SharedNetwork, Subnet } from '../../domain/snapshot.js';
import type { Ipv4 } from '../../domain/values.js';
import { type ObjectRow, uint32Entry } from './object.js';

/** The row: counters, nothing to write. */
export const POOL_OBJECT: ObjectRow<Pool> = {
  type: 'pool',
  right: 'leases',
  find: () => 'no-keys',
  identity: poolIdentity,
  byIdentity: (identity, { snapshot }) => snapshot.pools.find((pool) => poolIdentity(pool) === identity),
  attributes: (pool, { services }): OutgoingEntry[] => [
    uint32Entry('lease-count', pool.last - pool.first + 1),
    uint32Entry('free-leases', services.freeCount(pool)),
    uint32Entry('backup-leases', 0),
  ],
  refusal: Result.UNKNOWNATTRIBUTE,
};

/** The row: dhcpd's has no attributes, not even an address. */
export const SUBNET_OBJECT: ObjectRow<Subnet> = {
  type: 'subnet',
  right: 'leases',
  find: () => 'no-keys',
  identity: ({ id }) => String(id),
  byIdentity: (identity, { snapshot }) => snapshot.subnetById.get(Number(identity)),
  attributes: () => [],
  refusal: Result.NOTFOUND,
};

/** The row: nothing refers to a shared network, so its handle can not be learned. */
export const NETWORK_OBJECT: ObjectRow<SharedNetwork> = {
  type: 'shared-network',
  right: 'leases',
  find: () => 'no-keys',
  identity: ({ name }) => name,
  byIdentity: (identity, { snapshot }) => snapshot.sharedNetworks.find(({ name }) => name === identity),
  attributes: () => [],
  refusal: Result.NOTFOUND,
};

/** What stays the same of a pool. */
export function poolIdentity(pool: Pool): string {
  let identity = identities.get(pool);
  if (identity === undefined) {
    identity = `${pool.subnetId} ${pool.first}`;
    identities.set(pool, identity);
  }
  return identity;
}

/** Identities that every answer about a lease needs. */
const identities = new WeakMap<Pool, string>();

/** Pools by their first address, for each configuration that is asked about. */
const sorted = new WeakMap<readonly Pool[], readonly Pool[]>();

/** The pool an address is in. */
export function poolOf(address: Ipv4, { pools }: Pick<ConfigSnapshot, 'pools'>): Pool | undefined {
  let list = sorted.get(pools);
  if (list === undefined) {
    list = pools.toSorted((a, b) => a.first - b.first);
    sorted.set(pools, list);
  }
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle]!.first <= address) low = middle + 1;
    else high = middle;
  }
  const pool = list[low - 1];
  return pool !== undefined && address <= pool.last ? pool : undefined;
}
