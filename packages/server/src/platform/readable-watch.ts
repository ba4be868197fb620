/**
 * Waiting for what thousands of connections have to say at the price of a number each: one epoll(7) of our own, which
 * the loop watches like a socket. It tells of what comes, not of what lies there (EPOLLET): so octets can be left in the kernel
 * until there are enough of them. A handle of libuv for each would be looked at by every collection of young objects:
 * with 8000 of them those took 12 to 28 ms.
 */

import { LessorError } from '../errors.js';
import type { ArrivalWaiter } from '../services/ports.js';
import type { LinuxLibc, ReadablePoll } from './linux-libc.js';

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLIN = 1;
const EPOLLERR = 8;
const EPOLLHUP = 0x10;
const EPOLLRDHUP = 0x2000;
const EPOLLET = 0x8000_0000;
/** struct epoll_event is packed on x86-64 and nowhere else (epoll_ctl(2), linux/eventpoll.h). */
const [EVENT_OCTETS, DATA_AT] = process.arch === 'x64' ? [12, 4] : [16, 8];
/** Told before the loop looks at its packets again. */
const EVENTS_PER_TURN = 16;

/** See the head of this file. One for the process. */
export class ReadableWatch {
  readonly #libc: LinuxLibc;
  readonly #waiters = new Map<number, ArrivalWaiter>();
  readonly #event = new DataView(new ArrayBuffer(EVENT_OCTETS));
  readonly #events = new DataView(new ArrayBuffer(EVENT_OCTETS * EVENTS_PER_TURN));
  readonly #eventAt: number;
  readonly #eventsAt: number;
  readonly #epoll: number;
  /** Kept: one that is collected is closed. */
  readonly #poll: ReadablePoll;

  /** @throws LessorError `socket-open` */
  constructor(libc: LinuxLibc) {
    this.#libc = libc;
    this.#eventAt = libc.addressOf(this.#event.buffer);
    this.#eventsAt = libc.addressOf(this.#events.buffer);
    this.#epoll = libc.epoll_create1(EPOLL_CLOEXEC);
    if (this.#epoll < 0) throw new LessorError('socket-open', 'no epoll');
    this.#poll = libc.poll(this.#epoll);
    this.#poll.start({ readable: true }, () => this.#tell());
    this.#poll.unref();
  }

  /** Tells until the descriptor is removed. @returns false if it can not be watched */
  add(fd: number, waiter: ArrivalWaiter): boolean {
    this.#event.setUint32(0, (EPOLLIN | EPOLLRDHUP | EPOLLET) >>> 0, true);
    this.#event.setInt32(DATA_AT, fd, true);
    if (this.#libc.epoll_ctl(this.#epoll, EPOLL_CTL_ADD, fd, this.#eventAt) < 0) return false;
    this.#waiters.set(fd, waiter);
    return true;
  }

  /** Before a descriptor is closed or given away. */
  remove(fd: number): void {
    if (this.#waiters.delete(fd)) this.#libc.epoll_ctl(this.#epoll, EPOLL_CTL_DEL, fd, this.#eventAt);
  }

  #tell(): void {
    const count = this.#libc.epoll_wait(this.#epoll, this.#eventsAt, EVENTS_PER_TURN, 0);
    for (let i = 0; i < count; i++) {
      const events = this.#events.getUint32(i * EVENT_OCTETS, true);
      const fd = this.#events.getInt32(i * EVENT_OCTETS + DATA_AT, true);
      // One of those before may have closed it.
      this.#waiters.get(fd)?.ready((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) !== 0);
    }
  }
}
