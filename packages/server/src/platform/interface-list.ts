/** What an operator wants to know of the machine's interfaces beyond what DHCP sockets need. */

import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { formatHex, formatIpv4, octetsOf } from '../domain/values.js';
import type { NetworkInterface } from '../services/ports.js';

/** One interface for people, as interface-list shows it. */
export interface InterfaceDetails {
  readonly name: string;
  readonly index: number;
  /** Lower-case hex with colons. */
  readonly mac: string;
  /** ARPHRD number of linux/if_arp.h: 1 Ethernet, 772 loopback. */
  readonly type: number;
  /** IPv4 then IPv6, without prefix lengths. */
  readonly addresses: readonly string[];
  readonly loopback: boolean;
  readonly up: boolean;
  readonly running: boolean;
  readonly multicast: boolean;
  readonly broadcast: boolean;
}

const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;
const IFF_BROADCAST = 0x2;
const IFF_MULTICAST = 0x1000;

/** Adds to what the socket layer knows: IPv6 addresses, link type and flags (sysfs; guessed where there is none). */
export function describeInterfaces(interfaces: readonly NetworkInterface[]): readonly InterfaceDetails[] {
  const known = networkInterfaces();
  return interfaces.map((each) => {
    const ipv6 = (known[each.name] ?? []).filter(({ family }) => family === 'IPv6').map(({ address }) => address);
    const flags = readNumber(each.name, 'flags') ?? (each.loopback ? 0 : IFF_BROADCAST | IFF_MULTICAST);
    return {
      name: each.name,
      index: each.index,
      // The loopback has one of zeros, of which no socket has any use.
      mac: formatHex(octetsOf(each.hwAddress)) || (known[each.name]?.[0]?.mac ?? ''),
      type: readNumber(each.name, 'type') ?? (each.loopback ? ARPHRD_LOOPBACK : ARPHRD_ETHER),
      addresses: [...each.addresses.map(({ address }) => formatIpv4(address)), ...ipv6],
      loopback: each.loopback,
      up: each.up,
      running: each.running,
      multicast: (flags & IFF_MULTICAST) !== 0,
      broadcast: (flags & IFF_BROADCAST) !== 0,
    };
  });
}

function readNumber(name: string, attribute: string): number | undefined {
  try {
    return Number(readFileSync(`/sys/class/net/${name}/${attribute}`, 'latin1').trim());
  } catch {
    return undefined;
  }
}
