/**
 * The file that changes are appended to. An append returns when its rows are on stable storage, or fails and leaves the
 * file as it was, or, where that can not be known, declares the journal broken.
 */

import { type FileDescriptor, type FileOps, writeAll } from './file-ops.js';

/** See the head of this file. One append at a time. */
export class AppendJournal {
  readonly #ops: FileOps;
  #fd: FileDescriptor;
  /** Octets known to be durable. Nothing beyond them has been acknowledged to anybody. */
  #length: number;
  #broken: string | undefined;

  /** Takes over an open file whose first `length` octets are durable. */
  constructor(ops: FileOps, fd: FileDescriptor, length: number) {
    this.#ops = ops;
    this.#fd = fd;
    this.#length = length;
  }

  /** Why nothing can be appended any more until {@link AppendJournal.replace}, or undefined. */
  get broken(): string | undefined {
    return this.#broken;
  }

  /** Appends and waits on this thread. @throws the system's error. */
  append(rows: Uint8Array): void {
    this.#write(rows);
    try {
      this.#ops.dataSync(this.#fd);
    } catch (error) {
      this.#syncFailed(error);
      throw error;
    }
    this.#length += rows.length;
  }

  /** Appends and waits in the thread pool. */
  async appendLater(rows: Uint8Array): Promise<void> {
    this.#write(rows);
    try {
      await this.#ops.dataSyncLater(this.#fd);
    } catch (error) {
      this.#syncFailed(error);
      throw error;
    }
    this.#length += rows.length;
  }

  /** Declares the journal broken for a reason of the caller's. */
  distrust(reason: string): void {
    this.#broken = reason;
  }

  /** Goes on in another file, sound again; the old one is closed. */
  replace(fd: FileDescriptor, length: number): void {
    const old = this.#fd;
    this.#fd = fd;
    this.#length = length;
    this.#broken = undefined;
    this.#close(old);
  }

  /** Nothing more will be appended. */
  close(): void {
    this.#broken ??= 'the journal is closed';
    this.#close(this.#fd);
  }

  #write(rows: Uint8Array): void {
    if (this.#broken !== undefined) throw new Error(this.#broken);
    try {
      writeAll(this.#ops, this.#fd, rows, this.#length);
    } catch (error) {
      // Half a row may be there. It must go before anything is appended, lest two rows run together.
      try {
        this.#ops.truncate(this.#fd, this.#length);
      } catch (second) {
        this.#broken = `a failed write could not be undone: ${messageOf(second)}`;
      }
      throw error;
    }
  }

  /**
   * After a failed fdatasync the kernel may have marked the pages clean although they never reached the disk: the next
   * fdatasync would report success, reads would show the rows, and a power failure would take them ("fsyncgate"). The
   * page that also holds the last durable rows may have been torn. So this file is never trusted again: all leases are
   * written from memory into a fresh one.
   */
  #syncFailed(error: unknown): void {
    this.#broken = `the disk did not confirm a write: ${messageOf(error)}`;
  }

  #close(fd: FileDescriptor): void {
    try {
      this.#ops.close(fd);
    } catch {
      // Everything that counts was made durable before; what close reports changes nothing.
    }
  }
}

/** Text of an error of any kind. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
