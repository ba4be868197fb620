/**
 * From root to an ordinary user. On Linux that happens before anything is read or opened: the user keeps the two
 * capabilities that DHCP needs (ports below 1024; packet sockets and binding to a device), on the thread that opens
 * sockets and on no other, so an interface that is added later is served too. Nothing gives anything back.
 */

import { readFileSync } from 'node:fs';
import { LessorError } from '../errors.js';
import { libc } from './libc.js';

/** What a server keeps of root's capabilities (capabilities(7)). */
const KEPT = { CAP_NET_BIND_SERVICE: 10, CAP_NET_RAW: 13 } as const;

const PR_SET_KEEPCAPS = 8;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const LAST_CAPABILITY = 63;
/** _LINUX_CAPABILITY_VERSION_3: two words of 32 bits for each set. */
const CAPABILITY_VERSION = 0x2008_0522;

/** A user to become. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The account of `NAME[:GROUP]`, names or numbers; without a group the user's own.
 * @throws LessorError `privileges` if there is no such user or group
 */
export function findAccount(text: string): Account {
  const [user = '', group, ...more] = text.split(':');
  if (user === '' || group === '' || more.length > 0) throw failure(`'${text}' is not NAME or NAME:GROUP`);
  const row = rowOf('/etc/passwd', user);
  if (row === undefined) throw failure(`there is no user '${user}'`);
  const groupRow = group === undefined ? undefined : rowOf('/etc/group', group);
  if (group !== undefined && groupRow === undefined) throw failure(`there is no group '${group}'`);
  return { name: row[0]!, uid: Number(row[2]), gid: Number(groupRow === undefined ? row[3] : groupRow[2]) };
}

/**
 * Becomes the user, with his groups, for good.
 * @throws LessorError `privileges` where this is not root or not Linux, or something fails: then nobody should go on
 */
export function dropPrivileges({ name, uid, gid }: Account): void {
  if (process.platform !== 'linux') throw failure(`--user needs Linux, this is ${process.platform}`);
  if (process.geteuid?.() !== 0) throw failure('only root can become another user');
  if (uid === 0) throw failure('root is what --user is to give up');
  const call = libc().func('int prctl(int option, ulong a, ulong b, ulong c, ulong d)') as (
    ...numbers: number[]
  ) => number;
  const kept: readonly number[] = Object.values(KEPT);
  for (let capability = 0; capability <= LAST_CAPABILITY; capability++) {
    // A number the kernel does not know is one nobody can have.
    if (!kept.includes(capability)) call(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
  must('prctl(PR_SET_KEEPCAPS)', call(PR_SET_KEEPCAPS, 1, 0, 0, 0));
  // Node has it; its type definitions of this version do not.
  (process as NodeJS.Process & { initgroups(user: string, group: number): void }).initgroups(name, gid);
  process.setgid!(gid);
  process.setuid!(uid);
  setCapabilities(kept);
  must('prctl(PR_SET_NO_NEW_PRIVS)', call(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  if (process.getuid!() !== uid || process.geteuid!() !== uid || process.getegid!() !== gid) {
    throw failure(`this process did not become ${name}`);
  }
}

/** Sets what this thread may do, now and later, to these and no other. */
function setCapabilities(kept: readonly number[]): void {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(CAPABILITY_VERSION, 0);
  const mask = kept.reduce((bits, one) => bits + 2 ** one, 0);
  // Two structures of effective, permitted and inheritable, 32 bits each.
  const data = Buffer.alloc(24);
  data.writeUInt32LE(mask, 0);
  data.writeUInt32LE(mask, 4);
  const capset = libc().func('int capset(void *header, const void *data)') as (header: Buffer, data: Buffer) => number;
  must('capset', capset(header, data));
}

/** The line of a file of `name:x:number:...` that has a name, or a number. */
function rowOf(file: string, wanted: string): readonly string[] | undefined {
  const rows = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  return rows.find(([name]) => name === wanted) ?? rows.find(([, , number]) => number === wanted);
}

function must(what: string, result: number): void {
  if (result !== 0) throw failure(`${what} failed`);
}

function failure(text: string): LessorError {
  return new LessorError('privileges', text);
}
