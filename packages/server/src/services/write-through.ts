/**
 * Changes by command on their way into the configuration file. Where there is a journal a change is kept there, which
 * costs one append however large the file is, and the file follows some seconds later; otherwise, and where parts of the
 * configuration are in other files, it is written into the file at once.
 */

import { formatJson } from '@lessor/kea';
import type { ConfigPatch, ConfigState } from '../config/change.js';
import { valueAt } from '../config/edit.js';
import { editsOfRecords, recordOf, recordToJson } from '../config/edit-record.js';
import { editText, editTextSliced } from '../config/edit-text.js';
import { digestOfFile, type LoadedConfig } from '../config/load.js';
import type { ConfigSnapshot, JsonMap } from '../domain/snapshot.js';
import { CommandError, LessorError } from '../errors.js';
import type { EditOutcome } from './edit-batch.js';
import type { EditJournal, FoundEdits } from './edit-journal.js';
import type { RejectedEdit, ReplayedFile } from './edit-replay.js';
import { inSlices } from './in-slices.js';
import type { Cancel, Clock, Logger } from './ports.js';

/** The file system calls the configuration needs. */
export interface ConfigFiles {
  /** A file's octets. */
  read(path: string): Promise<Buffer>;
  /** Replaces a file in one step that also survives a power cut: temporary file beside it, fsync, rename, fsync. */
  writeAtomically(path: string, octets: Uint8Array, mode: number): Promise<void>;
  /**
   * Something that is another whenever the file is (its inode, size and times); undefined if there is none. Where this
   * is absent the file is read to see whether it has changed.
   */
  stamp?(path: string): string | undefined;
}

/** Owner reads and writes, group reads: a configuration holds secrets (CVE-2025-32803). */
export const CONFIG_FILE_MODE = 0o640;

/** The file follows when nothing was changed for this time, at the latest after that one; and after a failure. */
const QUIET_MS = 3000;
const FLUSH_AFTER_MS = 12_000;
const RETRY_AFTER_MS = 30_000;
/** Of a large file that is written again and again, at most this share of the time goes into writing it. */
const WRITING_SHARE = 0.05;

/** What keeps changes until they are in the file. */
export interface EditKeeping {
  readonly journal: EditJournal;
  readonly clock: Pick<Clock, 'after' | 'monotonic' | 'soon' | 'now'>;
  readonly logger: Logger;
}

/** What a file that was read says. */
type InitialFile = Pick<LoadedConfig, 'source' | 'fileDigest' | 'includes'>;

/** The file as it was last read or written by us. */
interface KnownFile {
  readonly digest: string;
  readonly source: JsonMap;
  readonly stamp: string | undefined;
  readonly includes: boolean;
}

/** See the head of this file. {@link keep}, {@link replace} and {@link adopt} must not overlap. */
export class WriteThrough {
  private known: KnownFile | undefined;
  /** What the file says if our last attempt to write it went further than we were told. */
  private perhaps: KnownFile | undefined;
  /** What is in force is what the file says, and the journal. */
  private synced: boolean;
  private flushing: Promise<void> | undefined;
  private writing: Promise<unknown> = Promise.resolve();
  private cancel: Cancel | undefined;
  private lastComplaint = '';
  private changedAt = 0;
  /** Until then the file is left alone unless somebody asks for it. */
  private restsUntil = 0;

  /** @param path of the configuration file, absolute; undefined: there is none */
  constructor(
    readonly path: string | undefined,
    private readonly files: ConfigFiles,
    initial: InitialFile,
    private readonly keeping?: EditKeeping,
  ) {
    this.known = this.knownFrom(initial);
    this.synced = this.known !== undefined;
  }

  /** Digest of the file, if it alone says what is in force. */
  get digest(): string | undefined {
    return this.synced && !this.hasPending ? this.known?.digest : undefined;
  }

  /** What has been kept and a file with these octets does not hold. */
  missingIn(octets: Buffer): FoundEdits {
    return this.keeping?.journal.missingIn(octets) ?? { records: [], exact: true };
  }

  /**
   * Makes a change durable. Where that can not be, Kea's way is left: it is in memory until config-write, and from then
   * on all later ones too, because the file no longer says what is in force.
   * @throws CommandError if the file or the journal can not be written, or the file was changed meanwhile
   */
  async keep(patch: ConfigPatch, before: ConfigState): Promise<EditOutcome> {
    const { path, known, keeping } = this;
    if (!wantsWriteThrough(before.snapshot)) return this.inMemoryOnly(undefined);
    if (path === undefined) return this.inMemoryOnly('the server has no configuration file');
    if (known === undefined || !this.synced) {
      return this.inMemoryOnly(`${path} is not what is in force: config-write would make it so`);
    }
    if (keeping === undefined || known.includes) return this.writeAtOnce(path, patch);
    // While we write it ourselves it changes; whoever else changes it then is noticed by the flush.
    if (this.flushing === undefined && !this.isAsRead(path)) await this.readUnchanged(path, known);
    const record = recordOf(patch, () => before.source);
    await inJournal(
      path,
      keeping.journal.append(record, () => this.known!.digest),
    );
    this.changedAt = keeping.clock.monotonic();
    this.arm(QUIET_MS);
    return { notWritten: undefined };
  }

  /**
   * Brings the file up to date and empties the journal. Resolves when all that was kept before is in the file.
   * @throws CommandError if the file was changed by somebody else, or can not be written; the journal stays
   */
  async flush(): Promise<void> {
    const upTo = this.keeping?.journal.pending.at(-1)?.number ?? 0;
    // What comes meanwhile is for the next time: under a load of changes the end would never come.
    while ((this.keeping?.journal.pending[0]?.number ?? Number.POSITIVE_INFINITY) <= upTo) {
      this.flushing ??= this.alone(() => this.flushOnce()).finally(() => {
        this.flushing = undefined;
      });
      await this.flushing;
    }
  }

  /** {@link flush}, of which a failure is logged: what is not in the file is in the journal. */
  async flushOrTell(): Promise<void> {
    try {
      await this.flush();
      this.lastComplaint = '';
    } catch (error) {
      const { message } = error as Error;
      if (this.lastComplaint !== message) this.tell(`changes by command stay in the journal: ${message}`);
      this.lastComplaint = message;
    }
  }

  /** Puts other octets into the file: they say what is in force. @throws CommandError */
  async replace(octets: Buffer, source: JsonMap): Promise<void> {
    await this.alone(() => this.put(octets, { source, includes: false }));
    this.synced = true;
  }

  /**
   * A configuration came in force: from the file, which gets what was done to it since it was read, or, without
   * `replayed`, by other ways.
   */
  async adopt(replayed: ReplayedFile | undefined): Promise<void> {
    this.synced = replayed !== undefined;
    if (replayed === undefined) return;
    this.known = this.knownFrom(replayed.base.loaded);
    if (!this.hasPending) return;
    try {
      await this.keepAside(replayed.rejected);
      await this.alone(() => this.put(replayed.octets, replayed.loaded));
    } catch (error) {
      this.tell(`the file does not hold all changes by command, the journal does: ${(error as Error).message}`);
      // Those that do not fit must not be tried on the file again before it is read again.
      if (replayed.rejected.length > 0) this.known = undefined;
      else this.arm(RETRY_AFTER_MS);
    }
  }

  /** After a return to a configuration: changes go on into the file if it still is what was in force then. */
  returnTo(source: JsonMap, digest: string | undefined): void {
    this.synced = digest !== undefined;
    if (digest !== undefined)
      this.known = { digest, source, stamp: undefined, includes: this.known?.includes === true };
  }

  /** The last changes go into the file. */
  async close(): Promise<void> {
    await this.flushOrTell();
    this.cancel?.();
    await this.keeping?.journal.close();
  }

  private get hasPending(): boolean {
    return (this.keeping?.journal.pending.length ?? 0) > 0;
  }

  private async flushOnce(): Promise<void> {
    const { path, known } = this;
    const { journal, clock } = this.keeping!;
    const upTo = journal.pending.at(-1)!.number;
    if (path === undefined || known === undefined) throw new Error('the file has not been read');
    const before = await this.readUnchanged(path, known);
    const { records, exact } = journal.missingIn(before);
    const { edits, source } = editsOfRecords(this.known!.source, records, exact);
    const after = await inSlices(editTextSliced(before, edits), clock);
    if (!this.isAsRead(path)) await this.readUnchanged(path, this.known!);
    await this.put(after, { source, includes: known.includes }, upTo);
  }

  /** Writes the file between two notes in the journal: that it will hold all changes up to a number, and that it does. */
  private async put(
    octets: Buffer,
    { source, includes = false }: Pick<LoadedConfig, 'source' | 'includes'>,
    upTo = this.keeping?.journal.pending.at(-1)?.number,
  ): Promise<void> {
    const path = this.path!;
    const digest = digestOfFile(octets);
    const journal = this.keeping?.journal;
    if (upTo !== undefined && journal !== undefined) await inJournal(path, journal.mark(digest, upTo));
    this.perhaps = { digest, source, stamp: undefined, includes };
    await writeConfigFile(this.files, path, octets);
    this.known = { ...this.perhaps, stamp: this.files.stamp?.(path) };
    this.perhaps = undefined;
    if (upTo === undefined || journal === undefined) return;
    try {
      await journal.settle(digest, upTo);
    } catch (error) {
      // On the disk a note says what the file holds: that the journal could not be emptied is no harm.
      this.tell((error as Error).message);
    }
  }

  private async writeAtOnce(path: string, patch: ConfigPatch): Promise<EditOutcome> {
    await this.flush();
    const before = await this.readUnchanged(path, this.known!);
    let after: Buffer;
    try {
      after = editText(before, patch.edits);
    } catch (error) {
      if (!(error instanceof LessorError) || error.code !== 'config-edit') throw error;
      return this.inMemoryOnly(error.message);
    }
    await this.alone(() => this.put(after, { source: patch.source, includes: this.known!.includes }));
    return { notWritten: undefined };
  }

  private inMemoryOnly(notWritten: string | undefined): EditOutcome {
    this.synced = false;
    return { notWritten };
  }

  private isAsRead(path: string): boolean {
    const stamp = this.known?.stamp;
    return stamp !== undefined && this.files.stamp?.(path) === stamp;
  }

  /** One write of the file after the other. */
  private alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.writing.then(work);
    this.writing = turn.catch(() => undefined);
    return turn;
  }

  /** @throws CommandError if it can not be read or is not what it was */
  private async readUnchanged(path: string, known: KnownFile): Promise<Buffer> {
    const stamp = this.files.stamp?.(path);
    let octets: Buffer;
    try {
      octets = await this.files.read(path);
    } catch (error) {
      throw new CommandError('command-failed', `unable to read ${path}: ${(error as Error).message}`);
    }
    const digest = digestOfFile(octets);
    const said = digest === known.digest ? known : this.perhaps;
    if (said === undefined || digest !== said.digest) {
      const message = `${path} has been changed since it was read: nothing was done, use config-reload first`;
      throw new CommandError('command-conflict', message, 4);
    }
    if (this.known === known) this.known = { ...said, stamp };
    return octets;
  }

  /** Changes that do not fit go to a file of their own, one JSON map a line. */
  private async keepAside(rejected: readonly RejectedEdit[]): Promise<void> {
    if (rejected.length === 0) return;
    const path = `${this.path!}.edits.rejected`;
    for (const { text } of rejected) {
      const { logger } = this.keeping!;
      logger.log('ERROR', 'LESSOR_EDIT_REJECTED', `a change by command does not fit the file, see ${path}: ${text}`);
    }
    const at = this.keeping!.clock.now();
    const lines = rejected.map(({ record, text }) => ({ at, text, edit: recordToJson(record) }));
    await setAside(this.files, this.path!, lines);
  }

  private knownFrom({ source, fileDigest, includes = false }: InitialFile): KnownFile | undefined {
    return fileDigest === undefined ? undefined : { digest: fileDigest, source, stamp: undefined, includes };
  }

  private arm(delayMs: number): void {
    if (this.cancel !== undefined) return;
    const { clock } = this.keeping!;
    const latest = Math.max(clock.monotonic() + FLUSH_AFTER_MS, this.restsUntil);
    const due = (waitMs: number): Cancel =>
      clock.after(waitMs, () => {
        const now = clock.monotonic();
        const from = Math.max(this.changedAt + QUIET_MS, this.restsUntil);
        if (now < Math.min(from, latest) - 1) {
          this.cancel = due(Math.min(from, latest) - now);
          return;
        }
        this.cancel = undefined;
        void this.flushTimed();
      });
    this.cancel = due(delayMs);
  }

  private async flushTimed(): Promise<void> {
    const { clock } = this.keeping!;
    const began = clock.monotonic();
    await this.flushOrTell();
    const ended = clock.monotonic();
    this.restsUntil = ended + (ended - began) / WRITING_SHARE;
    if (this.hasPending) this.arm(RETRY_AFTER_MS);
  }

  private tell(text: string): void {
    this.keeping?.logger.log('WARN', 'LESSOR_EDITS_PENDING', text);
  }
}

/** `user-context: {"lessor": {"write-through": false}}` of Dhcp4 asks for Kea's way: in memory until config-write. */
function wantsWriteThrough({ userContext }: ConfigSnapshot): boolean {
  return valueAt(userContext ?? {}, ['lessor', 'write-through']) !== false;
}

/** Appends to the file of what could not be done to a configuration file, one JSON map a line. @throws CommandError */
export async function setAside(files: ConfigFiles, path: string, lines: readonly JsonMap[]): Promise<void> {
  const aside = `${path}.edits.rejected`;
  const old = await files.read(aside).catch(() => Buffer.alloc(0));
  const text = lines.map((line) => `${formatJson(line)}\n`).join('');
  await writeConfigFile(files, aside, Buffer.concat([old, Buffer.from(text, 'latin1')]));
}

/** @throws CommandError for what the journal beside a file can not do */
async function inJournal(path: string, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw new CommandError('command-failed', `unable to write ${path}.edits: ${(error as Error).message}`);
  }
}

/** Writes a file that holds a configuration. @throws CommandError */
export async function writeConfigFile(files: ConfigFiles, path: string, octets: Buffer): Promise<void> {
  try {
    await files.writeAtomically(path, octets, CONFIG_FILE_MODE);
  } catch (error) {
    throw new CommandError('command-failed', `unable to write ${path}: ${(error as Error).message}`);
  }
}
