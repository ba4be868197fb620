/**
 * A listening unix socket by system calls. Node makes a stream of every connection, which costs more than a command and
 * its answer; here several connections are taken a turn, and one that brought its whole command is answered and closed
 * without a stream. What does not go that way becomes a stream (UnixArrival.adopt).
 */

import { Socket } from 'node:net';
import type { UnixUser } from '../domain/access/identify.js';
import type { Clock, ListenUnix, UnixArrival } from '../services/ports.js';
import { acceptNext, EXHAUSTED_PAUSE_MS, SOCK_NONBLOCK_CLOEXEC } from './accept.js';
import { errnoName, errnoText, type LinuxLibc, linuxLibc } from './linux-libc.js';
import { credentialsOf } from './peer-credentials.js';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const MSG_NOSIGNAL = 0x4000;

/** Connections taken before the loop looks at its packets again. */
const ARRIVALS_PER_TURN = 16;
/**
 * Turns of the loop that look for another connection after one has come. A process that sleeps in between is woken once
 * for each command, which takes longer than to answer it; turns of an idle loop, of some microseconds, do not matter.
 */
const LOOKS = 20;
const RECEIVE_OCTETS = 64 * 1024;

/** @throws LessorError `socket-open` where there are no native sockets */
export function listenUnixNatively(clock: Pick<Clock, 'after' | 'soon'>): ListenUnix {
  const libc = linuxLibc();
  return (path, backlog, arrived) => {
    const fd = bindAndListen(libc, path, backlog);
    const poll = libc.poll(fd);
    let resume = (): void => undefined;
    let looksLeft = 0;
    let looking = false;
    let closed = false;
    /** Takes what is there. @returns how many connections that were */
    const take = (): number => {
      let taken = 0;
      while (taken < ARRIVALS_PER_TURN) {
        const accepted = acceptNext(libc, fd);
        if (accepted === 'exhausted') {
          poll.rest();
          resume = clock.after(EXHAUSTED_PAUSE_MS, () => poll.start({ readable: true }, look));
        }
        if (typeof accepted === 'string') break;
        taken++;
        arrived(new LinuxArrival(libc, accepted));
      }
      return taken;
    };
    const look = (): void => {
      // The next turn looks anyway.
      if (looking || closed) return;
      looksLeft = take() > 0 ? LOOKS : looksLeft - 1;
      if (looksLeft <= 0) return;
      looking = true;
      clock.soon(() => {
        looking = false;
        look();
      });
    };
    poll.start({ readable: true }, look);
    return () => {
      closed = true;
      resume();
      poll.close();
      libc.close(fd);
    };
  };
}

/** All arrivals read into one buffer: each is done with it before the next one reads. */
const received = Buffer.alloc(RECEIVE_OCTETS);

class LinuxArrival implements UnixArrival {
  constructor(
    private readonly libc: LinuxLibc,
    private readonly fd: number,
  ) {}

  read(): Buffer | undefined {
    const octets = this.libc.recv(this.fd, received, RECEIVE_OCTETS, 0);
    return octets > 0 ? received.subarray(0, octets) : undefined;
  }

  user(): UnixUser | undefined {
    return credentialsOf(this.fd);
  }

  send(octets: Buffer): number {
    return Math.max(0, this.libc.send(this.fd, octets, octets.length, MSG_NOSIGNAL));
  }

  finish(octets: Buffer): number {
    const sent = this.send(octets);
    if (sent < octets.length) return sent;
    // Closed with something unread the kernel would tell the other side of a reset, after the answer. What comes
    // between the last read and the close still would, as in Kea.
    while (this.libc.recv(this.fd, received, RECEIVE_OCTETS, 0) > 0);
    this.close();
    return sent;
  }

  adopt(): Socket {
    return new Socket({ fd: this.fd, allowHalfOpen: true, readable: true, writable: true });
  }

  close(): void {
    this.libc.close(this.fd);
  }
}

function bindAndListen(libc: LinuxLibc, path: string, backlog: number): number {
  const fd = libc.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) throw failure('socket', libc.errno());
  const name = Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(path), Buffer.from([0])]);
  if (libc.bind(fd, name, name.length) >= 0 && libc.listen(fd, backlog) >= 0) return fd;
  const error = failure('bind', libc.errno());
  libc.close(fd);
  throw error;
}

function failure(what: string, errno: number): Error {
  return new Error(`${what}: ${errnoText(errno)} (${errnoName(errno)})`);
}
