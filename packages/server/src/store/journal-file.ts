/** A journal on the disk: what services/edit-journal.ts keeps changes by command in. */

import type { Clock, JournalFile } from '../services/ports.js';
import { AppendJournal } from './append-journal.js';
import { type FileOps, writeAll } from './file-ops.js';

/** What waits for a disk that takes longer waits in the thread pool, and others are answered meanwhile. */
const LONGEST_WAIT_MS = 2;

/** See the head of this file. Nothing is made before there is something to write. */
export class DiskJournalFile implements JournalFile {
  private journal: AppendJournal | undefined;
  /** How long the last append took. */
  private lastMs = 0;

  /**
   * @param clock with it this thread waits for the disk where no packets come and the disk is quick: the way through the thread pool
   * takes longer than a flush
   */
  constructor(
    private readonly path: string,
    private readonly ops: FileOps,
    private readonly clock?: Pick<Clock, 'monotonic' | 'packetsCome'>,
  ) {}

  get sound(): boolean {
    return this.journal !== undefined && this.journal.broken === undefined;
  }

  read(): Buffer | undefined {
    const length = this.ops.lengthOf(this.path);
    if (length === undefined) return undefined;
    const octets = Buffer.alloc(length);
    const fd = this.ops.open(this.path, 'read');
    try {
      for (let at = 0; at < length; ) {
        const count = this.ops.read(fd, octets.subarray(at), at);
        if (count === 0) return octets.subarray(0, at);
        at += count;
      }
      return octets;
    } finally {
      this.ops.close(fd);
    }
  }

  async append(octets: Uint8Array): Promise<void> {
    if (this.journal === undefined) throw new Error(`${this.path} has not been begun`);
    const { clock } = this;
    if (clock === undefined) {
      await this.journal.appendLater(octets);
      return;
    }
    const began = clock.monotonic();
    if (this.lastMs < LONGEST_WAIT_MS && clock.packetsCome?.() !== true) this.journal.append(octets);
    else await this.journal.appendLater(octets);
    this.lastMs = clock.monotonic() - began;
  }

  async replace(octets: Uint8Array): Promise<void> {
    const { ops, path } = this;
    const temporary = `${path}.tmp`;
    const fd = ops.open(temporary, 'create');
    try {
      writeAll(ops, fd, octets, 0);
      await ops.dataSyncLater(fd);
      ops.rename(temporary, path);
    } catch (error) {
      ops.close(fd);
      throw error;
    }
    // From here on the new file is the one that is appended to, even if its name should not be durable yet.
    if (this.journal === undefined) this.journal = new AppendJournal(ops, fd, octets.length);
    else this.journal.replace(fd, octets.length);
    try {
      await ops.directorySyncLater(path);
    } catch (error) {
      this.journal.distrust(`its name is not durable: ${(error as Error).message}`);
      throw error;
    }
  }

  close(): void {
    this.journal?.close();
    this.journal = undefined;
  }
}
