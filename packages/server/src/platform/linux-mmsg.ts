/**
 * Batches of datagrams for recvmmsg and sendmmsg: the kernel's arrays of `struct mmsghdr`, laid out by hand in memory
 * that never moves, so that one foreign call serves a whole batch.
 *
 * Layouts (64-bit little-endian Linux, glibc and musl alike; sizes in octets):
 *
 *   struct mmsghdr (64)   0 msg_name  8 msg_namelen  16 msg_iov  24 msg_iovlen  32 msg_control  40 msg_controllen
 *                         48 msg_flags  56 msg_len
 *   struct iovec (16)     0 iov_base  8 iov_len
 *   struct sockaddr_in    0 family (host order)  2 port (network)  4 address (network)  8 zero
 *   struct cmsghdr (16)   0 cmsg_len (with header)  8 cmsg_level  12 cmsg_type, then data, next one 8-aligned
 *   struct in_pktinfo     0 ifindex  4 spec_dst (network)  8 destination (network)
 */

import type { Ipv4 } from '../domain/values.js';
import { errnoName, type LinuxLibc, linuxLibc } from './linux-libc.js';

const HEADER = 64;
const IOVEC = 16;
const NAME = 16;
const CONTROL = 64;
const AF_INET = 2;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const IPPROTO_IP = 0;
const IP_PKTINFO = 8;
const SOL_SOCKET = 1;
const SO_RXQ_OVFL = 40;
const PKTINFO_MESSAGE = 28;
/** The kernel takes no more messages in one call (UIO_MAXIOV). */
const MAX_MESSAGES_PER_CALL = 1024;

/** errno numbers that are the same on every architecture lessor's native sockets run on. */
export const Errno = {
  EINTR: 4,
  EAGAIN: 11,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ECONNABORTED: 103,
  ENOBUFS: 105,
} as const;

/** Memory the kernel and we both see, with its address. */
class Arena {
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly address: number;
  constructor(octets: number, libc: LinuxLibc) {
    const memory = new ArrayBuffer(octets);
    this.bytes = Buffer.from(memory);
    this.view = new DataView(memory);
    this.address = libc.addressOf(memory);
  }
  /** Writes a 64-bit pointer or size. */
  word(at: number, value: number): void {
    this.view.setUint32(at, value >>> 0, true);
    this.view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
  }
}

/**
 * Slots that recvmmsg fills one after the other. Slots are taken from 0 upwards until {@link ReceiveRing.recycle}; a
 * slot's octets stay valid until then.
 */
export class ReceiveRing {
  readonly #libc: LinuxLibc;
  readonly #headers: Arena;
  readonly #names: Arena;
  readonly #controls: Arena;
  readonly #payload: Arena;
  /** The view last handed out of each slot: packets of one kind have one length, so it often fits again. */
  readonly #views: (Buffer | undefined)[];
  #next = 0;

  /** Source address of the slot that {@link ReceiveRing.read} read. */
  source: Ipv4 = 0;
  sourcePort = 0;
  /** Destination address of the slot last read; 0 if the socket has no IP_PKTINFO. */
  destination: Ipv4 = 0;
  /** Total of datagrams the kernel dropped on the socket, as told with the slot last read; 0 while there are none. */
  kernelDrops = 0;

  constructor(
    readonly slots: number,
    readonly slotOctets: number,
    libc: LinuxLibc = linuxLibc(),
  ) {
    this.#libc = libc;
    this.#headers = new Arena(slots * (HEADER + IOVEC), libc);
    const vectors = slots * HEADER; // behind the headers, in the same memory
    this.#names = new Arena(slots * NAME, libc);
    this.#controls = new Arena(slots * CONTROL, libc);
    this.#payload = new Arena(slots * slotOctets, libc);
    this.#views = new Array<Buffer | undefined>(slots).fill(undefined);
    for (let slot = 0; slot < slots; slot++) {
      const header = slot * HEADER;
      const vector = vectors + slot * IOVEC;
      this.#headers.word(vector, this.#payload.address + slot * slotOctets);
      this.#headers.word(vector + 8, slotOctets);
      this.#headers.word(header, this.#names.address + slot * NAME);
      this.#headers.word(header + 16, this.#headers.address + vector);
      this.#headers.word(header + 24, 1);
      this.#headers.word(header + 32, this.#controls.address + slot * CONTROL);
      this.#arm(slot);
    }
  }

  /** Slots not yet used since the last recycle. */
  get room(): number {
    return this.slots - this.#next;
  }

  /** All slots may be overwritten from now on. */
  recycle(): void {
    for (let slot = 0; slot < this.#next; slot++) this.#arm(slot);
    this.#next = 0;
  }

  /**
   * Receives up to `limit` datagrams without waiting. The first new slot is `firstSlot`.
   * @returns their number, or -errno (never EAGAIN: that is 0).
   */
  receive(fd: number, limit: number): number {
    const count = Math.min(limit, this.room, MAX_MESSAGES_PER_CALL);
    if (count === 0) return 0;
    const got = this.#libc.recvmmsg(fd, this.#headers.address + this.#next * HEADER, count, MSG_DONTWAIT, 0);
    if (got < 0) {
      const errno = this.#libc.errno();
      return errno === Errno.EAGAIN || errno === Errno.EINTR ? 0 : -errno;
    }
    this.#next += got;
    return got;
  }

  /** The slot the next {@link ReceiveRing.receive} begins with. */
  get firstSlot(): number {
    return this.#next;
  }

  /** Reads a filled slot: returns its octets, or undefined if the datagram was longer than a slot. */
  read(slot: number): Buffer | undefined {
    const headers = this.#headers.view;
    const header = slot * HEADER;
    const name = slot * NAME;
    this.sourcePort = this.#names.view.getUint16(name + 2);
    this.source = this.#names.view.getUint32(name + 4);
    this.#readControl(slot * CONTROL, headers.getUint32(header + 40, true));
    if ((headers.getUint32(header + 48, true) & MSG_TRUNC) !== 0) return undefined;
    return this.#octets(slot, headers.getUint32(header + 56, true));
  }

  #octets(slot: number, length: number): Buffer {
    const known = this.#views[slot];
    if (known !== undefined && known.length === length) return known;
    const start = slot * this.slotOctets;
    const view = this.#payload.bytes.subarray(start, start + length);
    this.#views[slot] = view;
    return view;
  }

  #readControl(start: number, length: number): void {
    const view = this.#controls.view;
    this.destination = 0;
    this.kernelDrops = 0;
    for (let at = 0; at + 16 <= length; ) {
      const size = view.getUint32(start + at, true);
      if (size < 16) return;
      const level = view.getInt32(start + at + 8, true);
      const type = view.getInt32(start + at + 12, true);
      if (level === IPPROTO_IP && type === IP_PKTINFO) this.destination = view.getUint32(start + at + 24);
      else if (level === SOL_SOCKET && type === SO_RXQ_OVFL) this.kernelDrops = view.getUint32(start + at + 16, true);
      at += (size + 7) & ~7;
    }
  }

  /** The kernel overwrites the lengths it is given with the lengths it used. */
  #arm(slot: number): void {
    const view = this.#headers.view;
    view.setUint32(slot * HEADER + 8, NAME, true);
    view.setUint32(slot * HEADER + 40, CONTROL, true);
  }
}

/** Counts failures by errno name. */
export function countErrno(counts: Map<string, number>, errno: number, by = 1): void {
  const name = errnoName(errno);
  counts.set(name, (counts.get(name) ?? 0) + by);
}

/** How to address a queued datagram. */
export interface SendAddress {
  readonly destination: Ipv4;
  readonly port: number;
  /** Source address to force, 0 for the kernel's choice. */
  readonly source: Ipv4;
  /** Interface to force, 0 for the kernel's choice. */
  readonly interfaceIndex: number;
}

/** Datagrams gathered for one sendmmsg. Filled with reserve + commit, emptied by flush. */
export class SendRing {
  readonly #libc: LinuxLibc;
  readonly #headers: Arena;
  readonly #vectors: Arena;
  readonly #names: Arena;
  readonly #controls: Arena;
  readonly #payload: Arena;
  #count = 0;
  #used = 0;

  constructor(
    readonly slots: number,
    readonly payloadOctets: number,
    libc: LinuxLibc = linuxLibc(),
  ) {
    this.#libc = libc;
    this.#headers = new Arena(slots * HEADER, libc);
    this.#vectors = new Arena(slots * IOVEC, libc);
    this.#names = new Arena(slots * NAME, libc);
    this.#controls = new Arena(slots * CONTROL, libc);
    this.#payload = new Arena(payloadOctets, libc);
    for (let slot = 0; slot < slots; slot++) {
      this.#headers.word(slot * HEADER + 16, this.#vectors.address + slot * IOVEC);
      this.#headers.word(slot * HEADER + 24, 1);
      this.#names.view.setUint16(slot * NAME, AF_INET, true);
      const control = slot * CONTROL;
      this.#controls.word(control, PKTINFO_MESSAGE);
      this.#controls.view.setInt32(control + 8, IPPROTO_IP, true);
      this.#controls.view.setInt32(control + 12, IP_PKTINFO, true);
    }
  }

  /** Memory for payloads; write the next one at {@link SendRing.reserve}. */
  get payload(): Buffer {
    return this.#payload.bytes;
  }

  get count(): number {
    return this.#count;
  }

  /** Where in `payload` a datagram of `octets` may be written, or -1 if the ring must be flushed first. */
  reserve(octets: number): number {
    return this.#count < this.slots && this.#used + octets <= this.payloadOctets ? this.#used : -1;
  }

  /** Queues what was written at the reserved place. Without an address the socket must be bound to its destination. */
  commit(octets: number, address?: SendAddress): void {
    const slot = this.#count++;
    const header = slot * HEADER;
    this.#vectors.word(slot * IOVEC, this.#payload.address + this.#used);
    this.#vectors.word(slot * IOVEC + 8, octets);
    this.#used += (octets + 7) & ~7;
    if (address === undefined) {
      this.#point(header, 0, 0, 0, 0);
      return;
    }
    this.#names.view.setUint16(slot * NAME + 2, address.port);
    this.#names.view.setUint32(slot * NAME + 4, address.destination);
    if (address.source === 0 && address.interfaceIndex === 0) {
      this.#point(header, this.#names.address + slot * NAME, NAME, 0, 0);
      return;
    }
    this.#controls.view.setUint32(slot * CONTROL + 16, address.interfaceIndex, true);
    this.#controls.view.setUint32(slot * CONTROL + 20, address.source);
    this.#point(header, this.#names.address + slot * NAME, NAME, this.#controls.address + slot * CONTROL, 32);
  }

  #point(header: number, name: number, nameLength: number, control: number, controlLength: number): void {
    this.#headers.word(header, name);
    this.#headers.view.setUint32(header + 8, nameLength, true);
    this.#headers.word(header + 32, control);
    this.#headers.view.setUint32(header + 40, controlLength, true);
  }

  /**
   * Sends everything queued and empties the ring. A datagram the kernel refuses is counted under its errno and
   * skipped; a full send buffer (EAGAIN, ENOBUFS) loses the rest, as a full queue on the wire would: clients retry.
   * @returns how many were sent
   */
  flush(fd: number, errors: Map<string, number>): number {
    let at = 0;
    let sent = 0;
    let retried = false;
    while (at < this.#count) {
      const count = Math.min(this.#count - at, MAX_MESSAGES_PER_CALL);
      const done = this.#libc.sendmmsg(fd, this.#headers.address + at * HEADER, count, MSG_DONTWAIT);
      if (done > 0) {
        at += done;
        sent += done;
        continue;
      }
      const errno = this.#libc.errno();
      if (errno === Errno.EINTR) continue;
      if (errno === Errno.ENETDOWN && !retried) {
        retried = true; // the first call after an interface came back reports that it was down
        continue;
      }
      if (errno === Errno.EAGAIN || errno === Errno.ENOBUFS) {
        countErrno(errors, errno, this.#count - at);
        break;
      }
      countErrno(errors, errno);
      at++;
    }
    this.#count = 0;
    this.#used = 0;
    return sent;
  }
}
