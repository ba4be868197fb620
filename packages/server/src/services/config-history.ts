/**
 * The configurations that were in force, the newest first, and the change that waits for config-confirm: what
 * config-history, config-rollback and a start after a crash work from. Bounded. An index and one file for each
 * configuration; the files hold secrets, so only the server's user may read them.
 */

import { formatJsonIndented, parseCommandJson } from '@lessor/kea';
import type { JsonMap } from '../domain/snapshot.js';
import type { EpochMs } from '../domain/values.js';
import { CommandError, StoreError } from '../errors.js';
import type { PrivateFiles } from './ports.js';

/** A configuration that was in force. */
export interface HistoryEntry {
  /** Counts up for as long as the directory exists. */
  readonly id: number;
  /** When it came in force, or for the first one when it was recorded. */
  readonly at: EpochMs;
  readonly who: string;
  /** The command it came by; 'start' or 'edit' for one that was recorded because it was replaced. */
  readonly command: string;
  /** config-hash-get. */
  readonly hash: string;
  /** How it differs from the one before it. */
  readonly summary: string;
}

/** A change that is undone unless it is confirmed. */
export interface PendingChange {
  /** Entry to return to. */
  readonly returnTo: number;
  /** Entry that waits; config-hash-get of it. */
  readonly hash: string;
  readonly command: string;
  readonly who: string;
  readonly since: EpochMs;
  readonly deadline: EpochMs;
}

/** The file was read again and nobody confirmed it: until it changes, a start uses the entry instead. */
export interface RejectedFile {
  readonly hash: string;
  readonly useInstead: number;
}

/** Configurations kept. */
export const MAX_HISTORY = 30;

const INDEX = 'index.json';

interface Index {
  readonly next: number;
  /** Newest first. */
  readonly entries: readonly HistoryEntry[];
  readonly pending?: PendingChange;
  readonly rejected?: RejectedFile;
}

/** See the head of this file. Calls must not overlap: the change control makes them in turn. */
export class ConfigHistory {
  private constructor(
    private readonly files: PrivateFiles,
    private index: Index,
  ) {}

  /** @throws StoreError if the index is there and can not be understood, or the file system's error */
  static async open(files: PrivateFiles): Promise<ConfigHistory> {
    const octets = await files.read(INDEX);
    if (octets === undefined) return new ConfigHistory(files, { next: 1, entries: [] });
    try {
      const index = JSON.parse(octets.toString('latin1')) as Index;
      if (!Array.isArray(index.entries) || !Number.isSafeInteger(index.next)) throw new Error('it has no entries');
      return new ConfigHistory(files, index);
    } catch (error) {
      throw new StoreError('store-corrupt', `the configuration history can not be read: ${(error as Error).message}`);
    }
  }

  /** Newest first. */
  get entries(): readonly HistoryEntry[] {
    return this.index.entries;
  }

  get pending(): PendingChange | undefined {
    return this.index.pending;
  }

  get rejected(): RejectedFile | undefined {
    return this.index.rejected;
  }

  /** Records a configuration as it was written (its `Dhcp4` map) and drops the oldest beyond the bound. */
  async add(entry: Omit<HistoryEntry, 'id'>, source: JsonMap): Promise<HistoryEntry> {
    const { next, entries } = this.index;
    const added = { id: next, ...entry };
    const text = formatJsonIndented({ Dhcp4: source });
    await this.files.write(fileOf(next), Buffer.from(text, 'latin1'));
    const { pending, rejected } = this.index;
    const needed = [pending?.returnTo, rejected?.useInstead];
    const kept = entries.filter(({ id }, place) => place < MAX_HISTORY - 1 || needed.includes(id));
    await this.save({ ...this.index, next: next + 1, entries: [added, ...kept] });
    for (const { id } of entries) if (!kept.some((entry) => entry.id === id)) await this.files.remove(fileOf(id));
    return added;
  }

  /** The configuration of an entry, `{ "Dhcp4": ... }`. @throws CommandError if there is none (result 3) */
  async source(id: number): Promise<JsonMap> {
    const known = this.entries.some((entry) => entry.id === id);
    const octets = known ? await this.files.read(fileOf(id)) : undefined;
    if (octets === undefined)
      throw new CommandError('command-failed', `there is no configuration ${id} in the history`, 3);
    return parseCommandJson(octets.toString('latin1'), { comments: false }) as JsonMap;
  }

  /** A change begins to wait. Resolves when that survives a crash. */
  async wait(pending: PendingChange): Promise<void> {
    await this.save({ ...this.index, pending });
  }

  /** Nothing waits any longer; `rejected` is the file that nobody confirmed, if there still is one. */
  async settle(rejected: RejectedFile | undefined): Promise<void> {
    const { next, entries } = this.index;
    await this.save({ next, entries, ...(rejected === undefined ? {} : { rejected }) });
  }

  private async save(index: Index): Promise<void> {
    await this.files.write(INDEX, Buffer.from(`${JSON.stringify(index, undefined, 1)}\n`, 'latin1'));
    this.index = index;
  }
}

function fileOf(id: number): string {
  return `${id}.json`;
}

/** A history that ends with the process: for servers without a configuration file, and for tests. */
export function historyInMemory(): PrivateFiles {
  const files = new Map<string, Buffer>();
  return {
    read: async (name) => files.get(name),
    write: async (name, octets) => void files.set(name, Buffer.from(octets)),
    remove: async (name) => void files.delete(name),
  };
}
