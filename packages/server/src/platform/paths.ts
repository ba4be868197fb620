/** Names and directories of the files a running instance leaves for others to find it by. */

import { mkdirSync } from 'node:fs';
import { basename, extname, join } from 'node:path';

/** The name Kea's daemon has among processes, in PID file names and in logs. */
export const DAEMON_NAME = 'kea-dhcp4';

/** Kea's PID file name: DIR/BASE.DAEMON.pid, BASE being the configuration file's name without its last suffix. */
export function pidFilePath(directory: string, configFile: string, daemon = DAEMON_NAME): string {
  const base = basename(configFile);
  return join(directory, `${base.slice(0, base.length - extname(base).length)}.${daemon}.pid`);
}

/**
 * Makes one directory unless it is there; its parent must exist. (Node's recursive mkdir never returns where the file
 * system refuses a name with ENOENT, as /proc does.) @throws the file system's Error
 */
export function makeDirectory(path: string, mode: number): void {
  try {
    mkdirSync(path, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
