/**
 * A client on an Ethernet that has no address yet: frames of our own making out, any frame for us in (Linux, as root).
 * Once it has a lease it answers ARP for the address, so that a server can unicast to it.
 */

import { formatIpv4, type Ipv4 } from '../../domain/values.js';
import { LessorError } from '../../errors.js';
import { listInterfaces } from '../../platform/interfaces.js';
import { FRAME_HEADER_OCTETS, writeLinkFrame } from '../../platform/link-frame.js';
import { errnoName, errnoText, type LinuxLibc, linuxLibc } from '../../platform/linux-libc.js';
import type { NetworkInterface } from '../../services/ports.js';
import type { ClientLink, ReceiveMessage } from './link.js';
import type { ClientSettings } from './options.js';

const AF_PACKET = 17;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const ETH_P_ALL = 3;
const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_MR_PROMISC = 1;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_ARP = 0x0806;
const ARP_REQUEST = 1;
const ARP_REPLY = 2;
const LIMITED_BROADCAST: Ipv4 = 0xffff_ffff;
const ALL_STATIONS = new Uint8Array(6).fill(0xff);

/** Opens a link on an interface for a client with the hardware address of the settings. @throws LessorError socket-open */
export function openEthernetLink(name: string, settings: ClientSettings): ClientLink {
  const libc = linuxLibc();
  const netif = listInterfaces(libc).find((candidate) => candidate.name === name);
  if (netif === undefined) throw new LessorError('socket-open', `interface '${name}' doesn't exist in the system`);
  if (!netif.ethernet) throw new LessorError('socket-open', `${name} is no Ethernet: use --server`);
  return new EthernetLink(libc, netif, settings, openPacketSocket(libc, netif));
}

function openPacketSocket(libc: LinuxLibc, netif: NetworkInterface): number {
  const fail = (what: string): never => {
    const errno = libc.errno();
    const hint = errnoName(errno) === 'EPERM' ? '; being a client on an interface needs root or CAP_NET_RAW' : '';
    throw new LessorError('socket-open', `${netif.name}: ${what}: ${errnoText(errno)}${hint}`);
  };
  const fd = libc.socket(AF_PACKET, SOCK_RAW_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) fail('packet socket');
  // Promiscuous, for the hardware address is seldom that of the card. Goes with the socket.
  const membership = Buffer.alloc(16); // struct packet_mreq: ifindex, type, address length, address
  membership.writeInt32LE(netif.index, 0);
  membership.writeUInt16LE(PACKET_MR_PROMISC, 4);
  libc.setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership, membership.length);
  const place = Buffer.alloc(20); // struct sockaddr_ll
  place.writeUInt16LE(AF_PACKET, 0);
  place.writeUInt16BE(ETH_P_ALL, 2);
  place.writeInt32LE(netif.index, 4);
  if (libc.bind(fd, place, place.length) < 0) fail('bind');
  return fd;
}

/** Header fields of a UDP datagram in an Ethernet frame. */
interface FrameFields {
  readonly hwSource: Buffer;
  readonly source: Ipv4;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Buffer;
}

/** Takes a frame apart; undefined if it is no whole UDP datagram over IPv4. */
export function parseUdpFrame(frame: Buffer): FrameFields | undefined {
  if (frame.length < FRAME_HEADER_OCTETS || frame.readUInt16BE(12) !== ETHERTYPE_IPV4) return undefined;
  const ipLength = (frame[14]! & 15) * 4;
  const udp = 14 + ipLength;
  const isFragment = (frame.readUInt16BE(20) & 0x3fff) !== 0;
  if (frame[14]! >> 4 !== 4 || frame[23] !== 17 || isFragment || udp + 8 > frame.length) return undefined;
  const end = udp + frame.readUInt16BE(udp + 4);
  if (end > frame.length || end < udp + 8) return undefined;
  return {
    hwSource: frame.subarray(6, 12),
    source: frame.readUInt32BE(26),
    sourcePort: frame.readUInt16BE(udp),
    destinationPort: frame.readUInt16BE(udp + 2),
    payload: frame.subarray(udp + 8, end),
  };
}

class EthernetLink implements ClientLink {
  readonly unusualPort = false;
  readonly description: string;
  readonly #libc: LinuxLibc;
  readonly #fd: number;
  readonly #poll: ReturnType<LinuxLibc['poll']>;
  readonly #settings: ClientSettings;
  readonly #clientPort: number;
  readonly #incoming = Buffer.alloc(65_536);
  readonly #outgoing = Buffer.alloc(2048);
  /** Hardware addresses servers have answered from, for unicasts to them. */
  readonly #stations = new Map<Ipv4, Uint8Array>();
  #address: Ipv4 = 0;
  #receive: ReceiveMessage = () => {};

  constructor(libc: LinuxLibc, netif: NetworkInterface, settings: ClientSettings, fd: number) {
    this.#libc = libc;
    this.#fd = fd;
    this.#settings = settings;
    this.#clientPort = settings.clientPort ?? 68;
    this.description = `${netif.name} (link level), port ${this.#clientPort}`;
    this.#poll = libc.poll(fd);
    this.#poll.start({ readable: true }, () => this.#drain());
  }

  send(octets: Uint8Array, server: Ipv4): string {
    const station = this.#stations.get(server);
    const unicast = this.#address !== 0 && station !== undefined;
    const destination = unicast ? server : LIMITED_BROADCAST;
    const length = writeLinkFrame(
      this.#outgoing,
      0,
      {
        sourceHwAddress: this.#settings.mac,
        destinationHwAddress: station ?? ALL_STATIONS,
        source: this.#address,
        destination,
        sourcePort: this.#clientPort,
        destinationPort: this.#settings.serverPort,
      },
      octets,
    );
    this.#transmit(length);
    return `${formatIpv4(destination)}:${this.#settings.serverPort}`;
  }

  onMessage(receive: ReceiveMessage): void {
    this.#receive = receive;
  }

  adopt(address: Ipv4): void {
    this.#address = address;
  }

  close(): void {
    this.#poll.close();
    this.#libc.close(this.#fd);
  }

  #drain(): void {
    for (let reads = 0; reads < 256; reads++) {
      const length = this.#libc.recv(this.#fd, this.#incoming, this.#incoming.length, 0);
      if (length <= 0) return;
      this.#take(this.#incoming.subarray(0, length));
    }
  }

  #take(frame: Buffer): void {
    if (frame.length >= 42 && frame.readUInt16BE(12) === ETHERTYPE_ARP) {
      this.#answerArp(frame);
      return;
    }
    const fields = parseUdpFrame(frame);
    if (fields === undefined || fields.destinationPort !== this.#clientPort) return;
    this.#stations.set(fields.source, Uint8Array.from(fields.hwSource));
    this.#receive(fields.payload, `${formatIpv4(fields.source)}:${fields.sourcePort}`);
  }

  /** RFC 826: who asks for our address is told our hardware address. */
  #answerArp(frame: Buffer): void {
    const asked = frame.readUInt32BE(38);
    if (this.#address === 0 || asked !== this.#address || frame.readUInt16BE(20) !== ARP_REQUEST) return;
    const { mac } = this.#settings;
    frame.copy(this.#outgoing, 0, 0, 42);
    this.#outgoing.set(frame.subarray(6, 12), 0);
    this.#outgoing.set(mac, 6);
    this.#outgoing.writeUInt16BE(ARP_REPLY, 20);
    this.#outgoing.set(mac, 22);
    this.#outgoing.writeUInt32BE(this.#address, 28);
    this.#outgoing.set(frame.subarray(22, 32), 32);
    this.#transmit(42);
  }

  /** The socket is bound to its interface, so there is no more to say. A frame the kernel does not take is a lost frame. */
  #transmit(length: number): void {
    this.#libc.send(this.#fd, this.#outgoing, length, 0);
  }
}
