/**
 * The road of a DHCPv4 packet, from socket to reply. Read it top to bottom: FRONT_STAGES look at one packet on its own,
 * the batch is then decided in order of arrival inside one ledger transaction, committed with one flush, and answered.
 *
 *   receive, decode, admit, recover, classify, localize, identify | decide | commit | compose, encode, send
 *
 * Nothing registers itself and nothing is decided elsewhere. Every way out has a reason (services/drop-reasons.ts).
 * An offer of a subnet whose addresses are pinged first leaves the road when it is composed (services/parked-offers.ts).
 */

import { DecodeError, decodeMessage4, type Message4 } from '@lessor/dhcp';
import { DECIDERS } from '../domain/dhcp4/decide.js';
import type { AddressSource, Decision, DecisionContext } from '../domain/dhcp4/decision.js';
import { MessageType, nak, offerKey } from '../domain/dhcp4/decision.js';
import { Exchange } from '../domain/exchange.js';
import type { LeaseNumbers } from '../domain/limits/limits.js';
import { needsPing, type PingRule } from '../domain/ping/rule.js';
import type { EpochMs, Ipv4 } from '../domain/values.js';
import { formatIpv4 } from '../domain/values.js';
import { assert, StoreError } from '../errors.js';
import type { NameChanges } from './ddns/name-changes.js';
import type { DropReason } from './drop-reasons.js';
import { DropCounters } from './drop-reasons.js';
import type { EchoProber } from './echo-prober.js';
import { FRONT_STAGES, type FrontContext } from './front-stages.js';
import type { PacketGuard } from './guard/packet-guard.js';
import type { LeaseTransaction, Ledger } from './ledger.js';
import type { Offers } from './offers.js';
import type { PacketConfig } from './packet-config.js';
import { describeClient } from './packet-log.js';
import { PacketStatistics } from './packet-statistics.js';
import { type OfferDecision, ParkedOffers } from './parked-offers.js';
import type { Clock, Datagram, Logger, Reply } from './ports.js';
import type { RateLimiter } from './rate-limiter.js';
import type { AckVerdict, PendingAck, Redundancy } from './redundancy.js';
import { needsCommit, ReplyMaker } from './reply-maker.js';
import type { LeaseScripts } from './run-script/lease-scripts.js';
import type { ServiceSwitch } from './service-switch.js';
import type { Statistics } from './statistics.js';

/**
 * Most packets decided, committed and answered together. Their replies leave in one burst, and a relay with the usual
 * receive buffer (208 KiB) holds some 270 messages; beyond a hundred a larger commit saves nothing any more.
 */
const MAX_COMMIT = 128;
/** More than this waiting at once, twice in a row, means that packets arrive faster than they are served. */
const OVERLOADED = 512;
/** New DISCOVERs taken from one batch then: who was offered an address comes first. */
const DISCOVERS_UNDER_LOAD = 128;

/**
 * In a pair a message that ends a lease and waited longer than this behind a slow disk is passed over: the client may have
 * its address anew from the other server by now, and nothing in the message tells which lease is meant. A client that
 * declined asks again ten seconds later (RFC 2131 §3.1 step 5).
 */
const LATEST_MS: { readonly [type: number]: number } = { [MessageType.release]: 500, [MessageType.decline]: 9000 };

/** The pools' side of the packet path: picking addresses and letting those run free whose time is up. */
export interface AddressKeeper extends AddressSource {
  /** Leases that ended by now become free to pick. */
  expireUpTo(nowSec: number): void;
}

/** What the packet path needs. */
export interface Exchange4Dependencies {
  readonly ledger: Ledger;
  readonly addresses: AddressKeeper;
  readonly offers: Offers;
  readonly statistics: Statistics;
  readonly serviceSwitch: ServiceSwitch;
  readonly clock: Clock;
  readonly logger: Logger;
  /** True if the address is one of this server's own (a server identifier naming it is ours). */
  isOwnAddress(address: Ipv4): boolean;
  /** The other server of a pair; undefined without one. */
  readonly redundancy?: Redundancy | undefined;
  /** Looks at packets where a guard of BMC networks is configured. */
  readonly guard?: PacketGuard | undefined;
  /** Names in the DNS, which follow leases. */
  readonly names?: Pick<NameChanges, 'decided'> | undefined;
  /** Pings addresses where a subnet wants that; undefined: all are offered at once. */
  readonly prober?: EchoProber | undefined;
  /** Counts packets against rates, and leases against limits, where libdhcp_limits is configured. */
  readonly rates?: RateLimiter | undefined;
  readonly numbers?: LeaseNumbers | undefined;
  /** The operator's script, which is told of leases. */
  readonly scripts?: Pick<LeaseScripts, 'enabled' | 'decided' | 'answered'> | undefined;
  send(replies: readonly Reply[]): void;
  readonly serverPort: number;
  readonly clientPort: number;
}

/** One packet that passed the front stages, and what was decided. */
interface Located {
  readonly exchange: Exchange;
  readonly datagram: Datagram;
  /** Undefined until it was decided, and if that failed. */
  decision: Decision | undefined;
  /** Set on an offer whose address is to be pinged first. */
  ping: PingRule | undefined;
}

/** See the head of this file. */
export class Exchange4 {
  readonly #deps: Exchange4Dependencies;
  readonly #counters: PacketStatistics;
  readonly #drops: DropCounters;
  readonly #log: { readonly packets: Logger; readonly bad: Logger };
  readonly #replies: ReplyMaker;
  readonly #parked: ParkedOffers | undefined;
  #config: PacketConfig;
  /** The last batch was larger than what is served in time. */
  #wasOverloaded = false;
  /** How long the last batch took: so long those of the next may have waited. */
  #lastTookMs = 0;

  constructor(deps: Exchange4Dependencies, config: PacketConfig) {
    this.#deps = deps;
    this.#config = config;
    this.#counters = new PacketStatistics(deps.statistics);
    this.#drops = new DropCounters(deps.statistics);
    this.#log = {
      packets: deps.logger.child('packets'),
      bad: deps.logger.child('bad-packets'),
    };
    this.#replies = new ReplyMaker({
      statistics: deps.statistics,
      counters: this.#counters,
      leaseLog: deps.logger.child('leases'),
      guard: deps.guard,
      serverPort: deps.serverPort,
      clientPort: deps.clientPort,
      drop: (reason, datagram, exchange, now) => this.#drop(reason, datagram, exchange, now),
    });
    const { prober } = deps;
    this.#parked =
      prober &&
      new ParkedOffers({
        ...deps,
        prober,
        counters: this.#counters,
        drops: this.#drops,
        declineProbationSec: () => this.#config.snapshot.declineProbationSec,
      });
  }

  /** The configuration in force. A batch keeps the one it began with. */
  get config(): PacketConfig {
    return this.#config;
  }

  /** Puts another configuration in force, from the next batch on. */
  useConfig(config: PacketConfig): void {
    this.#config = config;
  }

  /** Takes one batch down the road. Returns a promise only if the commit takes one. */
  handleBatch(batch: readonly Datagram[]): Promise<void> | void {
    const now = this.#deps.clock.now();
    this.#counters.received(batch.length);
    // One large batch may be what gathered while something else had the processor (a reconfiguration): it is served.
    const overloaded = batch.length > OVERLOADED;
    const admitted = overloaded && this.#wasOverloaded ? this.#shed(batch, now) : batch;
    this.#wasOverloaded = overloaded;
    const startedAt = this.#deps.clock.monotonic();
    return this.#handleChunks(admitted, 0, startedAt, startedAt - this.#lastTookMs);
  }

  /** @param since none of the packets arrived before, by the monotonic clock */
  #handleChunks(batch: readonly Datagram[], from: number, startedAt: number, since: number): Promise<void> | void {
    for (let at = from; at < batch.length; at += MAX_COMMIT) {
      const pending = this.#handleChunk(batch, at, Math.min(at + MAX_COMMIT, batch.length), since);
      if (pending !== undefined)
        return pending.then(() => this.#handleChunks(batch, at + MAX_COMMIT, startedAt, since));
    }
    this.#counters.flush(this.#deps.clock.now());
    this.#lastTookMs = this.#deps.clock.monotonic() - startedAt;
  }

  /** Decides, commits and answers batch[from..to). */
  #handleChunk(batch: readonly Datagram[], from: number, to: number, since: number): Promise<void> | void {
    const { clock, addresses, offers, ledger } = this.#deps;
    const now = clock.now();
    const nowSec = Math.floor(now / 1000);
    const config = this.#config;
    const { snapshot } = config;
    addresses.expireUpTo(nowSec);
    offers.expire(now);
    this.#parked?.forgetClaims();

    const located: Located[] = [];
    const context: FrontContext = {
      config,
      nowSec,
      leases: ledger.leases,
      rates: this.#deps.rates,
      monotonicMs: snapshot.limits ? clock.monotonic() : 0,
      serviceEnabled: this.#deps.serviceSwitch.enabled,
      isOwnAddress: this.#deps.isOwnAddress,
    };
    for (let at = from; at < to; at++) {
      const datagram = batch[at]!;
      const exchange = this.#front(datagram, context, now);
      if (exchange !== undefined) located.push({ exchange, datagram, decision: undefined, ping: undefined });
    }
    if (located.length === 0) return;
    let committed: Promise<void> | void;
    try {
      committed = ledger.transact((tx) => {
        const waitedMs = this.#deps.redundancy === undefined ? 0 : clock.monotonic() - since;
        for (const item of located) {
          const tooLate = waitedMs > (LATEST_MS[item.exchange.messageType] ?? Number.POSITIVE_INFINITY);
          if (tooLate) this.#drop('ha-too-late', item.datagram, item.exchange, now);
          else this.#decide(item, tx, config, now, nowSec);
        }
        // What rests on nothing staged does not wait for the disk.
        this.#answer(located, false, config, now);
      });
    } catch (error) {
      return this.#withhold(located, now, error);
    }
    if (committed instanceof Promise) {
      return committed.then(
        () => this.#committed(located, config, now),
        (error: unknown) => this.#withhold(located, now, error),
      );
    }
    return this.#committed(located, config, now);
  }

  /** What was decided is durable here: ACKs pass the gate of the pair, if there is one, and everything is answered. */
  #committed(located: readonly Located[], config: PacketConfig, now: EpochMs): Promise<void> | void {
    const { redundancy } = this.#deps;
    if (redundancy === undefined) return this.#answer(located, true, config, now);
    const waiting = located.filter((item) => item.decision?.kind === 'ack');
    const verdicts = waiting.length === 0 ? [] : redundancy.gate(waiting.map(pendingAck));
    if (!(verdicts instanceof Promise)) return this.#passed(located, waiting, verdicts, config, now);
    return verdicts.then((list) => this.#passed(located, waiting, list, config, now));
  }

  #passed(
    located: readonly Located[],
    waiting: readonly Located[],
    verdicts: readonly AckVerdict[],
    config: PacketConfig,
    now: EpochMs,
  ): void {
    waiting.forEach((item, i) => {
      const verdict = verdicts[i]!;
      if (verdict.kind === 'withheld') {
        item.decision = undefined;
        this.#drop('ha-withheld', item.datagram, item.exchange, now);
      } else if (verdict.kind === 'limited' && item.decision?.kind === 'ack') {
        item.decision = { ...item.decision, grant: { ...item.decision.grant, lifetimeSec: verdict.seconds } };
      }
    });
    this.#answer(located, true, config, now);
  }

  /** Decode and the front stages. Undefined = the packet went no further (counted, logged). */
  #front(datagram: Datagram, context: FrontContext, now: EpochMs): Exchange | undefined {
    let message: Message4;
    try {
      message = decodeMessage4(datagram.octets, context.config.snapshot.compatibility.lenientOptionParsing);
    } catch (error) {
      if (!(error instanceof DecodeError)) return this.#defect(datagram, error, now);
      this.#drop('malformed', datagram, undefined, now, error.message);
      return undefined;
    }
    try {
      this.#counters.receivedType(message.messageType);
      const exchange = new Exchange(message, {
        interfaceName: datagram.interface.name,
        interfaceAddress: datagram.interface.address,
        source: datagram.source,
        destination: datagram.destination,
      });
      for (const stage of FRONT_STAGES) {
        const reason = stage(exchange, context);
        if (reason !== undefined) {
          this.#drop(reason, datagram, exchange, now);
          return undefined;
        }
      }
      const refused = this.#deps.redundancy?.selective === true ? this.#deps.redundancy.admit(exchange) : undefined;
      const { snapshot } = context.config;
      const barred = refused ?? (snapshot.guard && this.#deps.guard?.look(exchange, snapshot, now));
      if (barred !== undefined) {
        this.#drop(barred, datagram, exchange, now);
        return undefined;
      }
      return exchange;
    } catch (error) {
      return this.#defect(datagram, error, now);
    }
  }

  #decide(item: Located, tx: LeaseTransaction, config: PacketConfig, now: EpochMs, nowSec: number): void {
    const { exchange } = item;
    const { addresses, offers } = this.#deps;
    try {
      const context: DecisionContext = {
        snapshot: config.snapshot,
        leases: tx,
        reservations: config.reservations,
        addresses,
        offers,
        rules: this.#deps.redundancy?.rules,
        numbers: this.#deps.numbers,
        nowSec,
        client: exchange,
        candidates: exchange.candidates,
        unicast: exchange.unicast,
      };
      const decision = rejected(exchange) ?? DECIDERS[exchange.messageType]!(context);
      if (decision.kind === 'offer' && decision.grant.subnet.pingCheck !== undefined) {
        if (!this.#mayOffer(item, decision, tx, nowSec)) {
          this.#drop('duplicate', item.datagram, exchange, now);
          return;
        }
      }
      this.#deps.names?.decided(decision, tx, nowSec);
      if (this.#deps.scripts?.enabled) this.#deps.scripts.decided(exchange, item.datagram, decision, tx, nowSec);
      for (const change of decision.changes) {
        if (change.kind === 'put') tx.put(change.lease);
        else tx.delete(change.address);
      }
      if (decision.kind === 'offer') offers.hold(offerKey(exchange, decision.grant.subnet), decision.grant.lease, now);
      else if (decision.kind === 'ack') {
        offers.settle(offerKey(exchange, decision.grant.subnet), decision.grant.lease.address);
      }
      item.decision = decision;
    } catch (error) {
      // What this exchange staged before it failed is part of the batch; a decision stages only after it is made, so
      // nothing is half done unless the ledger itself is broken, which it reports by throwing StoreError.
      if (error instanceof StoreError) throw error;
      this.#defect(item.datagram, error, now);
    }
  }

  /** Whether the address has to be pinged goes into `item`. False while it is being pinged for an earlier DISCOVER. */
  #mayOffer(item: Located, { grant, reused }: OfferDecision, tx: LeaseTransaction, nowSec: number): boolean {
    const { address } = grant.lease;
    const rule = grant.subnet.pingCheck;
    if (this.#parked === undefined || rule === undefined) return true;
    if (this.#parked.isWaiting(address)) return false;
    if (!reused && needsPing(grant, tx.getByAddress(address), rule, nowSec)) {
      this.#parked.claim(address);
      item.ping = rule;
    }
    return true;
  }

  /** Composes, encodes and sends: what rests on a lease only after its commit went through (`committed`). */
  #answer(located: readonly Located[], committed: boolean, config: PacketConfig, now: EpochMs): void {
    const replies: Reply[] = [];
    for (const item of located) {
      const { decision, exchange, datagram, ping } = item;
      if (decision === undefined || needsCommit(decision) !== committed) continue;
      try {
        const parked = ping && this.#parked?.hasRoom(exchange, config.snapshot.parkedOfferLimit, now);
        const waits = parked === true && decision.kind === 'offer';
        const reply = this.#replies.compose(exchange, datagram, decision, config, replies.length, now, waits);
        if (reply === undefined) continue;
        if (waits) this.#parked?.park(exchange, decision, ping, reply, now);
        else replies.push(reply);
      } catch (error) {
        this.#defect(item.datagram, error, now);
      }
    }
    if (replies.length > 0) this.#deps.send(replies);
    if (committed) this.#deps.scripts?.answered();
  }

  /** The commit failed: nothing that rests on a lease may be answered; clients ask again. */
  #withhold(located: readonly Located[], now: EpochMs, error: unknown): void {
    if (!(error instanceof StoreError)) throw error;
    for (const { decision, exchange, datagram } of located) {
      if (decision !== undefined && needsCommit(decision) && decision.kind !== 'silent') {
        this.#drop('store-unavailable', datagram, exchange, now, error.message);
      }
    }
  }

  /**
   * More arrived than can be served in time: everything goes through but DISCOVERs beyond a share, of which the newest are
   * kept (the oldest have waited longest and their clients are about to ask again).
   */
  #shed(batch: readonly Datagram[], now: EpochMs): readonly Datagram[] {
    let discovers = 0;
    const kept: Datagram[] = [];
    for (let at = batch.length - 1; at >= 0; at--) {
      const datagram = batch[at]!;
      if (looksLikeDiscover(datagram.octets) && ++discovers > DISCOVERS_UNDER_LOAD) {
        this.#drop('queue-full', datagram, undefined, now);
        continue;
      }
      kept.push(datagram);
    }
    return kept.reverse();
  }

  #drop(reason: DropReason, datagram: Datagram, exchange: Exchange | undefined, now: EpochMs, detail = ''): void {
    this.#drops.count(reason, now);
    const log = reason === 'malformed' ? this.#log.bad : this.#log.packets;
    if (!log.enabled('DEBUG', 15)) return;
    const who = exchange === undefined ? '' : ` from ${describeClient(exchange)}`;
    log.log(
      'DEBUG',
      'DHCP4_PACKET_DROPPED',
      `packet${who} on ${datagram.interface.name} dropped: ${reason}${detail === '' ? '' : `: ${detail}`}`,
      {
        reason,
        interface: datagram.interface.name,
        source: formatIpv4(datagram.source),
      },
    );
  }

  /** A defect of ours must not stop the service: the packet is dropped, its octets are in the log for a golden test. */
  #defect(datagram: Datagram, error: unknown, now: EpochMs): undefined {
    this.#drops.count('internal-error', now);
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#deps.logger.log('ERROR', 'DHCP4_PACKET_DEFECT', `defect while handling a packet: ${text}`, {
      octets: Buffer.from(datagram.octets).toString('hex'),
    });
    return undefined;
  }
}

function pendingAck({ decision }: Located): PendingAck {
  assert(decision?.kind === 'ack', 'only ACKs wait at the gate');
  const { lease, lifetimeSec } = decision.grant;
  return { address: lease.address, lease, lifetimeSec };
}

/** Class REJECT: a REQUEST is refused, a DISCOVER is left unanswered (Kea 3.2). */
function rejected(exchange: Exchange): Decision | undefined {
  if (!exchange.classes.has('REJECT')) return undefined;
  if (exchange.messageType === MessageType.request) return nak('client is in class REJECT', exchange.candidates[0]);
  return exchange.messageType === MessageType.discover
    ? { kind: 'silent', reason: 'class-drop', changes: [] }
    : undefined;
}

/** A glance at option 53 without decoding: it is the first option of nearly every DISCOVER. */
function looksLikeDiscover(octets: Buffer): boolean {
  return octets.length > 242 && octets[240] === 53 && octets[241] === 1 && octets[242] === MessageType.discover;
}
