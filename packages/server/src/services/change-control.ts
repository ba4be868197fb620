/**
 * Replacing the configuration safely: every replacement is kept in the history, can be rolled back to, and can be made
 * to undo itself unless somebody confirms in time that the server can still be reached. Stands in front of
 * {@link ConfigService}; one change at a time, and none beside one that waits for its confirmation.
 */

import type { LoadedConfig } from '../config/load.js';
import type { ConfigSnapshot, Json } from '../domain/snapshot.js';
import type { EpochMs } from '../domain/values.js';
import { CommandError } from '../errors.js';
import type { AuditPort } from './audit.js';
import type { ConfigHistory, HistoryEntry, PendingChange } from './config-history.js';
import type { ChangeOrigin, Checkpoint, ConfigService, ConfigServiceApi } from './config-service.js';
import type { ConfigEdit, EditOutcome } from './edit-batch.js';
import type { EventBus } from './events.js';
import { inSlices } from './in-slices.js';
import { planChanges, summarizeChanges } from './plan-changes.js';
import type { Cancel, Clock, Logger } from './ports.js';

/** What commands use beside {@link ConfigServiceApi}. */
export interface ChangeControlApi {
  /** Configurations that were in force, newest first. */
  readonly entries: readonly HistoryEntry[];
  /** The change that waits for its confirmation. */
  readonly pending: PendingChange | undefined;
  /** Ends the wait: the change stays. @throws CommandError if none waits (result 3) */
  confirm(): Promise<void>;
  /**
   * Returns to an entry of the history, or without `id` to what was before the change that waits.
   * @throws CommandError, or as ConfigServiceApi.set
   */
  rollback(id: number | undefined, origin: ChangeOrigin): Promise<LoadedConfig | undefined>;
  /** What {@link rollback} would apply. @throws CommandError (result 3), ConfigError */
  testRollback(id: number): Promise<LoadedConfig>;
  /** What config-reload would apply. @throws ConfigError */
  testReload(): Promise<LoadedConfig>;
}

/** What the change control works with. */
export interface ChangeControlDeps {
  readonly config: ConfigService;
  readonly history: ConfigHistory;
  readonly clock: Pick<Clock, 'now' | 'after' | 'monotonic' | 'soon'>;
  readonly audit: AuditPort;
  readonly logger: Logger;
  readonly events: Pick<EventBus, 'publish'>;
}

/** A change that could not be undone is tried again after this time. */
const RETRY_MS = 5000;
const UNKNOWN: ChangeOrigin = { who: 'server', command: 'config-set' };

/** A change that waits, and what undoes it. */
interface Waiting {
  readonly pending: PendingChange;
  readonly before: Checkpoint;
  cancel: Cancel;
}

/** See the head of this file. */
export class ChangeControl implements ConfigServiceApi, ChangeControlApi {
  private waiting: Waiting | undefined;
  /** What is in force, if the history has it. */
  private recorded: { readonly snapshot: ConfigSnapshot; readonly id: number } | undefined;
  private last: Promise<unknown> = Promise.resolve();
  /** Edits that are under way. */
  private readonly edits = new Set<Promise<unknown>>();

  constructor(private readonly deps: ChangeControlDeps) {}

  get current(): ConfigSnapshot {
    return this.deps.config.current;
  }

  hashOf(snapshot: Pick<ConfigSnapshot, 'tree'>): Promise<string> {
    return this.deps.config.hashOf(snapshot);
  }

  get reloads(): number {
    return this.deps.config.reloads;
  }

  get lastReloadAt(): EpochMs {
    return this.deps.config.lastReloadAt;
  }

  get entries(): readonly HistoryEntry[] {
    return this.deps.history.entries;
  }

  get pending(): PendingChange | undefined {
    return this.waiting?.pending;
  }

  test(value: Json): Promise<LoadedConfig> {
    return this.deps.config.test(value);
  }

  testReload(): Promise<LoadedConfig> {
    return this.deps.config.testReload();
  }

  async testRollback(id: number): Promise<LoadedConfig> {
    return this.deps.config.test(await this.deps.history.source(id));
  }

  set(value: Json, origin: ChangeOrigin = UNKNOWN): Promise<LoadedConfig> {
    const { config } = this.deps;
    return this.inTurn(() =>
      this.replace(
        origin,
        () => config.test(value),
        () => config.set(value),
      ),
    );
  }

  reload(origin: ChangeOrigin = { ...UNKNOWN, command: 'config-reload' }): Promise<LoadedConfig> {
    const { config } = this.deps;
    return this.inTurn(() =>
      this.replace(
        origin,
        () => config.testReload(),
        () => config.reload(),
      ),
    );
  }

  rollback(id: number | undefined, origin: ChangeOrigin): Promise<LoadedConfig | undefined> {
    const { config, history } = this.deps;
    return this.inTurn(async () => {
      if (id === undefined) {
        if (this.waiting === undefined) throw noneWaits('say which "id" of config-history to return to');
        await this.revert(this.waiting, origin.who);
        return undefined;
      }
      const value = await history.source(id);
      return this.replace(
        origin,
        () => config.test(value),
        () => config.set(value),
      );
    });
  }

  edit(edit: ConfigEdit): Promise<EditOutcome> {
    const turn = this.last.then(async () => {
      this.refuseWhileWaiting();
      const outcome = await this.deps.config.edit(edit);
      this.deps.events.publish('config-edited', {});
      return outcome;
    });
    // Edits do not wait for each other: they share one flush. Whatever replaces the configuration waits for them all.
    const over: Promise<unknown> = turn.catch(() => undefined).then(() => this.edits.delete(over));
    this.edits.add(over);
    return turn;
  }

  write(filename?: string): Promise<{ readonly filename: string; readonly size: number }> {
    return this.inTurn(async () => {
      this.refuseWhileWaiting();
      return this.deps.config.write(filename);
    });
  }

  confirm(): Promise<void> {
    return this.inTurn(async () => {
      const { waiting } = this;
      if (waiting === undefined) throw noneWaits('no change waits for a confirmation');
      const { history } = this.deps;
      const { hash, command, who } = waiting.pending;
      await history.settle(takesFile(command) ? undefined : history.rejected);
      waiting.cancel();
      this.waiting = undefined;
      this.deps.events.publish('config-confirmed', { hash, command, who });
    });
  }

  /** No timer any more. A change that waits is undone by the next start. */
  close(): void {
    this.waiting?.cancel();
  }

  private async replace(
    origin: ChangeOrigin,
    load: () => Promise<LoadedConfig>,
    apply: () => Promise<LoadedConfig>,
  ): Promise<LoadedConfig> {
    this.refuseWhileWaiting();
    const { config, history, events } = this.deps;
    const { who, command } = origin;
    // A way back leads to a file that is complete.
    await config.flush();
    const before = config.checkpoint();
    const pending = await this.prepare(origin, load);
    let loaded: LoadedConfig;
    try {
      loaded = await apply();
    } catch (error) {
      if (pending !== undefined) await history.settle(history.rejected);
      throw error;
    }
    if (pending === undefined && takesFile(command) && history.rejected !== undefined) {
      await history.settle(undefined).catch((error: unknown) => this.notKept(error));
    }
    const hash = await this.hashOf(loaded.snapshot);
    const summary = summarizeChanges(await inSlices(planChanges(before.snapshot, loaded.snapshot), this.deps.clock));
    await this.record({ who, command, summary });
    if (pending !== undefined) this.wait({ pending, before, cancel: () => undefined });
    events.publish('config-changed', { hash, command, who, summary, ...deadlineOf(pending) });
    return loaded;
  }

  /** What is in force goes into the history; with confirm-within that, and that a change waits, must be durable. */
  private async prepare(
    { who, command, confirmWithinSec }: ChangeOrigin,
    load: () => Promise<LoadedConfig>,
  ): Promise<PendingChange | undefined> {
    const { history, clock } = this.deps;
    const returnTo = await this.recordCurrent();
    if (confirmWithinSec === undefined) return undefined;
    if (returnTo === undefined) {
      throw new CommandError('command-failed', 'what is in force can not be kept for the way back: see the log');
    }
    const since = clock.now();
    const hash = await this.hashOf((await load()).snapshot);
    const pending = { returnTo, hash, command, who, since, deadline: since + confirmWithinSec * 1000 };
    await history.wait(pending);
    return pending;
  }

  private wait(waiting: Waiting): void {
    this.waiting = waiting;
    const { deadline, command, who } = waiting.pending;
    const { clock, logger } = this.deps;
    const leftMs = Math.max(0, deadline - clock.now());
    waiting.cancel = clock.after(leftMs, () => void this.inTurn(() => this.expire(waiting)));
    logger.log(
      'INFO',
      'LESSOR_CONFIG_PENDING',
      `${command} by ${who} is undone in ${leftMs / 1000} s unless confirmed`,
    );
  }

  private async expire(waiting: Waiting): Promise<void> {
    if (this.waiting !== waiting) return;
    try {
      await this.revert(waiting, 'confirm-within');
    } catch (error) {
      const { clock, logger } = this.deps;
      logger.log('ERROR', 'LESSOR_CONFIG_REVERT_FAILED', `trying again: ${(error as Error).message}`);
      waiting.cancel = clock.after(RETRY_MS, () => void this.inTurn(() => this.expire(waiting)));
    }
  }

  /** Back to what was before: a reconfiguration like any other, in the log, the audit and the history. */
  private async revert({ pending, before, cancel }: Waiting, who: string): Promise<void> {
    const { config, history, audit, logger, clock, events } = this.deps;
    const started = clock.now();
    await config.restore(before);
    cancel();
    this.waiting = undefined;
    const { hash, command, returnTo } = pending;
    await history
      .settle(takesFile(command) ? { hash, useInstead: returnTo } : history.rejected)
      .catch((error: unknown) => this.notKept(error));
    await this.record({ who, command: 'config-revert', summary: `back to configuration ${returnTo}` });
    const text = `${command} by ${pending.who} was not confirmed: the configuration before it is in force again`;
    logger.log('WARN', 'LESSOR_CONFIG_REVERTED', text);
    const digest = { argumentsDigest: '', result: 0, durationMs: clock.now() - started };
    audit.record({ at: started, who, method: 'internal', listener: 'internal', command: 'config-revert', ...digest });
    events.publish('config-reverted', { hash: await config.hashOf(config.current), command, who: pending.who });
  }

  /** Id of the entry of what is in force, which is made if there is none; undefined if it can not be kept. */
  private async recordCurrent(): Promise<number | undefined> {
    const { snapshot } = this.deps.config.checkpoint();
    if (this.recorded?.snapshot === snapshot) return this.recorded.id;
    const edited = this.recorded !== undefined;
    const newest = this.entries[0];
    if (!edited && newest?.hash === (await this.hashOf(snapshot))) {
      this.recorded = { snapshot, id: newest.id };
      return newest.id;
    }
    const summary = edited ? 'the same with changes by command' : 'in force since the start';
    return this.record({ who: 'server', command: edited ? 'edit' : 'start', summary });
  }

  private async record(entry: Pick<HistoryEntry, 'who' | 'command' | 'summary'>): Promise<number | undefined> {
    const { config, history, clock } = this.deps;
    const { snapshot, source } = config.checkpoint();
    try {
      const hash = await this.hashOf(snapshot);
      const { id } = await history.add({ at: clock.now(), hash, ...entry }, source);
      this.recorded = { snapshot, id };
      return id;
    } catch (error) {
      this.notKept(error);
      return undefined;
    }
  }

  private notKept(error: unknown): void {
    this.deps.logger.log('WARN', 'LESSOR_CONFIG_HISTORY_FAILED', `not kept: ${(error as Error).message}`);
  }

  private refuseWhileWaiting(): void {
    if (this.waiting === undefined) return;
    const { command, who } = this.waiting.pending;
    const message = `${command} by ${who} waits for its confirmation: use config-confirm or config-rollback first`;
    throw new CommandError('command-conflict', message, 4);
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = Promise.all([this.last, ...this.edits]).then(work);
    this.last = turn.catch(() => undefined);
    return turn;
  }
}

/** What of the commands puts the configuration file in force. */
function takesFile(command: string): boolean {
  return command === 'config-reload' || command === 'SIGHUP';
}

function deadlineOf(pending: PendingChange | undefined): { readonly 'confirm-by'?: EpochMs } {
  return pending === undefined ? {} : { 'confirm-by': pending.deadline };
}

function noneWaits(message: string): CommandError {
  return new CommandError('command-conflict', message, 3);
}
