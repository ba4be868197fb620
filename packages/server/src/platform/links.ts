/**
 * The network devices of this machine with what they are made upon, and what the kernel would do with a packet: asked
 * over rtnetlink(7). Names in /sys/class/net may be those of another network namespace; these are ours.
 */

import { isIPv4 } from 'node:net';
import type { LinkAddress, LinkFact, Route, RouteQuestion } from '../domain/isolation/facts.js';
import { formatHex, octetsOf } from '../domain/values.js';
import { addressOfOctets, octetsOfAddress } from './ip-octets.js';
import { type LinuxLibc, linuxLibc } from './linux-libc.js';
import { askNetlink, attributeText, decodeAttributes, encodeAttribute, NetlinkRefusal } from './netlink.js';

const NETLINK_ROUTE = 0;
const RTM_GETLINK = 18;
const RTM_GETADDR = 22;
const RTM_GETROUTE = 26;
const AF_INET = 2;
const AF_INET6 = 10;
const IFF_UP = 0x1;
const IFF_LOOPBACK = 0x8;
const IFF_RUNNING = 0x40;
const ARPHRD_ETHER = 1;
/** Attributes of RTM_NEWLINK (linux/if_link.h). */
const Ifla = { address: 1, name: 3, link: 5, master: 10, info: 18, extMask: 29, linkNamespace: 37 } as const;
const IflaInfo = { kind: 1, data: 2 } as const;
const IFLA_VLAN_ID = 1;
const RTEXT_FILTER_SKIP_STATS = 8;
/** Attributes of RTM_NEWADDR (linux/if_addr.h). */
const Ifa = { address: 1, local: 2 } as const;
/** Attributes and types of routes (linux/rtnetlink.h). */
const Rta = { destination: 1, source: 2, inputDevice: 3, outputDevice: 4 } as const;
const RTN_UNICAST = 1;
const RTN_LOCAL = 2;

/** All devices of our network namespace, in the kernel's order. @throws LessorError socket-open, NetlinkRefusal */
export function readLinks(libc: LinuxLibc = linuxLibc()): LinkFact[] {
  const request = Buffer.alloc(16); // struct ifinfomsg: everything
  const mask = encodeAttribute(Ifla.extMask, uint32(RTEXT_FILTER_SKIP_STATS));
  const links = dump(libc, RTM_GETLINK, Buffer.concat([request, mask]));
  const addresses = readAddresses(libc);
  return links.flatMap((payload) => decodeLink(payload, addresses) ?? []);
}

/** One device from the payload of RTM_NEWLINK; undefined if it is none. */
export function decodeLink(
  payload: Buffer,
  addresses: ReadonlyMap<number, readonly LinkAddress[]>,
): LinkFact | undefined {
  if (payload.length < 16) return undefined;
  const attributes = decodeAttributes(payload.subarray(16));
  const name = attributes.get(Ifla.name);
  if (name === undefined) return undefined;
  const [type, index, flags] = [payload.readUInt16LE(2), payload.readInt32LE(4), payload.readUInt32LE(8)];
  const info = decodeAttributes(attributes.get(Ifla.info) ?? Buffer.alloc(0));
  const kind = info.get(IflaInfo.kind);
  const data = decodeAttributes(info.get(IflaInfo.data) ?? Buffer.alloc(0));
  const vlan = kind !== undefined && attributeText(kind) === 'vlan' ? data.get(IFLA_VLAN_ID) : undefined;
  const hwAddress = attributes.get(Ifla.address) ?? Buffer.alloc(0);
  const parent = numberIn(attributes.get(Ifla.link));
  const namespace = numberIn(attributes.get(Ifla.linkNamespace));
  const master = numberIn(attributes.get(Ifla.master));
  return {
    name: attributeText(name),
    index,
    hwAddress: formatHex(octetsOf(hwAddress)),
    ...(kind === undefined ? {} : { kind: attributeText(kind) }),
    ...(vlan === undefined || vlan.length < 2 ? {} : { vlanId: vlan.readUInt16LE(0) }),
    // 0: a tunnel that is bound to no device. Its own number: not stacked.
    ...(parent === undefined || parent === 0 || (parent === index && namespace === undefined)
      ? {}
      : { parent: { index: parent, ...(namespace === undefined ? {} : { namespace }) } }),
    ...(master === undefined ? {} : { master }),
    up: (flags & IFF_UP) !== 0,
    running: (flags & IFF_UP) !== 0 && (flags & IFF_RUNNING) !== 0,
    loopback: (flags & IFF_LOOPBACK) !== 0,
    ethernet: type === ARPHRD_ETHER && hwAddress.length === 6,
    addresses: addresses.get(index) ?? [],
  };
}

function readAddresses(libc: LinuxLibc): Map<number, LinkAddress[]> {
  const byLink = new Map<number, LinkAddress[]>();
  for (const payload of dump(libc, RTM_GETADDR, Buffer.alloc(8))) {
    if (payload.length < 8) continue;
    const attributes = decodeAttributes(payload.subarray(8));
    // On a line between two, `address` is the other end and `local` is ours.
    const octets = attributes.get(Ifa.local) ?? attributes.get(Ifa.address);
    if (octets === undefined || (octets.length !== 4 && octets.length !== 16)) continue;
    const index = payload.readUInt32LE(4);
    const list = byLink.get(index) ?? [];
    list.push({ address: addressOfOctets(octets), prefixLength: payload.readUInt8(1) });
    byLink.set(index, list);
  }
  return byLink;
}

/**
 * Asks the kernel, which takes rules, tables, forwarding and the reverse path filter into account, and no firewall.
 * @param forwards whether a device passes IPv6 on: the kernel answers as if every one did
 * @throws LessorError socket-open
 */
export function findRoute(
  question: RouteQuestion,
  forwards: (index: number) => boolean,
  libc: LinuxLibc = linuxLibc(),
): Route {
  const route = askRoute(question, libc);
  const { input, destination } = question;
  if (route.kind !== 'out' || input === undefined || isIPv4(destination) || forwards(input.index)) return route;
  return { kind: 'none', reason: 'IPv6 is not forwarded' };
}

function askRoute({ destination, input }: RouteQuestion, libc: LinuxLibc): Route {
  const octets = octetsOfAddress(destination);
  const family = isIPv4(destination) ? AF_INET : AF_INET6;
  const head = Buffer.alloc(12); // struct rtmsg
  head.writeUInt8(family, 0);
  head.writeUInt8(8 * octets.length, 1);
  const attributes = [encodeAttribute(Rta.destination, octets)];
  if (input !== undefined) {
    const source = octetsOfAddress(input.source);
    head.writeUInt8(8 * source.length, 2);
    attributes.push(encodeAttribute(Rta.source, source), encodeAttribute(Rta.inputDevice, uint32(input.index)));
  }
  const payload = Buffer.concat([head, ...attributes]);
  try {
    const [answer] = askNetlink(libc, { protocol: NETLINK_ROUTE, type: RTM_GETROUTE, dump: false, payload });
    return answer === undefined ? { kind: 'none', reason: 'no answer' } : decodeRoute(answer.payload);
  } catch (error) {
    if (error instanceof NetlinkRefusal) return { kind: 'none', reason: error.message };
    throw error;
  }
}

function decodeRoute(payload: Buffer): Route {
  if (payload.length < 12) return { kind: 'none', reason: 'an answer that is too short' };
  const type = payload.readUInt8(7);
  if (type === RTN_LOCAL) return { kind: 'local' };
  const device = numberIn(decodeAttributes(payload.subarray(12)).get(Rta.outputDevice));
  if (type === RTN_UNICAST && device !== undefined) return { kind: 'out', index: device };
  return { kind: 'none', reason: `a route of type ${type}` };
}

function dump(libc: LinuxLibc, type: number, payload: Buffer): Buffer[] {
  return askNetlink(libc, { protocol: NETLINK_ROUTE, type, dump: true, payload }).map((message) => message.payload);
}

function uint32(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32LE(value, 0);
  return octets;
}

function numberIn(value: Buffer | undefined): number | undefined {
  return value === undefined || value.length < 4 ? undefined : value.readInt32LE(0);
}
