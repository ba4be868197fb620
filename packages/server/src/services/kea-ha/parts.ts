/** What a server of a pair with a Kea partner is put together from. */

import type { HaConfig } from '../../domain/ha/config.js';
import type { KeaState } from '../../domain/ha/states.js';
import type { JsonMap } from '../../domain/snapshot.js';
import type { EpochMs } from '../../domain/values.js';
import type { LedgerPart } from '../ledger.js';
import type { Clock, Logger } from '../ports.js';
import type { BackupPeer } from './backups.js';

/** What a Kea partner answered. */
export interface KeaAnswer {
  readonly result: number;
  readonly text?: string;
  readonly arguments: JsonMap;
}

/** Sends a command to a server; rejects without an answer. */
export type AskPeer = (command: string, args: JsonMap, timeoutMs: number) => Promise<KeaAnswer>;

/** See the head of this file. */
export interface KeaHaParts {
  readonly config: () => HaConfig;
  readonly ledger: LedgerPart;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ask: AskPeer;
  /** The backups of the configuration. */
  readonly backups: readonly BackupPeer[];
  /** Milliseconds since 1970 in a text as formatGmt makes it; undefined if it is none. */
  readonly parseTime: (text: string) => EpochMs | undefined;
  readonly onState: (from: KeaState, to: KeaState, reason: string) => void;
}
