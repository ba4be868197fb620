/**
 * One server of a pair in motion: heartbeats, states, the gate, and the answers to what the partner sends
 * (docs/design-ha.md). Everything it decides by is in domain/pair and in the tables of this folder.
 */

import { MessageType } from '../../domain/dhcp4/decision.js';
import type { Exchange } from '../../domain/exchange.js';
import type { DroppedBinding } from '../../domain/pair/merge.js';
import { holderOf } from '../../domain/pair/record.js';
import { nextPairState, PAIR_STATES, type PairEvent, type PairState } from '../../domain/pair/states.js';
import type { JsonMap } from '../../domain/snapshot.js';
import { type EpochSec, formatIpv4, INFINITE_LIFETIME, type Ipv4 } from '../../domain/values.js';
import { CommandError } from '../../errors.js';
import type { DropReason } from '../drop-reasons.js';
import type { Ledger } from '../ledger.js';
import type { Cancel, Clock, Logger } from '../ports.js';
import type { AckVerdict, PendingAck, Redundancy } from '../redundancy.js';
import { answerDigest, answerFetch, compareWithPartner } from './comparison.js';
import { type Hello, helloFromJson, helloToJson, misfit, PAIR_PROTOCOL } from './hello.js';
import type { PairFile, PairMemory } from './memory.js';
import { ReplayWindow } from './replay-window.js';
import { Replica } from './replica.js';
import { PairRules } from './rules.js';
import { listOf, UpdateSender, updateAnswer } from './sender.js';
import { UnconfirmedRecords } from './unconfirmed.js';
import { recordFromJson } from './wire.js';

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
}

/** What a {@link PairService} works with. */
export interface PairParts {
  readonly settings: PairSettings;
  readonly memory: PairMemory;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Sends one command to the partner, authenticated; resolves with the arguments of its answer, rejects otherwise. */
  readonly call: (command: string, args: JsonMap, timeoutMs: number) => Promise<JsonMap>;
  /** Fingerprints of the configuration in force. */
  readonly fingerprints: () => { readonly addressSpace: string; readonly configuration: string };
  /** Which side answers a client in normal operation (load balancing), and the class that says so. */
  readonly sideOf: (exchange: Exchange) => 0 | 1;
  /** True if the packet was sent to this server by name or address. */
  readonly isAddressed: (exchange: Exchange) => boolean;
  /** Whether an address can be given may have changed; undefined: any may have. */
  readonly onSettled: (address: Ipv4 | undefined) => void;
  readonly onAlarm: (alarm: PairAlarm) => void;
  /** Our own database was lost: nothing may be given before the leases nobody knows of have run out. */
  readonly databaseLost: boolean;
}

/** What an operator has to hear of. */
export type PairAlarm =
  | { readonly kind: 'state'; readonly from: PairState; readonly to: PairState; readonly reason: string }
  | { readonly kind: 'dropped-binding'; readonly address: Ipv4; readonly dropped: DroppedBinding }
  | { readonly kind: 'misfit'; readonly text: string }
  | { readonly kind: 'drift' }
  | { readonly kind: 'skew'; readonly seconds: number };

/** What came while this process stood still lies in the sockets: clients have long had answers from the other server. */
const DEAF_MS = 500;
/** Clocks further apart than this are alarmed. */
const SKEW_ALARM_SEC = 1;
/** Seconds allowed for rounding and travel on top of the skew measured. */
const SKEW_MARGIN_SEC = 1;

/** See the head of this file. */
export class PairService implements Redundancy {
  readonly rules: PairRules;
  readonly selective = true;
  readonly #parts: PairParts;
  readonly #unconfirmed = new UnconfirmedRecords();
  readonly #replica: Replica;
  readonly #sender: UpdateSender;
  readonly #startedAtMs: number;
  #timer: Cancel | undefined;
  #stopped = false;
  #tickAtMs: number;
  #contactAtMs: number | undefined;
  #connected = false;
  #comparing = false;
  #compared = false;
  #partner: Hello | undefined;
  #window = new ReplayWindow();
  #sequence = 0;
  #skewSec = 0;
  #misfit: string | undefined;
  #noGiveUntilSec = 0;
  /** Until then packets are old ones. */
  #deafUntilMs: number | undefined;

  constructor(parts: PairParts) {
    this.#parts = parts;
    const { ledger, memory, clock, settings } = parts;
    this.#startedAtMs = this.#tickAtMs = clock.monotonic();
    const nowSec = (): EpochSec => Math.floor(clock.now() / 1000);
    this.rules = new PairRules({
      memory,
      unconfirmed: this.#unconfirmed,
      leases: ledger.leases,
      mcltSec: settings.mcltSec,
      nowSec,
      skewSec: () => Math.abs(this.#skewSec) + SKEW_MARGIN_SEC,
      connected: () => this.#connected,
      noGiveUntilSec: () => this.#noGiveUntilSec,
    });
    this.#replica = new Replica({
      ledger,
      memory,
      unconfirmed: this.#unconfirmed,
      nowSec,
      onChange: () => this.#sender.kick(),
      onSettled: (address) => {
        parts.onSettled(address);
        if (this.#unconfirmed.size === 0) this.#considerNormal();
      },
      onDropped: (address, dropped) => parts.onAlarm({ kind: 'dropped-binding', address, dropped }),
    });
    this.#sender = new UpdateSender({
      replica: this.#replica,
      unconfirmed: this.#unconfirmed,
      clock,
      nowSec,
      call: (command, args) => this.#call(command, args),
      onFailure: (error) => this.#lost(`an update failed: ${(error as Error).message}`),
    });
    this.#begin();
  }

  // --- seen from the packet path ---

  admit(exchange: Exchange): DropReason | undefined {
    this.#checkFreeze();
    if (this.#deafUntilMs !== undefined) {
      if (this.#parts.clock.monotonic() < this.#deafUntilMs) return 'ha-not-serving';
      this.#deafUntilMs = undefined;
    }
    const { state, side } = this.#parts.memory.file;
    if (!PAIR_STATES[state].serves) return 'ha-not-serving';
    const { message } = exchange;
    if (state === 'starting') {
      // Who asks for an address it gave back would be told it still has it; who renews has not given it back.
      return message.messageType === MessageType.request && message.ciaddr !== 0 ? undefined : 'ha-not-serving';
    }
    if (state !== 'normal' || this.#partner?.state !== 'normal' || !this.#partner.gives) return undefined;
    if (this.#parts.sideOf(exchange) === side || this.#parts.isAddressed(exchange)) return undefined;
    return message.secs >= this.#parts.settings.neglectedAfterSec ? undefined : 'ha-partners-client';
  }

  gate(acks: readonly PendingAck[]): readonly AckVerdict[] | Promise<readonly AckVerdict[]> {
    const open = acks.map(({ address }) => address).filter((address) => this.#unconfirmed.find(address) !== undefined);
    if (open.length === 0 || !this.#connected) return this.#verdicts(acks);
    return this.#sender.confirmed(open, this.#parts.settings.ackDeadlineMs).then(() => this.#verdicts(acks));
  }

  #verdicts(acks: readonly PendingAck[]): readonly AckVerdict[] | Promise<readonly AckVerdict[]> {
    const nowSec = this.#nowSec();
    const verdicts = acks.map((ack) => this.#verdict(ack, nowSec));
    const shortened = acks.filter(
      (ack, i) => verdicts[i]!.kind === 'limited' && this.#endsLater(ack, verdicts[i]!, nowSec),
    );
    if (shortened.length === 0) return verdicts;
    return this.#shorten(acks, verdicts, nowSec).then(
      () => verdicts,
      () => acks.map((_, i) => (verdicts[i]!.kind === 'limited' ? { kind: 'withheld' } : verdicts[i]!)),
    );
  }

  #verdict({ address, lease, lifetimeSec }: PendingAck, nowSec: EpochSec): AckVerdict {
    const stored = this.#parts.ledger.leases.getByAddress(address);
    const holder = holderOf(lease);
    // Taken over by what the partner had meanwhile.
    if (stored === undefined || holderOf(stored) !== holder) return { kind: 'withheld' };
    if (this.#unconfirmed.isConfirmed(address)) return { kind: 'whole' };
    const seconds = this.rules.boundSec(address, holder, lifetimeSec, nowSec);
    if (seconds >= lifetimeSec) return { kind: 'whole' };
    // A BOOTP client can not be told of an end.
    if (seconds <= 0 || lifetimeSec === INFINITE_LIFETIME) return { kind: 'withheld' };
    this.#unconfirmed.promise(address, { holder, endSec: nowSec + seconds });
    return { kind: 'limited', seconds };
  }

  #endsLater({ address }: PendingAck, verdict: AckVerdict, nowSec: EpochSec): boolean {
    const stored = this.#parts.ledger.leases.getByAddress(address);
    if (stored === undefined || verdict.kind !== 'limited') return false;
    return stored.clttSec + stored.validLifetimeSec > nowSec + verdict.seconds;
  }

  /** What is on the disk must not end later than what the client is told: after a restart it would be believed. */
  async #shorten(acks: readonly PendingAck[], verdicts: readonly AckVerdict[], nowSec: EpochSec): Promise<void> {
    await this.#parts.ledger.transact((tx) => {
      acks.forEach(({ address, lease }, i) => {
        const verdict = verdicts[i]!;
        const stored = tx.getByAddress(address);
        if (verdict.kind !== 'limited' || stored === undefined || holderOf(stored) !== holderOf(lease)) return;
        tx.put({ ...stored, clttSec: nowSec, validLifetimeSec: verdict.seconds });
      });
    });
  }

  // --- states ---

  /** Begins to talk to the partner. */
  start(): void {
    this.#tick();
  }

  /** Says goodbye, so that the partner need not wait, and falls silent. Call it when no client is served any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.();
    const { memory, settings } = this.#parts;
    if (!this.#connected || memory.file.state !== 'normal') return;
    await this.#sender.confirmed(this.#unconfirmed.addresses(), settings.interruptAfterMs);
    if (this.#unconfirmed.size > 0) return;
    // On the disk first: once the partner has heard it, it may be using everything.
    memory.update({ saidGoodbye: true });
    await this.#call('pair-goodbye', {}).catch(() => undefined);
  }

  /** An operator says that the partner is down. @throws CommandError where that can not be believed */
  partnerIsDown(): void {
    if (this.#connected) throw new CommandError('command-conflict', 'the partner answers: it is not down');
    this.#step({ kind: 'partner-down' }, 'an operator said that the partner is down');
  }

  /** An operator says that this server may serve although it has not heard from its partner since it started. */
  continueAlone(): void {
    this.#step({ kind: 'continue' }, 'an operator said to go on without the partner');
  }

  /** For status-get, metrics and people. */
  get status(): {
    readonly state: PairState;
    readonly text: string;
    readonly connected: boolean;
    readonly compared: boolean;
    readonly epoch: number;
    readonly unconfirmed: number;
    readonly skewSec: number;
    readonly misfit: string | undefined;
    readonly partner: Hello | undefined;
  } {
    const { state, epoch } = this.#parts.memory.file;
    return {
      state,
      text: PAIR_STATES[state].text,
      connected: this.#connected,
      compared: this.#compared,
      epoch,
      unconfirmed: this.#unconfirmed.size,
      skewSec: this.#skewSec,
      misfit: this.#misfit,
      partner: this.#partner,
    };
  }

  #begin(): void {
    const { memory, databaseLost, settings } = this.#parts;
    const { saidGoodbye } = memory.file;
    if (databaseLost) this.#noGiveUntilSec = this.#nowSec() + settings.mcltSec;
    memory.update({ state: databaseLost || saidGoodbye ? 'recovering' : 'starting' });
  }

  #step(event: PairEvent, reason: string): void {
    const { memory, onAlarm, onSettled, logger } = this.#parts;
    const from = memory.file.state;
    const to = nextPairState(from, event);
    if (to === from) return;
    const change: Partial<PairFile> = { state: to, downSinceSec: 0, cleanDown: false, saidGoodbye: false };
    if (to === 'recovering') memory.update({ ...change, saidGoodbye: memory.file.saidGoodbye });
    else if (to === 'partner-down') {
      const cleanDown = event.kind === 'goodbye';
      memory.raiseEpoch(this.#partner?.epoch ?? 0, { ...change, downSinceSec: this.#nowSec(), cleanDown });
    } else memory.update(change);
    logger.log('WARN', 'LESSOR_PAIR_STATE', `${from} -> ${to}: ${reason}`, { from, to, reason });
    onAlarm({ kind: 'state', from, to, reason });
    onSettled(undefined);
  }

  #tick(): void {
    if (this.#stopped) return;
    this.#checkFreeze();
    const { clock, settings, memory } = this.#parts;
    const now = clock.monotonic();
    this.#tickAtMs = now;
    const silentSince = this.#contactAtMs ?? this.#startedAtMs;
    if (now - silentSince > settings.interruptAfterMs) this.#lost('the partner does not answer');
    const { serveAloneAfterMs } = settings;
    if (memory.file.state === 'starting' && serveAloneAfterMs > 0 && now - silentSince > serveAloneAfterMs) {
      this.#step({ kind: 'continue' }, 'the partner did not answer for as long as serve-alone-after allows');
    }
    void this.#heartbeat();
    this.#timer = clock.after(settings.heartbeatDelayMs, () => this.#tick());
  }

  async #heartbeat(): Promise<void> {
    const sentAtMs = this.#parts.clock.now();
    try {
      const answer = await this.#call('ha-heartbeat', {});
      const theirs = helloFromJson(answer['lessor-pair']);
      if (!this.#meet(theirs)) return;
      this.#measureSkew(theirs, sentAtMs);
      this.#contact(theirs);
    } catch {
      // Silence is noticed by the clock.
    }
  }

  #contact(theirs: Hello): void {
    const { memory, clock } = this.#parts;
    this.#contactAtMs = clock.monotonic();
    const { state, epoch } = memory.file;
    const outlived = theirs.state === 'partner-down' && theirs.epoch > epoch && state !== 'partner-down';
    this.#step({ kind: 'contact', outlived }, outlived ? 'the partner went on alone meanwhile' : 'the partner answers');
    if (!this.#connected) {
      this.#connected = true;
      this.#sender.enable(true);
      this.#parts.onSettled(undefined);
    }
    if (!this.#compared) void this.#compare();
    else this.#considerNormal();
  }

  #lost(reason: string): void {
    if (!this.#connected) return;
    this.#connected = false;
    this.#compared = false;
    this.#sender.enable(false);
    this.#step({ kind: 'silence' }, reason);
    this.#parts.onSettled(undefined);
  }

  async #compare(): Promise<void> {
    if (this.#comparing) return;
    this.#comparing = true;
    const boot = this.#partner?.boot;
    try {
      await compareWithPartner({
        replica: this.#replica,
        unconfirmed: this.#unconfirmed,
        leases: this.#parts.ledger.leases,
        nowSec: () => this.#nowSec(),
        call: (command, args) => this.#call(command, args),
      });
      // What was compared was the database of the partner's start before.
      if (boot !== this.#partner?.boot || !this.#connected) return;
      this.#compared = true;
      this.#sender.kick();
      this.#considerNormal();
    } catch (error) {
      this.#parts.logger.log('WARN', 'LESSOR_PAIR_COMPARISON_FAILED', (error as Error).message);
    } finally {
      this.#comparing = false;
    }
  }

  /**
   * Both are back together when both have compared. Who served alone leaves that state first, with nothing the other does
   * not know; the other follows when it has seen that.
   */
  #considerNormal(): void {
    const { memory } = this.#parts;
    const { state } = memory.file;
    if (!this.#connected || !this.#compared || state === 'normal') return;
    if (state === 'partner-down') {
      if (this.#partner?.compared !== true || this.#unconfirmed.size > 0) return;
    } else if (this.#partner?.state === 'partner-down') return;
    memory.update({ epoch: Math.max(memory.file.epoch, this.#partner?.epoch ?? 0) });
    this.#step({ kind: 'synchronised' }, 'the databases of both servers are the same');
  }

  /** A process that did not run for long must not believe what it knew before. */
  #checkFreeze(): void {
    const { clock, settings } = this.#parts;
    const stoodStillMs = clock.monotonic() - this.#tickAtMs - settings.heartbeatDelayMs;
    if (stoodStillMs <= settings.interruptAfterMs / 2) return;
    this.#tickAtMs = clock.monotonic();
    this.#deafUntilMs = this.#tickAtMs + DEAF_MS;
    this.#lost('this process stood still');
    this.#step({ kind: 'frozen' }, `this process stood still for ${Math.round(stoodStillMs)} ms`);
  }

  #measureSkew(theirs: Hello, sentAtMs: number): void {
    const middle = (sentAtMs + this.#parts.clock.now()) / 2;
    const before = this.#skewSec;
    this.#skewSec = Math.ceil((theirs.clockMs - middle) / 1000);
    if (Math.abs(this.#skewSec) > SKEW_ALARM_SEC && Math.abs(before) <= SKEW_ALARM_SEC) {
      this.#parts.onAlarm({ kind: 'skew', seconds: this.#skewSec });
    }
  }

  // --- talking ---

  get #hello(): Hello {
    const { memory, fingerprints, clock } = this.#parts;
    const { relationship, side, boot, epoch, state } = memory.file;
    return {
      protocol: PAIR_PROTOCOL,
      relationship,
      side,
      boot,
      epoch,
      state,
      compared: this.#compared,
      gives: PAIR_STATES[state].gives && this.#nowSec() >= this.#noGiveUntilSec && this.#parts.ledger.health.ok,
      ...fingerprints(),
      clockMs: clock.now(),
    };
  }

  #call(command: string, args: JsonMap): Promise<JsonMap> {
    const { call, settings } = this.#parts;
    const sequence = ++this.#sequence;
    return call(command, { ...args, sequence, 'lessor-pair': helloToJson(this.#hello) }, settings.interruptAfterMs);
  }

  /** Answers a command of the partner. The caller has made sure that it is the partner. @throws CommandError, StoreError */
  async answer(command: string, args: JsonMap): Promise<JsonMap> {
    const theirs = helloFromJson(args['lessor-pair']);
    if (!this.#meet(theirs)) throw new CommandError('command-conflict', this.#misfit ?? 'an old message came again');
    if (typeof args.sequence !== 'number' || !this.#window.accept(args.sequence)) {
      throw new CommandError('command-denied', `message ${String(args.sequence)} was received before`);
    }
    return { ...(await this.#perform(command, args)), 'lessor-pair': helloToJson(this.#hello) };
  }

  async #perform(command: string, args: JsonMap): Promise<JsonMap> {
    const { ledger } = this.#parts;
    switch (command) {
      case 'ha-heartbeat':
        return {};
      case 'pair-update': {
        const records = listOf(args.records).map((json) => recordFromJson(json, this.#nowSec()));
        return updateAnswer(records, await this.#replica.takeIn(records), this.#nowSec());
      }
      case 'pair-digest':
        return answerDigest(args, this.#replica.digests);
      case 'pair-fetch':
        return answerFetch(args, ledger.leases, this.#nowSec());
      case 'pair-goodbye':
        this.#connected = false;
        this.#compared = false;
        this.#sender.enable(false);
        this.#step({ kind: 'goodbye' }, 'the partner was stopped');
        return {};
      default:
        throw new CommandError('command-unknown', `${command} is no command of a pair`);
    }
  }

  /** Takes note of the other server. False if it is not to be talked to. */
  #meet(theirs: Hello): boolean {
    const { onAlarm } = this.#parts;
    const before = this.#partner;
    if (before !== undefined && theirs.boot < before.boot) return false;
    const text = misfit(this.#hello, theirs);
    if (text !== undefined) {
      if (text !== this.#misfit) onAlarm({ kind: 'misfit', text });
      this.#misfit = text;
      return false;
    }
    this.#misfit = undefined;
    if (before === undefined || theirs.boot !== before.boot) {
      // It may have lost what it had not yet flushed: nothing is known to be there until it has been looked at.
      this.#unconfirmed.everything = true;
      this.#compared = false;
      this.#window = new ReplayWindow();
    }
    const driftedBefore = before !== undefined && before.configuration !== this.#hello.configuration;
    this.#partner = theirs;
    if (theirs.configuration !== this.#hello.configuration && !driftedBefore) onAlarm({ kind: 'drift' });
    return true;
  }

  #nowSec(): EpochSec {
    return Math.floor(this.#parts.clock.now() / 1000);
  }
}

/** An address as people read it in alarms. */
export function describeDropped(address: Ipv4, { kept, dropped }: DroppedBinding): string {
  const show = (holder: string): string => Buffer.from(holder.slice(1), 'latin1').toString('hex');
  return `${formatIpv4(address)}: ${show(dropped)} loses it to ${show(kept)}`;
}
