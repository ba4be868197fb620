/**
 * Opening files to write to, so that no other user of the machine chooses where our octets go: a symbolic link is
 * followed only if root or we ourselves made it, and a file that is there must not be somebody else's (unless his is the
 * whole directory, as where root runs on the files of Kea's user).
 */

import { closeSync, constants, fstatSync, lstatSync, openSync, realpathSync, rmSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { LessorError } from '../errors.js';

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR, O_WRONLY } = constants;
/** Windows has neither links of this kind nor the flag. */
const NO_LINK = O_NOFOLLOW ?? 0;

/** How to open: `append`, or `lock` (read and write, made if need be). */
export type OwnMode = 'append' | 'lock';

const FLAGS: Readonly<Record<OwnMode, number>> = {
  append: O_WRONLY | O_CREAT | O_APPEND,
  lock: O_RDWR | O_CREAT | O_APPEND,
};

/**
 * Opens a file that is written to again and again, made with `mode` if it is not there.
 * @throws LessorError `file-not-own`, or the file system's Error
 */
export function openOwn(path: string, how: OwnMode, mode: number): number {
  const target = ownTarget(path);
  const fd = openSync(target, FLAGS[how] | NO_LINK, mode);
  try {
    checkOwner(fstatSync(fd), path, dirname(target));
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Makes a file that nobody has made before; one that is there goes. @throws the file system's Error */
export function openFresh(path: string, mode: number): number {
  rmSync(path, { force: true });
  return openSync(path, O_WRONLY | O_CREAT | O_EXCL | NO_LINK, mode);
}

/**
 * The file a path means after its last link, which must be one that may be followed.
 * @throws LessorError `file-not-own`
 */
export function ownTarget(path: string): string {
  const link = lstatSync(path, { throwIfNoEntry: false });
  if (link?.isSymbolicLink() !== true) return path;
  if (!isOurs(link.uid)) {
    throw new LessorError('file-not-own', `${path} is a symbolic link that user ${link.uid} made: remove it`);
  }
  try {
    return realpathSync(path);
  } catch {
    throw new LessorError('file-not-own', `${path} is a symbolic link to nothing: remove it`);
  }
}

function checkOwner(stats: Stats, path: string, directory: string): void {
  if (!stats.isFile() || isOurs(stats.uid)) return;
  if (lstatSync(directory, { throwIfNoEntry: false })?.uid === stats.uid) return;
  throw new LessorError('file-not-own', `${path} belongs to user ${stats.uid}: remove it or give it to this server`);
}

/** True for root and for who we are; everywhere where there are no such numbers. */
function isOurs(uid: number): boolean {
  return uid === 0 || process.geteuid === undefined || uid === process.geteuid();
}
