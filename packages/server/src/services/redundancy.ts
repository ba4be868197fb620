/**
 * What a second server means to the packet path: who answers a client, which addresses may be given, how much may be
 * promised, and when. Without a partner NO_REDUNDANCY lets everything pass.
 */

import type { Exchange } from '../domain/exchange.js';
import type { Lease } from '../domain/lease.js';
import type { GrantRules } from '../domain/pair/grant-rules.js';
import type { Ipv4 } from '../domain/values.js';
import type { DropReason } from './drop-reasons.js';

/** What a client may be told of a lease that is about to be acknowledged. */
export type AckVerdict =
  | { readonly kind: 'whole' }
  /** At most so many seconds: that much is stored. */
  | { readonly kind: 'limited'; readonly seconds: number }
  /** Nothing: the partner would not know of it. */
  | { readonly kind: 'withheld' };

/** An ACK that waits at the gate. */
export interface PendingAck {
  readonly address: Ipv4;
  /** The lease as decided: whose it is and when it ends. */
  readonly lease: Lease;
  /** Seconds the client is to be told. */
  readonly lifetimeSec: number;
}

/** See the head of this file. */
export interface Redundancy {
  readonly rules: GrantRules;
  /** Whether this server answers the packet, after its classes are known. Undefined: yes. May add classes (HA_<name>). */
  admit(exchange: Exchange): DropReason | undefined;
  /** True if admit can refuse or add classes at all; else the packet path need not ask. */
  readonly selective: boolean;
  /**
   * The gate every ACK passes, after its lease is durable here: one verdict for each, in order. Resolves when the partner
   * has stored what it must, or the time for that is over. Returns at once where nothing has to be waited for.
   */
  gate(acks: readonly PendingAck[]): readonly AckVerdict[] | Promise<readonly AckVerdict[]>;
}
