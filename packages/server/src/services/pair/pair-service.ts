/**
 * One server of a pair in motion: heartbeats, comparisons, and the answers to what the partner sends (docs/design-ha.md).
 * Everything it decides by is in domain/pair and in the other files of this folder.
 */

import { MessageType } from '../../domain/dhcp4/decision.js';
import type { Exchange } from '../../domain/exchange.js';
import { PAIR_STATES, type PairState } from '../../domain/pair/states.js';
import type { JsonMap } from '../../domain/snapshot.js';
import type { EpochSec } from '../../domain/values.js';
import { CommandError } from '../../errors.js';
import type { DropReason } from '../drop-reasons.js';
import { inSlices } from '../in-slices.js';
import type { Cancel } from '../ports.js';
import type { AckVerdict, PendingAck, Redundancy } from '../redundancy.js';
import { Balance } from './balance.js';
import { answerDigest, answerFetch, compareWithPartner } from './comparison.js';
import { PairCondition } from './condition.js';
import { PairGate } from './gate.js';
import type { Hello } from './hello.js';
import { findNewestEpoch } from './open-memory.js';
import type { PairParts, SectionDrift } from './pair-parts.js';
import { Replica } from './replica.js';
import { PairRules } from './rules.js';
import { changedOn, driftedSections } from './sections.js';
import { listOf, UpdateSender, updateAnswer } from './sender.js';
import { PairSession } from './session.js';
import { UnconfirmedRecords } from './unconfirmed.js';
import { recordFromJson } from './wire.js';

/** See the head of this file. */
export class PairService implements Redundancy {
  readonly rules: PairRules;
  readonly selective = true;
  readonly #parts: PairParts;
  readonly #unconfirmed = new UnconfirmedRecords();
  readonly #condition: PairCondition;
  readonly #replica: Replica;
  readonly #sender: UpdateSender;
  readonly #session: PairSession;
  readonly #gate: PairGate;
  readonly #balance: Balance;
  #timer: Cancel | undefined;
  #stopped = false;
  #comparing = false;

  constructor(parts: PairParts) {
    this.#parts = parts;
    const { ledger, memory, clock, settings } = parts;
    const unconfirmed = this.#unconfirmed;
    const condition = new PairCondition(parts, {
      unconfirmed,
      session: () => this.#session,
      onConnected: (connected) => this.#sender.enable(connected),
    });
    this.#condition = condition;
    const nowSec = (): EpochSec => condition.nowSec();
    const call = (command: string, args: JsonMap): Promise<JsonMap> => this.#call(command, args);
    const shared = { memory, ledger, unconfirmed, nowSec, mcltSec: settings.mcltSec };
    this.rules = new PairRules({
      ...shared,
      leases: ledger.leases,
      skewSec: () => condition.skewSec,
      connected: () => condition.connected,
      reviewing: () => condition.review !== undefined,
      noGiveUntilSec: () => condition.noGiveUntilSec,
      partner: () => (condition.connected ? this.#session.partner : undefined),
      compared: () => condition.compared,
      blind: () => condition.isBlind,
    });
    this.#replica = new Replica({
      ...shared,
      oldestMessageSec: 2 + (2 * settings.interruptAfterMs) / 1000,
      mayAgree: () => !memory.file.lost,
      onChange: () => this.#sender.kick(),
      onSettled: (address) => {
        parts.onSettled(address);
        if (unconfirmed.size === 0) condition.considerNormal();
      },
      onDropped: (address, dropped) => parts.onAlarm({ kind: 'dropped-binding', address, dropped }),
    });
    this.#session = new PairSession({
      clock,
      call: parts.call,
      timeoutMs: settings.interruptAfterMs,
      hello: () => condition.hello,
      metBoot: () => memory.file.metBoot,
      onStarted: () => condition.partnerStarted(),
      onMet: (theirs) => {
        condition.met(theirs);
        const { configuration, sections } = parts.fingerprints();
        const same = theirs.configuration === configuration && sections !== undefined;
        if (same && memory.file.agreed !== sections) memory.remember({ agreed: sections });
      },
      onMisfit: (text, theirs) =>
        parts.onAlarm({
          kind: 'misfit',
          text,
          addressSpace: theirs.addressSpace !== parts.fingerprints().addressSpace,
        }),
      onDrift: (theirs) => parts.onAlarm({ kind: 'drift', sections: this.#driftFrom(theirs) }),
    });
    this.#sender = new UpdateSender({
      ...shared,
      replica: this.#replica,
      clock,
      call,
      onFailure: (error) => condition.lost(`an update failed: ${(error as Error).message}`),
    });
    this.#gate = new PairGate({
      ...shared,
      leases: ledger.leases,
      rules: this.rules,
      confirmed: (open) => (condition.connected ? this.#sender.confirmed(open, settings.ackDeadlineMs) : undefined),
      wakeUp: () => condition.checkFreeze(),
    });
    this.#balance = new Balance({
      memory,
      nowSec,
      shareOfSide1: settings.shareOfSide1,
      pools: parts.pools,
      freeIn: parts.freeIn,
      isFree: (address, pool) => parts.isFree(address, pool) && this.rules.mayGive(address),
      call,
      onSettled: (address) => parts.onSettled(address),
    });
  }

  // --- seen from the packet path ---

  admit(exchange: Exchange): DropReason | undefined {
    this.#condition.checkFreeze();
    const { state, side } = this.#parts.memory.file;
    if (!PAIR_STATES[state].serves || this.#condition.isDraining) return 'ha-not-serving';
    const { message } = exchange;
    if (state === 'starting' || this.#condition.isBlind) {
      // Who asks for an address it gave back would be told it still has it; who renews has not given it back.
      return message.messageType === MessageType.request && message.ciaddr !== 0 ? undefined : 'ha-not-serving';
    }
    const { partner } = this.#session;
    if (state !== 'normal' || partner?.state !== 'normal' || !partner.gives) return undefined;
    if (this.#parts.sideOf(exchange) === side || this.#parts.isAddressed(exchange)) return undefined;
    return message.secs >= this.#parts.settings.neglectedAfterSec ? undefined : 'ha-partners-client';
  }

  gate(acks: readonly PendingAck[]): readonly AckVerdict[] | Promise<readonly AckVerdict[]> {
    return this.#gate.judge(acks);
  }

  // --- seen from outside ---

  /** Begins to talk to the partner. */
  start(): void {
    this.#tick();
  }

  /** Says goodbye, so that the partner need not wait, and falls silent. Call it when no client is served any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.();
    const { memory, settings, logger } = this.#parts;
    if (!this.#condition.connected || memory.file.state !== 'normal') return;
    await this.#sender.confirmed(this.#unconfirmed.addresses(), settings.interruptAfterMs);
    if (this.#unconfirmed.size > 0 || !this.#condition.connected) return;
    try {
      // On the disk first: once the partner has heard it, it may be using everything.
      memory.update({ saidGoodbye: true });
      await this.#call('pair-goodbye', {});
    } catch (error) {
      logger.log('WARN', 'LESSOR_PAIR_GOODBYE', `the partner did not hear the goodbye: ${(error as Error).message}`);
    }
  }

  /** An operator says that the partner is down. @throws CommandError where that can not be believed, StoreError */
  partnerIsDown(): void {
    this.#condition.partnerIsDown();
  }

  /** An operator says that the partner never comes back. @throws CommandError where that can not be believed, StoreError */
  giveUpPartner(waitSec: number): void {
    this.#condition.giveUpPartner(waitSec);
  }

  /** An operator says that this server may serve although it has not heard from its partner since it started. */
  continueAlone(): void {
    this.#condition.continueAlone();
  }

  /** Looks whether the clock of the machine was set, as every heartbeat does. */
  noticeClock(): void {
    this.#condition.noticeClock();
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
    /** Until then leases that nobody here knows of may run, and only clients that renew are answered; 0: none. */
    readonly blindUntilSec: number;
    readonly partner: Hello | undefined;
    /** Sections in which the configurations differ. */
    readonly drift: readonly SectionDrift[];
  } {
    const { state, epoch } = this.#parts.memory.file;
    return {
      state,
      text: PAIR_STATES[state].text,
      connected: this.#condition.connected,
      compared: this.#condition.compared,
      epoch,
      unconfirmed: this.#unconfirmed.size,
      skewSec: this.#condition.measuredSkewSec,
      misfit: this.#session.misfit,
      blindUntilSec: this.#condition.isBlind ? this.#parts.memory.file.blindUntilSec : 0,
      partner: this.#session.partner,
      drift: this.#driftFrom(this.#session.partner),
    };
  }

  #driftFrom(theirs: Hello | undefined): SectionDrift[] {
    const mine = this.#parts.fingerprints().sections;
    if (mine === undefined || theirs?.sections === undefined) return [];
    const { sections } = theirs;
    const { agreed } = this.#parts.memory.file;
    return driftedSections(mine, sections).map((section) => ({
      section,
      changedOn: changedOn(section, mine, sections, agreed),
    }));
  }

  // --- talking ---

  #tick(): void {
    if (this.#stopped) return;
    const { clock, settings } = this.#parts;
    this.#condition.tick();
    void this.#heartbeat();
    this.#timer = clock.after(settings.heartbeatDelayMs, () => this.#tick());
  }

  async #heartbeat(): Promise<void> {
    const { clock, memory, logger } = this.#parts;
    const condition = this.#condition;
    const sentAtMs = clock.now();
    const sentTickMs = clock.monotonic();
    try {
      await this.#session.call('ha-heartbeat', {});
    } catch {
      // Silence is noticed by the clock.
      return;
    }
    // Else an answer that lay in the socket meanwhile would be taken for contact, with a partner that may serve alone by now.
    if (condition.stoodStillSince(sentTickMs)) return;
    if (!condition.contact(sentAtMs)) return;
    this.#sender.resume();
    if (!condition.compared) void this.#compare();
    else condition.considerNormal();
    if (memory.file.state !== 'normal' || this.#session.partner?.state !== 'normal' || !condition.compared) return;
    await this.#balance.turn().catch((error: unknown) => {
      logger.log('WARN', 'LESSOR_PAIR_BALANCE_FAILED', (error as Error).message);
    });
  }

  /** Asks the partner, about anything but whether it is there. @throws as {@link PairSession.call}, StoreError */
  async #call(command: string, args: JsonMap): Promise<JsonMap> {
    const { review } = this.#condition;
    if (review !== undefined) await review;
    const answer = await this.#session.call(command, args);
    if (this.#condition.review !== undefined) await this.#reviewed(this.#session.partner?.boot);
    return answer;
  }

  /** Waits until leases have been looked at. @throws CommandError if the partner of that start is gone by then, StoreError */
  async #reviewed(boot: number | undefined): Promise<void> {
    await this.#condition.review;
    if (this.#session.partner?.boot === boot) return;
    throw new CommandError('command-conflict', 'the partner was started anew meanwhile');
  }

  async #compare(): Promise<void> {
    if (this.#comparing) return;
    this.#comparing = true;
    const { ledger, memory, logger, clock } = this.#parts;
    const condition = this.#condition;
    const boot = this.#session.partner?.boot;
    try {
      await this.#replica.recount();
      if (memory.file.lost || memory.file.forgot) await this.#balance.recover();
      await compareWithPartner({
        replica: this.#replica,
        unconfirmed: this.#unconfirmed,
        leases: ledger.leases,
        nowSec: () => condition.nowSec(),
        call: (command, args) => this.#call(command, args),
      });
      if (condition.review !== undefined) await this.#reviewed(boot);
      // Counters were forgotten: events of this server that the partner knows must not get their like.
      const newest = memory.file.forgot ? await inSlices(findNewestEpoch(ledger.leases), clock) : 0;
      if (newest >= memory.file.epoch) memory.raiseEpoch(newest, {});
      // One that was told to serve meanwhile has as little of what it once promised as one that waited.
      const { lost, state } = memory.file;
      if (lost && (state === 'recovering' || state === 'partner-down')) await this.#allowForLost();
      // What was compared was the database of the partner's start before.
      if (boot !== this.#session.partner?.boot || !condition.connected) return;
      if (memory.file.forgot || memory.file.stranger) memory.note({ forgot: false, stranger: false });
      this.#unconfirmed.compared();
      condition.compared = true;
      this.#sender.kick();
      condition.considerNormal();
    } catch (error) {
      logger.log('WARN', 'LESSOR_PAIR_COMPARISON_FAILED', (error as Error).message);
    } finally {
      this.#comparing = false;
    }
  }

  /** Promises of the life that was lost: at most MCLT beyond what the partner knows, for whoever it knows of or not. */
  async #allowForLost(): Promise<void> {
    const startedSec = this.#condition.startedSec;
    this.#condition.waitForPromises();
    await this.#replica.allowForLost(startedSec);
  }

  /** Answers a command of the partner. The caller has made sure that it is the partner. @throws CommandError, StoreError */
  async answer(command: string, args: JsonMap): Promise<JsonMap> {
    this.#condition.checkFreeze();
    const { boot } = this.#session.receive(command, args);
    if (command !== 'ha-heartbeat') {
      if (this.#condition.doubtsClock) {
        throw new CommandError('command-conflict', 'this server has to set its clock right first');
      }
      if (this.#condition.review !== undefined) await this.#reviewed(boot);
    }
    return this.#session.sealed(await this.#perform(command, args));
  }

  async #perform(command: string, args: JsonMap): Promise<JsonMap> {
    const { ledger } = this.#parts;
    const nowSec = this.#condition.nowSec();
    if (command !== 'ha-heartbeat') await this.#replica.recount();
    switch (command) {
      case 'ha-heartbeat':
        return {};
      case 'pair-update': {
        const records = listOf(args.records).map((json) => recordFromJson(json, nowSec));
        return updateAnswer(records, await this.#replica.takeIn(records), this.#condition.nowSec());
      }
      case 'pair-digest':
        return answerDigest(args, this.#replica.digests);
      case 'pair-fetch':
        // In its turn, when nothing is staged that may be undone.
        return await ledger.transact(() => answerFetch(args, ledger.leases, this.#condition.nowSec()));
      case 'pair-ask':
        return this.#balance.answerAsk(args);
      case 'pair-grant':
        return this.#balance.answerGrant(args);
      case 'pair-ownership':
        return this.#balance.answerOwnership();
      case 'pair-goodbye':
        this.#condition.goodbye();
        return {};
      default:
        throw new CommandError('command-unknown', `${command} is no command of a pair`);
    }
  }
}
