/**
 * libdhcp_run_script: what packets and time do to leases calls the operator's script, once the change is on stable storage
 * and the client has been answered. As long as no script is configured nobody here is called.
 */

import type { Decision } from '../../domain/dhcp4/decision.js';
import type { Exchange } from '../../domain/exchange.js';
import type { Lease } from '../../domain/lease.js';
import { callsOfPacket, callsOfReclaiming, type DecidedPacket, isTold } from '../../domain/run-script/calls.js';
import type { ScriptCall, ScriptQuery } from '../../domain/run-script/environment.js';
import type { RunScriptConfig } from '../../domain/snapshot.js';
import type { EpochSec } from '../../domain/values.js';
import type { LeaseTransaction } from '../ledger.js';
import type { Datagram } from '../ports.js';
import type { ScriptQueue } from './script-queue.js';

/** Message type of a BOOTP request as scripts have it: Kea's BOOTP library makes it a DHCPREQUEST. */
const REQUEST = 3;
const RELAY_INFO = 82;

/** A packet whose changes are durable. */
interface Durable extends Omit<DecidedPacket, 'query' | 'clientId'> {
  readonly exchange: Exchange;
  readonly datagram: Datagram;
}

/** See the head of this file. */
export class LeaseScripts {
  readonly #queue: Pick<ScriptQueue, 'push' | 'drop' | 'room'>;
  readonly #serverPort: number;
  #config: RunScriptConfig | undefined;
  /** Durable, and to be told as soon as the answers are out. */
  #ready: Durable[] = [];

  /** @param serverPort the port packets come to */
  constructor(queue: Pick<ScriptQueue, 'push' | 'drop' | 'room'>, serverPort: number) {
    this.#queue = queue;
    this.#serverPort = serverPort;
  }

  /** True if there is a script: else nothing need be told here. */
  get enabled(): boolean {
    return this.#config !== undefined;
  }

  /** From now on this script is called; undefined: none. */
  use(config: RunScriptConfig | undefined): void {
    this.#config = config;
  }

  /** Notes what a decision does. To be called before its changes are staged. */
  decided(exchange: Exchange, datagram: Datagram, decision: Decision, tx: LeaseTransaction, nowSec: EpochSec): void {
    if (!isTold(decision)) return;
    const before = decision.changes.map((change) =>
      tx.getByAddress(change.kind === 'put' ? change.lease.address : change.address),
    );
    tx.afterwards(() => void this.#ready.push({ exchange, datagram, decision, before, nowSec }));
  }

  /** Puts calls for what is durable in the queue. To be called once the packets have been answered, while they are valid. */
  answered(): void {
    if (this.#ready.length === 0) return;
    for (const { exchange, datagram, ...decided } of this.#ready.splice(0)) {
      this.#call(() => {
        const query = queryOf(exchange, datagram, this.#serverPort);
        return callsOfPacket({ ...decided, query, clientId: exchange.identity.clientId });
      });
    }
  }

  /** Notes that a lease that has run out is being reclaimed. */
  reclaiming(lease: Lease, tx: LeaseTransaction, remove: boolean): void {
    if (this.enabled) tx.afterwards(() => this.#call(() => callsOfReclaiming(lease, remove)));
  }

  /** While the queue is full nothing is worked out. */
  #call(callsOf: () => readonly ScriptCall[]): void {
    if (this.#config === undefined) return;
    if (this.#queue.room <= 0) this.#queue.drop();
    else for (const call of callsOf()) this.#queue.push(this.#config.path, call);
  }
}

function queryOf(exchange: Exchange, datagram: Datagram, destinationPort: number): ScriptQuery {
  const { message, bootp, relayInfoValue } = exchange;
  const { xid, hops, secs, flags, ciaddr, yiaddr, siaddr, giaddr, htype } = message;
  return {
    ...{ xid, hops, secs, flags, ciaddr, yiaddr, siaddr, giaddr, htype, destinationPort },
    messageType: bootp ? REQUEST : exchange.messageType,
    source: datagram.source,
    sourcePort: datagram.sourcePort,
    destination: datagram.destination,
    interfaceIndex: datagram.interface.index,
    interfaceName: datagram.interface.name,
    hwAddress: exchange.identity.hwAddress,
    relayInfo: relayInfoValue === undefined ? undefined : exchange.option(RELAY_INFO),
    relaySubOption: (code) => exchange.relaySubOption(code),
  };
}
