/** What reading and writing configurations asks of the real machine. */

import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { type ConfigEnvironment, directoriesFrom } from '../config/environment.js';

/** What differs between programs that read configurations. */
export interface ConfigEnvironmentOptions {
  /** process.env: Kea's variables for directories. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** -X */
  readonly insecure: boolean;
  /** Whether interfaces that do not exist here are an error. */
  readonly checkInterfaces: boolean;
}

/** The real file system and interfaces. */
export function machineConfigEnvironment(options: ConfigEnvironmentOptions): Omit<ConfigEnvironment, 'generation'> {
  const interfaceNames = options.checkInterfaces ? listInterfaceNames() : undefined;
  return {
    readFile: (path) => readFileSync(path, 'latin1'),
    directoryMode: (path) => {
      const stats = statSync(path, { throwIfNoEntry: false });
      return stats?.isDirectory() ? stats.mode & 0o7777 : undefined;
    },
    directories: directoriesFrom(options.variables),
    insecure: options.insecure,
    ...(interfaceNames !== undefined && { interfaceNames }),
  };
}

/** Names of all interfaces, also those that are down; undefined where the system does not list them. */
function listInterfaceNames(): string[] | undefined {
  try {
    return readdirSync('/sys/class/net');
  } catch {
    return undefined;
  }
}

/**
 * Replaces a file so that at any instant a reader, or a machine that lost power, finds the old or the new one whole.
 * @throws the file system's Error; the old file is then untouched.
 */
export async function writeAtomically(path: string, octets: Uint8Array, mode: number): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const fd = openSync(temporary, 'w', mode);
    try {
      for (let done = 0; done < octets.length; ) done += writeSync(fd, octets, done);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
