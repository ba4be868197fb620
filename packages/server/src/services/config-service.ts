/**
 * The running configuration: testing, setting, reloading and writing it. config-set, config-reload and SIGHUP take
 * one path: load, prepare what is new everywhere, one assignment, close what is old. A failure before the assignment
 * leaves no trace. All that takes long is done in slices, between which packets are served by what is in force.
 */

import { resolve } from 'node:path';
import { formatJsonIndented } from '@lessor/kea';
import type { ConfigChange, ConfigPatch, ConfigState } from '../config/change.js';
import { type ConfigDiff, diffConfigsSliced } from '../config/diff.js';
import { valueAt } from '../config/edit.js';
import { editText } from '../config/edit-text.js';
import {
  type ConfigEnvironment,
  type ConfigSource,
  digestOfFile,
  type LoadedConfig,
  loadConfigSliced,
} from '../config/load.js';
import { hashSliced } from '../config/snapshot-hash.js';
import type { ConfigSnapshot, Json, JsonMap } from '../domain/snapshot.js';
import type { EpochMs } from '../domain/values.js';
import { CommandError, LessorError } from '../errors.js';
import { writablePath } from './config-path.js';
import { type ConfigEdit, type EditOutcome, type QueuedEdit, takeTogether } from './edit-batch.js';
import { inSlices } from './in-slices.js';
import type { Clock } from './ports.js';

/** What a participant has prepared: exactly one of the two is called. Neither may throw. */
export interface PreparedSwap {
  /** The new snapshot is current: use what was opened, close what is old. */
  commit(): void;
  /** Another participant failed: close what was opened. */
  abandon(): void;
  /** After all have committed: what need not be done in one step. The next change waits for it. */
  settle?(): Promise<void>;
}

/** Something that must open or close things when the configuration changes: sockets, stores, loggers. */
export interface SwapParticipant {
  readonly name: string;
  /** Preparing and abandoning leaves no trace: config-test does both, so that it finds what config-set would. */
  readonly testable?: boolean;
  /** Opens what the next configuration needs, disturbing nothing. Throwing stops the swap. */
  prepare(next: ConfigSnapshot, diff: ConfigDiff): Promise<PreparedSwap>;
  /** The same for a change of single subnets, classes or reservations. Who has it not has nothing to do with those. */
  prepareChange?(next: ConfigSnapshot, change: ConfigChange): PreparedSwap;
}

/** The file system calls the service needs. */
export interface ConfigFiles {
  /** A file's octets. */
  read(path: string): Promise<Buffer>;
  /** Replaces a file in one step that also survives a power cut: temporary file beside it, fsync, rename, fsync. */
  writeAtomically(path: string, octets: Uint8Array, mode: number): Promise<void>;
}

/** What the service works with. */
export interface ConfigServiceDeps {
  /** The configuration the process started with. */
  readonly initial: Pick<LoadedConfig, 'snapshot' | 'source' | 'fileDigest'>;
  /** What reload reads again. */
  readonly source: ConfigSource;
  /** Asked anew each time: interfaces come and go. */
  readonly environment: () => Omit<ConfigEnvironment, 'generation'>;
  readonly files: ConfigFiles;
  readonly clock: Pick<Clock, 'now' | 'monotonic' | 'soon'>;
}

/** Who replaces the configuration, by what, and how. */
export interface ChangeOrigin {
  /** Name of the principal, or what else it was: a signal. */
  readonly who: string;
  /** The command, or SIGHUP. */
  readonly command: string;
  /** Return to what was before unless config-confirm comes within this many seconds. */
  readonly confirmWithinSec?: number;
}

/** A configuration to return to. */
export interface Checkpoint {
  readonly snapshot: ConfigSnapshot;
  /** The `Dhcp4` map as it was written. */
  readonly source: JsonMap;
  /** Digest of the configuration file if it said the same. */
  readonly fileDigest: string | undefined;
}

/** What commands and signals use. */
export interface ConfigServiceApi {
  /** The configuration in force. */
  readonly current: ConfigSnapshot;
  /** Hash of a configuration (config-hash-get), computed in slices; `ConfigSnapshot.hash` is the same at one go. */
  hashOf(snapshot: Pick<ConfigSnapshot, 'tree'>): Promise<string>;
  /** Reconfigurations that succeeded, the start not counted. */
  readonly reloads: number;
  /** When the configuration in force was taken. */
  readonly lastReloadAt: EpochMs;
  /**
   * Checks a configuration ({ "Dhcp4": {...} }) and applies nothing: what it says, and whether what it needs can be had
   * (TLS files, paths and addresses of listeners). @throws as {@link set}
   */
  test(value: Json): Promise<LoadedConfig>;
  /** Applies a configuration. @throws ConfigError if it is not usable, or what a participant throws; nothing changed */
  set(value: Json, origin?: ChangeOrigin): Promise<LoadedConfig>;
  /** Reads the source again and applies it. @throws as {@link set} */
  reload(origin?: ChangeOrigin): Promise<LoadedConfig>;
  /**
   * Changes single subnets, classes or reservations: in the configuration in force, and before that in the
   * configuration file (unless user-context says lessor.write-through is false), of which everything else stays.
   * @throws what `edit` throws, CommandError if the file can not be written or was changed meanwhile; nothing changed
   */
  edit(edit: ConfigEdit): Promise<EditOutcome>;
  /**
   * Writes the configuration in force to a file in the directory of the configuration file (Kea; elsewhere only with
   * -X). @throws CommandError
   */
  write(filename?: string): Promise<{ readonly filename: string; readonly size: number }>;
}

/** Owner reads and writes, group reads: a configuration holds secrets (CVE-2025-32803). */
export const CONFIG_FILE_MODE = 0o640;

/** Edits that are written together; the loop does nothing else while they are made. */
const MAX_BATCH = 32;

/** The one holder of the current snapshot. */
export class ConfigService implements ConfigServiceApi {
  /** The configuration in force, and as it was written: in the order of the file while there is a digest. */
  private state: ConfigState;
  /** Digest of the configuration file while it says the same as the configuration in force. */
  private fileDigest: string | undefined;
  private readonly participants: SwapParticipant[] = [];
  private reloadCount = 0;
  private takenAt: EpochMs;
  /** Edits whose turn has not begun yet. */
  private gathering: QueuedEdit[] | undefined;
  /** Resolves when the reconfiguration under way is over: there is one at a time. */
  private last: Promise<unknown> = Promise.resolve();
  /** Hashes by `tree`, those that are being computed too: whoever asks meanwhile waits for the same. */
  private readonly hashes = new WeakMap<JsonMap, Promise<string>>();

  constructor(private readonly deps: ConfigServiceDeps) {
    this.state = deps.initial;
    this.fileDigest = deps.initial.fileDigest;
    this.takenAt = deps.clock.now();
  }

  get current(): ConfigSnapshot {
    return this.state.snapshot;
  }

  hashOf({ tree }: Pick<ConfigSnapshot, 'tree'>): Promise<string> {
    let hash = this.hashes.get(tree);
    if (hash === undefined) {
      hash = inSlices(hashSliced(tree), this.deps.clock);
      this.hashes.set(tree, hash);
    }
    return hash;
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

  test(value: Json): Promise<LoadedConfig> {
    return this.inTurn(async () => {
      const loaded = await this.load({ kind: 'json', value });
      const testable = this.participants.filter((each) => each.testable === true);
      const diff = await inSlices(diffConfigsSliced(this.current, loaded.snapshot), this.deps.clock);
      const prepared = await prepareAll(testable, loaded.snapshot, diff);
      for (const each of prepared.reverse()) each.abandon();
      return loaded;
    });
  }

  /** What {@link reload} would apply; applies nothing. @throws ConfigError */
  testReload(): Promise<LoadedConfig> {
    return this.load(this.deps.source);
  }

  /** The configuration in force, to be given to {@link restore}. */
  checkpoint(): Checkpoint {
    const { snapshot, source } = this.state;
    return { snapshot, source, fileDigest: this.fileDigest };
  }

  /** Applies what a checkpoint has. @throws as {@link set} */
  restore({ source, fileDigest }: Checkpoint): Promise<LoadedConfig> {
    return this.inTurn(async () => {
      const loaded = await this.swapTo({ kind: 'json', value: { Dhcp4: source } });
      // Changes by command go on being written into the file, if it still is what was in force then.
      this.fileDigest = fileDigest;
      return loaded;
    });
  }

  set(value: Json): Promise<LoadedConfig> {
    return this.inTurn(() => this.swapTo({ kind: 'json', value }));
  }

  reload(): Promise<LoadedConfig> {
    return this.inTurn(() => this.swapTo(this.deps.source));
  }

  edit(edit: ConfigEdit): Promise<EditOutcome> {
    return new Promise((resolve, reject) => {
      const queued = { edit, resolve, reject };
      if (this.gathering !== undefined && this.gathering.length < MAX_BATCH) {
        this.gathering.push(queued);
        return;
      }
      const batch = [queued];
      void this.inTurn(() => this.editAll(batch));
      this.gathering = batch;
    });
  }

  write(filename?: string): Promise<{ readonly filename: string; readonly size: number }> {
    return this.inTurn(async () => {
      const path = writablePath(filename, this.configFile, this.deps.environment().insecure);
      const octets = Buffer.from(formatJsonIndented({ Dhcp4: this.current.tree }), 'latin1');
      await this.writeFile(path, octets);
      if (this.configFile === resolve(path)) {
        this.state = { snapshot: this.current, source: this.current.tree };
        this.fileDigest = digestOfFile(octets);
      }
      return { filename: path, size: octets.length };
    });
  }

  private load(source: ConfigSource): Promise<LoadedConfig> {
    const { clock, environment } = this.deps;
    return inSlices(loadConfigSliced(source, { ...environment(), generation: this.current.generation + 1 }), clock);
  }

  /** One thing after the other. What is asked for later does not overtake what is asked for now. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.gathering = undefined;
    const turn = this.last.then(work);
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private async swapTo(source: ConfigSource): Promise<LoadedConfig> {
    const loaded = await this.load(source);
    const next = loaded.snapshot;
    const diff = await inSlices(diffConfigsSliced(this.current, next), this.deps.clock);
    const prepared = await prepareAll(this.participants, next, diff);
    this.state = loaded;
    this.fileDigest = loaded.fileDigest;
    this.reloadCount++;
    this.takenAt = this.deps.clock.now();
    for (const each of prepared) each.commit();
    for (const each of prepared) await each.settle?.();
    return loaded;
  }

  /** Edits that gathered while something else was under way: those that stand side by side share one write. */
  private async editAll(batch: readonly QueuedEdit[]): Promise<void> {
    if (this.gathering === batch) this.gathering = undefined;
    for (let queue = batch; queue.length > 0; ) {
      const environment = { ...this.deps.environment(), generation: this.current.generation + 1 };
      const { together, patch, later } = takeTogether(queue, this.state, environment);
      if (patch !== undefined) {
        await this.editNow(patch).then(
          (outcome) => together.forEach(({ resolve }) => void resolve(outcome)),
          (error: unknown) => together.forEach(({ reject }) => void reject(error)),
        );
      }
      queue = later;
    }
  }

  /** A change is in force for nobody before it is where it has to survive a power cut. */
  private async editNow(patch: ConfigPatch): Promise<EditOutcome> {
    const prepared = this.participants.flatMap((each) => each.prepareChange?.(patch.snapshot, patch.change) ?? []);
    let outcome: EditOutcome;
    try {
      outcome = await this.writeThrough(patch);
    } catch (error) {
      for (const each of prepared.reverse()) each.abandon();
      throw error;
    }
    this.state = patch;
    for (const each of prepared) each.commit();
    return outcome;
  }

  /**
   * Makes the edits in the configuration file. Where that can not be, Kea's way is left: they are in memory until
   * config-write, and from then on all later ones too, because the file no longer says what is in force.
   */
  private async writeThrough(patch: Pick<ConfigPatch, 'edits'>): Promise<EditOutcome> {
    const { configFile } = this;
    if (!wantsWriteThrough(this.current)) return this.inMemoryOnly(undefined);
    if (configFile === undefined) return this.inMemoryOnly('the server has no configuration file');
    if (this.fileDigest === undefined) {
      return this.inMemoryOnly(`${configFile} is not what is in force: config-write would make it so`);
    }
    const before = await this.readFile(configFile);
    if (digestOfFile(before) !== this.fileDigest) {
      const message = `${configFile} has been changed since it was read: nothing was done, use config-reload first`;
      throw new CommandError('command-conflict', message, 4);
    }
    let after: Buffer;
    try {
      after = editText(before, patch.edits);
    } catch (error) {
      if (!(error instanceof LessorError) || error.code !== 'config-edit') throw error;
      return this.inMemoryOnly(error.message);
    }
    await this.writeFile(configFile, after);
    this.fileDigest = digestOfFile(after);
    return { notWritten: undefined };
  }

  private inMemoryOnly(notWritten: string | undefined): EditOutcome {
    this.fileDigest = undefined;
    return { notWritten };
  }

  private async readFile(path: string): Promise<Buffer> {
    try {
      return await this.deps.files.read(path);
    } catch (error) {
      throw new CommandError('command-failed', `unable to read ${path}: ${(error as Error).message}`);
    }
  }

  private async writeFile(path: string, octets: Buffer): Promise<void> {
    try {
      await this.deps.files.writeAtomically(path, octets, CONFIG_FILE_MODE);
    } catch (error) {
      throw new CommandError('command-failed', `unable to write ${path}: ${(error as Error).message}`);
    }
  }

  private get configFile(): string | undefined {
    const { source } = this.deps;
    return source.kind === 'file' ? resolve(source.path) : undefined;
  }
}

/** `user-context: {"lessor": {"write-through": false}}` of Dhcp4 asks for Kea's way: in memory until config-write. */
function wantsWriteThrough({ userContext }: ConfigSnapshot): boolean {
  return valueAt(userContext ?? {}, ['lessor', 'write-through']) !== false;
}

/** Prepares one after the other. @throws what one throws; those before have been told to abandon */
async function prepareAll(
  participants: readonly SwapParticipant[],
  next: ConfigSnapshot,
  diff: ConfigDiff,
): Promise<PreparedSwap[]> {
  const prepared: PreparedSwap[] = [];
  try {
    for (const participant of participants) prepared.push(await participant.prepare(next, diff));
  } catch (error) {
    for (const each of prepared.reverse()) each.abandon();
    throw error;
  }
  return prepared;
}
