/** What reading and writing configurations asks of the real machine. */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type ConfigEnvironment, directoriesFrom } from '../config/environment.js';
import { ownTarget } from './own-files.js';

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
  let listed: string[] | undefined;
  return {
    readFile: (path) => readFileSync(path, 'latin1'),
    directoryMode: (path) => {
      const stats = statSync(path, { throwIfNoEntry: false });
      return stats?.isDirectory() ? stats.mode & 0o7777 : undefined;
    },
    fileMode: (path) => {
      const stats = statSync(path, { throwIfNoEntry: false });
      return stats?.isFile() ? stats.mode & 0o777 : undefined;
    },
    directories: directoriesFrom(options.variables),
    insecure: options.insecure,
    get interfaceNames() {
      if (options.checkInterfaces) listed ??= listInterfaceNames();
      return listed;
    },
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

/** Something that is another whenever a file is; undefined if there is none. */
function fileStamp(path: string): string | undefined {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats && `${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`;
}

/**
 * Replaces a file so that at any instant a reader, or a machine that lost power, finds the old or the new one whole.
 * A symbolic link of ours stays one: the file it points to is replaced. A file that is there keeps its mode, and its owner
 * where this process may give it; `mode` is for one that is new.
 * @throws the file system's Error; the old file is then untouched.
 */
export async function writeAtomically(path: string, octets: Uint8Array, mode: number): Promise<void> {
  const target = ownTarget(path);
  const old = await stat(target).catch(() => undefined);
  const temporary = `${target}.${process.pid}.tmp`;
  try {
    await rm(temporary, { force: true });
    const file = await open(temporary, 'wx', mode);
    try {
      if (old !== undefined) {
        await file.chown(old.uid, old.gid).catch(() => undefined);
        await file.chmod(old.mode & 0o7777);
      }
      await file.writeFile(octets);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const folder = await open(dirname(target), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** The file system as the configuration service needs it. */
export const configFiles = {
  read: (path: string): Promise<Buffer> => readFile(path),
  writeAtomically,
  stamp: fileStamp,
};
