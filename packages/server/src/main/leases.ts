/** The leases of a server: the store, what follows its changes, and what a configuration means to them. */

import { resolve } from 'node:path';
import { type ConfigDiff, EVERYTHING } from '../config/diff.js';
import type { LeaseExporter } from '../control/services.js';
import type { LeaseNumbers } from '../domain/limits/limits.js';
import type { ConfigSnapshot } from '../domain/snapshot.js';
import { LessorError } from '../errors.js';
import { AddressSpace } from '../services/address-space.js';
import { ClassLeaseCounts } from '../services/class-lease-counts.js';
import type { PreparedSwap } from '../services/config-service.js';
import { inSlices } from '../services/in-slices.js';
import { LeaseReview } from '../services/lease-review.js';
import { LeaseStatistics } from '../services/lease-statistics.js';
import { Ledger } from '../services/ledger.js';
import type { PacketConfig } from '../services/packet-config.js';
import type { LeaseReader } from '../services/ports.js';
import { ServiceSwitch } from '../services/service-switch.js';
import { swapAtOnce } from '../services/sliced-swap.js';
import { registerPacketStatistics, Statistics } from '../services/statistics.js';
import { SubnetLeaseCounts } from '../services/subnet-lease-counts.js';
import { Sweeper } from '../services/sweeper.js';
import { nodeFileOps } from '../store/file-ops.js';
import { exportLeases } from '../store/lease-export.js';
import { MemfileStore } from '../store/memfile.js';
import type { Base } from './base.js';
import { type Ddns, openDdns } from './ddns.js';
import { noteLeaseFileMissing, openHa } from './ha.js';
import type { HighAvailability } from './ha-relation.js';
import type { RunScript } from './run-script.js';

/** Leases, and all that follows them: which addresses are free, what is counted, what runs out. */
export interface Leases {
  readonly store: MemfileStore;
  readonly ledger: Ledger;
  readonly statistics: Statistics;
  readonly addresses: AddressSpace;
  readonly counts: SubnetLeaseCounts;
  /** What limits are compared with. */
  readonly numbers: LeaseNumbers;
  readonly sweeper: Sweeper;
  /** The other server, if there is one. */
  readonly ha: HighAvailability | undefined;
  readonly serviceSwitch: ServiceSwitch;
  /** Names in the DNS. */
  readonly ddns: Ddns;
  /** Makes ready for a configuration, in slices. */
  prepare(next: PacketConfig, diff: ConfigDiff): Promise<PreparedSwap>;
  /** Puts the first configuration in force. */
  start(first: PacketConfig): void;
}

/**
 * Opens the lease database and counts what is in it.
 * @throws StoreError if it can not be read
 */
export async function openLeases(base: Base, snapshot: ConfigSnapshot, { scripts }: RunScript): Promise<Leases> {
  const { clock, random, logger, ending } = base;
  const { path, persist, maxRowErrors } = snapshot.leaseDatabase;
  const leaseLogger = logger.child('leases');
  const leaseReview = new LeaseReview(snapshot, leaseLogger);
  const { review } = leaseReview;
  const parts = { fileOps: nodeFileOps, clock, random, logger: leaseLogger, review };
  const store = new MemfileStore({ path, persist, maxRowErrors, ...parts });
  ending.onEnd(() => store.close());
  const leaseFileMissing = persist && !leaseFileExists(path);
  if (leaseFileMissing && snapshot.ha.length > 0) noteLeaseFileMissing(snapshot);
  await store.open();
  leaseReview.finish();
  const statistics = new Statistics(clock);
  registerPacketStatistics(statistics);
  const ddns = await openDdns(base, snapshot, statistics);
  const ledger = new Ledger(store);
  ending.onEnd(() => ledger.idle());

  const leaseStatistics = new LeaseStatistics(statistics, clock);
  const serviceSwitch = new ServiceSwitch(clock);
  const surroundings = { snapshot, ledger, serviceSwitch, leaseFileMissing, addresses: () => addresses };
  const ha: HighAvailability | undefined = openHa(base, surroundings);
  const addresses: AddressSpace = new AddressSpace(random, ha && ((one) => ha.redundancy.rules.mayGive(one)));
  const counts = new SubnetLeaseCounts(ledger.leases);
  const classCounts = new ClassLeaseCounts();
  const numbers: LeaseNumbers = {
    ofSubnet(id) {
      const { assigned, declined } = counts.of(id);
      return assigned + declined;
    },
    ofClass: (name) => classCounts.of(name),
  };
  const sweeper = new Sweeper({
    ...{ ledger, clock, logger, cleanup: () => store.cleanup() },
    onReclaiming: (lease, tx, remove) => {
      ddns.names.removed(lease, tx);
      scripts.reclaiming(lease, tx, remove);
    },
    ...(ha === undefined ? {} : { mayReclaim: (lease) => ha.mayReclaim(lease) }),
  });
  sweeper.rebuild();
  ending.onEnd(() => sweeper.stop());
  ledger.observe((address, before, after) => {
    addresses.onLeaseChange(address, before, after);
    leaseStatistics.changed(address, before, after);
    counts.changed(address, before, after);
    classCounts.changed(address, before, after);
  });
  const nowSec = (): number => Math.floor(clock.now() / 1000);
  const hasLeases = (id: number): boolean => counts.has(id);
  const useTimes = (next: ConfigSnapshot, diff: ConfigDiff): void => {
    if (diff.statistics) statistics.setDefaults(next.statisticSampleCount, next.statisticSampleAgeSec);
    if (diff.expiration || diff.leaseDatabase) sweeper.start(next.expiration, next.leaseDatabase.lfcIntervalSec);
  };
  const start = ({ snapshot: first, reservations }: PacketConfig): void => {
    addresses.rebuild(first, reservations.addresses(), ledger.leases, nowSec());
    leaseStatistics.rebuild(first, ledger.leases, hasLeases);
    swapAtOnce(classCounts.prepare(first.limits, ledger.leases));
    useTimes(first, EVERYTHING);
  };
  const prepare = async ({ snapshot: next, reservations }: PacketConfig, diff: ConfigDiff): Promise<PreparedSwap> => {
    const pools = await inSlices(addresses.prepare(next, reservations.addresses(), ledger.leases, nowSec()), clock);
    const levels = await inSlices(leaseStatistics.prepare(next, ledger.leases, hasLeases), clock);
    const classes = await inSlices(classCounts.prepare(next.limits, ledger.leases), clock);
    return {
      commit() {
        for (const part of [pools, levels, classes]) part.commit();
        useTimes(next, diff);
      },
      abandon() {
        for (const part of [pools, levels, classes]) part.abandon();
      },
      settle: () => inSlices(levels.settle(), clock),
    };
  };
  const parted = { store, ledger, ha, serviceSwitch, statistics, addresses, counts, numbers, sweeper, ddns };
  return { ...parted, prepare, start };
}

/** The lease file, or what a cleanup that was interrupted left of it. */
function leaseFileExists(path: string): boolean {
  return ['', '.1', '.2', '.completed'].some((ending) => (nodeFileOps.lengthOf(`${path}${ending}`) ?? 0) > 0);
}

/** How the first line of a lease file begins. */
const LEASE_FILE_START = 'address,';

/** Leases go to files in the data directory, but not into the file they live in. */
export function leaseExporter(
  { clock, environment }: Base,
  initial: ConfigSnapshot,
  leases: LeaseReader,
): LeaseExporter {
  const { directories, insecure } = environment();
  const { persist, path: inUse } = initial.leaseDatabase;
  return {
    directory: directories.data,
    anywhere: insecure,
    async write(path) {
      if (persist && resolve(path) === resolve(inUse)) {
        throw new LessorError('command-failed', `${path} is the lease file in use: kea-lfc-start cleans it up`);
      }
      if (persist && resolve(path).startsWith(`${resolve(inUse)}.`)) {
        throw new LessorError('command-failed', `${path} is a name that belongs to the lease file in use`);
      }
      // The data directory holds more than leases: what else is there stays.
      const there = nodeFileOps.lengthOf(path) !== undefined;
      if (there && nodeFileOps.firstLine(path)?.startsWith(LEASE_FILE_START) !== true) {
        throw new LessorError('command-failed', `${path} is there and is no lease file: choose another name`);
      }
      return exportLeases(path, leases, nodeFileOps, clock);
    },
  };
}

/** Leases stay where they are as long as the process lives. @throws LessorError if the next configuration moves them */
export function leaseDatabaseSwap(current: ConfigSnapshot, next: ConfigSnapshot): PreparedSwap {
  const [before, after] = [current.leaseDatabase, next.leaseDatabase];
  if (before.persist !== after.persist || before.path !== after.path) {
    throw new LessorError('config-unsupported', 'lease-database can not be changed while the server runs: restart it');
  }
  return { commit: () => undefined, abandon: () => undefined };
}
