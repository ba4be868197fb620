/**
 * The interfaces of this Linux machine and a watch over them.
 *
 * getifaddrs(3) tells names, flags, hardware addresses and IPv4 addresses of every interface, also of those that are
 * down or have no address, in the network namespace we are in (os.networkInterfaces leaves the former out, and
 * /sys/class/net may belong to another namespace). Changes come from an rtnetlink socket: it tells at once and costs
 * nothing while nothing happens, where polling is either late or wasteful.
 */

import type { Ipv4 } from '../domain/values.js';
import { LessorError } from '../errors.js';
import type { Cancel, Clock, NetworkInterface } from '../services/ports.js';
import { errnoText, type LinuxLibc, linuxLibc } from './linux-libc.js';

const AF_INET = 2;
const AF_NETLINK = 16;
const AF_PACKET = 17;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const NETLINK_ROUTE = 0;
/** Bits of groups (linux/rtnetlink.h): bit n - 1 is group n. */
const Group = {
  link: 1 << 0,
  ipv4Address: 1 << 4,
  ipv4Route: 1 << 6,
  ipv4Rule: 1 << 7,
  ipv6Address: 1 << 8,
  ipv6Route: 1 << 10,
  ipv6Rule: 1 << 18,
  /** Forwarding switched on or off. */
  ipv4Conf: 1 << 23,
  ipv6Conf: 1 << 24,
} as const;
/** What DHCP sockets depend on. */
const ADDRESS_CHANGES = Group.link | Group.ipv4Address;
/** Whatever decides who reaches whom. */
export const NETWORK_CHANGES: number = Object.values(Group).reduce((all, bit) => all | bit, 0);
const IFF_UP = 0x1;
const IFF_LOOPBACK = 0x8;
const IFF_RUNNING = 0x40;
const ARPHRD_ETHER = 1;
/** Changes come in showers (an address, its route, the link's state): wait until the shower is over. */
const SETTLE_MS = 50;

/** One record of getifaddrs: an interface with one of its addresses. */
export interface InterfaceRecord {
  readonly name: string;
  readonly flags: number;
  readonly link?: { readonly index: number; readonly type: number; readonly hwAddress: Uint8Array };
  readonly inet?: { readonly address: Ipv4; readonly prefixLength: number };
}

/** All interfaces, in the kernel's order. @throws LessorError socket-open */
export function listInterfaces(libc: LinuxLibc = linuxLibc()): readonly NetworkInterface[] {
  return gatherInterfaces(readRecords(libc));
}

/** Joins records of the same interface. Alias labels (eth0:1) count to the interface before the colon. */
export function gatherInterfaces(records: readonly InterfaceRecord[]): readonly NetworkInterface[] {
  return records.flatMap(({ name, flags, link }) => {
    if (link === undefined) return [];
    return {
      name,
      index: link.index,
      hwAddress: link.hwAddress,
      addresses: records.flatMap((other) =>
        other.inet !== undefined && other.name.split(':')[0] === name ? [other.inet] : [],
      ),
      up: (flags & IFF_UP) !== 0,
      running: (flags & IFF_UP) !== 0 && (flags & IFF_RUNNING) !== 0,
      loopback: (flags & IFF_LOOPBACK) !== 0,
      ethernet: link.type === ARPHRD_ETHER && link.hwAddress.length === 6,
    };
  });
}

/**
 * Walks the list of `struct ifaddrs`: 0 ifa_next, 8 ifa_name, 16 ifa_flags, 24 ifa_addr, 32 ifa_netmask.
 * sockaddr_ll: 4 ifindex, 8 hatype, 11 halen, 12 address. sockaddr_in: 4 address.
 */
function readRecords(libc: LinuxLibc): InterfaceRecord[] {
  const head = Buffer.alloc(8);
  if (libc.getifaddrs(head) < 0) throw new LessorError('socket-open', `getifaddrs: ${errnoText(libc.errno())}`);
  const list = Number(head.readBigUInt64LE(0));
  const records: InterfaceRecord[] = [];
  try {
    for (let at = list; at !== 0; ) {
      const entry = libc.viewOf(at, 40);
      records.push(readRecord(libc, entry));
      at = pointer(entry, 0);
    }
  } finally {
    libc.freeifaddrs(list);
  }
  return records;
}

function readRecord(libc: LinuxLibc, entry: DataView): InterfaceRecord {
  const record = { name: libc.textAt(pointer(entry, 8)), flags: entry.getUint32(16, true) };
  const address = pointer(entry, 24);
  if (address === 0) return record;
  const family = libc.viewOf(address, 2).getUint16(0, true);
  if (family === AF_PACKET) {
    const name = libc.viewOf(address, 20);
    const octets = Array.from({ length: Math.min(name.getUint8(11), 8) }, (_, i) => name.getUint8(12 + i));
    const hwAddress = octets.every((octet) => octet === 0) ? new Uint8Array(0) : Uint8Array.from(octets);
    return { ...record, link: { index: name.getInt32(4, true), type: name.getUint16(8, true), hwAddress } };
  }
  if (family === AF_INET) {
    const netmask = pointer(entry, 32);
    const mask = netmask === 0 ? 0xffff_ffff : libc.viewOf(netmask, 8).getUint32(4);
    return { ...record, inet: { address: libc.viewOf(address, 8).getUint32(4), prefixLength: Math.clz32(~mask) } };
  }
  return record;
}

function pointer(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000;
}

/**
 * Calls `changed` after an interface or an IPv4 address (or what else `groups` has) appeared, changed or went.
 * @throws LessorError socket-open
 */
export function watchInterfaces(
  changed: () => void,
  clock: Clock,
  libc: LinuxLibc = linuxLibc(),
  groups: number = ADDRESS_CHANGES,
): Cancel {
  const fd = libc.socket(AF_NETLINK, SOCK_RAW_NONBLOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) throw new LessorError('socket-open', `rtnetlink socket: ${errnoText(libc.errno())}`);
  const name = Buffer.alloc(12); // struct sockaddr_nl: family, pad, port id 0 (the kernel's choice), groups
  name.writeUInt16LE(AF_NETLINK, 0);
  name.writeUInt32LE(groups, 8);
  if (libc.bind(fd, name, name.length) < 0) {
    const errno = libc.errno();
    libc.close(fd);
    throw new LessorError('socket-open', `rtnetlink socket: ${errnoText(errno)}`);
  }
  const message = Buffer.alloc(8192);
  let pending: Cancel | undefined;
  const poll = libc.poll(fd);
  poll.start({ readable: true }, () => {
    // What changed is asked again anyway, so only that something did matters; an overrun (ENOBUFS) says so too.
    for (let reads = 0; reads < 64 && libc.recv(fd, message, message.length, 0) > 0; reads++);
    pending ??= clock.after(SETTLE_MS, () => {
      pending = undefined;
      changed();
    });
  });
  poll.unref();
  return () => {
    pending?.();
    poll.close();
    libc.close(fd);
  };
}
