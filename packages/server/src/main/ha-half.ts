/** One server's half of a pair, whatever protocol is spoken: what it is given, and what it is to the server. */

import type { HaConfig } from '../domain/ha/config.js';
import type { Lease } from '../domain/lease.js';
import type { ConfigSnapshot, JsonMap } from '../domain/snapshot.js';
import type { AddressSpace } from '../services/address-space.js';
import type { HaReport } from '../services/ha-report.js';
import type { PeerAnswer } from '../services/kea-ha/answers.js';
import type { LedgerPart } from '../services/ledger.js';
import type { TakeConfig } from '../services/pair/config-exchange.js';
import type { Logger } from '../services/ports.js';
import type { Redundancy } from '../services/redundancy.js';
import type { ServiceSwitch } from '../services/service-switch.js';
import type { PeerClient } from '../transports/peer-client.js';

/** What a pair is put together from. */
export interface HaSurroundings {
  readonly ha: HaConfig;
  /** The configuration, of a hub's the part that belongs to the relation. */
  readonly snapshot: ConfigSnapshot;
  readonly ledger: LedgerPart;
  /** Path of the lease file, or what it is called for this relation of a hub: its own files begin with it. */
  readonly files: string;
  readonly serviceSwitch: ServiceSwitch;
  /** Asked when something is settled, which is not before the pair is open. */
  readonly addresses: () => AddressSpace;
  /** This server is in several relations. */
  readonly ofHub: boolean;
  /** There was no lease file when the process started. */
  readonly leaseFileMissing: boolean;
}

/** Something an operator should hear of. */
export type HaNotice =
  | { readonly kind: 'state'; readonly from: string; readonly to: string; readonly reason: string }
  | { readonly kind: 'alarm'; readonly alarm: string; readonly text: string };

/** What either protocol is given. */
export interface HalfParts extends HaSurroundings {
  readonly client: PeerClient;
  /** The way to a server of the relation, by its name. */
  readonly clientOf: (name: string) => PeerClient;
  readonly logger: Logger;
  /** The relation in force. */
  readonly config: () => HaConfig;
  /** The configuration in force. */
  readonly current: () => ConfigSnapshot;
  readonly notice: (notice: HaNotice) => void;
  /** Calls `told` with what puts a configuration of the partner in force, when there is that. */
  readonly onTake: (told: (take: TakeConfig) => void) => void;
  /** Takes note of members of a heartbeat of the partner: they show what it is. */
  readonly heard: (members: JsonMap) => void;
}

/** This server's half of a pair, in one of the two protocols. */
export interface Half {
  readonly redundancy: Redundancy;
  readonly report: HaReport;
  mayReclaim(lease: Lease): boolean;
  /** Answers a command of the partner. @throws CommandError, StoreError */
  answer(command: string, args: JsonMap): Promise<PeerAnswer>;
  start(): void;
  /** Called when no client is served any more, and the partner can still be told. */
  stop(): Promise<void>;
  /** Gives way to the other protocol: nothing is sent or noted any more. */
  retire(): Promise<void>;
  /** Makes ready for another configuration. */
  prepare(next: ConfigSnapshot): Promise<() => void>;
  /** Follows a change of single subnets. */
  follow(next: ConfigSnapshot): void;
}
