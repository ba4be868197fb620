/** The cleanup of the lease files while the store is in use (Kea: lease file cleanup), and the repair of a broken journal. */

import { LessorError, StoreError } from '../errors.js';
import type { Clock, Logger } from '../services/ports.js';
import { type AppendJournal, messageOf } from './append-journal.js';
import type { FileOps } from './file-ops.js';
import { LEASE_FILE_HEADER } from './lease-file.js';
import { createFresh, exists, finishCleanup, type LeaseFileSet } from './lease-file-set.js';
import { LeaseSnapshot } from './lease-snapshot.js';
import type { LeaseTable } from './lease-table.js';

/** A snapshot is made durable in pieces of this size, lest one long flush at its end hold up the commits. */
const SYNC_PIECE_OCTETS = 4 << 20;

/** The store whose files are rewritten. */
export interface CleanupHost {
  readonly ops: FileOps;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly files: LeaseFileSet;
  readonly table: LeaseTable;
  /** Rows written before the loop goes on; undefined: a usual number. */
  readonly sliceRows: number | undefined;
  /** The journal, broken or not; undefined before it is open. */
  journal(): AppendJournal | undefined;
  /** The same. @throws StoreError store-unavailable if it is broken */
  soundJournal(): AppendJournal;
  /** Runs `act` from the loop, at a moment when nothing is staged. */
  whenQuiet(act: () => void): Promise<void>;
  /** A broken journal was replaced. */
  repaired(): void;
  /** The store is closing: a failure is no news. */
  closing(): boolean;
}

/** See the head of this file. One run at a time. */
export class LeaseFileCleanup {
  readonly #host: CleanupHost;
  readonly #ops: FileOps;
  readonly #files: LeaseFileSet;
  /** True while the journal's file has already been renamed `.1` and no other has taken its place. */
  #halfRotated = false;

  constructor(host: CleanupHost) {
    this.#host = host;
    this.#ops = host.ops;
    this.#files = host.files;
  }

  /** True if a run was interrupted, of this process or another, and has to be finished. */
  get interrupted(): boolean {
    return exists(this.#ops, this.#files.input) && !this.#halfRotated;
  }

  /** The whole of a cleanup; if the journal is broken, also its replacement. */
  async run(): Promise<void> {
    this.#host.logger.log('INFO', 'DHCPSRV_MEMFILE_LFC_START', `cleanup of ${this.#files.current} begins`);
    try {
      const started = this.#host.clock.monotonic();
      const repairing = this.#host.journal()?.broken !== undefined;
      if (!repairing) {
        if (!this.#halfRotated && exists(this.#ops, this.#files.completed)) await finishCleanup(this.#ops, this.#files);
        await this.rotate();
      }
      const leases = await this.#writeSnapshot();
      // Only if it was broken before the first slice: what came into it since is nowhere else.
      if (repairing) await this.#replaceJournal();
      await finishCleanup(this.#ops, this.#files);
      const elapsedMs = Math.round(this.#host.clock.monotonic() - started);
      this.#host.logger.log(
        'INFO',
        'LFC_TERMINATE',
        `cleanup of ${this.#files.current} ends: ${leases} leases, ${elapsedMs} ms`,
      );
    } catch (error) {
      const severity = this.#host.closing() ? 'DEBUG' : 'ERROR';
      this.#host.logger.log(
        severity,
        'LFC_FAIL_PROCESS',
        `cleanup of ${this.#files.current} failed: ${messageOf(error)}`,
      );
      this.#discard(this.#files.output);
      this.#discard(this.#files.fresh);
      if (error instanceof LessorError) throw error;
      throw new StoreError('store-unavailable', `cleanup of ${this.#files.current}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /**
   * The journal becomes `.1` and a new one begins, unless a `.1` of an earlier cleanup is still there, as in Kea.
   *
   * While its name changes the journal goes on being written: under either name it is read at the next start. The new
   * one takes over in one step, when its name is durable.
   */
  async rotate(): Promise<void> {
    const ops = this.#ops;
    const files = this.#files;
    if (!this.#halfRotated && exists(ops, files.input)) return;
    const fd = await createFresh(ops, files);
    try {
      if (!this.#halfRotated) {
        ops.rename(files.current, files.input);
        this.#halfRotated = true;
      }
      await ops.directorySyncLater(files.current);
      await this.#host.whenQuiet(() => {
        // Broken meanwhile: then it is not enough to begin another, what is in it has to be written anew.
        const journal = this.#host.soundJournal();
        ops.rename(files.fresh, files.current);
        ops.directorySync(files.current);
        journal.replace(fd, LEASE_FILE_HEADER.length);
        this.#halfRotated = false;
      });
    } catch (error) {
      ops.close(fd);
      throw error;
    }
  }

  /** All leases to `.completed`, by way of `.output`. How many there were. */
  async #writeSnapshot(): Promise<number> {
    const ops = this.#ops;
    const fd = ops.open(this.#files.output, 'create');
    try {
      const snapshot = new LeaseSnapshot(ops, fd, this.#host.table, this.#host.sliceRows);
      for (let more = true; more; ) {
        await this.#host.whenQuiet(() => {
          more = snapshot.slice();
        });
        if (snapshot.unsynced >= SYNC_PIECE_OCTETS) {
          snapshot.unsynced = 0;
          await ops.dataSyncLater(fd);
        }
      }
      await ops.dataSyncLater(fd);
      ops.rename(this.#files.output, this.#files.completed);
      await ops.directorySyncLater(this.#files.current);
      return snapshot.written;
    } finally {
      ops.close(fd);
    }
  }

  /** `.completed` now holds every lease: an empty journal can take the place of the broken one. */
  async #replaceJournal(): Promise<void> {
    const ops = this.#ops;
    const fd = await createFresh(ops, this.#files);
    try {
      ops.rename(this.#files.fresh, this.#files.current);
      await ops.directorySyncLater(this.#files.current);
    } catch (error) {
      ops.close(fd);
      throw error;
    }
    this.#host.journal()?.replace(fd, LEASE_FILE_HEADER.length);
    this.#halfRotated = false;
    this.#host.repaired();
  }

  #discard(path: string): void {
    try {
      this.#ops.remove(path);
    } catch {
      // It does no harm where it is, and the next cleanup writes it anew.
    }
  }
}
