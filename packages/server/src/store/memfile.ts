/**
 * The embedded lease store: all leases in memory, Kea's lease file as journal. A commit is one write and one fdatasync
 * for everything staged, by default on the loop's thread, which was measured to be faster than a trip through the
 * thread pool. Cleanup rewrites the files as Kea does it, so that Kea can take over at any instant.
 */

import { hashKeyOf } from '../domain/keyed-hash.js';
import { type Lease, LeaseState } from '../domain/lease.js';
import type { ShowLease } from '../domain/lease-view.js';
import { formatIpv4, type Ipv4, type Octets, type SubnetId } from '../domain/values.js';
import { LessorError, StoreError } from '../errors.js';
import type { Clock, LeaseStore, Logger, Random, StoreHealth } from '../services/ports.js';
import { AppendJournal, messageOf } from './append-journal.js';
import type { FileOps } from './file-ops.js';
import { LEASE_FILE_HEADER } from './lease-file.js';
import { LeaseFileCleanup } from './lease-file-cleanup.js';
import { createFresh, exists, finishCleanup, type LeaseFileSet, leaseFileSet } from './lease-file-set.js';
import { loadLeaseFiles } from './lease-loader.js';
import { LeaseRecord } from './lease-record.js';
import { LeaseRowBuffer } from './lease-row-buffer.js';
import { LeaseTable } from './lease-table.js';

/** What a {@link MemfileStore} is made of. */
export interface MemfileOptions {
  /** Path of the lease file; the other files of the set lie beside it. */
  readonly path: string;
  /** False: leases live in memory only (Kea: persist). */
  readonly persist: boolean;
  /** How many unreadable rows a file may have; 0 = no limit (Kea: max-row-errors). */
  readonly maxRowErrors: number;
  /** Where a commit waits for the disk; `inline` if absent. */
  readonly flush?: 'inline' | 'threadpool';
  /** Rows a cleanup writes before it lets the loop go on; 256 if absent. */
  readonly sliceRows?: number;
  readonly fileOps: FileOps;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /**
   * Looks at each lease after loading (Kea: sanity-checks, lease-checks): returns it, a corrected one, or undefined to
   * drop it. What it changes is written at the next cleanup, as in Kea.
   */
  readonly review?: (lease: Lease) => Lease | undefined;
}

/** One staged change, kept to undo it. */
interface Undo {
  readonly address: Ipv4;
  readonly before: Lease | undefined;
}

/** How long to wait before trying again to replace a broken journal. */
const REPAIR_RETRY_MS = 1_000;

/** See the head of this file. */
export class MemfileStore implements LeaseStore {
  readonly #options: MemfileOptions;
  readonly #ops: FileOps;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #files: LeaseFileSet;
  readonly #table: LeaseTable;
  readonly #record = new LeaseRecord();
  readonly #pending = new LeaseRowBuffer();
  #staged: Undo[] = [];
  #journal: AppendJournal | undefined;
  #health: StoreHealth = { ok: true };
  readonly #cleaner: LeaseFileCleanup;
  /** The cleanup or repair under way. */
  #cleanup: Promise<void> | undefined;
  /** The last commit handed to the thread pool. */
  #inFlight: Promise<void> | undefined;
  /** Waits for the commit in flight to end. */
  #whenSettled: (() => void) | undefined;
  #repairPlanned = false;
  #closing = false;

  constructor(options: MemfileOptions) {
    this.#options = options;
    this.#ops = options.fileOps;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#files = leaseFileSet(options.path);
    this.#table = new LeaseTable(hashKeyOf(options.random.bytes(8)));
    this.#cleaner = new LeaseFileCleanup({
      ops: this.#ops,
      clock: this.#clock,
      logger: this.#logger,
      files: this.#files,
      table: this.#table,
      sliceRows: options.sliceRows,
      journal: () => this.#journal,
      soundJournal: () => this.#soundJournal(),
      whenQuiet: (act) => this.#whenQuiet(act),
      repaired: () => {
        if (!this.#health.ok) this.#recovered();
      },
      closing: () => this.#closing,
    });
  }

  /** True while a cleanup or repair is under way. */
  get cleaning(): boolean {
    return this.#cleanup !== undefined;
  }

  get health(): StoreHealth {
    return this.#health;
  }

  get size(): number {
    return this.#table.size;
  }

  /** Octets taken from the system for leases and indexes. */
  get memoryOctets(): number {
    return this.#table.memoryOctets;
  }

  getByAddress(address: Ipv4): Lease | undefined {
    return this.#table.getByAddress(address);
  }

  findByClientId(clientId: Octets, accept: (subnetId: SubnetId) => boolean): Lease | undefined {
    return this.#table.findByClientId(clientId, accept);
  }

  findByHwAddress(hwAddress: Octets, accept: (subnetId: SubnetId) => boolean): Lease | undefined {
    return this.#table.findByHwAddress(hwAddress, accept);
  }

  listByClientId(clientId: Octets): Lease[] {
    return this.#table.listByClientId(clientId);
  }

  listByHwAddress(hwAddress: Octets): Lease[] {
    return this.#table.listByHwAddress(hwAddress);
  }

  listByHostname(hostname: string): Lease[] {
    return this.#table.listByHostname(hostname);
  }

  page(after: Ipv4 | undefined, limit: number): Lease[] {
    return this.#table.page(after, limit);
  }

  walk(after: Ipv4 | undefined, show: ShowLease): void {
    this.#table.walk(after, show);
  }

  all(): Iterable<Lease> {
    return this.#table.all();
  }

  /**
   * Loads what is stored and completes what an interrupted cleanup, ours or Kea's, left undone.
   * @throws StoreError store-corrupt (too many unreadable rows, a file that is no lease file), store-locked (kea-lfc is
   * at work), store-unavailable (a file can not be read, written or made durable).
   */
  async open(): Promise<void> {
    if (!this.#options.persist) {
      this.#logger.log(
        'WARN',
        'DHCPSRV_MEMFILE_NO_STORAGE',
        'leases are not written to disk and end with this process',
      );
      return;
    }
    try {
      await this.#openFiles();
    } catch (error) {
      this.#journal?.close();
      if (error instanceof LessorError) throw error;
      throw new StoreError('store-unavailable', `${this.#files.current}: ${messageOf(error)}`, { cause: error });
    }
  }

  put(lease: Lease): void {
    // Kea refuses such rows when it reads them, so they would be lost.
    if (lease.hwAddress === '' && lease.clientId === '' && lease.state !== LeaseState.declined) {
      throw new LessorError('invariant', `the lease of ${formatIpv4(lease.address)} names no client`);
    }
    this.#record.setLease(lease);
    this.#stage(lease.address);
    this.#table.putRecord(this.#record);
    if (this.#options.persist) this.#pending.append(this.#record);
  }

  delete(address: Ipv4): void {
    if (!this.#table.readRecord(address, this.#record)) return;
    this.#stage(address);
    this.#table.delete(address);
    if (this.#options.persist) this.#pending.append(this.#record, true);
  }

  commit(): Promise<void> | void {
    if (this.#staged.length === 0) return undefined;
    if (!this.#options.persist) {
      this.#settle();
      return undefined;
    }
    const journal = this.#soundJournal();
    if (this.#options.flush === 'threadpool') {
      this.#inFlight = journal.appendLater(this.#pending.view).then(
        () => this.#committed(),
        (error: unknown) => this.#commitFailed(error),
      );
      return this.#inFlight;
    }
    try {
      journal.append(this.#pending.view);
    } catch (error) {
      this.#commitFailed(error);
    }
    this.#committed();
    return undefined;
  }

  rollback(): void {
    for (let i = this.#staged.length - 1; i >= 0; i--) {
      const { address, before } = this.#staged[i]!;
      if (before === undefined) this.#table.delete(address);
      else this.#table.put(before);
    }
    this.#settle();
  }

  /**
   * Rewrites the files so that each lease is in them once (Kea: lease file cleanup). Service goes on meanwhile.
   * If one is under way already, waits for that one. @throws StoreError store-unavailable if it fails: nothing is lost,
   * the next one takes up where this one stopped.
   */
  async cleanup(): Promise<void> {
    if (!this.#options.persist) return;
    this.#cleanup ??= this.#cleaner.run().finally(() => {
      this.#cleanup = undefined;
    });
    await this.#cleanup;
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#inFlight?.catch(() => undefined);
    this.rollback();
    await this.#cleanup?.catch(() => undefined);
    this.#journal?.close();
    this.#journal = undefined;
  }

  #stage(address: Ipv4): void {
    this.#staged.push({ address, before: this.#table.getByAddress(address) });
  }

  /** Nothing is staged any more: whoever waited for that may look at the table now. */
  #settle(): void {
    this.#staged = [];
    this.#pending.clear();
    const waiting = this.#whenSettled;
    this.#whenSettled = undefined;
    waiting?.();
  }

  #committed(): void {
    this.#settle();
    if (!this.#health.ok) this.#recovered();
  }

  #commitFailed(error: unknown): never {
    this.rollback();
    this.#failed(messageOf(error));
    if (this.#journal?.broken !== undefined) this.#planRepair(0);
    throw new StoreError('store-unavailable', `${this.#files.current}: ${messageOf(error)}`, { cause: error });
  }

  #soundJournal(): AppendJournal {
    const journal = this.#journal;
    if (journal === undefined || journal.broken !== undefined) {
      this.rollback();
      if (journal !== undefined) this.#planRepair(0);
      throw new StoreError(
        'store-unavailable',
        `${this.#files.current}: ${journal?.broken ?? 'the store is not open'}`,
      );
    }
    return journal;
  }

  #failed(reason: string): void {
    if (!this.#health.ok) return;
    this.#health = { ok: false, since: this.#clock.now(), reason };
    this.#logger.log(
      'ERROR',
      'LESSOR_MEMFILE_WRITE_FAILED',
      `leases can not be written to ${this.#files.current}, no lease is given until they can: ${reason}`,
    );
  }

  #recovered(): void {
    this.#health = { ok: true };
    this.#logger.log('WARN', 'LESSOR_MEMFILE_WRITE_RECOVERED', `leases can be written to ${this.#files.current} again`);
  }

  /** A broken journal is replaced by a cleanup, tried until it succeeds. */
  #planRepair(delayMs: number): void {
    if (this.#repairPlanned || this.#closing) return;
    this.#repairPlanned = true;
    this.#clock.after(delayMs, () => {
      this.cleanup().then(
        () => this.#repairEnded(0),
        () => this.#repairEnded(REPAIR_RETRY_MS),
      );
    });
  }

  /** Still broken: the cleanup failed, or it had begun before the journal broke and so could not replace it. */
  #repairEnded(retryMs: number): void {
    this.#repairPlanned = false;
    if (this.#journal?.broken !== undefined) this.#planRepair(retryMs);
  }

  async #openFiles(): Promise<void> {
    const ops = this.#ops;
    const files = this.#files;
    const found = loadLeaseFiles(ops, files, this.#table, this.#options.maxRowErrors, this.#clock, this.#logger);
    this.#reviewAll();
    if (found.completed) await finishCleanup(ops, files);
    if (found.current === undefined) {
      const fd = await createFresh(ops, files);
      ops.rename(files.fresh, files.current);
      ops.directorySync(files.current);
      this.#journal = new AppendJournal(ops, fd, LEASE_FILE_HEADER.length);
    } else {
      const fd = ops.open(files.current, 'update');
      if (found.current.totalOctets > found.current.soundOctets) ops.truncate(fd, found.current.soundOctets);
      ops.dataSync(fd);
      this.#journal = new AppendJournal(ops, fd, found.current.soundOctets);
      if (!found.current.schema.current) {
        // Rows of our schema under the header of another would be refused by the Kea that wrote it.
        this.#logger.log(
          'WARN',
          'DHCPSRV_MEMFILE_CONVERTING_LEASE_FILES',
          `${files.current} is converted to schema 3.0`,
        );
        if (exists(ops, files.input)) {
          this.#journal.distrust('its header has other columns');
          await this.cleanup();
        } else {
          // As input of a cleanup it may keep its header, and nobody has to wait until the cleanup is done.
          await this.#cleaner.rotate();
          this.cleanup().catch(() => undefined);
        }
      }
    }
    if (found.badRows > 0 || this.#cleaner.interrupted) {
      // Clears away what was interrupted, and rows that could not be read (a copy of the file is kept).
      this.cleanup().catch(() => undefined);
    }
  }

  #reviewAll(): void {
    const { review } = this.#options;
    if (review === undefined) return;
    const changed: { readonly address: Ipv4; readonly lease: Lease | undefined }[] = [];
    for (const lease of this.#table.all()) {
      const reviewed = review(lease);
      if (reviewed !== lease) changed.push({ address: lease.address, lease: reviewed });
    }
    for (const { address, lease } of changed) {
      if (lease === undefined) this.#table.delete(address);
      else this.#table.put(lease);
    }
  }

  /** Runs `act` from the loop, at a moment when nothing is staged: it sees durable leases only. */
  #whenQuiet(act: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const run = () => {
        try {
          if (this.#closing) throw new StoreError('store-unavailable', 'the store is closing');
          act();
          resolve();
        } catch (error) {
          reject(error);
        }
      };
      this.#clock.soon(() => {
        if (this.#staged.length === 0) run();
        else this.#whenSettled = run;
      });
    });
  }
}
