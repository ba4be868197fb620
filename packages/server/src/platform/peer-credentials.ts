/** Who is at the other end of a unix socket, by the kernel: SO_PEERCRED and SO_PEERGROUPS of socket(7), unix(7). */

import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { UnixUser } from '../domain/access/identify.js';
import { linuxLibc } from './linux-libc.js';

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_PEERGROUPS = 59;
const MAX_GROUPS = 1024;

/**
 * The user and groups the other side had when it connected; undefined where the system does not tell. Names are those
 * of /etc/passwd and /etc/group; users from elsewhere go by their numbers.
 */
export function peerCredentials(socket: Socket): UnixUser | undefined {
  const fd = (socket as { _handle?: { fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0) return undefined;
  try {
    const cred = option(fd, SO_PEERCRED, 12);
    if (cred?.length !== 12) return undefined;
    const uid = cred.readUInt32LE(4);
    const others = option(fd, SO_PEERGROUPS, 4 * MAX_GROUPS) ?? Buffer.alloc(0);
    const gids = new Set([cred.readUInt32LE(8)]);
    for (let at = 0; at + 4 <= others.length; at += 4) gids.add(others.readUInt32LE(at));
    const name = nameIn('/etc/passwd', uid);
    return {
      uid,
      ...(name === undefined ? {} : { name }),
      groups: [...gids].map((gid) => {
        const group = nameIn('/etc/group', gid);
        return group === undefined ? { gid } : { gid, name: group };
      }),
    };
  } catch {
    return undefined;
  }
}

/** The value of a socket option; undefined if there is none. */
function option(fd: number, name: number, size: number): Buffer | undefined {
  const value = Buffer.alloc(size);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(size, 0);
  if (linuxLibc().getsockopt(fd, SOL_SOCKET, name, value, length) < 0) return undefined;
  return value.subarray(0, length.readUInt32LE(0));
}

/** The first name with a number, in a file of `name:x:number:...`. */
function nameIn(file: string, number: number): string | undefined {
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((one) => one.split(':')[2] === String(number));
  return line?.split(':')[0];
}
