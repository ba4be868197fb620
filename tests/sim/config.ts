/** The configuration of simulated servers, the same on both; kept, because building it takes longer than many a run. */

import { loadConfig } from 'lessor/internal/config/load.js';
import type { ConfigSnapshot } from 'lessor/internal/domain/snapshot.js';
import type { RunSettings } from './plan.js';

const snapshots = new Map<string, ConfigSnapshot>();
const FOLDERS = ['data', 'controlSocket', 'log', 'hooks', 'scripts', 'pid', 'lock', 'legalLog'] as const;

/** The snapshot for these settings. */
export function snapshotOf(settings: RunSettings): ConfigSnapshot {
  const { poolSize, leaseSec, affinity, cache } = settings;
  const key = `${poolSize} ${leaseSec} ${affinity} ${cache}`;
  let snapshot = snapshots.get(key);
  if (snapshot === undefined) {
    const last = poolSize + 299;
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
      subnet4: [
        {
          id: 1,
          subnet: '192.0.0.0/16',
          pools: [{ pool: `192.0.${300 >> 8}.${300 & 255} - 192.0.${last >> 8}.${last & 255}` }],
        },
      ],
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
