/**
 * One instance per configuration: a PID file that is also a lock.
 *
 * The file is Kea's (`<base>.kea-dhcp4.pid` in KEA_PIDFILE_DIR), so that a real Kea refuses to start beside us and we
 * beside it. Among ourselves the lock is flock(2) on that file: the kernel drops it with the process, so neither a
 * dead process, nor a zombie, nor a number that was given to another program can hold it, all of which fool Kea's
 * own check (kill(pid, 0)).
 */

import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  readFileSync,
  readlinkSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import { LessorError } from '../errors.js';
import { errnoOf, lastErrno, libc } from './libc.js';
import { openOwn } from './own-files.js';
import { DAEMON_NAME, makeDirectory } from './paths.js';

/** The lock, held. */
export interface InstanceLock {
  readonly path: string;
  /** Removes the PID file and lets go. */
  release(): void;
}

const LOCK_EX_NB = 2 | 4;
/** How long a dying holder is waited for, and how often it is looked at. */
const DYING_LIMIT_MS = 2000;
const DYING_POLL_MS = 20;

/** Takes an exclusive lock without waiting; false if somebody else has it. @throws Error for any other failure. */
function tryFlock(fd: number): boolean {
  const flock = libc().func('int flock(int fd, int operation)');
  for (;;) {
    if (flock(fd, LOCK_EX_NB) === 0) return true;
    const errno = lastErrno();
    if (errno === errnoOf('EAGAIN') || errno === errnoOf('EWOULDBLOCK')) return false;
    if (errno !== errnoOf('EINTR')) throw new Error(`flock failed with errno ${errno}`);
  }
}

/** True if the descriptor is still the file that has this name (its holder may have removed it before we locked). */
function isStillNamed(fd: number, path: string): boolean {
  try {
    const named = statSync(path);
    const open = fstatSync(fd);
    return named.ino === open.ino && named.dev === open.dev;
  } catch {
    return false;
  }
}

/** The process number in a PID file, 0 if it holds none. */
function readPid(path: string): number {
  const match = /^\s*(\d+)/.exec(readFileSync(path, 'latin1'));
  return match === null ? 0 : Number(match[1]);
}

/** What /proc says of a process; undefined if there is none of this number. */
function processStatus(pid: number, procfs: string): string | undefined {
  if (pid <= 0) return undefined;
  try {
    return readFileSync(`${procfs}/${pid}/status`, 'latin1');
  } catch {
    return undefined;
  }
}

const isDead = (status: string | undefined): boolean => status === undefined || /^State:\s*[ZX]/m.test(status);

/**
 * True if the process is a real Kea that runs. Zombies are dead, and the number may have been given to another
 * program since. (A lessor of the same name is no matter here: it would hold the flock.)
 */
export function isRunningKea(pid: number, procfs = '/proc'): boolean {
  if (pid === process.pid) return false;
  const status = processStatus(pid, procfs);
  if (status === undefined || isDead(status)) return false;
  try {
    return basename(readlinkSync(`${procfs}/${pid}/exe`)).replace(/ \(deleted\)$/, '') === DAEMON_NAME;
  } catch {
    // Another user's process: its executable is hidden, its name is not.
    return new RegExp(`^Name:\\s*${DAEMON_NAME}$`, 'm').test(status);
  }
}

/** A locked file, open as long as the lock is held. */
export interface FileLock {
  release(): void;
}

/** Opens the file, made with `mode` if it is not there, and locks it; undefined if another process has it locked. */
function openLocked(path: string, mode: number): number | undefined {
  for (;;) {
    const fd = openOwn(path, 'lock', mode);
    if (!tryFlock(fd)) {
      closeSync(fd);
      return undefined;
    }
    if (isStillNamed(fd, path)) return fd;
    closeSync(fd);
  }
}

/**
 * The same, giving a killed holder time to go: its first thread is a zombie already while others still hold the file,
 * some milliseconds as a rule.
 */
function openLockedSoon(path: string): number | undefined {
  for (let waitedMs = 0; ; waitedMs += DYING_POLL_MS) {
    const fd = openLocked(path, 0o640);
    if (fd !== undefined || waitedMs >= DYING_LIMIT_MS) return fd;
    if (!existsSync('/proc/self') || !isDead(processStatus(readPid(path), '/proc'))) return undefined;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, DYING_POLL_MS);
  }
}

/**
 * Takes the lock of a lock file (Kea: `<socket>.lock`); the file stays when the lock is released.
 * @throws Error if another process holds it, or that of the file system
 */
export function lockFile(path: string): FileLock {
  const fd = openLocked(path, 0o600);
  if (fd === undefined) throw new Error('another process holds it');
  return { release: () => closeSync(fd) };
}

/**
 * Takes the instance lock and writes our process number.
 * @throws LessorError `store-locked` if another instance runs; the file system's Error if the file can not be written.
 */
export function acquireInstanceLock(path: string): InstanceLock {
  makeDirectory(dirname(path), 0o750);
  const fd = openLockedSoon(path);
  if (fd === undefined) {
    throw new LessorError('store-locked', `already running: process ${readPid(path) || 'unknown'} holds ${path}`);
  }
  const other = readPid(path);
  if (isRunningKea(other)) {
    closeSync(fd);
    throw new LessorError('store-locked', `Kea is already running as process ${other} (${path})`);
  }
  ftruncateSync(fd, 0);
  writeSync(fd, `${process.pid}\n`);
  return {
    path,
    release(): void {
      // First the name, then the lock: whoever locks in between finds that the file has lost its name.
      if (isStillNamed(fd, path)) unlinkSync(path);
      closeSync(fd);
    },
  };
}
