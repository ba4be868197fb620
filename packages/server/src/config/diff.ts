/** What changed between two configurations, for those who must open or close something. */

import { isDeepStrictEqual } from 'node:util';
import type { ConfigSnapshot } from '../domain/snapshot.js';

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
  const changed = (part: (snapshot: ConfigSnapshot) => unknown): boolean =>
    !isDeepStrictEqual(part(before), part(after));
  // Option definitions and the global DDNS switch reach into every subnet, pool, class and reservation.
  const definitions = changed(({ tree }) => [tree['option-def'], tree['dhcp-ddns']]);
  return {
    interfaces: changed((snapshot) => snapshot.interfaces),
    leaseDatabase: changed((snapshot) => snapshot.leaseDatabase),
    controlSockets: changed((snapshot) => snapshot.controlSockets),
    loggers: changed((snapshot) => snapshot.loggers),
    topology: definitions || changed(({ tree }) => [tree.subnet4, tree['shared-networks'], inherited(tree)]),
    classes: definitions || changed(({ tree }) => tree['client-classes']),
    reservations: definitions || changed((snapshot) => snapshot.reservations),
    expiration: changed((snapshot) => snapshot.expiration),
    statistics: changed(({ statisticSampleCount, statisticSampleAgeSec }) => [
      statisticSampleCount,
      statisticSampleAgeSec,
    ]),
    hooks: changed((snapshot) => snapshot.hooks),
  };
}

/** True if nothing at all changed. */
export function isUnchanged(diff: ConfigDiff): boolean {
  return Object.values(diff).every((flag) => !flag);
}

/** Global parameters that subnets look up without their being shown there. */
function inherited(tree: ConfigSnapshot['tree']): unknown {
  return Object.entries(tree).filter(([, value]) => typeof value !== 'object');
}
