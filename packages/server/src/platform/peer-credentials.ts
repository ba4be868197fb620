/** Who is at the other end of a unix socket, by the kernel: SO_PEERCRED and SO_PEERGROUPS of socket(7), unix(7). */

import type { Socket } from 'node:net';
import type { UnixUser } from '../domain/access/identify.js';
import { groupName, userName } from './accounts.js';
import { linuxLibc } from './linux-libc.js';

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_PEERGROUPS = 59;
const MAX_GROUPS = 1024;

const value = Buffer.alloc(4 * MAX_GROUPS);
const length = Buffer.alloc(4);

/** {@link credentialsOf} for a stream. */
export function peerCredentials(socket: Socket): UnixUser | undefined {
  const fd = (socket as { _handle?: { fd?: number } })._handle?.fd;
  return fd === undefined || fd < 0 ? undefined : credentialsOf(fd);
}

/**
 * The user and groups the other side of a connection had when it connected; undefined where the system does not tell.
 * Names are those of /etc/passwd and /etc/group; users from elsewhere go by their numbers. Groups are asked for when
 * they are looked at, which must be while the connection is open: most rules do without.
 */
export function credentialsOf(fd: number): UnixUser | undefined {
  try {
    if (option(fd, SO_PEERCRED, 12) !== 12) return undefined;
    return new Credentials(fd, value.readUInt32LE(4), value.readUInt32LE(8));
  } catch {
    return undefined;
  }
}

class Credentials implements UnixUser {
  readonly name?: string;
  private known: UnixUser['groups'] | undefined;

  constructor(
    private readonly fd: number,
    readonly uid: number,
    private readonly gid: number,
  ) {
    const name = userName(uid);
    if (name !== undefined) this.name = name;
  }

  get groups(): UnixUser['groups'] {
    this.known ??= this.askForGroups();
    return this.known;
  }

  private askForGroups(): UnixUser['groups'] {
    const gids = new Set([this.gid]);
    const octets = option(this.fd, SO_PEERGROUPS, value.length);
    for (let at = 0; at + 4 <= octets; at += 4) gids.add(value.readUInt32LE(at));
    return Array.from(gids, (gid) => {
      const name = groupName(gid);
      return name === undefined ? { gid } : { gid, name };
    });
  }
}

/** Reads a socket option into `value`; its length, 0 if there is none. */
function option(fd: number, name: number, size: number): number {
  length.writeUInt32LE(size, 0);
  if (linuxLibc().getsockopt(fd, SOL_SOCKET, name, value, length) < 0) return 0;
  return length.readUInt32LE(0);
}
