/** The last stretch of the packet path: a decision becomes a reply, with its statistics and its line in the log. */

import { evaluateAdditional } from '../domain/classes/evaluate.js';
import { destinationOf } from '../domain/compose/destination.js';
import { ReplyBuffer } from '../domain/compose/reply-buffer.js';
import type { Decision } from '../domain/dhcp4/decision.js';
import type { Exchange } from '../domain/exchange.js';
import type { EpochMs } from '../domain/values.js';
import type { DropReason } from './drop-reasons.js';
import type { PacketGuard } from './guard/packet-guard.js';
import type { PacketConfig } from './packet-config.js';
import { describeClient, describeOutcome, LEASE_MESSAGES } from './packet-log.js';
import type { PacketStatistics } from './packet-statistics.js';
import type { Datagram, Logger, Reply } from './ports.js';
import type { Statistics } from './statistics.js';

/** What composing needs. */
export interface Composing {
  readonly statistics: Statistics;
  readonly counters: PacketStatistics;
  /** Where leases are logged. */
  readonly leaseLog: Logger;
  readonly guard?: PacketGuard | undefined;
  readonly serverPort: number;
  readonly clientPort: number;
  /** Told when nothing is answered. */
  drop(reason: DropReason, datagram: Datagram, exchange: Exchange, now: EpochMs): void;
}

/** Makes replies, each in the buffer of its place in the batch. */
export class ReplyMaker {
  readonly #deps: Composing;
  readonly #buffers: ReplyBuffer[] = [];

  constructor(deps: Composing) {
    this.#deps = deps;
  }

  /**
   * The reply to send, valid until the same `slot` is used again; undefined: none is due.
   * @param parked it is not sent yet: whoever does counts it and writes the log
   */
  compose(
    exchange: Exchange,
    datagram: Datagram,
    decision: Decision,
    config: PacketConfig,
    slot: number,
    now: EpochMs,
    parked = false,
  ): Reply | undefined {
    if ('counters' in decision) {
      for (const name of decision.counters ?? []) this.#deps.statistics.counter(name).add(1, now);
    }
    if (decision.kind === 'silent') {
      if (decision.reason === 'released' || decision.reason === 'declined')
        this.#logLease(decision.reason, exchange, decision);
      else this.#deps.drop(decision.reason, datagram, exchange, now);
      return undefined;
    }
    if (decision.kind !== 'nak') addLateClasses(exchange, decision, config);
    const composed = config.composer.compose(exchange, decision, this.#buffer(slot));
    if (composed.withheld) this.#deps.guard?.withheld(exchange, config.snapshot, now);
    const { message } = exchange;
    const destination = destinationOf({
      requestType: exchange.messageType,
      replyType: composed.type,
      flags: composed.flags,
      ciaddr: message.ciaddr,
      giaddr: message.giaddr,
      yiaddr: composed.yiaddr,
      source: datagram.source,
      sourcePort: datagram.sourcePort,
      relayPort: message.giaddr !== 0 && exchange.relayPort,
      loopback: datagram.interface.loopback,
      direct: config.snapshot.interfaces.socketType === 'raw',
      serverPort: this.#deps.serverPort,
      clientPort: this.#deps.clientPort,
    });
    if (!parked) {
      this.#deps.counters.sentType(composed.type);
      if ('reused' in decision && decision.reused) this.#deps.counters.reused(decision.grant.subnet.id, now);
      this.#logLease(decision.kind, exchange, decision);
    }
    return {
      octets: composed.octets,
      interface: datagram.interface,
      destination: destination.address,
      port: destination.port,
      hwAddress: destination.linkLevel ? message.chaddr : undefined,
    };
  }

  /** One output buffer for each reply of a batch, made once. */
  #buffer(slot: number): ReplyBuffer {
    let buffer = this.#buffers[slot];
    if (buffer === undefined) this.#buffers[slot] = buffer = new ReplyBuffer();
    return buffer;
  }

  #logLease(kind: string, exchange: Exchange, decision: Decision): void {
    const log = this.#deps.leaseLog;
    if (!log.enabled('INFO')) return;
    const text = describeOutcome(exchange, decision);
    log.log('INFO', LEASE_MESSAGES[kind] ?? 'DHCP4_LEASE', text, { client: describeClient(exchange), outcome: kind });
  }
}

/** False for answers that promise nothing durable: offers kept in memory, and information without an address. */
export function needsCommit(decision: Decision): boolean {
  switch (decision.kind) {
    case 'offer':
      return decision.changes.length > 0;
    case 'inform-ack':
    case 'v6-only':
      return false;
    default:
      return true;
  }
}

/** Classes that count only once the lease is chosen: those of a shared network's reservation, and the additional lists. */
function addLateClasses(exchange: Exchange, decision: Decision, config: PacketConfig): void {
  const grant = 'grant' in decision ? decision.grant : undefined;
  const subnet = grant?.subnet ?? ('subnet' in decision ? decision.subnet : undefined);
  if (subnet === undefined) return;
  const host = grant?.host ?? ('host' in decision ? decision.host : undefined);
  if (host !== undefined && subnet.sharedNetwork !== undefined) {
    for (const name of host.clientClasses) exchange.classes.add(name);
  }
  const { snapshot } = config;
  if (grant?.pool !== undefined) {
    evaluateAdditional(exchange.classes, snapshot, exchange, grant.pool.additionalClasses);
  }
  evaluateAdditional(exchange.classes, snapshot, exchange, subnet.additionalClasses);
  if (subnet.sharedNetwork !== undefined) {
    evaluateAdditional(exchange.classes, snapshot, exchange, subnet.sharedNetwork.additionalClasses);
  }
}
