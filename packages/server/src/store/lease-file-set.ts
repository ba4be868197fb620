/**
 * The files Kea keeps for one lease file, and what each means after an interruption (Kea: Memfile_LeaseMgr and kea-lfc).
 *
 * | suffix | meaning |
 * | --- | --- |
 * | none | the journal: what changed since the last rotation |
 * | `.1` | the journal before, while a cleanup is under way |
 * | `.2` | the result of the last cleanup |
 * | `.output` | the result of the cleanup under way, incomplete |
 * | `.completed` | the same, complete: stands for `.2` and `.1` together |
 * | `.pid` | process number of a running kea-lfc |
 * | `.new` | ours alone: a journal that is about to become the current one |
 */

import { StoreError } from '../errors.js';
import { type FileDescriptor, type FileOps, writeAll } from './file-ops.js';
import { LEASE_FILE_HEADER } from './lease-file.js';

/** Paths of the set. */
export interface LeaseFileSet {
  readonly current: string;
  readonly input: string;
  readonly previous: string;
  readonly output: string;
  readonly completed: string;
  readonly pid: string;
  readonly fresh: string;
}

/** The set around a lease file. */
export function leaseFileSet(path: string): LeaseFileSet {
  return {
    current: path,
    input: `${path}.1`,
    previous: `${path}.2`,
    output: `${path}.output`,
    completed: `${path}.completed`,
    pid: `${path}.pid`,
    fresh: `${path}.new`,
  };
}

/** Whether a file exists. */
export function exists(ops: FileOps, path: string): boolean {
  return ops.lengthOf(path) !== undefined;
}

/**
 * The files to load, in order. A `.completed` makes `.2` and `.1` superfluous; rows of a later file override those of
 * an earlier one.
 */
export function filesToLoad(ops: FileOps, files: LeaseFileSet): string[] {
  const older = exists(ops, files.completed) ? [files.completed] : [files.previous, files.input];
  return [...older, files.current].filter((path) => exists(ops, path));
}

/**
 * Refuses to go on while a kea-lfc works on the same files. Only a living process of that name counts: a `.pid` left
 * behind by a killed kea-lfc must not keep the server down when its number has passed to somebody else.
 * @throws StoreError store-locked
 */
export function refuseIfCleanupRuns(ops: FileOps, files: LeaseFileSet): void {
  const pid = Number(ops.firstLine(files.pid) ?? 0);
  if (!Number.isInteger(pid) || pid <= 0) return;
  if (ops.firstLine(`/proc/${pid}/comm`) === 'kea-lfc') {
    throw new StoreError(
      'store-locked',
      `kea-lfc (process ${pid}) is cleaning up ${files.current}; try again when it has finished`,
    );
  }
}

/** Makes what is in a file durable, whoever wrote it. Kea never does. */
export function syncFile(ops: FileOps, path: string): void {
  const fd = ops.open(path, 'update');
  try {
    ops.dataSync(fd);
  } finally {
    ops.close(fd);
  }
}

/** A new file at `files.fresh` that holds the header and nothing else, durable; its descriptor. */
export async function createFresh(ops: FileOps, files: LeaseFileSet): Promise<FileDescriptor> {
  const fd = ops.open(files.fresh, 'create');
  try {
    writeAll(ops, fd, Buffer.from(LEASE_FILE_HEADER, 'latin1'), 0);
    await ops.dataSyncLater(fd);
    return fd;
  } catch (error) {
    ops.close(fd);
    throw error;
  }
}

/**
 * The last steps of a cleanup once `.completed` is durable (Kea: LFCController::fileRotate). The removals are made
 * durable before the rename: an old `.1` beside the new `.2` would be read after it.
 */
export async function finishCleanup(ops: FileOps, files: LeaseFileSet): Promise<void> {
  await ops.removeLater(files.previous);
  await ops.removeLater(files.input);
  await ops.directorySyncLater(files.current);
  ops.rename(files.completed, files.previous);
  await ops.directorySyncLater(files.current);
}
