/**
 * Making DHCP sockets: which socket options they have and why, and what to tell an operator when one can not be had.
 */

import { formatIpv4, type Ipv4 } from '../domain/values.js';
import { LessorError } from '../errors.js';
import type { NetworkInterface, SocketRequest } from '../services/ports.js';
import { errnoName, errnoText, type LinuxLibc } from './linux-libc.js';

const AF_INET = 2;
const AF_PACKET = 17;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const IPPROTO_IP = 0;
const Option = {
  SO_REUSEADDR: 2,
  SO_BROADCAST: 6,
  SO_SNDBUF: 7,
  SO_RCVBUF: 8,
  SO_BINDTODEVICE: 25,
  SO_ATTACH_FILTER: 26,
  SO_SNDBUFFORCE: 32,
  SO_RCVBUFFORCE: 33,
  SO_RXQ_OVFL: 40,
  IP_PKTINFO: 8,
} as const;

/** What is needed to make sockets. */
export interface SocketMaker {
  readonly libc: LinuxLibc;
  readonly receiveBufferOctets: number;
  readonly sendBufferOctets: number;
  /** Descriptors of every UDP socket that is open, for the hand-over in {@link bindUdp}. */
  readonly udpSockets: Set<number>;
}

/** The socket that receives: of a device, or of one address. */
export function openReceiver(maker: SocketMaker, { interface: netif, address, port }: SocketRequest): number {
  const place =
    address === undefined
      ? `interface ${netif.name}, port ${port}`
      : `${formatIpv4(address)} (${netif.name}), port ${port}`;
  return openUdp(maker, place, (fd) => {
    if (address === undefined) {
      setOption(maker, fd, SOL_SOCKET, Option.SO_BINDTODEVICE, Buffer.from(`${netif.name}\0`), place);
    }
    setOption(maker, fd, SOL_SOCKET, Option.SO_BROADCAST, 1, place);
    setOption(maker, fd, IPPROTO_IP, Option.IP_PKTINFO, 1, place);
    setOption(maker, fd, SOL_SOCKET, Option.SO_RXQ_OVFL, 1, place);
    enlargeBuffer(maker, fd, Option.SO_RCVBUFFORCE, Option.SO_RCVBUF, maker.receiveBufferOctets);
    bindUdp(maker, fd, address ?? 0, port, place);
  });
}

/** A socket of no device that sends with the server's port and has a filter that refuses everything it could receive. */
export function openRoutedSender(maker: SocketMaker, { port }: SocketRequest): number {
  const place = `all interfaces, port ${port} (outbound-interface use-routing)`;
  return openUdp(maker, place, (fd) => {
    const { filter, program } = dropEverything(maker.libc);
    setOption(maker, fd, SOL_SOCKET, Option.SO_ATTACH_FILTER, program, place);
    filter.fill(0); // the kernel has its own copy; touching it here keeps the memory alive until now
    bindUdp(maker, fd, 0, port, place);
  });
}

/** A packet socket of one interface with protocol 0: it sends and never receives. Undefined without the privilege. */
export function openPacketSender(maker: SocketMaker, netif: NetworkInterface): number | undefined {
  const { libc } = maker;
  const fd = libc.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) return undefined;
  const name = Buffer.alloc(20); // struct sockaddr_ll
  name.writeUInt16LE(AF_PACKET, 0);
  name.writeInt32LE(netif.index, 4);
  if (libc.bind(fd, name, name.length) < 0) {
    const errno = libc.errno();
    libc.close(fd);
    throw openError(`interface ${netif.name}: bind of the packet socket`, errno);
  }
  enlargeBuffer(maker, fd, Option.SO_SNDBUFFORCE, Option.SO_SNDBUF, maker.sendBufferOctets);
  return fd;
}

function openUdp(maker: SocketMaker, place: string, prepare: (fd: number) => void): number {
  const fd = maker.libc.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) throw openError(`${place}: socket`, maker.libc.errno());
  try {
    enlargeBuffer(maker, fd, Option.SO_SNDBUFFORCE, Option.SO_SNDBUF, maker.sendBufferOctets);
    prepare(fd);
  } catch (error) {
    maker.libc.close(fd);
    throw error;
  }
  maker.udpSockets.add(fd);
  return fd;
}

/** Closes a socket that {@link openReceiver} or {@link openRoutedSender} opened. */
export function closeUdp(maker: SocketMaker, fd: number): void {
  maker.udpSockets.delete(fd);
  maker.libc.close(fd);
}

/**
 * Binds with SO_REUSEADDR on our own sockets only, and only now: sockets of ours may overlap while a reconfiguration
 * opens the new before it closes the old, but a second server on this port is refused, and so are we by it.
 */
function bindUdp(maker: SocketMaker, fd: number, address: Ipv4, port: number, place: string): void {
  const name = Buffer.alloc(16); // struct sockaddr_in
  name.writeUInt16LE(AF_INET, 0);
  name.writeUInt16BE(port, 2);
  name.writeUInt32BE(address, 4);
  const ours = [...maker.udpSockets, fd];
  for (const socket of ours) setOption(maker, socket, SOL_SOCKET, Option.SO_REUSEADDR, 1, place);
  const result = maker.libc.bind(fd, name, name.length);
  const errno = result < 0 ? maker.libc.errno() : 0;
  for (const socket of ours) setOption(maker, socket, SOL_SOCKET, Option.SO_REUSEADDR, 0, place);
  if (result < 0) throw openError(`${place}: bind`, errno);
}

function setOption(
  { libc }: SocketMaker,
  fd: number,
  level: number,
  option: number,
  value: number | Buffer,
  place: string,
): void {
  const data = typeof value === 'number' ? int32(value) : value;
  if (libc.setsockopt(fd, level, option, data, data.length) < 0) {
    throw openError(`${place}: socket option ${optionName(option)}`, libc.errno());
  }
}

/** Beyond the system's limit with the privilege for it, else as far as the limit allows. */
function enlargeBuffer({ libc }: SocketMaker, fd: number, force: number, modest: number, octets: number): void {
  const half = int32(octets >> 1); // the kernel doubles the number for its own overhead (socket(7))
  if (libc.setsockopt(fd, SOL_SOCKET, force, half, half.length) < 0) {
    libc.setsockopt(fd, SOL_SOCKET, modest, half, half.length);
  }
}

/** A classic BPF program of one instruction, "return 0": accept no octet of any packet. */
function dropEverything(libc: LinuxLibc): { filter: Buffer; program: Buffer } {
  const memory = new ArrayBuffer(64);
  const filter = Buffer.from(memory);
  filter.writeUInt16LE(0x06, 0); // BPF_RET | BPF_K, jt 0, jf 0, k 0
  const program = Buffer.alloc(16); // struct sock_fprog
  program.writeUInt16LE(1, 0);
  program.writeBigUInt64LE(BigInt(libc.addressOf(memory)), 8);
  return { filter, program };
}

function int32(value: number): Buffer {
  const data = Buffer.alloc(4);
  data.writeInt32LE(value, 0);
  return data;
}

function optionName(option: number): string {
  return Object.entries(Option).find(([, number]) => number === option)?.[0] ?? String(option);
}

function openError(what: string, errno: number): LessorError {
  const name = errnoName(errno);
  const advice: Readonly<Record<string, string>> = {
    EACCES: 'ports below 1024 need root or CAP_NET_BIND_SERVICE',
    EPERM: 'this needs root or CAP_NET_RAW',
    EADDRINUSE: 'another DHCP server or relay may be running',
    EADDRNOTAVAIL: 'the address is not on this machine',
    ENODEV: 'the interface is gone',
  };
  const hint = advice[name];
  return new LessorError(
    'socket-open',
    `${what}: ${errnoText(errno)} (${name})${hint === undefined ? '' : `; ${hint}`}`,
  );
}
