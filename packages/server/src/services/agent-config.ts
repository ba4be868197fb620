/**
 * The configuration of a running Control Agent: testing, setting, reloading and writing it, each in its turn. As in a
 * server everything new is opened before the one assignment, and what is old is closed after it.
 */

import { resolve } from 'node:path';
import { formatJsonIndented } from '@lessor/kea';
import { AGENT_MAP, type AgentConfig, type LoadedAgentConfig, loadAgentConfig } from '../config/agent.js';
import type { ConfigEnvironment, ConfigSource } from '../config/load.js';
import type { Json } from '../domain/snapshot.js';
import type { EpochMs } from '../domain/values.js';
import { CommandError } from '../errors.js';
import { writablePath } from './config-path.js';
import type { PreparedSwap } from './config-service.js';
import type { Clock } from './ports.js';
import { CONFIG_FILE_MODE, type ConfigFiles } from './write-through.js';

/** Something that must open or close things when the agent's configuration changes. Throwing stops the change. */
export type AgentParticipant = (next: AgentConfig) => Promise<PreparedSwap>;

/** What the service works with. */
export interface AgentConfigDeps {
  readonly initial: AgentConfig;
  /** What reload reads again. */
  readonly source: ConfigSource;
  readonly environment: () => Omit<ConfigEnvironment, 'generation'>;
  readonly files: Pick<ConfigFiles, 'writeAtomically'>;
  readonly clock: Pick<Clock, 'now'>;
}

/** The one holder of the agent's configuration. */
export class AgentConfigService {
  private config: AgentConfig;
  private takenAt: EpochMs;
  private readonly participants: AgentParticipant[] = [];
  /** Resolves when the reconfiguration under way is over. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly deps: AgentConfigDeps) {
    this.config = deps.initial;
    this.takenAt = deps.clock.now();
  }

  /** The configuration in force. */
  get current(): AgentConfig {
    return this.config;
  }

  /** When it was taken. */
  get lastReloadAt(): EpochMs {
    return this.takenAt;
  }

  /** Adds somebody who takes part in every change from now on. */
  participate(participant: AgentParticipant): void {
    this.participants.push(participant);
  }

  /** Checks `{"Control-agent": {...}}` and whether what it needs can be had. @throws ConfigError, LessorError */
  test(value: Json): Promise<LoadedAgentConfig> {
    return this.inTurn(async () => {
      const loaded = this.load({ kind: 'json', value });
      for (const each of await this.prepare(loaded.config)) each.abandon();
      return loaded;
    });
  }

  /** Applies a configuration. @throws as {@link test} does; nothing changed */
  set(value: Json): Promise<LoadedAgentConfig> {
    return this.inTurn(() => this.apply({ kind: 'json', value }));
  }

  /** Reads the source again and applies it. @throws as {@link test} does; nothing changed */
  reload(): Promise<LoadedAgentConfig> {
    return this.inTurn(() => this.apply(this.deps.source));
  }

  /** Writes the configuration in force beside the configuration file, by default to it. @throws CommandError */
  write(filename?: string): Promise<{ readonly filename: string; readonly size: number }> {
    return this.inTurn(async () => {
      const { source, files, environment } = this.deps;
      const configFile = source.kind === 'file' ? resolve(source.path) : undefined;
      const path = writablePath(filename, configFile, environment().insecure);
      const octets = Buffer.from(formatJsonIndented({ [AGENT_MAP]: this.config.tree }), 'latin1');
      try {
        await files.writeAtomically(path, octets, CONFIG_FILE_MODE);
      } catch (error) {
        throw new CommandError('command-failed', `unable to write ${path}: ${(error as Error).message}`);
      }
      return { filename: path, size: octets.length };
    });
  }

  private load(source: ConfigSource): LoadedAgentConfig {
    return loadAgentConfig(source, { ...this.deps.environment(), generation: 1 });
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(work);
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private async apply(source: ConfigSource): Promise<LoadedAgentConfig> {
    const loaded = this.load(source);
    const prepared = await this.prepare(loaded.config);
    this.config = loaded.config;
    this.takenAt = this.deps.clock.now();
    for (const each of prepared) each.commit();
    return loaded;
  }

  private async prepare(next: AgentConfig): Promise<PreparedSwap[]> {
    const prepared: PreparedSwap[] = [];
    try {
      for (const participant of this.participants) prepared.push(await participant(next));
    } catch (error) {
      for (const each of prepared.reverse()) each.abandon();
      throw error;
    }
    return prepared;
  }
}
