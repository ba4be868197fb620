/**
 * Offers that wait until nobody has answered a ping (Kea: libdhcp_ping_check, lease4_offer). The road of packets goes on
 * meanwhile: what waits is the finished reply and the few facts its outcome needs. Nobody answers: it is sent. Somebody
 * does: it is not, and the address is put aside as if a client had declined it; the client asks again.
 */

import { clientIdFor } from '../domain/dhcp4/allocation.js';
import { type Decision, MessageType, offerKey } from '../domain/dhcp4/decision.js';
import { declined } from '../domain/dhcp4/decline.js';
import type { Exchange } from '../domain/exchange.js';
import type { Lease } from '../domain/lease.js';
import { type Holder, isTaken, mayPutAside, type PingRule } from '../domain/ping/rule.js';
import type { EpochMs, Ipv4, Octets } from '../domain/values.js';
import { formatIpv4 } from '../domain/values.js';
import { StoreError } from '../errors.js';
import type { NameChanges } from './ddns/name-changes.js';
import type { DropCounters } from './drop-reasons.js';
import type { EchoProber, ProbeOutcome } from './echo-prober.js';
import type { Ledger } from './ledger.js';
import type { Offers } from './offers.js';
import { describeClient, LEASE_MESSAGES } from './packet-log.js';
import type { PacketStatistics } from './packet-statistics.js';
import type { Clock, Logger, Reply } from './ports.js';
import type { Redundancy } from './redundancy.js';
import type { ServiceSwitch } from './service-switch.js';
import type { Statistics } from './statistics.js';

/** Most offers parked, whatever the configuration says: at about a kilobyte each. */
const MOST_PARKED = 16_384;

/** Statistics of pings, beside Kea's: checks begun, and offers that went out unchecked because there was no room for them. */
export const PING_STATISTICS = { checks: 'lessor-ping-checks', skipped: 'lessor-ping-checks-skipped' } as const;

/** What it needs. */
export interface ParkingDependencies {
  readonly prober: EchoProber;
  readonly ledger: Ledger;
  readonly offers: Offers;
  readonly statistics: Statistics;
  readonly counters: PacketStatistics;
  readonly drops: DropCounters;
  readonly serviceSwitch: ServiceSwitch;
  readonly redundancy?: Redundancy | undefined;
  readonly names?: Pick<NameChanges, 'decided'> | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Seconds an address is put aside, of the configuration in force (decline-probation-period). */
  declineProbationSec(): number;
  send(replies: readonly Reply[]): void;
}

/** An offer as it was decided. */
export type OfferDecision = Extract<Decision, { readonly kind: 'offer' | 'ack' }>;

/** What waits. Nothing here is part of the datagram, whose octets are used again. */
interface Parked {
  readonly reply: Reply;
  /** The client for the log. */
  readonly client: string;
  readonly key: Octets;
  readonly holder: Holder;
  readonly lease: Lease;
  readonly stored: Lease | undefined;
}

/** See the head of this file. */
export class ParkedOffers {
  readonly #deps: ParkingDependencies;
  readonly #leaseLog: Logger;
  /** Addresses of the batch in hand that are about to be pinged. */
  readonly #claims = new Set<Ipv4>();

  constructor(deps: ParkingDependencies) {
    this.#deps = deps;
    this.#leaseLog = deps.logger.child('leases');
  }

  /** True while an offer of the address waits: another one, also to the same client, is not made. */
  isWaiting(address: Ipv4): boolean {
    return this.#claims.has(address) || this.#deps.prober.isAsking(address);
  }

  /** An offer of the batch in hand will wait: one behind it in the same batch is a repetition. */
  claim(address: Ipv4): void {
    this.#claims.add(address);
  }

  /** A new batch begins. */
  forgetClaims(): void {
    if (this.#claims.size > 0) this.#claims.clear();
  }

  /** True if another offer can wait; if not, that is counted, and it goes out unchecked. */
  hasRoom(exchange: Exchange, limit: number, now: EpochMs): boolean {
    const { prober, statistics } = this.#deps;
    const most = limit === 0 ? MOST_PARKED : Math.min(limit, MOST_PARKED);
    if (prober.size < most && prober.canAsk(deviceOf(exchange))) return true;
    statistics.counter(PING_STATISTICS.skipped).add(1, now);
    return false;
  }

  /** Begins the check of an offer that there is room for. The reply's octets are copied. */
  park(exchange: Exchange, { grant, changes }: OfferDecision, rule: PingRule, reply: Reply, now: EpochMs): void {
    const { hwAddress } = exchange.identity;
    const { address } = grant.lease;
    const [change] = changes;
    const parked: Parked = {
      reply: {
        ...reply,
        octets: Uint8Array.from(reply.octets),
        hwAddress: reply.hwAddress && Uint8Array.from(reply.hwAddress),
      },
      client: describeClient(exchange),
      key: offerKey(exchange, grant.subnet),
      holder: { hwAddress, clientId: clientIdFor(exchange, grant.subnet) },
      lease: grant.lease,
      stored: change?.kind === 'put' ? change.lease : undefined,
    };
    const device = deviceOf(exchange);
    const asked = this.#deps.prober.ask(address, device, rule, (outcome) => this.#settled(parked, outcome));
    this.#deps.statistics.counter(asked ? PING_STATISTICS.checks : PING_STATISTICS.skipped).add(1, now);
    // Kea: what can not be sent counts as not answered.
    if (!asked) this.#release(parked, now);
  }

  #settled(parked: Parked, outcome: ProbeOutcome): void {
    const { clock, ledger, serviceSwitch, logger } = this.#deps;
    const now = clock.now();
    if (outcome === 'in-use') {
      this.#putAside(parked, now);
      return;
    }
    const { address } = parked.lease;
    if (!serviceSwitch.enabled || isTaken(ledger.leases.getByAddress(address), parked.holder, Math.floor(now / 1000))) {
      this.#drop('address-gone', parked, now);
      return;
    }
    if (logger.enabled('DEBUG', 40)) {
      const text = `${parked.client}: nobody answers at ${formatIpv4(address)}: ${outcome}`;
      logger.log('DEBUG', 'PING_CHECK_MGR_LEASE_FREE_TO_USE', text);
    }
    this.#release(parked, now);
  }

  #release({ reply, client, key, lease }: Parked, now: EpochMs): void {
    const { offers, counters, send } = this.#deps;
    // The client has as long as after any other offer.
    offers.hold(key, lease, now);
    counters.sentType(MessageType.offer);
    counters.flush(now);
    if (this.#leaseLog.enabled('INFO')) {
      const text = `${client}: lease ${formatIpv4(lease.address)} will be offered`;
      this.#leaseLog.log('INFO', LEASE_MESSAGES.offer!, text, { client, outcome: 'offer' });
    }
    send([reply]);
  }

  #putAside(parked: Parked, now: EpochMs): void {
    this.#drop('address-in-use', parked, now);
    const failed = (error: unknown): void => {
      if (!(error instanceof StoreError)) throw error;
      // It will be pinged again before it is offered again.
      this.#deps.logger.log('ERROR', 'DHCP4_SERVER_INITIATED_DECLINE_ADD_FAILED', `${parked.client}: ${error.message}`);
    };
    try {
      const done = this.#decline(parked);
      if (done instanceof Promise) done.catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  #decline({ lease, stored, holder, key, client }: Parked): Promise<void> | void {
    const { ledger, offers, names, redundancy, clock, declineProbationSec } = this.#deps;
    const { address } = lease;
    return ledger.transact((tx) => {
      const nowSec = Math.floor(clock.now() / 1000);
      const found = tx.getByAddress(address);
      if (!mayPutAside(address, { now: found, stored, holder }, redundancy?.rules, nowSec)) return;
      const aside = declined(lease, declineProbationSec(), nowSec);
      const decision: Decision = { kind: 'silent', reason: 'declined', changes: [{ kind: 'put', lease: aside }] };
      names?.decided(decision, tx, nowSec);
      for (const change of decision.changes) if (change.kind === 'put') tx.put(change.lease);
      offers.settle(key, address);
      const text = `${client}: ${formatIpv4(address)} answers a ping and is declined for ${aside.validLifetimeSec} seconds`;
      tx.afterwards(() => {
        this.#leaseLog.log('INFO', 'DHCP4_SERVER_INITIATED_DECLINE', text, { client, outcome: 'declined' });
      });
    });
  }

  #drop(reason: 'address-in-use' | 'address-gone', { client, lease }: Parked, now: EpochMs): void {
    this.#deps.drops.count(reason, now);
    const { logger } = this.#deps;
    if (!logger.enabled('DEBUG', 15)) return;
    const text = `${client}: ${formatIpv4(lease.address)} is not offered: ${reason}`;
    logger.log('DEBUG', 'DHCP4_PACKET_DROPPED', text, { reason });
  }
}

/** Clients on a link of ours are asked through it; those behind a relay are where the routing table says. */
function deviceOf({ giaddr, interfaceName }: Exchange): string | undefined {
  return giaddr === 0 ? interfaceName : undefined;
}
