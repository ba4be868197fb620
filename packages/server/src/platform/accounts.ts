/**
 * Names of users and groups by number, from /etc/passwd and /etc/group. The files are read when they have changed,
 * which is looked at once a second at most: there may be thousands of connections in one.
 */

import { readFileSync, statSync } from 'node:fs';

const LOOK_AGAIN_MS = 1000;

/** The lines of one file: `name:x:number:...`. */
class Accounts {
  private names: ReadonlyMap<number, string> = new Map();
  private lookedAt = Number.NEGATIVE_INFINITY;
  private version = '';

  constructor(private readonly file: string) {}

  nameOf(number: number): string | undefined {
    const now = performance.now();
    if (now - this.lookedAt >= LOOK_AGAIN_MS) {
      this.lookedAt = now;
      this.look();
    }
    return this.names.get(number);
  }

  private look(): void {
    const { mtimeMs, ino, size } = statSync(this.file);
    const version = `${ino} ${size} ${mtimeMs}`;
    if (version === this.version) return;
    const names = new Map<number, string>();
    for (const line of readFileSync(this.file, 'utf8').split('\n')) {
      const [name, , number] = line.split(':');
      // As getpwuid(3): of several names with a number the first counts.
      if (name !== undefined && /^\d+$/.test(number ?? '') && !names.has(Number(number))) {
        names.set(Number(number), name);
      }
    }
    this.names = names;
    this.version = version;
  }
}

const users = new Accounts('/etc/passwd');
const groups = new Accounts('/etc/group');

/** Name of a user, undefined if the file has none. @throws Error of the system if there is no file */
export function userName(uid: number): string | undefined {
  return users.nameOf(uid);
}

/** Name of a group, undefined if the file has none. @throws Error of the system if there is no file */
export function groupName(gid: number): string | undefined {
  return groups.nameOf(gid);
}
