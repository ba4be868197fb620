/** Temporary folders that do not outlive the tests: not when they fail, and not for long when they are killed. */

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** `ls`, the test's process id, and what mkdtemp adds: the process id tells whose a folder is. */
const NAME = /^ls(\d+)-/;

const mine = new Set<string>();
let swept = false;

/** True if a process of this number runs. */
export function processRuns(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** A new folder; the first call of a process also removes those of test processes that no longer run. */
export function scratchFolder(): string {
  if (!swept) {
    swept = true;
    for (const name of readdirSync(tmpdir())) {
      const owner = NAME.exec(name)?.[1];
      if (owner !== undefined && !processRuns(Number(owner))) remove(join(tmpdir(), name));
    }
    process.on('exit', () => mine.forEach(remove));
  }
  const folder = mkdtempSync(join(tmpdir(), `ls${process.pid}-`));
  mine.add(folder);
  return folder;
}

/** Removes such a folder before the end of the process. */
export function removeScratch(folder: string): void {
  mine.delete(folder);
  remove(folder);
}
