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
import type {
  Cancel,
  Clock,
  InterfaceSocket,
  NetworkStack,
  SocketCounters,
  SocketRequest,
  TakeDatagram,
} from '../services/ports.js';
import { listInterfaces, watchInterfaces } from './interfaces.js';
import { FRAME_HEADER_OCTETS, writeLinkFrame } from './link-frame.js';
import { linuxLibc, type ReadablePoll } from './linux-libc.js';
import { countErrno, ReceiveRing, SendRing } from './linux-mmsg.js';
import { closeUdp, openPacketSender, openReceiver, openRoutedSender, type SocketMaker } from './linux-open.js';

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
interface Shared extends SocketMaker {
  readonly receiveRing: ReceiveRing;
  readonly datagrams: SendRing;
  readonly frames: SendRing;
}

/**
 * The network of this Linux machine.
 * @throws LessorError socket-open on another system, or if koffi is missing
 */
export function linuxNetworkStack(clock: Clock, sizes: LinuxSocketSizes = DEFAULT_SOCKET_SIZES): NetworkStack {
  const libc = linuxLibc();
  const shared: Shared = {
    libc,
    receiveBufferOctets: sizes.receiveBufferOctets,
    sendBufferOctets: sizes.sendBufferOctets,
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
