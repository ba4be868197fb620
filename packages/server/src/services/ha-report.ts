/** A redundant server as commands, people and monitoring see it, whichever protocol it speaks with its partner. */

import type { Json, JsonMap } from '../domain/snapshot.js';
import { CommandError } from '../errors.js';
import type { Drift } from './pair/drift.js';

/**
 * The relation that a command is for: by the name of any of its servers, or the only one.
 * @throws CommandError worded as Kea words it, where no relation has that server or none is named on a hub
 */
export function reportFor(reports: readonly HaReport[], command: string, serverName: Json | undefined): HaReport {
  const [only, second] = reports;
  if (serverName === undefined) {
    if (only !== undefined && second === undefined) return only;
    const names = reports.map(({ relationship, servers }) => `${servers.join(' or ')} (${relationship})`).join(', ');
    const text = `this server is in several relations: 'server-name' has to say which one ${command} is for: ${names}`;
    throw new CommandError('command-invalid', text);
  }
  if (typeof serverName !== 'string') {
    throw new CommandError('command-invalid', `'server-name' must be a string in the '${command}' command`);
  }
  const named = reports.find(({ servers }) => servers.includes(serverName));
  if (named !== undefined) return named;
  throw new CommandError('command-invalid', `${serverName} matches no configured 'server-name'`);
}

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
  /** Name of the relation. */
  readonly relationship: string;
  /** Names of its servers: any of them tells a hub which of its relations a command is for. */
  readonly servers: readonly string[];
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
