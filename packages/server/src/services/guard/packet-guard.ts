/** The guard of BMC networks as the packet path knows it: two calls, and none where it is not configured. */

import type { Exchange } from '../../domain/exchange.js';
import type { ConfigSnapshot } from '../../domain/snapshot.js';
import type { EpochMs } from '../../domain/values.js';
import type { DropReason } from '../drop-reasons.js';

/** See the head of this file. */
export interface PacketGuard {
  /**
   * Looks at a packet that is located and identified. May put its client in the class of those in quarantine and says
   * whether it is a BMC to be trusted. @returns why it gets no answer, if a policy says so
   */
  look(exchange: Exchange, snapshot: ConfigSnapshot, now: EpochMs): DropReason | undefined;
  /** Told that the reply lacks options that are for BMCs only. */
  withheld(exchange: Exchange, snapshot: ConfigSnapshot, now: EpochMs): void;
}
