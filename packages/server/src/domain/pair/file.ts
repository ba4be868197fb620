/** What a server of a pair keeps beside its leases: who owns which addresses, its epoch, and the counters handed out. */

import type { EpochSec } from '../values.js';
import type { OwnedRange } from './ownership.js';
import type { PairState } from './states.js';
import type { Side } from './version.js';

/** What survives a restart. Written before what it says is acted upon. */
export interface PairFile {
  readonly relationship: string;
  readonly side: Side;
  readonly epoch: number;
  /** Starts of this server; tells the messages of one start from those of another. */
  readonly boot: number;
  /** Counters below this one may have been used in the epoch. */
  readonly reservedCounter: number;
  readonly state: PairState;
  /** When partner-down was entered; 0 if this server is not in it. */
  readonly downSinceSec: EpochSec;
  /** True if partner-down followed the partner's goodbye: then it promised nothing we do not know of. */
  readonly cleanDown: boolean;
  /** This server has said goodbye: the partner may be using everything. */
  readonly saidGoodbye: boolean;
  readonly ownership: readonly OwnedRange[];
}
