/**
 * The running configuration: testing, setting, reloading and writing it. config-set, config-reload and SIGHUP take
 * one path: load, prepare what is new everywhere, one assignment, close what is old. A failure before the assignment
 * leaves no trace.
 */

import { basename, dirname, join, resolve } from 'node:path';
import { formatJsonIndented } from '@lessor/kea';
import { type ConfigDiff, diffConfigs } from '../config/diff.js';
import { type ConfigEnvironment, type ConfigSource, type LoadedConfig, loadConfig } from '../config/load.js';
import type { ConfigSnapshot, Json } from '../domain/snapshot.js';
import type { EpochMs } from '../domain/values.js';
import { CommandError } from '../errors.js';
import type { Clock } from './ports.js';

/** What a participant has prepared: exactly one of the two is called. Neither may throw. */
export interface PreparedSwap {
  /** The new snapshot is current: use what was opened, close what is old. */
  commit(): void;
  /** Another participant failed: close what was opened. */
  abandon(): void;
}

/** Something that must open or close things when the configuration changes: sockets, stores, loggers. */
export interface SwapParticipant {
  readonly name: string;
  /** Opens what the next configuration needs, disturbing nothing. Throwing stops the swap. */
  prepare(next: ConfigSnapshot, diff: ConfigDiff): Promise<PreparedSwap>;
}

/** The file system calls config-write needs. */
export interface ConfigFiles {
  /** Replaces a file in one step that also survives a power cut: temporary file beside it, fsync, rename, fsync. */
  writeAtomically(path: string, octets: Uint8Array, mode: number): Promise<void>;
}

/** What the service works with. */
export interface ConfigServiceDeps {
  /** The configuration the process started with. */
  readonly initial: ConfigSnapshot;
  /** What reload reads again. */
  readonly source: ConfigSource;
  /** Asked anew each time: interfaces come and go. */
  readonly environment: () => Omit<ConfigEnvironment, 'generation'>;
  readonly files: ConfigFiles;
  readonly clock: Pick<Clock, 'now'>;
}

/** What commands and signals use. */
export interface ConfigServiceApi {
  /** The configuration in force. */
  readonly current: ConfigSnapshot;
  /** config-hash-get. */
  readonly hash: string;
  /** Reconfigurations that succeeded, the start not counted. */
  readonly reloads: number;
  /** When the configuration in force was taken. */
  readonly lastReloadAt: EpochMs;
  /** Checks a configuration ({ "Dhcp4": {...} }) and applies nothing. @throws ConfigError */
  test(value: Json): LoadedConfig;
  /** Applies a configuration. @throws ConfigError if it is not usable, or what a participant throws; nothing changed */
  set(value: Json): Promise<LoadedConfig>;
  /** Reads the source again and applies it. @throws as {@link set} */
  reload(): Promise<LoadedConfig>;
  /**
   * Writes the configuration in force to a file in the directory of the configuration file (Kea; elsewhere only with
   * -X). @throws CommandError
   */
  write(filename?: string): Promise<{ readonly filename: string; readonly size: number }>;
}

/** Owner reads and writes, group reads: a configuration holds secrets (CVE-2025-32803). */
const CONFIG_FILE_MODE = 0o640;

/** The one holder of the current snapshot. */
export class ConfigService implements ConfigServiceApi {
  private snapshot: ConfigSnapshot;
  private readonly participants: SwapParticipant[] = [];
  private reloadCount = 0;
  private takenAt: EpochMs;
  /** Resolves when the reconfiguration under way is over: there is one at a time. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly deps: ConfigServiceDeps) {
    this.snapshot = deps.initial;
    this.takenAt = deps.clock.now();
  }

  get current(): ConfigSnapshot {
    return this.snapshot;
  }

  get hash(): string {
    return this.snapshot.hash;
  }

  get reloads(): number {
    return this.reloadCount;
  }

  get lastReloadAt(): EpochMs {
    return this.takenAt;
  }

  /** Adds somebody who takes part in every swap from now on, after those before. */
  participate(participant: SwapParticipant): void {
    this.participants.push(participant);
  }

  test(value: Json): LoadedConfig {
    return this.load({ kind: 'json', value });
  }

  set(value: Json): Promise<LoadedConfig> {
    return this.inTurn(() => this.swapTo({ kind: 'json', value }));
  }

  reload(): Promise<LoadedConfig> {
    return this.inTurn(() => this.swapTo(this.deps.source));
  }

  async write(filename?: string): Promise<{ readonly filename: string; readonly size: number }> {
    const path = this.writablePath(filename);
    const octets = Buffer.from(formatJsonIndented({ Dhcp4: this.snapshot.tree }), 'latin1');
    try {
      await this.deps.files.writeAtomically(path, octets, CONFIG_FILE_MODE);
    } catch (error) {
      throw new CommandError('command-failed', `unable to write ${path}: ${(error as Error).message}`);
    }
    return { filename: path, size: octets.length };
  }

  private load(source: ConfigSource): LoadedConfig {
    return loadConfig(source, { ...this.deps.environment(), generation: this.snapshot.generation + 1 });
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(work);
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private async swapTo(source: ConfigSource): Promise<LoadedConfig> {
    const loaded = this.load(source);
    const next = loaded.snapshot;
    const prepared = await this.prepareAll(next, diffConfigs(this.snapshot, next));
    this.snapshot = next;
    this.reloadCount++;
    this.takenAt = this.deps.clock.now();
    for (const each of prepared) each.commit();
    return loaded;
  }

  private async prepareAll(next: ConfigSnapshot, diff: ConfigDiff): Promise<PreparedSwap[]> {
    const prepared: PreparedSwap[] = [];
    try {
      for (const participant of this.participants) prepared.push(await participant.prepare(next, diff));
    } catch (error) {
      for (const each of prepared.reverse()) each.abandon();
      throw error;
    }
    return prepared;
  }

  private writablePath(filename: string | undefined): string {
    const { source, environment } = this.deps;
    const configFile = source.kind === 'file' ? resolve(source.path) : undefined;
    const path = filename ?? configFile;
    if (path === undefined || path === '') {
      throw new CommandError('command-invalid', 'there is no configuration file: give a "filename"');
    }
    const name = basename(path);
    if (name === '' || name === '.' || name === '..') {
      throw new CommandError('command-invalid', `${path} does not name a file`);
    }
    const wanted = configFile !== undefined && name === path ? join(dirname(configFile), path) : path;
    const allowed = configFile !== undefined && dirname(resolve(wanted)) === dirname(configFile);
    if (!allowed && !environment().insecure) {
      const reason =
        configFile === undefined
          ? 'the server was started without one, and only -X lifts the restriction'
          : `file ${path} must be in the same directory as the config file (${configFile})`;
      throw new CommandError('command-denied', `not allowed to write config into ${path}: ${reason}`);
    }
    return wanted;
  }
}
