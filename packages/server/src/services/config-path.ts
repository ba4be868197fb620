/** Where config-write may write. */

import { basename, dirname, join, resolve } from 'node:path';
import { CommandError } from '../errors.js';

/**
 * The file config-write is to write: `filename`, in the directory of the configuration file (CVE-2025-32802), or that
 * file itself where none is named. Anywhere if `anywhere` (-X).
 * @throws CommandError
 */
export function writablePath(filename: string | undefined, configFile: string | undefined, anywhere: boolean): string {
  const path = filename ?? configFile;
  if (path === undefined || path === '') {
    throw new CommandError('command-invalid', 'there is no configuration file: give a "filename"');
  }
  const name = basename(path);
  if (name === '' || name === '.' || name === '..') {
    throw new CommandError('command-invalid', `${path} does not name a file`);
  }
  const wanted = configFile !== undefined && name === path ? join(dirname(configFile), path) : path;
  const allowed = configFile !== undefined && dirname(resolve(wanted)) === dirname(configFile);
  if (!allowed && !anywhere) {
    const reason =
      configFile === undefined
        ? 'the server was started without one, and only -X lifts the restriction'
        : `file ${path} must be in the same directory as the config file (${configFile})`;
    throw new CommandError('command-denied', `not allowed to write config into ${path}: ${reason}`);
  }
  return wanted;
}

/**
 * Passwords and keys may be in the same directory: whoever may write a configuration must not put one in their place.
 * @throws CommandError `command-denied` if there is a file of this name that is no configuration
 */
export async function refuseToReplace(files: { read(path: string): Promise<Buffer> }, path: string): Promise<void> {
  const old = await files.read(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new CommandError('command-failed', `unable to write ${path}: ${error.message}`);
  });
  if (old === undefined || isConfiguration(old.toString('latin1'))) return;
  throw new CommandError('command-denied', `${path} is there and is no configuration: choose another name`);
}

/** True for the text of a configuration file, comments before it included. */
function isConfiguration(text: string): boolean {
  return /^\s*(?:\{|#|\/\/|\/\*)/.test(text) && text.includes('"Dhcp4"');
}
