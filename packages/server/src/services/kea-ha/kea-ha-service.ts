/**
 * One server of a pair whose partner is a Kea: heartbeats, states, lease updates before the ACK, synchronisation and
 * maintenance, as Kea's libdhcp_ha does them, so that it can not tell the difference; domain/ha has the rules as tables.
 */

import type { Exchange } from '../../domain/exchange.js';
import { type KeaTimers, sideOfRole } from '../../domain/ha/config.js';
import { formatGmt } from '../../domain/ha/gmt.js';
import type { LoneDecision } from '../../domain/ha/judge.js';
import { nextKeaState, servesSide } from '../../domain/ha/machine.js';
import { sideOfClient } from '../../domain/ha/scopes.js';
import { KEA_STATES, type KeaState } from '../../domain/ha/states.js';
import { type Lease, LeaseState } from '../../domain/lease.js';
import type { GrantRules } from '../../domain/pair/grant-rules.js';
import { inForce } from '../../domain/pair/record.js';
import type { JsonMap } from '../../domain/snapshot.js';
import type { EpochSec, Ipv4 } from '../../domain/values.js';
import type { DropReason } from '../drop-reasons.js';
import type { Cancel } from '../ports.js';
import type { AckVerdict, PendingAck, Redundancy } from '../redundancy.js';
import { BackupCopies } from './backups.js';
import { IncomingLeases } from './incoming.js';
import { PartnerView } from './partner.js';
import type { AskPeer, KeaAnswer, KeaHaParts } from './parts.js';
import { synchronise } from './synchronise.js';
import { LeaseUpdates, type UpdateOutcome } from './updates.js';

/** Kea: HA_REQUEST_TIMEOUT. */
const REQUEST_TIMEOUT_MS = 10_000;

/** See the head of this file. */
export class KeaHaService implements Redundancy {
  /** Every address may be given: with a Kea partner pools are divided by classes, by hand. */
  readonly rules: GrantRules = {
    mayGive: () => true,
    mayRenew: () => true,
    lifetimeLimitSec: (_address, _holder, wantedSec) => wantedSec,
    // A partner that is believed to be down may be up and have given the client this address a moment ago.
    mayRefuse: () => this.#state !== 'partner-down',
  };
  readonly selective = true;
  readonly partner: PartnerView;
  readonly #parts: KeaHaParts;
  readonly #updates: LeaseUpdates;
  readonly #copies: BackupCopies;
  /** Leases of the partner, which is not told of those. */
  readonly incoming: IncomingLeases;
  /** What was decided here since the partner was last told. */
  readonly #decisions = new Map<Ipv4, LoneDecision>();
  #state: KeaState = 'waiting';
  #reason = KEA_STATES.waiting.text;
  /** The state before maintenance, to which its end returns. */
  #before: KeaState = 'waiting';
  /** Scopes an operator set, until the next state. */
  #scopes: readonly string[] | undefined;
  #paused = false;
  readonly #pausedOnce = new Set<KeaState>();
  #unsent = 0;
  #syncing = false;
  #stopped = false;
  #timer: Cancel | undefined;

  constructor(parts: KeaHaParts) {
    const { clock, ledger, backups, logger, parseTime } = parts;
    this.#parts = parts;
    this.partner = new PartnerView(clock, parseTime);
    this.incoming = new IncomingLeases({
      ledger,
      nowSec: () => Math.floor(clock.now() / 1000),
      skewSec: () => this.partner.skewSec,
      partnerWasAlone: () => this.partner.wasAlone,
      decided: (address) => this.#decisions.get(address),
      offer: (address) => this.#offer(address),
      retract: (theirs) => this.#updates.changed(theirs.address, theirs, undefined),
      settled: (address) => {
        this.#updates.settled(address);
        this.#decisions.delete(address);
      },
    });
    const lease = (address: Ipv4): Lease | undefined => ledger.leases.getByAddress(address);
    this.#copies = new BackupCopies({ peers: backups, lease, clock, logger });
    this.#updates = new LeaseUpdates({
      send: async (command, args) => (await this.#ask(command, args)).result,
      lease,
      onOutcome: (outcome, changed) => this.#updated(outcome, changed),
    });
    ledger.observeDurable((address, before, after) => this.#changed(address, before, after));
  }

  // --- seen from the packet path ---

  admit(exchange: Exchange): DropReason | undefined {
    const { mode, self, partner } = this.#parts.config();
    const ownSide = sideOfRole(self.role);
    const { clientId, hwAddress } = exchange.identity;
    const side = mode === 'load-balancing' ? sideOfClient(clientId, hwAddress) : 0;
    if (side === undefined) return 'ha-partners-client';
    const { name } = side === ownSide ? self : partner;
    exchange.classes.add(`HA_${name}`);
    if (this.#serves(name, side)) return undefined;
    if (KEA_STATES[this.#state].scopes === 'none') return 'ha-not-serving';
    if (this.#interrupted) this.partner.clients.look(exchange, this.#timers.maxAckDelayMs);
    return 'ha-partners-client';
  }

  #serves(name: string, side: 0 | 1): boolean {
    if (this.#scopes !== undefined) return this.#scopes.includes(name);
    const { mode, self, kea } = this.#parts.config();
    return servesSide(this.#state, mode, sideOfRole(self.role), side, kea.autoFailover);
  }

  gate(acks: readonly PendingAck[]): readonly AckVerdict[] | Promise<readonly AckVerdict[]> {
    if (!this.#timers.sendLeaseUpdates) return acks.map(() => WHOLE);
    const waitsForBackups = this.#state === 'passive-backup' && this.#timers.waitBackupAck;
    const isStored = waitsForBackups
      ? (address: Ipv4): boolean => this.#copies.isStored(address)
      : (address: Ipv4): boolean => !KEA_STATES[this.#state].updates || this.#updates.isStored(address);
    if (acks.every(({ address }) => isStored(address))) return acks.map(() => WHOLE);
    return Promise.all(
      acks.map(async ({ address }) =>
        (waitsForBackups ? await this.#copies.stored(address) : await this.#partnerStored(address)) ? WHOLE : WITHHELD,
      ),
    );
  }

  async #partnerStored(address: Ipv4): Promise<boolean> {
    const outcome = await this.#updates.send(address);
    // The partner died while it was asked: whoever serves alone now need not ask it.
    return outcome === 'stored' || !KEA_STATES[this.#state].updates;
  }

  #changed(address: Ipv4, before: Lease | undefined, after: Lease | undefined): void {
    if (this.#stopped || this.incoming.isTaking(address) || !this.#timers.sendLeaseUpdates) return;
    this.#copies.changed(address, before, after);
    if (!this.#hasPartner) return;
    // What is not sent now is kept: it is what the partner has to be told when both are back together.
    this.#updates.changed(address, before, after);
    if (KEA_STATES[this.#state].updates) {
      // Nobody waits at the gate for what an operator or a client without ACK changes.
      void this.#updates.send(address);
      return;
    }
    const decision = loneDecision(before, after, Math.floor(this.#parts.clock.now() / 1000));
    if (decision !== undefined) this.#decisions.set(address, decision);
    // 0 is for a process that never left an update unsent.
    if (this.#state !== 'communication-recovery') this.#unsent = (this.#unsent % 0x7fff_ffff) + 1;
  }

  /** The partner is to have what is here of an address. */
  #offer(address: Ipv4): void {
    if (this.#hasPartner) this.#updates.changed(address, undefined, this.#parts.ledger.leases.getByAddress(address));
  }

  #updated(outcome: UpdateOutcome, { hwAddress, clientId }: Lease): void {
    if (outcome === 'failed') {
      this.partner.state = 'unavailable';
      this.#advance('a lease update got no answer');
      return;
    }
    this.partner.rejected(`${hwAddress}/${clientId}`, outcome === 'conflict');
    if (outcome === 'conflict') {
      this.#parts.logger.log('WARN', 'HA_LEASE_UPDATE_CONFLICT', 'the partner refused a lease update');
    }
  }

  // --- states ---

  /** Begins to talk to the partner. */
  start(): void {
    this.#advance('the server started');
    if (this.#hasPartner) this.#timer = this.#parts.clock.after(0, () => void this.#tick());
  }

  /** Falls silent: Kea has no goodbye, its partner notices by itself or was told by maintenance. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.();
    if (KEA_STATES[this.#state].updates) await this.#updates.sendAll();
    await this.#copies.stop();
  }

  /** There is another active server: neither the primary of passive-backup nor a backup has one. */
  get #hasPartner(): boolean {
    const { mode, self } = this.#parts.config();
    return mode !== 'passive-backup' && self.role !== 'backup';
  }

  /** What status-get and people are told. */
  get status() {
    const { partner } = this;
    return {
      state: this.#state,
      reason: this.#reason,
      hasPartner: this.#hasPartner,
      partner: partner.state,
      partnerScopes: partner.scopes,
      inTouch: partner.inTouch,
      ageSec: Math.floor(partner.silentMs / 1000),
      interrupted: this.#interrupted,
      connecting: partner.clients.connecting,
      unanswered: partner.clients.unanswered,
      analyzed: partner.clients.analyzed,
      skewSec: partner.skewSec,
      unsent: this.#unsent,
    };
  }

  /** An operator says that the partner is down. */
  partnerIsDown(): void {
    this.#go('partner-down', 'an operator said that the partner is down');
  }

  /** `ha-reset`: begins anew. False if that is where it is. */
  reset(): boolean {
    if (this.#state === 'waiting') return false;
    this.#go('waiting', 'ha-reset');
    return true;
  }

  /** `ha-continue`: false if the state machine is not paused. */
  continue(): boolean {
    const was = this.#paused;
    this.#paused = false;
    return was;
  }

  /** `ha-scopes`: serves the clients of these servers until the next state. */
  serveScopes(scopes: readonly string[]): void {
    this.#scopes = scopes;
  }

  /** `ha-maintenance-notify` of the partner or `-start` here: the state to come back to is kept. */
  enterMaintenance(to: 'in-maintenance' | 'partner-in-maintenance', reason: string): void {
    this.#before = this.#state;
    this.#go(to, reason);
  }

  /** Back to where maintenance began. */
  leaveMaintenance(reason: string): void {
    const to = this.#before;
    this.#go(to === 'in-maintenance' || to === 'partner-in-maintenance' ? 'waiting' : to, reason);
  }

  get #timers(): KeaTimers {
    return this.#parts.config().kea;
  }

  get #interrupted(): boolean {
    const { safe } = this.#parts.config();
    const { maxResponseDelayMs } = this.#timers;
    // Who serves without looking at clients need not let them wait for a passive partner that died.
    const limit = this.#asksNoClients ? Math.min(maxResponseDelayMs, safe.interruptAfterMs) : maxResponseDelayMs;
    return this.#hasPartner && this.partner.silentMs > limit;
  }

  get #asksNoClients(): boolean {
    return this.#state === 'hot-standby' && this.#parts.config().self.role === 'primary';
  }

  get #dead(): boolean {
    if (!this.#interrupted) return false;
    if (this.#asksNoClients || KEA_STATES[this.#state].scopes === 'none') return true;
    const { maxUnackedClients } = this.#timers;
    return maxUnackedClients === 0 || this.partner.clients.unanswered > maxUnackedClients;
  }

  async #tick(): Promise<void> {
    if (this.#stopped) return;
    if (!this.#syncing && this.#state !== 'terminated') await this.heartbeat();
    if (this.#state === 'syncing' && this.partner.state !== 'unavailable') {
      const failed = await this.fetch(this.#parts.ask, this.#timers.syncTimeoutMs);
      if (failed === undefined) this.#go('ready', 'the leases of the partner are here');
    }
    if (this.#stopped) return;
    const { safe } = this.#parts.config();
    const delayMs = Math.min(this.#timers.heartbeatDelayMs, Math.ceil(safe.interruptAfterMs / 2));
    this.#timer = this.#parts.clock.after(Math.max(50, delayMs), () => void this.#tick());
  }

  /** Asks the partner how it is, and follows; resolves with whether it answered. */
  async heartbeat(): Promise<boolean> {
    const { self } = this.#parts.config();
    try {
      const { result, arguments: args } = await this.#ask('ha-heartbeat', { 'server-name': self.name });
      this.partner.heard(result, args);
      if (this.#state === 'communication-recovery') await this.#recover();
      if (this.#isToCompare && !(await this.#compare())) return true;
      this.#advance('the partner answers');
      if (KEA_STATES[this.#state].updates) await this.#updates.sendAll();
      return true;
    } catch (error) {
      this.partner.state = 'unavailable';
      this.#advance(`the partner does not answer: ${(error as Error).message}`);
      return false;
    }
  }

  /** What was kept for the partner is sent before both go on; if that can not be done both begin anew. */
  async #recover(): Promise<void> {
    if (this.partner.state !== 'load-balancing' && this.partner.state !== 'communication-recovery') return;
    if (!this.#tooManyKept && (await this.#updates.sendAll())) return;
    const { self } = this.#parts.config();
    await this.#ask('ha-reset', { 'server-name': self.name });
    this.#go('waiting', 'too much changed while the partner was away');
  }

  /**
   * The partner is back, has fetched what is here, and waits for us to serve with it. What it gave while it could not
   * tell us it still has, beside what we gave: Kea never looks, and would serve by it.
   */
  get #isToCompare(): boolean {
    return this.#state === 'partner-down' && this.partner.state === 'ready' && !this.partner.hasUnsent;
  }

  async #compare(): Promise<boolean> {
    if (this.#syncing) return false;
    if (!this.#timers.syncLeases) return true;
    const failed = await this.fetch(this.#parts.ask, this.#timers.syncTimeoutMs);
    // Told while it does not serve: later it would be written over what the partner renewed meanwhile.
    return failed === undefined && (await this.#updates.sendAll());
  }

  get #tooManyKept(): boolean {
    return this.#state === 'communication-recovery' && this.#updates.size > this.#timers.delayedUpdatesLimit;
  }

  /** Fetches all leases of a server; resolves with what went wrong, undefined if nothing. */
  async fetch(ask: AskPeer, timeoutMs: number): Promise<Error | undefined> {
    const { ledger, clock, logger, config } = this.#parts;
    this.#syncing = true;
    // Only what is newer here than there is still to be told, and what changes from now on.
    const forgetOpen = this.#updates.mark();
    try {
      const { received, taken, over, ours } = await synchronise({
        ledger,
        ask: (command, args) => ask(command, args, timeoutMs),
        incoming: this.incoming,
        tell: (conflicts, ended) => this.#settle(conflicts, ended),
        pageLimit: this.#timers.syncPageLimit,
        maxPeriodSec: Math.max(1, Math.floor(timeoutMs / 1000)),
        selfName: config().self.name,
        nowSec: () => Math.floor(clock.now() / 1000),
        onUnreadable: (error) => logger.log('WARN', 'HA_LEASE_SYNC_STALE_LEASE', error.message),
      });
      const text = `${received} leases received, ${taken} taken, ${ours.length} newer here, ${over} over`;
      logger.log('INFO', 'HA_SYNC_SUCCESSFUL', text);
      this.partner.poke();
      forgetOpen();
      for (const { address } of ours) this.#offer(address);
      return undefined;
    } catch (error) {
      logger.log('WARN', 'HA_SYNC_FAILED', (error as Error).message);
      return error as Error;
    } finally {
      this.#syncing = false;
    }
  }

  /** Tells the partner, while it is held off, what it would serve clients wrongly by. @throws Error */
  async #settle(conflicts: readonly Ipv4[], over: readonly Lease[]): Promise<void> {
    if (!this.#hasPartner) return;
    for (const address of conflicts) this.#offer(address);
    for (const lease of over) this.#updates.changed(lease.address, lease, undefined);
    for (const address of [...conflicts, ...over.map((lease) => lease.address)]) {
      if ((await this.#updates.send(address)) !== 'stored') throw new Error('the partner does not take a lease update');
    }
  }

  /** The partner begins to read all leases: it need not be told of what changed before. */
  partnerFetches(): void {
    this.#updates.forget();
  }

  #advance(reason: string): void {
    if (this.#paused) return;
    const { mode, self, kea } = this.#parts.config();
    const { maxRejectedLeaseUpdates: most } = kea;
    const to = nextKeaState(this.#state, this.partner.state, {
      mode,
      primary: self.role === 'primary',
      backup: self.role === 'backup',
      dead: this.#dead,
      incompatible: this.partner.tooFarInTime || (most > 0 && this.partner.rejectedCount >= most),
      syncLeases: kea.syncLeases,
      partnerHasUnsent: this.partner.hasUnsent,
      keepsUpdates: mode === 'load-balancing' && kea.delayedUpdatesLimit > 0,
      tooManyKept: this.#tooManyKept,
    });
    this.#go(to, reason);
  }

  #go(to: KeaState, reason: string): void {
    const from = this.#state;
    if (to === from) return;
    this.#state = to;
    this.#scopes = undefined;
    this.#reason = `${KEA_STATES[to].text} (${reason})`;
    if (to === 'terminated') this.#updates.forget();
    // Another time alone begins: what was decided in the last one has been told.
    if (to === 'partner-down' && KEA_STATES[from].updates) this.#decisions.clear();
    if (!KEA_STATES[to].updates) this.partner.forgetRejected();
    const pause = this.#timers.pauses[to];
    this.#paused = pause === 'always' || (pause === 'once' && !this.#pausedOnce.has(to));
    this.#pausedOnce.add(to);
    this.#parts.logger.log('INFO', 'HA_STATE_TRANSITION', `${from} -> ${to}: ${reason}`, { from, to, reason });
    this.#parts.onState(from, to, reason);
  }

  // --- talking ---

  /** Name of this server. */
  get ownName(): string {
    return this.#parts.config().self.name;
  }

  /** Sends the partner a command. */
  tell(command: string, args: JsonMap): Promise<KeaAnswer> {
    return this.#ask(command, args);
  }

  #ask(command: string, args: JsonMap): Promise<KeaAnswer> {
    const { safe } = this.#parts.config();
    return this.#parts.ask(command, args, Math.min(REQUEST_TIMEOUT_MS, Math.max(1000, safe.interruptAfterMs)));
  }

  /** Members of the answer to `ha-heartbeat`. */
  heartbeatAnswer(): JsonMap {
    return {
      state: this.#state,
      'date-time': formatGmt(this.#parts.clock.now()),
      scopes: this.scopes,
      'unsent-update-count': this.#unsent,
    };
  }

  /** Names of the servers whose clients are served here. */
  get scopes(): string[] {
    const { mode, self, partner } = this.#parts.config();
    return [self, partner]
      .filter(({ role }) => mode === 'load-balancing' || this.#scopes !== undefined || role === 'primary')
      .filter(({ name, role }) => this.#serves(name, sideOfRole(role)))
      .sort((a, b) => sideOfRole(a.role) - sideOfRole(b.role))
      .map(({ name }) => name);
  }
}

/** What a change here decides; that a lease ran out nobody decided, each server sees it by itself. */
function loneDecision(before: Lease | undefined, after: Lease | undefined, nowSec: EpochSec): LoneDecision | undefined {
  const lease = after ?? before;
  if (lease === undefined || lease.state === LeaseState.expiredReclaimed) return undefined;
  if (after === undefined && !inForce(before, nowSec)) return undefined;
  return { atSec: nowSec, lease, gaveUp: after === undefined || after.state === LeaseState.released };
}

const WHOLE: AckVerdict = { kind: 'whole' };
const WITHHELD: AckVerdict = { kind: 'withheld' };
