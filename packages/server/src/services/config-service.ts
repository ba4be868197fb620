/**
 * The running configuration: testing, setting, reloading and writing it. config-set, config-reload and SIGHUP take
 * one path: load, prepare what is new everywhere, one assignment, close what is old. A failure before the assignment
 * leaves no trace. All that takes long is done in slices, between which packets are served by what is in force.
 */

import { resolve } from 'node:path';
import { formatJsonIndented } from '@lessor/kea';
import type { ConfigChange, ConfigPatch, ConfigState } from '../config/change.js';
import { type ConfigDiff, diffConfigsSliced } from '../config/diff.js';
import { atGeneration, type ConfigEnvironment } from '../config/environment.js';
import { type ConfigSource, type LoadedConfig, loadConfigSliced } from '../config/load.js';
import { stateAfter } from '../config/patch-reservations.js';
import { hashSliced } from '../config/snapshot-hash.js';
import type { ConfigSnapshot, Json, JsonMap } from '../domain/snapshot.js';
import type { EpochMs } from '../domain/values.js';
import { refuseToReplace, writablePath } from './config-path.js';
import { type ConfigEdit, type EditOutcome, type QueuedEdit, takeTogether } from './edit-batch.js';
import { loadWithEdits, type ReplayedFile } from './edit-replay.js';
import { inSlices } from './in-slices.js';
import type { Clock } from './ports.js';
import { type ConfigFiles, WriteThrough, writeConfigFile } from './write-through.js';

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
  prepareChange?(next: ConfigSnapshot, change: ConfigChange): PreparedSwap | Promise<PreparedSwap>;
}

/** What the service works with. */
export interface ConfigServiceDeps {
  /** The configuration the process started with. */
  readonly initial: Pick<LoadedConfig, 'snapshot' | 'source' | 'fileDigest' | 'includes'>;
  /** What reload reads again. */
  readonly source: ConfigSource;
  /** Asked anew each time: interfaces come and go. */
  readonly environment: () => Omit<ConfigEnvironment, 'generation'>;
  readonly files: ConfigFiles;
  readonly clock: Pick<Clock, 'now' | 'monotonic' | 'soon'>;
  /** How changes by command get into the file; absent: each is written into it at once. */
  readonly file?: WriteThrough;
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
   * Changes single subnets, classes or reservations: in the configuration in force, and before that durably beside the
   * configuration file, into which it is written soon (unless user-context says lessor.write-through is false);
   * everything else in the file stays.
   * @throws what `edit` throws, CommandError if it can not be kept or the file was changed meanwhile; nothing changed
   */
  edit(edit: ConfigEdit): Promise<EditOutcome>;
  /**
   * Writes the configuration in force to a file in the directory of the configuration file (Kea; elsewhere only with
   * -X). @throws CommandError
   */
  write(filename?: string): Promise<{ readonly filename: string; readonly size: number }>;
}

/** Edits that are written together. */
const MAX_BATCH = 64;
/** How many of them are told at once that they are in force. */
const TOLD_AT_ONCE = 8;

/** The one holder of the current snapshot. */
export class ConfigService implements ConfigServiceApi {
  /** The configuration in force, and as it was written: in the order of the file while there is a digest. */
  private state: ConfigState;
  private readonly file: WriteThrough;
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
    this.file = deps.file ?? new WriteThrough(configFileOf(deps.source), deps.files, deps.initial);
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
      const prepared = await prepareAll(testable.map((each) => () => each.prepare(loaded.snapshot, diff)));
      for (const each of prepared.reverse()) each.abandon();
      return loaded;
    });
  }

  /** What {@link reload} would apply; applies nothing. @throws ConfigError */
  async testReload(): Promise<LoadedConfig> {
    return (await this.read()).loaded;
  }

  /** The configuration in force, to be given to {@link restore}. */
  checkpoint(): Checkpoint {
    const { snapshot, source } = this.state;
    return { snapshot, source, fileDigest: this.file.digest };
  }

  /** Applies what a checkpoint has. @throws as {@link set} */
  restore({ source, fileDigest }: Checkpoint): Promise<LoadedConfig> {
    return this.inTurn(async () => {
      const loaded = await this.swapTo({ kind: 'json', value: { Dhcp4: source } });
      this.file.returnTo(source, fileDigest);
      return loaded;
    });
  }

  set(value: Json): Promise<LoadedConfig> {
    return this.inTurn(async () => {
      // What was kept before belongs into the file, and not to what comes now.
      await this.file.flushOrTell();
      return this.swapTo({ kind: 'json', value });
    });
  }

  reload(): Promise<LoadedConfig> {
    return this.inTurn(async () => {
      await this.file.flushOrTell();
      return this.swapTo(this.deps.source);
    });
  }

  /** Writes changes by command that are only in the journal into the file. What can not be is logged, and stays. */
  flush(): Promise<void> {
    return this.inTurn(() => this.file.flushOrTell());
  }

  /** The last of what was changed by command goes into the file. Nothing may be changed after that. */
  close(): Promise<void> {
    return this.inTurn(() => this.file.close());
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
      const path = writablePath(filename, this.file.path, this.deps.environment().insecure);
      const octets = Buffer.from(formatJsonIndented({ Dhcp4: this.current.tree }), 'latin1');
      if (this.file.path === resolve(path)) {
        const source = this.current.tree;
        await this.file.replace(octets, source);
        this.state = { snapshot: this.current, source };
      } else {
        await refuseToReplace(this.deps.files, path);
        await writeConfigFile(this.deps.files, path, octets);
      }
      return { filename: path, size: octets.length };
    });
  }

  private load(source: ConfigSource): Promise<LoadedConfig> {
    return inSlices(loadConfigSliced(source, this.nextEnvironment()), this.deps.clock);
  }

  /** The source again, with what was changed by command and is not in it. @throws ConfigError */
  private async read(): Promise<{ readonly loaded: LoadedConfig; readonly replayed?: ReplayedFile }> {
    const { source, clock } = this.deps;
    if (source.kind !== 'file') return { loaded: await this.load(source) };
    const work = loadWithEdits(source.path, this.nextEnvironment(), (octets) => this.file.missingIn(octets));
    const replayed = await inSlices(work, clock);
    return { loaded: replayed.loaded, replayed };
  }

  private nextEnvironment(): ConfigEnvironment {
    return atGeneration(this.deps.environment(), this.current.generation + 1);
  }

  /** One thing after the other. What is asked for later does not overtake what is asked for now. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.gathering = undefined;
    const turn = this.last.then(work);
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private async swapTo(source: ConfigSource): Promise<LoadedConfig> {
    const isOurs = source === this.deps.source;
    const { loaded, replayed } = isOurs ? await this.read() : { loaded: await this.load(source), replayed: undefined };
    const next = loaded.snapshot;
    const diff = await inSlices(diffConfigsSliced(this.current, next), this.deps.clock);
    const prepared = await prepareAll(this.participants.map((each) => () => each.prepare(next, diff)));
    this.state = loaded;
    this.reloadCount++;
    this.takenAt = this.deps.clock.now();
    for (const each of prepared) each.commit();
    for (const each of prepared) await each.settle?.();
    await this.file.adopt(replayed);
    return loaded;
  }

  /** Edits that gathered while something else was under way: those that stand side by side share one write. */
  private async editAll(batch: readonly QueuedEdit[]): Promise<void> {
    if (this.gathering === batch) this.gathering = undefined;
    for (let queue = batch; queue.length > 0; ) {
      const environment = this.nextEnvironment();
      const taking = takeTogether(queue, this.state, environment);
      const { together, patch, later } = await inSlices(taking, this.deps.clock);
      if (patch !== undefined) {
        const tell = await this.editNow(patch).then(
          (outcome) => (one: QueuedEdit) => one.resolve(outcome),
          (error: unknown) => (one: QueuedEdit) => one.reject(error),
        );
        await this.tellAll(together, tell);
      }
      queue = later;
    }
  }

  /** What follows from an answer takes time, too: a few at once, and packets between them. */
  private async tellAll(edits: readonly QueuedEdit[], tell: (one: QueuedEdit) => void): Promise<void> {
    for (const [at, one] of edits.entries()) {
      if (at > 0 && at % TOLD_AT_ONCE === 0) await new Promise<void>((resolve) => this.deps.clock.soon(resolve));
      tell(one);
    }
  }

  /** A change is in force for nobody before it is where it has to survive a power cut. */
  private async editNow(patch: ConfigPatch): Promise<EditOutcome> {
    const { snapshot, change } = patch;
    const concerned = this.participants.filter(({ prepareChange }) => prepareChange !== undefined);
    const prepared = await prepareAll(concerned.map((each) => () => each.prepareChange!(snapshot, change)));
    let outcome: EditOutcome;
    try {
      outcome = await this.file.keep(patch, this.state);
    } catch (error) {
      for (const each of prepared.reverse()) each.abandon();
      throw error;
    }
    this.state = stateAfter(patch);
    for (const each of prepared) each.commit();
    for (const each of prepared) await each.settle?.();
    return outcome;
  }
}

function configFileOf(source: ConfigSource): string | undefined {
  return source.kind === 'file' ? resolve(source.path) : undefined;
}

/** Prepares one after the other. @throws what one throws; those before have been told to abandon */
async function prepareAll(
  participants: readonly (() => PreparedSwap | Promise<PreparedSwap>)[],
): Promise<PreparedSwap[]> {
  const prepared: PreparedSwap[] = [];
  try {
    for (const prepare of participants) prepared.push(await prepare());
  } catch (error) {
    for (const each of prepared.reverse()) each.abandon();
    throw error;
  }
  return prepared;
}
