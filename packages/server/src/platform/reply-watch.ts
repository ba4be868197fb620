/**
 * Listening for answers of DHCP servers on a device where there should be none (check S6): a packet socket with a
 * filter in the kernel, so that nothing else costs anything.
 */

import { LessorError } from '../errors.js';
import type { Cancel } from '../services/ports.js';
import { errnoText, type LinuxLibc } from './linux-libc.js';

const AF_PACKET = 17;
/** SOCK_DGRAM: what is read begins with the IP header. */
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const ETHERTYPE_IPV4 = 0x0800;
/** Octets of a packet that are looked at: the longest IPv4 header and the first of BOOTP. */
const LOOKED_AT = 128;
const MAX_READS = 64;

/** Classic BPF, as struct sock_filter has it: UDP, no later fragment, from port 67, a BOOTREPLY (RFC 951 §3). */
const PROGRAM: readonly (readonly [code: number, jumpTrue: number, jumpFalse: number, k: number])[] = [
  [0x30, 0, 0, 9], // ldb [9]: protocol
  [0x15, 0, 8, 17], // UDP, or drop
  [0x28, 0, 0, 6], // ldh [6]: fragment offset
  [0x45, 6, 0, 0x1fff], // a later fragment: drop
  [0xb1, 0, 0, 0], // ldx 4 * ([0] & 0xf): length of the IP header
  [0x48, 0, 0, 0], // ldh [x + 0]: source port
  [0x15, 0, 3, 67], // 67, or drop
  [0x50, 0, 0, 8], // ldb [x + 8]: op
  [0x15, 0, 1, 2], // BOOTREPLY, or drop
  [0x06, 0, 0, LOOKED_AT], // accept
  [0x06, 0, 0, 0], // drop
];

/** Calls `seen` with the source address of each. @throws LessorError socket-open */
export function watchReplies(libc: LinuxLibc, index: number, seen: (source: string) => void): Cancel {
  const fd = libc.socket(AF_PACKET, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) throw failure(libc, 'packet socket');
  const memory = new ArrayBuffer(8 * PROGRAM.length);
  const filter = Buffer.from(memory);
  for (const [i, [code, jumpTrue, jumpFalse, k]] of PROGRAM.entries()) {
    filter.writeUInt16LE(code, 8 * i);
    filter.writeUInt8(jumpTrue, 8 * i + 2);
    filter.writeUInt8(jumpFalse, 8 * i + 3);
    filter.writeUInt32LE(k, 8 * i + 4);
  }
  const program = Buffer.alloc(16); // struct sock_fprog
  program.writeUInt16LE(PROGRAM.length, 0);
  program.writeBigUInt64LE(BigInt(libc.addressOf(memory)), 8);
  const name = Buffer.alloc(20); // struct sockaddr_ll
  name.writeUInt16LE(AF_PACKET, 0);
  name.writeUInt16BE(ETHERTYPE_IPV4, 2);
  name.writeInt32LE(index, 4);
  const filtered = libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, program, program.length) >= 0;
  filter.fill(0); // the kernel has its own copy; touching it here keeps the memory alive until now
  if (!filtered || libc.bind(fd, name, name.length) < 0) {
    const error = failure(libc, 'packet socket');
    libc.close(fd);
    throw error;
  }
  const packet = Buffer.alloc(LOOKED_AT);
  const poll = libc.poll(fd);
  poll.start({ readable: true }, () => {
    for (let reads = 0; reads < MAX_READS; reads++) {
      const length = libc.recv(fd, packet, packet.length, 0);
      if (length < 20) break;
      seen(packet.subarray(12, 16).join('.'));
    }
  });
  poll.unref();
  return () => {
    poll.close();
    libc.close(fd);
  };
}

function failure(libc: LinuxLibc, what: string): LessorError {
  return new LessorError('socket-open', `${what}: ${errnoText(libc.errno())}; this needs root or CAP_NET_RAW`);
}
