/**
 * Sockets for ICMP echoes: the kernel's own kind (icmp(7), net.ipv4.ping_group_range), which needs no privilege and is
 * handed answers to its own echoes alone; where those are not allowed, raw ones (raw(7), CAP_NET_RAW) with a filter.
 */

import { icmpOfPacket } from '../domain/ping/echo.js';
import type { Ipv4 } from '../domain/values.js';
import { LessorError } from '../errors.js';
import type { EchoSocket, Random } from '../services/ports.js';
import { errnoName, errnoText, type LinuxLibc, linuxLibc } from './linux-libc.js';

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const IPPROTO_ICMP = 1;
const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;
const SOL_RAW = 255;
/** linux/icmp.h */
const ICMP_FILTER = 1;
/** A bit for each type that is kept out: all but echo replies (0) and unreachable destinations (3). */
const ONLY_ANSWERS = ~((1 << 0) | (1 << 3)) >>> 0;
/** Identifiers tried until one is nobody else's. */
const TRIES = 4;
/** Messages read in one turn of the loop: nobody may keep us busy with answers of his own. */
const MAX_READS = 64;
const SOCKADDR_IN_OCTETS = 16;

/** A socket as the kernel made it. */
interface Made {
  readonly fd: number;
  readonly identifier: number;
  /** Messages come with their IP header. */
  readonly raw: boolean;
}

/** See OpenEchoSocket of services/ports.ts. */
export function openEchoSocket(
  random: Pick<Random, 'below'>,
  device: string | undefined,
  received: (icmp: Uint8Array, from: Ipv4) => void,
): EchoSocket {
  const libc = linuxLibc();
  const { fd, identifier, raw } = make(libc, random, device);
  const buffer = Buffer.alloc(2048);
  const sender = Buffer.alloc(SOCKADDR_IN_OCTETS);
  const senderLength = Buffer.alloc(4);
  let closed = false;
  const read = (): void => {
    for (let reads = 0; reads < MAX_READS && !closed; reads++) {
      senderLength.writeUInt32LE(SOCKADDR_IN_OCTETS, 0);
      const length = libc.recvfrom(fd, buffer, buffer.length, 0, sender, senderLength);
      if (length < 0) return;
      const octets = buffer.subarray(0, length);
      const message = raw ? icmpOfPacket(octets) : { from: sender.readUInt32BE(4), icmp: octets };
      if (message !== undefined) received(message.icmp, message.from);
    }
  };
  const poll = libc.poll(fd);
  poll.start({ readable: true }, read);
  poll.unref();
  const target = socketAddress(0, 0);
  return {
    identifier,
    send(icmp, to) {
      target.writeUInt32BE(to, 4);
      return !closed && libc.sendto(fd, icmp, icmp.length, 0, target, target.length) >= 0;
    },
    close() {
      if (closed) return;
      closed = true;
      poll.close();
      libc.close(fd);
    },
  };
}

function make(libc: LinuxLibc, random: Pick<Random, 'below'>, device: string | undefined): Made {
  const place = device === undefined ? 'ICMP' : `ICMP on interface ${device}`;
  const own = libc.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK_CLOEXEC, IPPROTO_ICMP);
  const raw = own < 0;
  const fd = raw ? libc.socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK_CLOEXEC, IPPROTO_ICMP) : own;
  if (fd < 0) throw failure(place, 'socket', libc.errno());
  const must = (what: string, result: number): void => {
    if (result >= 0) return;
    const errno = libc.errno();
    libc.close(fd);
    throw failure(place, what, errno);
  };
  if (device !== undefined) {
    const name = Buffer.from(`${device}\0`);
    must('SO_BINDTODEVICE', libc.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length));
  }
  const identifier = (): number => 1 + random.below(0xffff);
  if (raw) {
    const filter = Buffer.alloc(4);
    filter.writeUInt32LE(ONLY_ANSWERS, 0);
    must('ICMP_FILTER', libc.setsockopt(fd, SOL_RAW, ICMP_FILTER, filter, filter.length));
    return { fd, identifier: identifier(), raw };
  }
  // The kernel's choice would be the next number: anybody could guess it.
  for (let tries = 1; ; tries++) {
    const chosen = identifier();
    const result = libc.bind(fd, socketAddress(0, chosen), SOCKADDR_IN_OCTETS);
    if (result >= 0) return { fd, identifier: chosen, raw };
    if (tries === TRIES || errnoName(libc.errno()) !== 'EADDRINUSE') must('bind', result);
  }
}

/** struct sockaddr_in; for a socket of the kernel's own kind the port is the identifier. */
function socketAddress(address: Ipv4, port: number): Buffer {
  const octets = Buffer.alloc(SOCKADDR_IN_OCTETS);
  octets.writeUInt16LE(AF_INET, 0);
  octets.writeUInt16BE(port, 2);
  octets.writeUInt32BE(address, 4);
  return octets;
}

function failure(place: string, what: string, errno: number): LessorError {
  const name = errnoName(errno);
  const hint =
    name === 'EPERM' || name === 'EACCES' ? '; this needs CAP_NET_RAW, or a group in net.ipv4.ping_group_range' : '';
  return new LessorError('socket-open', `${place}: ${what}: ${errnoText(errno)} (${name})${hint}`);
}
