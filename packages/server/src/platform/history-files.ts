/** The directory of the configuration history: 0700, its files 0600, for they hold secrets. */

import { chmod, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PrivateFiles } from '../services/ports.js';
import { writeAtomically } from './config-environment.js';

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

/** Files of one directory, which is made when the first is written. */
export function historyDirectory(directory: string): PrivateFiles {
  return {
    async read(name) {
      try {
        return await readFile(join(directory, name));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    async write(name, octets) {
      const made = await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
      if (made !== undefined) await chmod(directory, DIRECTORY_MODE);
      await writeAtomically(join(directory, name), octets, FILE_MODE);
    },
    remove: (name) => rm(join(directory, name), { force: true }),
  };
}
