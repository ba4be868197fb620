/** What a server of a pair keeps beside its leases: who owns which addresses, its epoch, and the counters handed out. */

import type { EpochSec, Ipv4 } from '../values.js';
import type { AddressRange, OwnedRange } from './ownership.js';
import type { PairState } from './states.js';
import type { Side } from './version.js';

/** What survives a restart. Written before what it says is acted upon. */
export interface PairFile {
  /** Boot number with which this file was begun: if the partner has met an earlier one, and none since, all was lost. */
  readonly born: number;
  /** Highest boot number of the partner met, as long as its file is the same or it knows that it lost it; 0: none. */
  readonly metBoot: number;
  readonly relationship: string;
  readonly side: Side;
  readonly epoch: number;
  /** How often one of the two has gone on alone: who has the lower number was left behind, and fetches before it serves. */
  readonly fence: number;
  /** The leases were lost, and what was promised with them may not have run out yet. */
  readonly lost: boolean;
  /** This file was lost, and has been begun anew: who owns what is to be asked. */
  readonly forgot: boolean;
  /**
   * This file was begun, or leases were lost, and nothing has been compared with the partner's since: what an earlier life gave may
   * be missing here, and what is given now is not to count as newer than that.
   */
  readonly stranger: boolean;
  /** Boot number with which the partner said that it lost its leases, while it waits for what it promised with them; 0: not so. */
  readonly partnerLostBoot: number;
  /** Nobody gets these before their time: a server that lost its leases may have promised them to whom they belonged. */
  readonly withheld: readonly WithheldAddress[];
  /** Starts of this server; tells the messages of one start from those of another. */
  readonly boot: number;
  /** Counters below this one may have been used in the epoch. */
  readonly reservedCounter: number;
  readonly state: PairState;
  /** When partner-down was entered; 0 if this server is not in it. */
  readonly downSinceSec: EpochSec;
  /** True if partner-down followed the partner's goodbye: then it promised nothing we do not know of. */
  readonly cleanDown: boolean;
  /** How far the clock by which leases are reckoned is ahead of the wall clock, which was set while the server ran. */
  readonly clockOffsetMs: number;
  /** How far the partner's clock was ahead of this server's when both last had the same leases; undefined: not known. */
  readonly partnerAheadMs?: number | undefined;
  /** This server has said goodbye: the partner may be using everything. */
  readonly saidGoodbye: boolean;
  readonly ownership: readonly OwnedRange[];
  /** Addresses on their way to the partner: nobody gives them until it has confirmed the number. */
  readonly grant: Grant | undefined;
  /** Number of the last hand-over to the partner, and of the last one from it. */
  readonly granted: number;
  readonly received: number;
  /** An operator gave the partner up, and with it leases nobody here knows of: until then they may run. 0: not so. */
  readonly blindUntilSec: number;
  /** Of a hub: ids of the subnets that were in this relation; leases of others have versions of other pairs. */
  readonly covers?: readonly number[] | undefined;
  /** What the sections of the configuration were when both servers had the same; undefined if that is not known. */
  readonly agreed?: SectionDigests | undefined;
}

/** A digest of each section of a configuration beside the address space. */
export interface SectionDigests {
  readonly options: string;
  readonly reservations: string;
  readonly policy: string;
}

/** An address whose lease is over, and from when on nobody can be using it all the same. */
export interface WithheldAddress {
  readonly address: Ipv4;
  readonly untilSec: EpochSec;
}

/** Free addresses handed over, by number. */
export interface Grant {
  readonly number: number;
  readonly ranges: readonly AddressRange[];
}
