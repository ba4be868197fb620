/** The locks a server process holds: one on its PID file, one beside its lease file. */

import { dirname } from 'node:path';
import { directoriesFrom } from '../config/environment.js';
import type { LeaseDatabaseConfig } from '../domain/snapshot.js';
import { LessorError } from '../errors.js';
import type { Logger } from '../services/ports.js';
import { acquireInstanceLock, type FileLock, lockFile } from './lock.js';
import { pidFilePath } from './paths.js';

/** What the locks depend on. */
export interface ServerLockOptions {
  /** Path of the configuration file; without one there is no PID file. */
  readonly configFile: string | undefined;
  readonly leaseDatabase: Pick<LeaseDatabaseConfig, 'persist' | 'path'>;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
}

/**
 * Takes both locks. Two servers under different PID files must not write one lease file either, so that has its own.
 * Where KEA_PIDFILE_DIR is not set and Kea's directory can not be written (an ordinary user), the PID file goes beside
 * the leases.
 * @throws LessorError `store-locked` if another server runs, or the file system's Error
 */
export function takeServerLocks({ configFile, leaseDatabase, variables, logger }: ServerLockOptions): FileLock[] {
  const locks: FileLock[] = [];
  try {
    if (configFile !== undefined) {
      const { path, lock } = lockPidFile(configFile, leaseDatabase, variables);
      logger.log('DEBUG', 'LESSOR_PID_FILE', `process number written to ${path}`);
      locks.push(lock);
    }
    if (leaseDatabase.persist) locks.push(lockLeaseFile(leaseDatabase.path));
    return locks;
  } catch (error) {
    for (const lock of locks) lock.release();
    throw error;
  }
}

function lockPidFile(
  configFile: string,
  leaseDatabase: ServerLockOptions['leaseDatabase'],
  variables: ServerLockOptions['variables'],
): { readonly path: string; readonly lock: FileLock } {
  const path = pidFilePath(directoriesFrom(variables).pid, configFile);
  try {
    return { path, lock: acquireInstanceLock(path) };
  } catch (error) {
    const chosen = variables.KEA_PIDFILE_DIR !== undefined && variables.KEA_PIDFILE_DIR !== '';
    if (error instanceof LessorError || chosen || !leaseDatabase.persist) throw error;
    const fallback = pidFilePath(dirname(leaseDatabase.path), configFile);
    return { path: fallback, lock: acquireInstanceLock(fallback) };
  }
}

function lockLeaseFile(path: string): FileLock {
  const lockPath = `${path}.lock`;
  try {
    return lockFile(lockPath);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    throw new LessorError('store-locked', `another server writes to ${path} (it holds ${lockPath})`);
  }
}
