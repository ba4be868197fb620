/**
 * How a server of a pair is doing: its state, whether the partner is there, what has to be waited for. Everything that
 * changes a state is here; what the states allow is in domain/pair/states.ts (docs/design-ha.md, "States").
 */

import { nextPairState, PAIR_STATES, type PairEvent } from '../../domain/pair/states.js';
import type { EpochSec } from '../../domain/values.js';
import { CommandError } from '../../errors.js';
import { inSlices } from '../in-slices.js';
import { GivenUpLeases } from './given-up.js';
import { type Hello, PAIR_PROTOCOL } from './hello.js';
import type { PairFile } from './memory.js';
import type { PairParts } from './pair-parts.js';
import type { PairSession } from './session.js';
import { type Apart, measureApart, skewSecOf } from './skew.js';
import type { UnconfirmedRecords } from './unconfirmed.js';

/** Clocks further apart than this are alarmed. */
const SKEW_ALARM_SEC = 1;
/** The wall clock and the one leases are reckoned by may drift apart by so much before it counts as set. */
const CLOCK_SET_MS = 1000;
/** Seconds allowed for rounding and travel on top of the skew measured. */
const SKEW_MARGIN_SEC = 1;
/** After a process stood still: so long what the kernel kept for it is read and passed over. */
const DRAIN_MS = 500;
/** Epochs a life that was lost may have begun without the partner's knowing. */
const LOST_EPOCHS = 8;
/** The same of a partner that is given up: should it come back all the same, what was done since counts as newer. */
const GIVEN_UP_EPOCHS = 128;

/** What a {@link PairCondition} works with beside the parts of the pair. */
export interface ConditionParts {
  readonly unconfirmed: UnconfirmedRecords;
  readonly session: () => PairSession;
  /** There is a partner to send to, or none any more. */
  readonly onConnected: (connected: boolean) => void;
}

/** See the head of this file. */
export class PairCondition {
  /** The partner answers. */
  connected = false;
  /** The databases have been compared since it does. */
  compared = false;
  /**
   * The look at all leases since the partner said that it lost its own; undefined: there is none under way. Until it is over
   * nothing the partner says is acted upon, and what may turn out to be withheld is neither given nor refused.
   */
  review: Promise<void> | undefined;
  /** When this process started, on the clock leases are reckoned by: an earlier one promised nothing since. */
  readonly startedSec: EpochSec;
  readonly #parts: PairParts;
  readonly #more: ConditionParts;
  #heardAtMs: number;
  #tickAtMs: number;
  /** When this process was found to have stood still, by the monotonic clock. */
  #wokeAtMs = Number.NEGATIVE_INFINITY;
  #measuredSec = 0;
  /** The clock is known to be the one by which the leases of before were reckoned, or as near to it as can be told. */
  #clockIsRight = false;
  #noGiveUntilSec = 0;
  /** Starts of this server and of its partner that have heard of each other, while this one began anew. */
  #meeting = '';
  #look: GivenUpLeases | undefined;

  constructor(parts: PairParts, more: ConditionParts) {
    this.#parts = parts;
    this.#more = more;
    this.startedSec = this.nowSec();
    parts.ledger.observe((address, before) => this.#look?.changed(address, before));
    this.#heardAtMs = this.#tickAtMs = parts.clock.monotonic();
    const { saidGoodbye, lost, forgot } = parts.memory.file;
    parts.memory.note({ state: lost || forgot || saidGoodbye ? 'recovering' : 'starting' });
    if (lost) this.waitForPromises();
  }

  /** Seconds since 1970 on the clock leases are reckoned by. */
  nowSec(): EpochSec {
    return Math.floor(this.#parts.clock.now() / 1000);
  }

  /** Seconds the clock of the partner is ahead, as measured. */
  get measuredSkewSec(): number {
    return this.#measuredSec;
  }

  /** Bound on the difference of the two clocks. */
  get skewSec(): number {
    return Math.abs(this.#measuredSec) + SKEW_MARGIN_SEC;
  }

  /** Until then nothing is given: promises of a database that was lost may still run. */
  get noGiveUntilSec(): EpochSec {
    return this.#noGiveUntilSec;
  }

  /** Leases nobody here knows of may run: nothing is given, and who renews is believed. */
  get isBlind(): boolean {
    const { blindUntilSec } = this.#parts.memory.file;
    return blindUntilSec > 0 && this.nowSec() < blindUntilSec;
  }

  /** What clients sent while this process stood still is only now read: it is passed over, they ask again. */
  get isDraining(): boolean {
    return this.#parts.clock.monotonic() < this.#wokeAtMs + DRAIN_MS;
  }

  /** What this server says of itself in every message. */
  get hello(): Hello {
    const { memory, fingerprints, clock, ledger } = this.#parts;
    const { relationship, side, boot, born, epoch, fence, lost, metBoot, state } = memory.file;
    const { addressSpace, configuration, sections } = fingerprints();
    return {
      protocol: PAIR_PROTOCOL,
      relationship,
      side,
      boot,
      born,
      epoch,
      fence,
      lost,
      state,
      met: metBoot,
      sees: this.#more.session().partner?.boot ?? 0,
      compared: this.compared,
      gives: PAIR_STATES[state].gives && this.nowSec() >= this.#noGiveUntilSec && ledger.health.ok,
      addressSpace,
      configuration,
      sections,
      clockMs: clock.now(),
      aheadMs: memory.file.partnerAheadMs,
    };
  }

  /** Ends of leases here may be wrong, and the partner knows by how much: until that is set right nothing goes either way. */
  get doubtsClock(): boolean {
    const { forgot, lost } = this.#parts.memory.file;
    return forgot && !lost && !this.#clockIsRight && this.#more.session().partner?.aheadMs !== undefined;
  }

  // --- what happens ---

  /** With every heartbeat. */
  tick(): void {
    this.checkFreeze();
    this.noticeClock();
    const { clock, settings, memory, onSettled } = this.#parts;
    const now = clock.monotonic();
    this.#tickAtMs = now;
    const silentMs = now - this.#heardAtMs;
    if (silentMs > settings.interruptAfterMs) this.lost('the partner does not answer');
    const { serveAloneAfterMs } = settings;
    if (memory.file.state === 'starting' && serveAloneAfterMs > 0 && silentMs > serveAloneAfterMs) {
      this.#step({ kind: 'continue' }, 'the partner did not answer for as long as serve-alone-after allows');
    }
    const { lost, blindUntilSec } = memory.file;
    if (lost && this.compared && this.nowSec() >= this.#noGiveUntilSec) {
      memory.note({ lost: false });
      onSettled(undefined);
    }
    // Whatever was promised by whoever is gone has run out.
    if (blindUntilSec > 0 && !this.isBlind) {
      memory.note({ blindUntilSec: 0, lost: false });
      onSettled(undefined);
    }
    this.#releaseWithheld();
  }

  /**
   * The partner answered a heartbeat that left at `sentAtMs`. False if that took too long to be of use to a server that has to
   * set its clock right first.
   */
  contact(sentAtMs: number): boolean {
    const { clock, onSettled } = this.#parts;
    let apart = measureApart(sentAtMs, clock.now(), this.#more.session().partner?.clockMs ?? 0);
    if (this.doubtsClock) {
      if (apart === undefined) return false;
      apart = this.#setClockRight(apart);
    }
    if (apart !== undefined) this.#noticeSkew(apart);
    this.#heardAtMs = clock.monotonic();
    this.#step({ kind: 'contact', outlived: false }, 'the partner answers');
    if (this.connected) return true;
    this.connected = true;
    this.#more.onConnected(true);
    onSettled(undefined);
    return true;
  }

  /** The partner does not answer any more. */
  lost(reason: string): void {
    if (!this.connected) return;
    this.#disconnect();
    this.#step({ kind: 'silence' }, reason);
    this.#parts.onSettled(undefined);
  }

  /** The partner said that it stops, and that it will not serve before it has talked to us. */
  goodbye(): void {
    this.#disconnect();
    this.#step({ kind: 'goodbye' }, 'the partner was stopped');
  }

  #disconnect(): void {
    this.connected = false;
    this.compared = false;
    this.#more.onConnected(false);
  }

  /** The partner has been started since we last heard of it, or is met for the first time. */
  partnerStarted(): void {
    // It may have lost what it had not yet flushed: nothing is known to be there until it has been looked at.
    this.#more.unconfirmed.doubt();
    this.compared = false;
  }

  /** Something of the partner is known now. */
  met(theirs: Hello): void {
    const { memory } = this.#parts;
    const { born, boot, fence, state, metBoot } = memory.file;
    this.#countAbove(theirs);
    // So that a server that forgot its own is told of one above it. Events of an epoch that is not on the disk would be
    // newer than those after a restart; the next message brings it again.
    if (theirs.epoch > memory.file.epoch) memory.attempt({ epoch: theirs.epoch });
    if (theirs.boot !== metBoot && (metBoot === 0 || theirs.born <= metBoot)) memory.note({ metBoot: theirs.boot });
    // It may also have heard, since it was started itself, of a start with a higher number: the clock was set back.
    const lower = boot < Math.max(theirs.met, theirs.sees);
    if (lower || (theirs.met > 0 && theirs.met < born)) this.#forgotten(theirs);
    const lostBoot = theirs.lost ? theirs.boot : 0;
    if (lostBoot !== memory.file.partnerLostBoot) this.#partnerLost(lostBoot);
    const alone = theirs.fence > fence || (theirs.state === 'partner-down' && state !== 'partner-down');
    if (alone) this.#step({ kind: 'contact', outlived: true }, 'the partner went on alone meanwhile');
  }

  /**
   * Whatever an earlier life of this server has left with the partner is of an epoch the partner knows: what is given from now on,
   * and what was given before (Replica.recount), comes after that. Only who has heard of this start speaks of now; and once is
   * enough, else two that both began anew would raise each other's epoch for ever.
   */
  #countAbove({ boot: theirBoot, sees, epoch: theirEpoch }: Hello): void {
    const { memory } = this.#parts;
    const { stranger, boot, epoch } = memory.file;
    const meeting = `${boot} ${theirBoot}`;
    if (!stranger || sees !== boot || this.#meeting === meeting) return;
    if (theirEpoch >= epoch) memory.raiseEpoch(theirEpoch, {});
    this.#meeting = meeting;
  }

  /**
   * The partner says that it lost its leases, or that it has waited for what it promised with them. It may have prolonged
   * leases that were over here without knowing, by MCLT beyond the end both knew.
   */
  #partnerLost(boot: number): void {
    if (boot === 0) {
      this.#parts.memory.update({ partnerLostBoot: 0 });
      return;
    }
    // Whoever is met before that is done says so again afterwards.
    if (this.#look !== undefined) return;
    this.review = this.#lookForGivenUp(boot);
    // The next message of the partner begins anew.
    this.review.catch((error: unknown) => {
      const text = `what a partner that lost its leases may have promised is not known: ${(error as Error).message}`;
      this.#parts.logger.log('WARN', 'LESSOR_PAIR_PARTNER_LOST', text);
    });
  }

  async #lookForGivenUp(boot: number): Promise<void> {
    const { memory, ledger, settings, clock, logger, onSettled } = this.#parts;
    const look = new GivenUpLeases({
      leases: ledger.leases,
      unconfirmed: this.#more.unconfirmed,
      leadSec: settings.mcltSec + SKEW_MARGIN_SEC,
      nowSec: () => this.nowSec(),
    });
    this.#look = look;
    try {
      const found = await inSlices(look.run(), clock);
      // On the disk first: the partner will soon have confirmed that these are over.
      memory.update({ partnerLostBoot: boot, withheld: memory.withheldWith(found) });
      const text = `the partner lost its leases: ${found.length} addresses given up meanwhile wait for what it may have promised`;
      logger.log('WARN', 'LESSOR_PAIR_PARTNER_LOST', text, { withheld: found.length });
    } finally {
      this.#look = undefined;
      this.review = undefined;
    }
    // What was kept back while it was not known.
    onSettled(undefined);
  }

  #releaseWithheld(): void {
    const { memory, onSettled } = this.#parts;
    const due = memory.file.withheld.filter(({ untilSec }) => untilSec <= this.nowSec());
    if (due.length === 0) return;
    memory.note({ withheld: memory.file.withheld.filter(({ untilSec }) => untilSec > this.nowSec()) });
    for (const { address } of due) onSettled(address);
  }

  /** The partner has met an earlier life of this server, of which its file does not know: everything was lost. */
  #forgotten({ met, sees, epoch }: Hello): void {
    const { memory } = this.#parts;
    const { boot, born, lost, forgot } = memory.file;
    const heard = Math.max(met, sees);
    // If the leases were there, only the file was lost.
    const change = {
      boot: heard > boot ? heard + 1 : boot,
      born: met > 0 ? met : born,
      forgot: true,
      lost: lost || !forgot,
      stranger: true,
    };
    // Well above: the life that was lost may have begun epochs of which the partner never heard.
    memory.raiseEpoch(epoch + LOST_EPOCHS, change);
    this.compared = false;
    this.#more.unconfirmed.doubt();
    if (change.lost) this.waitForPromises();
    this.#step({ kind: 'contact', outlived: true }, 'the partner knows this server, which knows nothing: it was lost');
  }

  /** What a database that was lost had promised has to run out. */
  waitForPromises(): void {
    this.#noGiveUntilSec = this.nowSec() + this.#parts.settings.mcltSec + SKEW_MARGIN_SEC;
  }

  /**
   * Both are back together when both have compared. Who served alone leaves that state first, with nothing the other does
   * not know; the other follows when it has seen that.
   */
  considerNormal(): void {
    const { memory } = this.#parts;
    const { state } = memory.file;
    const { partner } = this.#more.session();
    if (!this.connected || !this.compared || state === 'normal') return;
    if (state === 'partner-down') {
      if (partner?.compared !== true || this.#more.unconfirmed.size > 0) return;
    } else if (partner?.state === 'partner-down') return;
    memory.note({ fence: Math.max(memory.file.fence, partner?.fence ?? 0) });
    this.#step({ kind: 'synchronised' }, 'the databases of both servers are the same');
  }

  /** A process that did not run for long must not believe what it knew before. */
  checkFreeze(): void {
    const { clock, settings } = this.#parts;
    const stoodStillMs = clock.monotonic() - this.#tickAtMs - settings.heartbeatDelayMs;
    if (stoodStillMs <= settings.interruptAfterMs / 2) return;
    this.#wokeAtMs = this.#tickAtMs = clock.monotonic();
    this.lost('this process stood still');
    this.#step({ kind: 'frozen' }, `this process stood still for ${Math.round(stoodStillMs)} ms`);
  }

  /** Whether this process stood still since a monotonic instant: what was said before says nothing of the partner now. */
  stoodStillSince(ms: number): boolean {
    this.checkFreeze();
    return this.#wokeAtMs >= ms;
  }

  /** Somebody set the clock of this machine: after a restart, too, leases are reckoned by the time before. */
  noticeClock(): void {
    const { memory, clockOffsetMs, onAlarm } = this.#parts;
    const offsetMs = clockOffsetMs();
    const byMs = memory.file.clockOffsetMs - offsetMs;
    if (Math.abs(byMs) < CLOCK_SET_MS) return;
    memory.note({ clockOffsetMs: offsetMs });
    onAlarm({ kind: 'clock-set', seconds: Math.round(byMs / 1000) });
  }

  /**
   * The clock was set while an earlier life ran, and the file that said by how much is lost: leases would end early by so much. The
   * partner knows how far the clocks were apart. A clock that was set back is left as it is: by it leases end late, and what
   * was given since would end early by the one of before.
   */
  #setClockRight({ aheadMs, errorMs }: Apart): Apart {
    this.#clockIsRight = true;
    // We are ahead by -aheadMs, and were by so much:
    const wereAheadMs = this.#more.session().partner?.aheadMs ?? -aheadMs;
    const byMs = -aheadMs - wereAheadMs;
    if (byMs < CLOCK_SET_MS + errorMs) return { aheadMs, errorMs };
    this.#parts.setClockBack(byMs);
    this.noticeClock();
    return { aheadMs: -wereAheadMs, errorMs };
  }

  #noticeSkew(apart: Apart): void {
    const { memory, onAlarm, onSettled } = this.#parts;
    const { aheadMs } = apart;
    const { state, partnerAheadMs = Number.POSITIVE_INFINITY } = memory.file;
    const both = state === 'normal' && this.#more.session().partner?.state === 'normal';
    if (both && Math.abs(aheadMs - partnerAheadMs) > CLOCK_SET_MS / 2 + apart.errorMs) {
      memory.note({ partnerAheadMs: aheadMs });
    }
    const skewSec = skewSecOf(apart);
    if (skewSec === this.#measuredSec) return;
    const before = this.#measuredSec;
    this.#measuredSec = skewSec;
    if (Math.abs(skewSec) > SKEW_ALARM_SEC && Math.abs(before) <= SKEW_ALARM_SEC) {
      onAlarm({ kind: 'skew', seconds: skewSec });
    }
    onSettled(undefined);
  }

  // --- what operators say ---

  /** The partner is down. @throws CommandError where that can not be believed, StoreError */
  partnerIsDown(): void {
    this.#mustBeSilent();
    if (this.#parts.memory.file.state === 'recovering') {
      const text =
        'this server does not have all leases and waits to fetch them from its partner: start that one. If it will ' +
        'never come back say "without-its-leases": true';
      throw new CommandError('command-conflict', text);
    }
    this.#step({ kind: 'partner-down' }, 'an operator said that the partner is down');
  }

  /**
   * The partner will never come back, and leases that nobody here knows of may run for `waitSec` seconds: so long only
   * clients that renew are answered. @throws CommandError where that can not be believed, StoreError
   */
  giveUpPartner(waitSec: number): void {
    this.#mustBeSilent();
    const { state, blindUntilSec } = this.#parts.memory.file;
    if (state !== 'recovering' && state !== 'starting') {
      const text = `in state ${state} this server has what it serves with: say ha-partner-down without "without-its-leases"`;
      throw new CommandError('command-conflict', text);
    }
    // Said a second time, after a restart: the wait goes on, it does not begin anew.
    const until = blindUntilSec > 0 ? blindUntilSec : this.nowSec() + waitSec + SKEW_MARGIN_SEC;
    const reason = 'an operator gave the partner up: leases that it alone knew are forgotten';
    this.#step({ kind: 'give-up' }, reason, { blindUntilSec: until });
  }

  #mustBeSilent(): void {
    const { clock, settings } = this.#parts;
    const heardMs = this.#more.session().heardAtMs;
    const heard = heardMs !== undefined && clock.monotonic() - heardMs < settings.interruptAfterMs;
    if (this.connected || heard) throw new CommandError('command-conflict', 'the partner answers: it is not down');
  }

  /** This server may serve although it has not heard from its partner since it started. */
  continueAlone(): void {
    this.#step({ kind: 'continue' }, 'an operator said to go on without the partner');
  }

  #step(event: PairEvent, reason: string, more: Partial<PairFile> = {}): void {
    const { memory, onAlarm, onSettled, logger } = this.#parts;
    const from = memory.file.state;
    const to = nextPairState(from, event);
    if (to === from) return;
    const change: { -readonly [K in keyof PairFile]?: PairFile[K] } = { state: to, downSinceSec: 0, cleanDown: false };
    // What the partner knew is here now.
    if (to === 'normal') change.blindUntilSec = 0;
    if (to === 'partner-down') {
      const cleanDown = event.kind === 'goodbye';
      const { epoch = 0, fence = 0 } = this.#more.session().partner ?? {};
      const unheard = event.kind === 'give-up' ? GIVEN_UP_EPOCHS : 0;
      memory.raiseEpoch(Math.max(epoch, memory.file.epoch) + unheard, {
        ...change,
        ...more,
        saidGoodbye: false,
        downSinceSec: this.nowSec(),
        cleanDown,
        fence: Math.max(memory.file.fence, fence) + 1,
      });
    } else memory.note(to === 'recovering' ? change : { ...change, saidGoodbye: false });
    logger.log('WARN', 'LESSOR_PAIR_STATE', `${from} -> ${to}: ${reason}`, { from, to, reason });
    onAlarm({ kind: 'state', from, to, reason });
    onSettled(undefined);
  }
}
