/** What a server of a pair is made of and told: settings, surroundings, alarms. */

import type { Exchange } from '../../domain/exchange.js';
import type { DroppedBinding } from '../../domain/pair/merge.js';
import type { PairState } from '../../domain/pair/states.js';
import type { JsonMap, Pool } from '../../domain/snapshot.js';
import { formatIpv4, type Ipv4 } from '../../domain/values.js';
import type { LedgerPart } from '../ledger.js';
import type { Clock, Logger } from '../ports.js';
import type { Fingerprints } from './fingerprints.js';
import type { PairMemory } from './memory.js';
import type { ChangedOn, Section } from './sections.js';

/** Settings of a pair. */
export interface PairSettings {
  readonly mode: 'hot-standby' | 'load-balancing';
  /** How far a promise may reach beyond what the partner has stored. */
  readonly mcltSec: number;
  /** How long an ACK waits for the partner. */
  readonly ackDeadlineMs: number;
  readonly heartbeatDelayMs: number;
  /** Silence after which the partner counts as gone. */
  readonly interruptAfterMs: number;
  /** Start without contact: after so long clients are served all the same; 0 = an operator has to say so. */
  readonly serveAloneAfterMs: number;
  /** A client that has been asking for so long is answered whoever it belongs to. */
  readonly neglectedAfterSec: number;
  /** Part of the free addresses that belongs to side 1, 0..1. */
  readonly shareOfSide1: number;
}

/** What a {@link PairService} works with. */
export interface PairParts {
  readonly settings: PairSettings;
  readonly memory: PairMemory;
  readonly ledger: LedgerPart;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Sends one command to the partner, authenticated; resolves with the arguments of its answer, rejects otherwise. */
  readonly call: (command: string, args: JsonMap, timeoutMs: number) => Promise<JsonMap>;
  /** Fingerprints of the configuration in force. */
  readonly fingerprints: () => Fingerprints;
  /** Which side answers a client in normal operation (load balancing), and the class that says so. */
  readonly sideOf: (exchange: Exchange) => 0 | 1;
  /** True if the packet was sent to this server by name or address. */
  readonly isAddressed: (exchange: Exchange) => boolean;
  /** Whether an address can be given may have changed; undefined: any may have. */
  readonly onSettled: (address: Ipv4 | undefined) => void;
  readonly onAlarm: (alarm: PairAlarm) => void;
  /** How far the clock by which leases are reckoned is ahead of the wall clock. */
  readonly clockOffsetMs: () => number;
  /** Sets that clock back. */
  readonly setClockBack: (byMs: number) => void;
  /** Pools of the configuration in force. */
  readonly pools: () => readonly Pool[];
  /** How many addresses of a pool this server could give now. */
  readonly freeIn: (pool: Pool) => number;
  /** True if this server could give the address now: free, not reserved, not offered. */
  readonly isFree: (address: Ipv4, pool: Pool) => boolean;
}

/** A section of the configuration that is not the same on both servers, and where it was changed since it was. */
export interface SectionDrift {
  readonly section: Section;
  readonly changedOn: ChangedOn;
}

/** What an operator has to hear of. */
export type PairAlarm =
  | { readonly kind: 'state'; readonly from: PairState; readonly to: PairState; readonly reason: string }
  | { readonly kind: 'dropped-binding'; readonly address: Ipv4; readonly dropped: DroppedBinding }
  /** `addressSpace`: that is what differs, and its places can be asked for. */
  | { readonly kind: 'misfit'; readonly text: string; readonly addressSpace: boolean }
  /** Sections that differ; none where the partner does not tell them apart. */
  | { readonly kind: 'drift'; readonly sections: readonly SectionDrift[] }
  | { readonly kind: 'clock-set'; readonly seconds: number }
  | { readonly kind: 'skew'; readonly seconds: number };

/** A section that differs, for people: `options, changed on beta`. */
export function describeSection({ section, changedOn }: SectionDrift, partner: string): string {
  const where = { here: ', changed here', there: `, changed on ${partner}`, both: ', changed on both', unknown: '' };
  return `${section}${where[changedOn]}`;
}

/** An address as people read it in alarms. */
export function describeDropped(address: Ipv4, { kept, dropped }: DroppedBinding): string {
  const show = (holder: string): string => Buffer.from(holder.slice(1), 'latin1').toString('hex');
  return `${formatIpv4(address)}: ${show(dropped)} loses it to ${show(kept)}`;
}
