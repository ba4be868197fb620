/** The configuration of simulated servers, a subnet for each relation; kept, because building it takes longer than many a run. */

import { loadConfig } from 'lessor/internal/config/load.js';
import type { RelationIndex } from 'lessor/internal/domain/ha/relations.js';
import type { ConfigSnapshot } from 'lessor/internal/domain/snapshot.js';
import { formatIpv4, type Ipv4 } from 'lessor/internal/domain/values.js';
import type { RunSettings } from './plan.js';

const snapshots = new Map<string, ConfigSnapshot>();
const FOLDERS = ['data', 'controlSocket', 'log', 'hooks', 'scripts', 'pid', 'lock', 'legalLog'] as const;

/** Where the subnet of a relation begins: 192.0.0.0/16, 192.1.0.0/16. */
const [FIRST_SUBNET, SUBNET_BITS] = [0xc0000000, 16];

/** In each subnet: the servers of its relation, by side, and the relay. */
export const SERVER_HOSTS = [0x201, 0x202] as const;
export const RELAY_HOST = 0x2fe;

/** An address in the subnet of a relation. */
export function addressIn(relation: RelationIndex, host: number): Ipv4 {
  return FIRST_SUBNET + relation * 2 ** SUBNET_BITS + host;
}

/** The inverse: the relation whose subnet an address lies in. */
export function relationOf(address: Ipv4): RelationIndex {
  return (address - FIRST_SUBNET) >>> SUBNET_BITS;
}

/** The snapshot for these settings, of a server with the subnets of these relations. */
export function snapshotOf(settings: RunSettings, relations: readonly RelationIndex[] = [0]): ConfigSnapshot {
  const { poolSize, leaseSec, affinity, cache } = settings;
  const key = `${poolSize} ${leaseSec} ${affinity} ${cache} ${relations}`;
  let snapshot = snapshots.get(key);
  if (snapshot === undefined) {
    const dhcp4 = {
      'interfaces-config': { interfaces: [] },
      'valid-lifetime': leaseSec,
      authoritative: true,
      'decline-probation-period': 25,
      'expired-leases-processing': {
        'reclaim-timer-wait-time': 3,
        'flush-reclaimed-timer-wait-time': affinity ? 15 : 0,
        'hold-reclaimed-time': affinity ? 40 : 0,
        'max-reclaim-leases': 0,
        'max-reclaim-time': 0,
      },
      'cache-threshold': cache ? 0.25 : 0,
      subnet4: relations.map((relation) => {
        const [first, last] = [addressIn(relation, 300), addressIn(relation, poolSize + 299)];
        return {
          id: relation + 1,
          subnet: `${formatIpv4(addressIn(relation, 0))}/${SUBNET_BITS}`,
          pools: [{ pool: `${formatIpv4(first)} - ${formatIpv4(last)}` }],
        };
      }),
    };
    const directories = Object.fromEntries(FOLDERS.map((name) => [name, '/d'])) as Record<
      (typeof FOLDERS)[number],
      string
    >;
    snapshot = loadConfig(
      { kind: 'json', value: { Dhcp4: dhcp4 } },
      { readFile: () => '', directoryMode: () => 0o750, directories, insecure: true, generation: 1 },
    ).snapshot;
    snapshots.set(key, snapshot);
  }
  return snapshot;
}
