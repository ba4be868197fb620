/** Finding the repository's files from a test, whether it runs from source (tsx) or from build/. */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package-lock.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('no package-lock.json above the tests');
    folder = parent;
  }
  return folder;
}

/** Absolute path of the repository. */
export const repoRoot: string = findRoot();

/** Absolute path of a file in the repository. */
export function repoPath(...parts: string[]): string {
  return join(repoRoot, ...parts);
}
