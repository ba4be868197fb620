/**
 * Whether the control listeners stand apart from the networks of clients: judged before a configuration comes in force,
 * at every change of the machine's network (check S8), every ten minutes and on demand. Who becomes shared under the
 * policy `enforce` stops administering until it is dedicated again; a configuration in which one is shared is refused.
 */

import type { ListenerPolicy } from '../domain/access/policy.js';
import { deviceOf, type LeakProbe, type MachineFacts } from '../domain/isolation/facts.js';
import {
  type Judgement,
  judge,
  needsVerdict,
  objections,
  stopsAdministration,
  type Verdict,
} from '../domain/isolation/verdict.js';
import type { ConfigSnapshot } from '../domain/snapshot.js';
import type { EpochMs } from '../domain/values.js';
import { LessorError } from '../errors.js';
import type { AuditPort } from './audit.js';
import type { PreparedSwap, SwapParticipant } from './config-service.js';
import type { EventBus } from './events.js';
import { gatherFacts, managementLinks } from './isolation-facts.js';
import type { Cancel, Clock, Logger, MachineNetwork, Random } from './ports.js';
import { StrayReplies } from './stray-replies.js';

/** Between leak probes, and by how much that varies: two servers need not probe together. */
const PROBE_EVERY_MS = 600_000;
const PROBE_JITTER_MS = 60_000;
/** How long a probe listens; a frame needs well below a millisecond through a switch. */
const PROBE_LISTEN_MS = 1000;
/** The same while somebody waits for a start or a change of configuration. */
const FIRST_PROBE_LISTEN_MS = 400;
/** A network that changes all the time is probed and judged no more often than this. */
const PROBE_AT_MOST_EVERY_MS = 5000;
const JUDGE_AT_MOST_EVERY_MS = 200;

/** What it works with. */
export interface IsolationParts {
  readonly network: MachineNetwork;
  readonly clock: Clock;
  readonly random: Pick<Random, 'below'>;
  readonly logger: Logger;
  readonly audit: AuditPort;
  readonly events: Pick<EventBus, 'publish'>;
}

/** What is known of one listener. */
export interface ListenerState {
  readonly listener: ListenerPolicy;
  readonly judgement: Judgement;
  /** When the verdict became what it is. */
  readonly since: EpochMs;
  /** Commands that change something are refused. */
  readonly stopped: boolean;
}

/** What of a configuration is judged. */
export interface JudgedConfig {
  readonly listeners: readonly ListenerPolicy[];
  readonly interfaces: Pick<ConfigSnapshot['interfaces'], 'selectors'>;
}

/** See the head of this file. */
export class IsolationMonitor implements SwapParticipant {
  readonly name = 'isolation';
  readonly testable = true;
  #config: JudgedConfig = { listeners: [], interfaces: { selectors: [] } };
  #states: ReadonlyMap<string, ListenerState> = new Map();
  #probe: { readonly result: LeakProbe; readonly covers: string } | undefined;
  readonly #replies: StrayReplies;
  readonly #cancels: Cancel[] = [];
  #timer: Cancel | undefined;
  #pending: Cancel | undefined;
  #judgedAt = Number.NEGATIVE_INFINITY;
  #probedAt = Number.NEGATIVE_INFINITY;
  #probing: Promise<void> | undefined;
  #lateProbe: Cancel | undefined;
  #closed = false;

  constructor(private readonly parts: IsolationParts) {
    this.#replies = new StrayReplies(parts, () => this.#soon());
  }

  /**
   * Judges a configuration before it is in force.
   * @throws LessorError `listener-shared` if a listener that is to stand apart does not
   */
  async prepare(next: JudgedConfig): Promise<PreparedSwap> {
    if (!next.listeners.some(needsVerdict)) {
      return { commit: () => this.#use(next), abandon: () => undefined };
    }
    await this.#probeFor(next, FIRST_PROBE_LISTEN_MS);
    const refused = this.#judgeAll(next).filter(({ stopped }) => stopped);
    // What has become shared while it ran is no reason to refuse the change that might mend it.
    const fresh = refused.filter(({ listener }) => !this.#states.get(listener.name)?.stopped);
    if (fresh.length > 0) throw new LessorError('listener-shared', fresh.map(refusalText).join('\n'));
    return { commit: () => this.#use(next), abandon: () => undefined };
  }

  /** Begins to follow changes of the machine's network. Without a way to do so it says that, once. */
  start(): void {
    try {
      this.#cancels.push(this.parts.network.watch(() => this.#soon()));
    } catch (error) {
      if (!this.#config.listeners.some(needsVerdict)) return;
      const text = `changes of the network are not noticed: ${(error as Error).message}`;
      this.parts.logger.log('WARN', 'LESSOR_ISOLATION_UNWATCHED', text);
    }
  }

  /** Runs all checks now, the probe too. */
  async check(): Promise<readonly ListenerState[]> {
    if (this.parts.clock.monotonic() - this.#probedAt >= PROBE_AT_MOST_EVERY_MS) this.#probe = undefined;
    await this.#probeFor(this.#config, PROBE_LISTEN_MS);
    this.#evaluate();
    return this.states;
  }

  /** What is known now of each listener that is judged. */
  get states(): readonly ListenerState[] {
    return [...this.#states.values()];
  }

  /** Why commands that change something are refused on a listener; undefined where they are not. */
  refusalFor(listener: string): string | undefined {
    const state = this.#states.get(listener);
    if (state === undefined || !state.stopped) return undefined;
    return `${listener} is ${state.judgement.verdict} with clients, so that nothing is changed through it (isolation-check says why)`;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.();
    this.#pending?.();
    this.#lateProbe?.();
    for (const cancel of this.#cancels) cancel();
    this.#replies.close();
  }

  #use(next: JudgedConfig): void {
    this.#config = next;
    this.#evaluate();
    this.#scheduleProbe();
  }

  #scheduleProbe(): void {
    this.#timer?.();
    this.#timer = undefined;
    if (this.#closed || devicesToProbe(this.#config.listeners).length === 0) return;
    const delay = PROBE_EVERY_MS - PROBE_JITTER_MS + this.parts.random.below(2 * PROBE_JITTER_MS);
    this.#timer = this.parts.clock.after(delay, () => void this.#probeAgain().then(() => this.#scheduleProbe()));
  }

  /** Something changed: judged at once unless that was done a moment ago, and probed when that is due. */
  #soon(): void {
    if (this.#closed || this.#pending !== undefined || !this.#config.listeners.some(needsVerdict)) return;
    const wait = this.#judgedAt + JUDGE_AT_MOST_EVERY_MS - this.parts.clock.monotonic();
    const run = (): void => {
      this.#pending = undefined;
      this.#evaluate();
      void this.#probeAgain();
    };
    if (wait <= 0) run();
    else this.#pending = this.parts.clock.after(wait, run);
  }

  async #probeAgain(): Promise<void> {
    const { clock } = this.parts;
    if (this.#probing !== undefined || this.#closed) return;
    const wait = this.#probedAt + PROBE_AT_MOST_EVERY_MS - clock.monotonic();
    if (wait > 0) {
      this.#lateProbe?.();
      this.#lateProbe = clock.after(wait, () => void this.#probeAgain());
      return;
    }
    this.#probe = undefined;
    await this.#probeFor(this.#config, PROBE_LISTEN_MS);
    if (!this.#closed) this.#evaluate();
  }

  /** Probes unless the same devices have been probed. */
  async #probeFor(config: JudgedConfig, listenMs: number): Promise<void> {
    await this.#probing;
    const { network, clock } = this.parts;
    const { links, clientDevices } = gatherFacts([], config.interfaces, network);
    if ('unreadable' in links) return;
    const devices = devicesToProbe(config.listeners);
    const management = links.filter(({ name }) => devices.includes(name) && !clientDevices.includes(name));
    const clients = links.filter(({ name }) => clientDevices.includes(name));
    const covers = JSON.stringify(
      [management, clients].map((list) => list.map(({ index, running }) => [index, running])),
    );
    if (this.#probe?.covers === covers || management.length === 0 || clients.length === 0) return;
    this.#probedAt = clock.monotonic();
    this.#probing = network.probeLeaks(management, clients, listenMs).then((result) => {
      this.#probe = { result, covers };
      this.#probing = undefined;
    });
    await this.#probing;
  }

  #judgeAll(config: JudgedConfig): ListenerState[] {
    const { network, clock } = this.parts;
    const judged = config.listeners.filter(needsVerdict);
    const gathered = gatherFacts(judged, config.interfaces, network);
    const facts: MachineFacts = {
      ...gathered,
      ...(this.#probe === undefined ? {} : { leakProbe: this.#probe.result }),
      strayReplies: this.#replies.seen(),
    };
    return judged.map((listener) => {
      const judgement = judge(listener, facts);
      const before = this.#states.get(listener.name);
      return {
        listener,
        judgement,
        since: before?.judgement.verdict === judgement.verdict ? before.since : clock.now(),
        stopped: stopsAdministration(listener.isolation, judgement.verdict),
      };
    });
  }

  #evaluate(): void {
    this.#judgedAt = this.parts.clock.monotonic();
    this.#followDevices();
    const before = this.#states;
    const now = this.#judgeAll(this.#config);
    this.#states = new Map(now.map((state) => [state.listener.name, state]));
    for (const state of now) {
      const old = before.get(state.listener.name);
      if (old?.judgement.verdict !== state.judgement.verdict || old.stopped !== state.stopped)
        this.#announce(state, old);
    }
  }

  /** Listens for stray answers on the devices there are now. */
  #followDevices(): void {
    const { links, clientDevices } = gatherFacts([], this.#config.interfaces, this.parts.network);
    if ('unreadable' in links) return;
    const watched = this.#config.listeners.filter((one) => needsVerdict(one) && one.isolation !== 'off');
    const management = managementLinks(watched, links).filter(({ name }) => !clientDevices.includes(name));
    const clients = links.filter(({ name }) => clientDevices.includes(name));
    this.#replies.follow(clients.length === 0 ? [] : management, clients);
  }

  #announce(state: ListenerState, old: ListenerState | undefined): void {
    const { logger, events, audit, clock } = this.parts;
    const { listener, judgement, stopped } = state;
    const { verdict } = judgement;
    const reasons = objections(judgement);
    if (listener.isolation === 'off') return;
    const consequence = stopped ? '; nothing is changed through it until it is dedicated again' : '';
    const text = `${listener.name} is ${verdict}${consequence}${reasons.map((reason) => `\n  ${reason}`).join('')}`;
    const severity = stopped ? 'ERROR' : verdict === 'dedicated' ? 'INFO' : 'WARN';
    logger.log(severity, 'LESSOR_LISTENER_ISOLATION', text, { listener: listener.name, verdict, stopped });
    const from = old?.judgement.verdict ?? 'none';
    events.publish('listener-isolation', { listener: listener.name, from, to: verdict, stopped, reasons });
    audit.record({
      at: clock.now(),
      who: 'lessor',
      method: 'internal',
      listener: listener.name,
      command: 'isolation-check',
      argumentsDigest: '',
      object: `listener ${listener.name}`,
      before: from,
      after: verdict,
      result: verdict === 'dedicated' ? 0 : 1,
      durationMs: 0,
    });
  }
}

/** Devices whose listeners want to be probed. */
function devicesToProbe(listeners: readonly ListenerPolicy[]): readonly string[] {
  const probed = listeners.filter((listener) => needsVerdict(listener) && listener.isolation !== 'off');
  return [...new Set(probed.flatMap((listener) => deviceOf(listener) ?? []))];
}

function refusalText({ listener, judgement }: ListenerState): string {
  const { name } = listener;
  const reasons = objections(judgement).map((reason) => `\n  ${reason}`);
  return `${name} is ${judgement.verdict} with clients and "isolation" is "enforce":${reasons.join('')}`;
}

/** How bad each verdict is, for the metric. */
export const VERDICT_LEVELS: Readonly<Record<Verdict, number>> = {
  dedicated: 0,
  unknown: 1,
  'shared-wire': 2,
  shared: 3,
};
