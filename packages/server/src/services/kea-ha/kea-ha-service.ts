/**
 * One server of a pair whose partner is a Kea: heartbeats, states, lease updates before the ACK, synchronisation and
 * maintenance, as Kea's libdhcp_ha does them, so that it can not tell the difference; domain/ha has the rules as tables.
 */

import type { Exchange } from '../../domain/exchange.js';
import { type HaConfig, type KeaTimers, sideOfRole } from '../../domain/ha/config.js';
import { formatGmt } from '../../domain/ha/gmt.js';
import { nextKeaState, servesSide } from '../../domain/ha/machine.js';
import { sideOfClient } from '../../domain/ha/scopes.js';
import { KEA_STATES, type KeaState, type PartnerState, parsePartnerState } from '../../domain/ha/states.js';
import type { Lease } from '../../domain/lease.js';
import type { GrantRules } from '../../domain/pair/grant-rules.js';
import type { JsonMap } from '../../domain/snapshot.js';
import type { EpochMs, Ipv4 } from '../../domain/values.js';
import type { DropReason } from '../drop-reasons.js';
import type { Ledger } from '../ledger.js';
import type { Cancel, Clock, Logger } from '../ports.js';
import type { AckVerdict, PendingAck, Redundancy } from '../redundancy.js';
import { UnansweredClients } from './clients.js';
import { synchronise } from './synchronise.js';
import { LeaseUpdates, type UpdateOutcome } from './updates.js';

/** What a Kea partner answered. */
export interface KeaAnswer {
  readonly result: number;
  readonly arguments: JsonMap;
}

/** What a {@link KeaHaService} works with. */
export interface KeaHaParts {
  readonly config: () => HaConfig;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Sends a command to the partner; rejects without an answer. */
  readonly ask: (command: string, args: JsonMap, timeoutMs: number) => Promise<KeaAnswer>;
  /** Milliseconds since 1970 in a text as {@link formatGmt} makes it; undefined if it is none. */
  readonly parseTime: (text: string) => EpochMs | undefined;
  readonly onState: (from: KeaState, to: KeaState, reason: string) => void;
}

/** Kea: HA_REQUEST_TIMEOUT. */
const REQUEST_TIMEOUT_MS = 10_000;
/** Clocks further apart than this can not be worked with (Kea: TERM_CLOCK_SKEW). */
const MAX_SKEW_SEC = 60;
/** A refused client counts for a day (Kea: REJECTED_LEASE_UPDATE_LIFETIME). */
const REJECTED_FOR_MS = 86_400_000;

/** Every address may be given: with a Kea partner pools are divided by classes, by hand. */
const KEA_RULES: GrantRules = {
  mayGive: () => true,
  mayRenew: () => true,
  lifetimeLimitSec: (_address, _holder, wantedSec) => wantedSec,
  mayRefuse: true,
};

/** See the head of this file. */
export class KeaHaService implements Redundancy {
  readonly rules = KEA_RULES;
  readonly selective = true;
  readonly #parts: KeaHaParts;
  readonly #updates: LeaseUpdates;
  readonly #clients = new UnansweredClients();
  readonly #rejected = new Map<string, number>();
  /** Addresses whose leases come from the partner at this moment: it is not told of those. */
  readonly #taking = new Set<Ipv4>();
  #state: KeaState = 'waiting';
  #reason = KEA_STATES.waiting.text;
  #partner: PartnerState = 'unavailable';
  #partnerScopes: readonly string[] = [];
  #inTouch = false;
  #contactAtMs: number;
  #skewSec = 0;
  /** Counters of updates the partner has not sent: the last two it told in its heartbeats. */
  #theirUnsent: readonly [number, number] = [0, 0];
  #unsent = 0;
  #syncing = false;
  #stopped = false;
  #timer: Cancel | undefined;

  constructor(parts: KeaHaParts) {
    this.#parts = parts;
    this.#contactAtMs = parts.clock.monotonic();
    this.#updates = new LeaseUpdates({
      send: async (command, args) => (await this.#ask(command, args)).result,
      lease: (address) => parts.ledger.leases.getByAddress(address),
      onOutcome: (outcome, lease) => this.#updated(outcome, lease),
    });
    parts.ledger.observeDurable((address, before, after) => this.#changed(address, before, after));
  }

  // --- seen from the packet path ---

  admit(exchange: Exchange): DropReason | undefined {
    const { mode, self, partner } = this.#parts.config();
    const ownSide = sideOfRole(self.role);
    const side = mode === 'hot-standby' ? 0 : sideOfClient(exchange.identity.clientId, exchange.identity.hwAddress);
    if (side === undefined) return 'ha-partners-client';
    exchange.classes.add(`HA_${side === ownSide ? self.name : partner.name}`);
    if (servesSide(this.#state, mode, ownSide, side)) return undefined;
    if (KEA_STATES[this.#state].scopes === 'none') return 'ha-not-serving';
    if (this.#interrupted) this.#clients.look(exchange, this.#timers.maxAckDelayMs);
    return 'ha-partners-client';
  }

  gate(acks: readonly PendingAck[]): readonly AckVerdict[] | Promise<readonly AckVerdict[]> {
    if (!KEA_STATES[this.#state].updates || !this.#timers.sendLeaseUpdates) return acks.map(() => WHOLE);
    if (acks.every(({ address }) => this.#updates.isStored(address))) return acks.map(() => WHOLE);
    return Promise.all(acks.map(({ address }) => this.#verdict(address)));
  }

  async #verdict(address: Ipv4): Promise<AckVerdict> {
    const outcome = await this.#updates.send(address);
    // The partner died while it was asked: whoever serves alone now need not ask it.
    return outcome === 'stored' || !KEA_STATES[this.#state].updates ? WHOLE : WITHHELD;
  }

  #changed(address: Ipv4, before: Lease | undefined, after: Lease | undefined): void {
    if (this.#taking.has(address) || !this.#timers.sendLeaseUpdates) return;
    if (!KEA_STATES[this.#state].updates) {
      // 0 is for a process that never left an update unsent.
      this.#unsent = (this.#unsent % 0x7fff_ffff) + 1;
      return;
    }
    this.#updates.changed(address, before, after);
    // Nobody waits at the gate for what an operator or a client without ACK changes.
    void this.#updates.send(address);
  }

  #updated(outcome: UpdateOutcome, lease: Lease): void {
    const key = `${lease.hwAddress}/${lease.clientId}`;
    if (outcome === 'stored') this.#rejected.delete(key);
    else if (outcome === 'conflict') {
      this.#rejected.set(key, this.#parts.clock.monotonic() + REJECTED_FOR_MS);
      this.#parts.logger.log('WARN', 'HA_LEASE_UPDATE_CONFLICT', 'the partner refused a lease update');
    } else {
      this.#partner = 'unavailable';
      this.#advance('a lease update got no answer');
    }
  }

  // --- states ---

  /** Begins to talk to the partner. */
  start(): void {
    this.#timer = this.#parts.clock.after(0, () => void this.#tick());
  }

  /** Falls silent: Kea has no goodbye, its partner notices by itself or was told by maintenance. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.();
    await this.#updates.sendAll();
  }

  /** What status-get and people are told. */
  get status() {
    return {
      state: this.#state,
      reason: this.#reason,
      partner: this.#partner,
      partnerScopes: this.#partnerScopes,
      inTouch: this.#inTouch,
      ageSec: Math.floor((this.#parts.clock.monotonic() - this.#contactAtMs) / 1000),
      interrupted: this.#interrupted,
      connecting: this.#clients.connecting,
      unanswered: this.#clients.unanswered,
      analyzed: this.#clients.analyzed,
      skewSec: this.#skewSec,
      unsent: this.#unsent,
    };
  }

  /** An operator says that the partner is down. */
  partnerIsDown(): void {
    this.#go('partner-down', 'an operator said that the partner is down');
  }

  /** `ha-reset`: begins anew. */
  reset(): void {
    this.#go('waiting', 'ha-reset');
  }

  /** `ha-maintenance-start`: the partner is to be stopped, this server takes everything. Resolves with what came of it. */
  async maintenance(cancel: boolean): Promise<string> {
    const { self } = this.#parts.config();
    const args = { 'server-name': self.name, cancel, state: this.#state };
    const answer = await this.#ask('ha-maintenance-notify', args).catch(() => undefined);
    if (cancel) {
      this.#go('waiting', 'maintenance was cancelled');
      return 'Server maintenance is successfully canceled.';
    }
    if (answer?.result === 0) {
      this.#go('partner-in-maintenance', 'the partner is about to be stopped');
      return 'Server is now in the partner-in-maintenance state and its partner is in-maintenance state. The partner can be now safely shut down.';
    }
    this.#go('partner-down', 'the partner did not answer when it was told of maintenance');
    return 'Server is now in the partner-down state as its partner appears to be offline for maintenance.';
  }

  get #timers(): KeaTimers {
    return this.#parts.config().kea;
  }

  get #interrupted(): boolean {
    const { safe, self } = this.#parts.config();
    const silentMs = this.#parts.clock.monotonic() - this.#contactAtMs;
    const { maxResponseDelayMs } = this.#timers;
    // Who serves without looking at clients need not let them wait for a passive partner that died.
    return (
      silentMs >
      (this.#asksNoClients(self.role) ? Math.min(maxResponseDelayMs, safe.interruptAfterMs) : maxResponseDelayMs)
    );
  }

  #asksNoClients(role: HaConfig['self']['role']): boolean {
    return this.#state === 'hot-standby' && role === 'primary';
  }

  get #dead(): boolean {
    if (!this.#interrupted) return false;
    const { self } = this.#parts.config();
    if (this.#asksNoClients(self.role) || KEA_STATES[this.#state].scopes === 'none') return true;
    const { maxUnackedClients } = this.#timers;
    return maxUnackedClients === 0 || this.#clients.unanswered > maxUnackedClients;
  }

  async #tick(): Promise<void> {
    if (this.#stopped) return;
    if (!this.#syncing && this.#state !== 'terminated') await this.#heartbeat();
    if (this.#state === 'syncing' && this.#partner !== 'unavailable') await this.#synchronise();
    if (this.#stopped) return;
    const { safe } = this.#parts.config();
    const delayMs = Math.min(this.#timers.heartbeatDelayMs, Math.ceil(safe.interruptAfterMs / 2));
    this.#timer = this.#parts.clock.after(Math.max(50, delayMs), () => void this.#tick());
  }

  async #heartbeat(): Promise<void> {
    const { self } = this.#parts.config();
    try {
      const { result, arguments: args } = await this.#ask('ha-heartbeat', { 'server-name': self.name });
      const { state, 'date-time': time, scopes, 'unsent-update-count': unsent } = args;
      const partner = typeof state === 'string' ? parsePartnerState(state) : undefined;
      const at = typeof time === 'string' ? this.#parts.parseTime(time) : undefined;
      if (result !== 0 || partner === undefined || at === undefined) throw new Error('the answer is no heartbeat');
      this.#partner = partner;
      this.#partnerScopes = Array.isArray(scopes) ? scopes.filter((scope) => typeof scope === 'string') : [];
      this.#theirUnsent = [this.#theirUnsent[1], typeof unsent === 'number' ? unsent : 0];
      this.#skewSec = Math.round((at - this.#parts.clock.now()) / 1000);
      this.#inTouch = true;
      this.#contactAtMs = this.#parts.clock.monotonic();
      this.#clients.clear();
      this.#advance('the partner answers');
      if (KEA_STATES[this.#state].updates) await this.#updates.sendAll();
    } catch (error) {
      this.#partner = 'unavailable';
      this.#advance(`the partner does not answer: ${(error as Error).message}`);
    }
  }

  async #synchronise(): Promise<void> {
    const { ledger, clock, logger, config } = this.#parts;
    const { self } = config();
    this.#syncing = true;
    try {
      const { received, taken, ours } = await synchronise({
        ledger,
        ask: (command, args) => this.#parts.ask(command, args, this.#timers.syncTimeoutMs),
        store: (leases) => this.#store(leases),
        pageLimit: this.#timers.syncPageLimit,
        maxPeriodSec: Math.max(1, Math.floor(this.#timers.syncTimeoutMs / 1000)),
        selfName: self.name,
        nowSec: () => Math.floor(clock.now() / 1000),
        onUnreadable: (error) => logger.log('WARN', 'HA_LEASE_SYNC_STALE_LEASE', error.message),
      });
      logger.log(
        'INFO',
        'HA_SYNC_SUCCESSFUL',
        `${received} leases received, ${taken} taken, ${ours.length} newer here`,
      );
      this.#contactAtMs = clock.monotonic();
      for (const lease of ours) this.#updates.changed(lease.address, undefined, lease);
      this.#go('ready', 'the leases of the partner are here');
    } catch (error) {
      logger.log('WARN', 'HA_SYNC_FAILED', (error as Error).message);
    } finally {
      this.#syncing = false;
    }
  }

  #advance(reason: string): void {
    const { config } = this.#parts;
    const { mode, self } = config();
    const [before, last] = this.#theirUnsent;
    const to = nextKeaState(this.#state, this.#partner, {
      mode,
      primary: self.role === 'primary',
      dead: this.#dead,
      incompatible: Math.abs(this.#skewSec) > MAX_SKEW_SEC || this.#tooManyRejected,
      syncLeases: this.#timers.syncLeases,
      partnerHasUnsent: last > 0 && last !== before,
    });
    this.#go(to, reason);
  }

  get #tooManyRejected(): boolean {
    const { maxRejectedLeaseUpdates } = this.#timers;
    const now = this.#parts.clock.monotonic();
    for (const [key, until] of this.#rejected) if (until < now) this.#rejected.delete(key);
    return maxRejectedLeaseUpdates > 0 && this.#rejected.size >= maxRejectedLeaseUpdates;
  }

  #go(to: KeaState, reason: string): void {
    const from = this.#state;
    if (to === from) return;
    this.#state = to;
    this.#reason = `${KEA_STATES[to].text} (${reason})`;
    // From here on the partner learns by synchronising; what it refused is no longer held against it.
    if (to === 'partner-down' || to === 'waiting' || to === 'terminated') this.#updates.forget();
    if (!KEA_STATES[to].updates) this.#rejected.clear();
    this.#parts.logger.log('INFO', 'HA_STATE_TRANSITION', `${from} -> ${to}: ${reason}`, { from, to, reason });
    this.#parts.onState(from, to, reason);
  }

  // --- talking ---

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
    const own = sideOfRole(self.role);
    return [self, partner]
      .filter(({ role }) => servesSide(this.#state, mode, own, sideOfRole(role)))
      .filter(
        ({ name }) => mode === 'load-balancing' || KEA_STATES[this.#state].scopes === 'both' || name === self.name,
      )
      .map(({ name }) => name);
  }

  /** `ha-maintenance-notify` of the partner: the answer's result and text. */
  notified(cancel: boolean): { readonly result: number; readonly text: string } {
    if (cancel) {
      this.#go('waiting', 'the partner cancelled maintenance');
      return { result: 0, text: 'Server maintenance canceled.' };
    }
    if (this.#state === 'terminated' || this.#state === 'partner-in-maintenance') {
      return { result: 1001, text: `Unable to transition to in-maintenance from ${this.#state}.` };
    }
    this.#go('in-maintenance', 'the partner asked for it');
    return { result: 0, text: 'Server is in-maintenance state.' };
  }

  /** Stores leases that come from the partner. @throws StoreError */
  async #store(leases: readonly Lease[]): Promise<void> {
    await this.#takingIn(leases, (tx) => {
      for (const lease of leases) tx.put(lease);
    });
  }

  /** `lease4-update` of the partner. @throws StoreError */
  update(lease: Lease): Promise<void> {
    return this.#store([lease]);
  }

  /** `lease4-del` of the partner; resolves with whether there was one. @throws StoreError */
  async remove(address: Ipv4): Promise<boolean> {
    const there = this.#parts.ledger.leases.getByAddress(address);
    if (there === undefined) return false;
    await this.#takingIn([there], (tx) => tx.delete(address));
    return true;
  }

  async #takingIn(leases: readonly Lease[], work: Parameters<Ledger['transact']>[0]): Promise<void> {
    for (const { address } of leases) this.#taking.add(address);
    try {
      await this.#parts.ledger.transact(work);
    } finally {
      for (const { address } of leases) this.#taking.delete(address);
    }
  }
}

const WHOLE: AckVerdict = { kind: 'whole' };
const WITHHELD: AckVerdict = { kind: 'withheld' };
