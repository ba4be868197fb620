/** What changed between two configurations, for those who must open or close something. */

import { isDeepStrictEqual } from 'node:util';
import { atOnce, type Sliced } from '../domain/slices.js';
import type { ConfigSnapshot, JsonMap } from '../domain/snapshot.js';
import { mapsIn } from './places.js';

/** One flag per part of the snapshot that something outside is opened, rebuilt or timed for. */
export interface ConfigDiff {
  readonly interfaces: boolean;
  readonly leaseDatabase: boolean;
  readonly controlSockets: boolean;
  readonly loggers: boolean;
  /** Subnets, networks or pools: their ranges, ids, options or parameters. */
  readonly topology: boolean;
  readonly classes: boolean;
  readonly reservations: boolean;
  readonly expiration: boolean;
  /** statistic-default-sample-count and -age. */
  readonly statistics: boolean;
  readonly hooks: boolean;
}

/** Everything is new: for the first configuration of a process. */
export const EVERYTHING: ConfigDiff = {
  interfaces: true,
  leaseDatabase: true,
  controlSockets: true,
  loggers: true,
  topology: true,
  classes: true,
  reservations: true,
  expiration: true,
  statistics: true,
  hooks: true,
};

/**
 * Compares two configurations by what they come to (not by their text): a default written out is no change.
 * Parts that hold compiled expressions are compared by their part of `tree`.
 */
export function diffConfigs(before: ConfigSnapshot, after: ConfigSnapshot): ConfigDiff {
  return atOnce(diffConfigsSliced(before, after));
}

/** {@link diffConfigs}, to be interrupted after every subnet and reservation. */
export function* diffConfigsSliced(before: ConfigSnapshot, after: ConfigSnapshot): Sliced<ConfigDiff> {
  const changed = (part: (snapshot: ConfigSnapshot) => unknown): boolean =>
    !isDeepStrictEqual(part(before), part(after));
  const changedList = (part: (snapshot: ConfigSnapshot) => readonly unknown[]): Sliced<boolean> =>
    differ(part(before), part(after));
  // Option definitions and the global DDNS switch reach into every subnet, pool, class and reservation.
  const definitions = changed(({ tree }) => [tree['option-def'], tree['dhcp-ddns']]);
  return {
    interfaces: changed((snapshot) => snapshot.interfaces),
    leaseDatabase: changed((snapshot) => snapshot.leaseDatabase),
    controlSockets: changed((snapshot) => snapshot.controlSockets),
    loggers: changed((snapshot) => snapshot.loggers),
    topology:
      definitions ||
      changed(({ tree }) => inherited(tree)) ||
      (yield* changedList(({ tree }) => mapsIn(tree, 'subnet4'))) ||
      (yield* changedNetworks(before.tree, after.tree)),
    classes: definitions || changed(({ tree }) => tree['client-classes']),
    reservations: definitions || (yield* changedList((snapshot) => snapshot.reservations)),
    expiration: changed((snapshot) => snapshot.expiration),
    statistics: changed(({ statisticSampleCount, statisticSampleAgeSec }) => [
      statisticSampleCount,
      statisticSampleAgeSec,
    ]),
    hooks: changed((snapshot) => snapshot.hooks),
  };
}

function* changedNetworks(before: JsonMap, after: JsonMap): Sliced<boolean> {
  const [old, fresh] = [before, after].map((tree) => mapsIn(tree, 'shared-networks'));
  const own = (network: JsonMap): unknown => ({ ...network, subnet4: undefined });
  if (yield* differ(old!.map(own), fresh!.map(own))) return true;
  const subnets = (networks: readonly JsonMap[]): JsonMap[] => networks.flatMap((each) => mapsIn(each, 'subnet4'));
  const sizes = (networks: readonly JsonMap[]): number[] => networks.map((each) => mapsIn(each, 'subnet4').length);
  return !isDeepStrictEqual(sizes(old!), sizes(fresh!)) || (yield* differ(subnets(old!), subnets(fresh!)));
}

function* differ(before: readonly unknown[], after: readonly unknown[]): Sliced<boolean> {
  if (before.length !== after.length) return true;
  for (const [index, item] of before.entries()) {
    if (!isDeepStrictEqual(item, after[index])) return true;
    yield;
  }
  return false;
}

/** True if nothing at all changed. */
export function isUnchanged(diff: ConfigDiff): boolean {
  return Object.values(diff).every((flag) => !flag);
}

/** Global parameters that subnets look up without their being shown there. */
function inherited(tree: ConfigSnapshot['tree']): unknown {
  return Object.entries(tree).filter(([, value]) => typeof value !== 'object');
}
