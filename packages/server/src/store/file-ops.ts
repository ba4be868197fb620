/**
 * The few file operations the lease store is built on, as an interface, so that tests can hand in a disk that fails,
 * tears writes or loses power at any step. {@link nodeFileOps} is the real one.
 */

import {
  closeSync,
  constants,
  copyFileSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** An open file. */
export type FileDescriptor = number;

/**
 * `read`: an existing file for reading. `update`: an existing file for reading and writing.
 * `create`: for writing, emptied if it exists, mode 0640 as Kea's umask leaves its lease files.
 */
export type OpenMode = 'read' | 'update' | 'create';

/** File operations. Each throws the system's error (with `code`) on failure. Positions and lengths are octets. */
export interface FileOps {
  open(path: string, mode: OpenMode): FileDescriptor;
  close(fd: FileDescriptor): void;
  /** Length of an open file. */
  length(fd: FileDescriptor): number;
  /** Octets read, 0 at the end. */
  read(fd: FileDescriptor, target: Uint8Array, position: number): number;
  /** Octets written, perhaps fewer than given. */
  write(fd: FileDescriptor, octets: Uint8Array, position: number): number;
  truncate(fd: FileDescriptor, length: number): void;
  /** Returns when the content is on stable storage. */
  dataSync(fd: FileDescriptor): void;
  /** The same without blocking the thread. */
  dataSyncLater(fd: FileDescriptor): Promise<void>;
  /** Length of a file, or undefined if there is none. */
  lengthOf(path: string): number | undefined;
  /** Replaces `to` atomically. */
  rename(from: string, to: string): void;
  /** Harmless if the file is absent. */
  remove(path: string): void;
  /** The same without blocking the thread: freeing a large file takes tens of milliseconds. */
  removeLater(path: string): Promise<void>;
  /** Copies a whole file to stable storage; fails if `to` exists. */
  copy(from: string, to: string): void;
  /** Makes names created, renamed and removed in the folder of `path` durable. */
  directorySync(path: string): void;
  /** The same without blocking the thread. */
  directorySyncLater(path: string): Promise<void>;
  /** The first line of a small file, or undefined if it can not be read. */
  firstLine(path: string): string | undefined;
}

/**
 * No lease file is a symbolic link: a cleanup would replace the link and not what it points to, and whoever can make one
 * would choose the file that leases are written over. (Its directory may be one.)
 */
const NO_LINK = constants.O_NOFOLLOW ?? 0;

const FLAGS: Record<OpenMode, number> = {
  read: constants.O_RDONLY | NO_LINK,
  update: constants.O_RDWR | NO_LINK,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC | NO_LINK,
};

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

/**
 * Writes all of `octets`, however many calls that takes.
 * @throws the system's error; a part may have been written.
 */
export function writeAll(ops: FileOps, fd: FileDescriptor, octets: Uint8Array, position: number): void {
  for (let done = 0; done < octets.length; ) {
    const count = ops.write(fd, octets.subarray(done), position + done);
    if (count === 0) throw Object.assign(new Error('write: nothing was written'), { code: 'ENOSPC' });
    done += count;
  }
}

/** The file system of this machine. */
export const nodeFileOps: FileOps = {
  open(path, mode) {
    try {
      return openSync(path, FLAGS[mode], 0o640);
    } catch (error) {
      if (codeOf(error) !== 'ELOOP') throw error;
      throw Object.assign(new Error(`${path} is a symbolic link: name the file itself`), { code: 'ELOOP' });
    }
  },
  close: (fd) => closeSync(fd),
  length: (fd) => fstatSync(fd).size,
  read: (fd, target, position) => readSync(fd, target, 0, target.length, position),
  write: (fd, octets, position) => writeSync(fd, octets, 0, octets.length, position),
  truncate: (fd, length) => ftruncateSync(fd, length),
  dataSync: (fd) => fdatasyncSync(fd),
  dataSyncLater: (fd) =>
    new Promise((resolve, reject) => fdatasync(fd, (error) => (error === null ? resolve() : reject(error)))),
  lengthOf(path) {
    try {
      return statSync(path).size;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  },
  rename: (from, to) => renameSync(from, to),
  remove: (path) => rmSync(path, { force: true }),
  removeLater: (path) => rm(path, { force: true }),
  copy(from, to) {
    copyFileSync(from, to, constants.COPYFILE_EXCL);
    const fd = openSync(to, constants.O_RDWR);
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  },
  directorySync(path) {
    const fd = openSync(dirname(path), constants.O_RDONLY);
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  },
  async directorySyncLater(path) {
    const directory = await open(dirname(path));
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  },
  firstLine(path) {
    try {
      return readFileSync(path, 'latin1').split('\n', 1)[0];
    } catch {
      return undefined;
    }
  },
};
