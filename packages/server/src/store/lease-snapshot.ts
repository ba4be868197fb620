/** Writes all leases of a table to a file, a slice at a time, so that service goes on in between. */

import type { Ipv4 } from '../domain/values.js';
import { type FileDescriptor, type FileOps, writeAll } from './file-ops.js';
import { LeaseRecord } from './lease-record.js';
import { LeaseRowBuffer } from './lease-row-buffer.js';
import type { LeaseTable } from './lease-table.js';

/** Rows of a slice where nothing else is asked for: some two hundred microseconds. */
export const SLICE_ROWS = 256;

/**
 * See the head of this file. A lease that changes between slices is written as it is when its turn comes, or not at
 * all; that is enough, because the change is also in the journal, which is read later.
 */
export class LeaseSnapshot {
  readonly #ops: FileOps;
  readonly #fd: FileDescriptor;
  readonly #table: LeaseTable;
  readonly #sliceRows: number;
  readonly #rows = new LeaseRowBuffer();
  readonly #record = new LeaseRecord();
  #next: Ipv4 = 0;
  #position = 0;
  /** Leases written. */
  written = 0;
  /** Octets written since the caller last made the file durable and set this to 0. */
  unsynced = 0;

  constructor(ops: FileOps, fd: FileDescriptor, table: LeaseTable, sliceRows = SLICE_ROWS) {
    this.#sliceRows = sliceRows;
    this.#ops = ops;
    this.#fd = fd;
    this.#table = table;
    this.#rows.appendHeader();
  }

  /** Writes the next leases in address order; false if these were the last. @throws the system's error. */
  slice(): boolean {
    let more = true;
    for (let i = 0; i < this.#sliceRows && more; i++) {
      more = this.#next <= 0xffff_ffff && this.#table.readAtOrAbove(this.#next, this.#record);
      if (!more) break;
      this.#next = this.#record.address + 1;
      // A released lease that lives on in memory only: its row would read as a removal.
      if (this.#record.validLifetimeSec === 0) continue;
      this.#rows.append(this.#record);
      this.written++;
    }
    writeAll(this.#ops, this.#fd, this.#rows.view, this.#position);
    this.#position += this.#rows.length;
    this.unsynced += this.#rows.length;
    this.#rows.clear();
    return more;
  }
}
