/**
 * Kea's packet counters (pkt4-*). The packet path counts in plain numbers and the totals go to the statistics once a
 * batch: a sample a batch instead of a sample a packet, with the same values.
 */

import type { EpochMs, SubnetId } from '../domain/values.js';
import type { Statistic, Statistics } from './statistics.js';

/** Kea's names by DHCP message type (RFC 2132 §9.6); index 0 is BOOTP or unknown. */
const RECEIVED: readonly (string | undefined)[] = [
  'pkt4-unknown-received',
  'pkt4-discover-received',
  'pkt4-offer-received',
  'pkt4-request-received',
  'pkt4-decline-received',
  'pkt4-ack-received',
  'pkt4-nak-received',
  'pkt4-release-received',
  'pkt4-inform-received',
];
const SENT: readonly (string | undefined)[] = [
  undefined,
  undefined,
  'pkt4-offer-sent',
  undefined,
  undefined,
  'pkt4-ack-sent',
  'pkt4-nak-sent',
];

/** See the head of this file. */
export class PacketStatistics {
  readonly #statistics: Statistics;
  readonly #total: { readonly received: Statistic; readonly sent: Statistic };
  readonly #receivedStatistics: readonly Statistic[];
  readonly #sentStatistics: readonly (Statistic | undefined)[];
  readonly #received = new Int32Array(RECEIVED.length);
  readonly #sent = new Int32Array(SENT.length);
  #receivedTotal = 0;
  #sentTotal = 0;

  constructor(statistics: Statistics) {
    this.#statistics = statistics;
    this.#total = { received: statistics.counter('pkt4-received'), sent: statistics.counter('pkt4-sent') };
    this.#receivedStatistics = RECEIVED.map((name) => statistics.counter(name ?? 'pkt4-unknown-received'));
    this.#sentStatistics = SENT.map((name) => (name === undefined ? undefined : statistics.counter(name)));
  }

  /** Packets came in. */
  received(count: number): void {
    this.#receivedTotal += count;
  }

  /** A packet turned out to be of this type. */
  receivedType(type: number): void {
    this.#received[type < RECEIVED.length ? type : 0]!++;
  }

  /** A reply of this type goes out. */
  sentType(type: number): void {
    this.#sentTotal++;
    if (type < SENT.length) this.#sent[type]!++;
  }

  /** An existing lease was confirmed without a write. */
  reused(subnetId: SubnetId, now: EpochMs): void {
    this.#statistics.counter('v4-lease-reuses').add(1, now);
    this.#statistics.counter(`subnet[${subnetId}].v4-lease-reuses`).add(1, now);
  }

  /** Hands the counts of the batch over. */
  flush(now: EpochMs): void {
    if (this.#receivedTotal > 0) this.#total.received.add(this.#receivedTotal, now);
    if (this.#sentTotal > 0) this.#total.sent.add(this.#sentTotal, now);
    this.#receivedTotal = 0;
    this.#sentTotal = 0;
    for (let type = 0; type < this.#received.length; type++) {
      const count = this.#received[type]!;
      if (count === 0) continue;
      this.#receivedStatistics[type]!.add(count, now);
      this.#received[type] = 0;
    }
    for (let type = 0; type < this.#sent.length; type++) {
      const count = this.#sent[type]!;
      if (count === 0) continue;
      this.#sentStatistics[type]?.add(count, now);
      this.#sent[type] = 0;
    }
  }
}
