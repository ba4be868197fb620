/** A redundant server as commands, people and monitoring see it, whichever protocol it speaks with its partner. */

import type { JsonMap } from '../domain/snapshot.js';
import type { Drift } from './pair/drift.js';

/** What an operator is told who said that the partner is down. */
export const SERVES_ALONE =
  'this server serves alone; make sure that the partner does not: it has to reach this server before it serves';

/** An operator gives up the partner and the leases that only it knew. */
export interface GiveUp {
  /** Seconds those leases may still run; the longest lifetime of the configuration if absent. */
  readonly waitSec?: number | undefined;
}

/** What is said of a pair, and what an operator can tell it. */
export interface HaReport {
  /** The element of `high-availability` in status-get. */
  status(): JsonMap;
  /** What `ha-heartbeat` answers an operator or a monitoring system. */
  heartbeat(): JsonMap;
  /** Whether this server answers clients now, and why not. */
  readiness(): { readonly ready: boolean; readonly reason: string };
  /**
   * An operator says that the partner is down; with `giveUp` that it never comes back, and what it alone knew is lost.
   * Resolves with what follows, for people. @throws CommandError where that can not be believed
   */
  partnerIsDown(giveUp?: GiveUp): string;
  /** Present where a server can be told to go on without having heard from its partner: `ha-continue`. */
  continueAlone?(): void;
  /** Present in a pair of lessors: where the configurations of the two differ. @throws Error if the partner does not say */
  configDiff?(): Promise<readonly Drift[]> | undefined;
  /**
   * Present in a pair of lessors: what this configuration would change on the partner; with `apply` it is put in force
   * there. @throws CommandError if the partner refuses
   */
  configPush?(apply: boolean): Promise<JsonMap> | undefined;
  /**
   * Performs a command of Kea's HA; undefined where it means nothing to this pair. Result codes are Kea's.
   * @throws CommandError worded as Kea words it
   */
  command?(
    name: string,
    args: JsonMap | undefined,
  ): Promise<{ readonly result: number; readonly text: string; readonly arguments?: JsonMap }> | undefined;
}
