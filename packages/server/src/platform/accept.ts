/** Taking connections from a listening socket by system calls, whatever its family. */

import type { LinuxLibc } from './linux-libc.js';
import { Errno } from './linux-mmsg.js';

/** Flags of socket(2) and accept4(2). */
export const SOCK_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
/** Out of descriptors or memory: who waits goes on waiting, and it is tried again so much later. */
export const EXHAUSTED_PAUSE_MS = 100;

/**
 * The next connection that waits: its descriptor, or why there is none. Connections that ended while they waited are
 * passed over.
 * @param name address of memory for the name of the other end, and of its length; 0: not wanted
 */
export function acceptNext(libc: LinuxLibc, fd: number, name = 0, length = 0): number | 'none' | 'exhausted' {
  for (;;) {
    const accepted = libc.accept4(fd, name, length, SOCK_NONBLOCK_CLOEXEC);
    if (accepted >= 0) return accepted;
    const errno = libc.errno();
    if (errno === Errno.EAGAIN) return 'none';
    if (errno !== Errno.ECONNABORTED && errno !== Errno.EINTR) return 'exhausted';
  }
}
