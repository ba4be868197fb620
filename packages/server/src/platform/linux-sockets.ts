/**
 * DHCP sockets on Linux, by DESIGN.md section 9: a UDP socket per interface bound to the device, read with recvmmsg
 * when libuv says it is readable; replies leave in one sendmmsg; a packet socket sends (and never receives) frames to
 * clients that have no address yet.
 *
 * A UDP socket bound to 0.0.0.0 and a device receives everything a DHCP server needs of it: broadcasts from 0.0.0.0,
 * unicasts to any local address, relayed messages. Kea reads a packet socket with a filter instead; the difference is
 * that our socket stands behind the machine's netfilter INPUT rules and reverse path filter, Kea's does not.
 */

import type { Ipv4 } from '../domain/values.js';
import { formatIpv4 } from '../domain/values.js';
import { LessorError } from '../errors.js';
import type {
  Cancel,
  Clock,
  InterfaceSocket,
  NetworkInterface,
  NetworkStack,
  SocketCounters,
  SocketRequest,
  TakeDatagram,
} from '../services/ports.js';
import { listInterfaces, watchInterfaces } from './interfaces.js';
import { FRAME_HEADER_OCTETS, writeLinkFrame } from './link-frame.js';
import { errnoName, errnoText, type LinuxLibc, linuxLibc, type ReadablePoll } from './linux-libc.js';
import { countErrno, ReceiveRing, SendRing } from './linux-mmsg.js';

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

/** Sizes of the buffers behind the sockets of one {@link linuxNetworkStack}. */
export interface LinuxSocketSizes {
  /** Datagrams that can be held at once between two recycles, over all sockets. */
  readonly receiveSlots: number;
  /** Longest datagram received; longer ones are dropped and counted. */
  readonly slotOctets: number;
  /**
   * Kernel receive buffer of each socket, in octets of the kernel's own accounting (about 1 KiB for a DHCP message).
   * It bounds how old a message can get before it is read: at 30 000 messages a second 4 MiB are about 0.15 s.
   */
  readonly receiveBufferOctets: number;
  readonly sendBufferOctets: number;
  /** Replies that leave in one sendmmsg. */
  readonly sendSlots: number;
}

/** Sizes that the benchmark found good; see docs/performance.md. */
export const DEFAULT_SOCKET_SIZES: LinuxSocketSizes = {
  receiveSlots: 2048,
  slotOctets: 4096,
  receiveBufferOctets: 4 << 20,
  sendBufferOctets: 4 << 20,
  sendSlots: 1024,
};

/** What all sockets of one stack share. */
interface Shared {
  readonly libc: LinuxLibc;
  readonly sizes: LinuxSocketSizes;
  readonly receiveRing: ReceiveRing;
  readonly datagrams: SendRing;
  readonly frames: SendRing;
  /** Descriptors of every UDP socket that is open, for the hand-over in {@link bindUdp}. */
  readonly udpSockets: Set<number>;
}

/**
 * The network of this Linux machine.
 * @throws LessorError socket-open on another system, or if koffi is missing
 */
export function linuxNetworkStack(clock: Clock, sizes: LinuxSocketSizes = DEFAULT_SOCKET_SIZES): NetworkStack {
  const libc = linuxLibc();
  const shared: Shared = {
    libc,
    sizes,
    receiveRing: new ReceiveRing(sizes.receiveSlots, sizes.slotOctets, libc),
    datagrams: new SendRing(sizes.sendSlots, sizes.sendSlots * 1024, libc),
    frames: new SendRing(sizes.sendSlots, sizes.sendSlots * 1024, libc),
    udpSockets: new Set(),
  };
  return {
    interfaces: () => listInterfaces(libc),
    watch: (changed): Cancel => watchInterfaces(changed, clock, libc),
    open: async (request) => new LinuxSocket(shared, request),
    recycle: () => shared.receiveRing.recycle(),
  };
}

class LinuxSocket implements InterfaceSocket {
  readonly #shared: Shared;
  readonly #request: SocketRequest;
  readonly #fd: number;
  /** Sends to where the routing table says, with the server's port as source. Same as #fd unless use-routing. */
  readonly #sendFd: number;
  readonly #packetFd: number | undefined;
  readonly #poll: ReadablePoll;
  readonly #forcedIndex: number;
  #paused = false;
  #closed = false;
  #received = 0;
  #kernelDrops = 0;
  #oversize = 0;
  #sent = 0;
  readonly #sendErrors = new Map<string, number>();
  readonly #receiveErrors = new Map<string, number>();

  constructor(shared: Shared, request: SocketRequest) {
    this.#shared = shared;
    this.#request = request;
    const { interface: netif, address, useRouting } = request;
    const opened: number[] = [];
    try {
      this.#fd = openReceiver(shared, request);
      opened.push(this.#fd);
      this.#sendFd = useRouting && address === undefined ? openRoutedSender(shared, request) : this.#fd;
      if (this.#sendFd !== this.#fd) opened.push(this.#sendFd);
      this.#packetFd = address === undefined && netif.ethernet ? openPacketSender(shared, netif) : undefined;
      if (this.#packetFd !== undefined) opened.push(this.#packetFd);
      this.#poll = shared.libc.poll(this.#fd);
      this.#poll.start({ readable: true }, request.onReadable);
    } catch (error) {
      for (const fd of opened) closeUdp(shared, fd);
      throw error;
    }
    this.#forcedIndex = address === undefined || useRouting || netif.loopback ? 0 : netif.index;
  }

  get framing(): boolean {
    return this.#packetFd !== undefined;
  }

  get counters(): SocketCounters {
    return {
      received: this.#received,
      kernelDrops: this.#kernelDrops,
      oversize: this.#oversize,
      sent: this.#sent,
      sendErrors: this.#sendErrors,
      receiveErrors: this.#receiveErrors,
    };
  }

  receive(limit: number, take: TakeDatagram): number {
    const ring = this.#shared.receiveRing;
    let taken = 0;
    while (taken < limit && !this.#closed) {
      const first = ring.firstSlot;
      const wanted = Math.min(limit - taken, ring.room);
      const got = ring.receive(this.#fd, wanted);
      if (got < 0) countErrno(this.#receiveErrors, -got);
      if (got <= 0) break;
      for (let slot = first; slot < first + got; slot++) {
        const octets = ring.read(slot);
        if (ring.kernelDrops !== 0) this.#kernelDrops = ring.kernelDrops;
        if (octets === undefined) this.#oversize++;
        else {
          taken++;
          take(octets, ring.source, ring.sourcePort, ring.destination);
        }
      }
      this.#received += got;
      if (got < wanted) break;
    }
    return taken;
  }

  queueDatagram(octets: Uint8Array, source: Ipv4, destination: Ipv4, port: number): void {
    const ring = this.#shared.datagrams;
    let at = ring.reserve(octets.length);
    if (at < 0) {
      this.#flushDatagrams();
      at = ring.reserve(octets.length);
    }
    ring.payload.set(octets, at);
    ring.commit(octets.length, {
      destination,
      port,
      source: this.#request.address === undefined ? source : 0,
      interfaceIndex: this.#forcedIndex,
    });
  }

  queueFrame(octets: Uint8Array, source: Ipv4, destination: Ipv4, port: number, hwAddress: Uint8Array): void {
    const ring = this.#shared.frames;
    const length = octets.length + FRAME_HEADER_OCTETS;
    let at = ring.reserve(length);
    if (at < 0) {
      this.#flushFrames();
      at = ring.reserve(length);
    }
    const route = {
      sourceHwAddress: this.#request.interface.hwAddress,
      destinationHwAddress: hwAddress,
      source,
      destination,
      sourcePort: this.#request.port,
      destinationPort: port,
    };
    writeLinkFrame(ring.payload, at, route, octets);
    ring.commit(length);
  }

  flush(): void {
    if (this.#shared.datagrams.count > 0) this.#flushDatagrams();
    if (this.#shared.frames.count > 0) this.#flushFrames();
  }

  #flushDatagrams(): void {
    this.#sent += this.#shared.datagrams.flush(this.#sendFd, this.#sendErrors);
  }

  #flushFrames(): void {
    this.#sent += this.#shared.frames.flush(this.#packetFd ?? -1, this.#sendErrors);
  }

  pause(): void {
    if (this.#paused || this.#closed) return;
    this.#paused = true;
    this.#poll.stop();
  }

  resume(): void {
    if (!this.#paused || this.#closed) return;
    this.#paused = false;
    this.#poll.start({ readable: true }, this.#request.onReadable);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#poll.close();
    closeUdp(this.#shared, this.#fd);
    if (this.#sendFd !== this.#fd) closeUdp(this.#shared, this.#sendFd);
    if (this.#packetFd !== undefined) this.#shared.libc.close(this.#packetFd);
  }
}

/** The socket that receives: of a device, or of one address. */
function openReceiver(shared: Shared, { interface: netif, address, port }: SocketRequest): number {
  const place =
    address === undefined
      ? `interface ${netif.name}, port ${port}`
      : `${formatIpv4(address)} (${netif.name}), port ${port}`;
  return openUdp(shared, place, (fd) => {
    if (address === undefined) {
      setOption(shared, fd, SOL_SOCKET, Option.SO_BINDTODEVICE, Buffer.from(`${netif.name}\0`), place);
    }
    setOption(shared, fd, SOL_SOCKET, Option.SO_BROADCAST, 1, place);
    setOption(shared, fd, IPPROTO_IP, Option.IP_PKTINFO, 1, place);
    setOption(shared, fd, SOL_SOCKET, Option.SO_RXQ_OVFL, 1, place);
    enlargeBuffer(shared, fd, Option.SO_RCVBUFFORCE, Option.SO_RCVBUF, shared.sizes.receiveBufferOctets);
    bindUdp(shared, fd, address ?? 0, port, place);
  });
}

/** A socket of no device that sends with the server's port and has a filter that refuses everything it could receive. */
function openRoutedSender(shared: Shared, { port }: SocketRequest): number {
  const place = `all interfaces, port ${port} (outbound-interface use-routing)`;
  return openUdp(shared, place, (fd) => {
    const { filter, program } = dropEverything(shared.libc);
    setOption(shared, fd, SOL_SOCKET, Option.SO_ATTACH_FILTER, program, place);
    filter.fill(0); // the kernel has its own copy; touching it here keeps the memory alive until now
    bindUdp(shared, fd, 0, port, place);
  });
}

/** A packet socket of one interface with protocol 0: it sends and never receives. Undefined without the privilege. */
function openPacketSender(shared: Shared, netif: NetworkInterface): number | undefined {
  const { libc } = shared;
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
  enlargeBuffer(shared, fd, Option.SO_SNDBUFFORCE, Option.SO_SNDBUF, shared.sizes.sendBufferOctets);
  return fd;
}

function openUdp(shared: Shared, place: string, prepare: (fd: number) => void): number {
  const fd = shared.libc.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) throw openError(`${place}: socket`, shared.libc.errno());
  try {
    enlargeBuffer(shared, fd, Option.SO_SNDBUFFORCE, Option.SO_SNDBUF, shared.sizes.sendBufferOctets);
    prepare(fd);
  } catch (error) {
    shared.libc.close(fd);
    throw error;
  }
  shared.udpSockets.add(fd);
  return fd;
}

function closeUdp(shared: Shared, fd: number): void {
  shared.udpSockets.delete(fd);
  shared.libc.close(fd);
}

/**
 * Binds with SO_REUSEADDR on our own sockets only, and only now: sockets of ours may overlap while a reconfiguration
 * opens the new before it closes the old, but a second server on this port is refused, and so are we by it.
 */
function bindUdp(shared: Shared, fd: number, address: Ipv4, port: number, place: string): void {
  const name = Buffer.alloc(16); // struct sockaddr_in
  name.writeUInt16LE(AF_INET, 0);
  name.writeUInt16BE(port, 2);
  name.writeUInt32BE(address, 4);
  const ours = [...shared.udpSockets, fd];
  for (const socket of ours) setOption(shared, socket, SOL_SOCKET, Option.SO_REUSEADDR, 1, place);
  const result = shared.libc.bind(fd, name, name.length);
  const errno = result < 0 ? shared.libc.errno() : 0;
  for (const socket of ours) setOption(shared, socket, SOL_SOCKET, Option.SO_REUSEADDR, 0, place);
  if (result < 0) throw openError(`${place}: bind`, errno);
}

function setOption(
  { libc }: Shared,
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
function enlargeBuffer({ libc }: Shared, fd: number, force: number, modest: number, octets: number): void {
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
