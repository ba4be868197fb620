/**
 * Whether an address is one that clients have or come from: in a subnet that is served, leased, or reached through an
 * interface on which clients are served (for TCP as good as a strict reverse path filter: who forges his address never
 * gets the answer to his first packet). Such a source is turned away from control listeners that do not say otherwise.
 */

import { isIP, isIPv4 } from 'node:net';
import { isLoopback } from '../domain/access/addresses.js';
import { zoneOf } from '../domain/isolation/facts.js';
import type { ConfigSnapshot, Subnet } from '../domain/snapshot.js';
import { type Ipv4, parseIpv4 } from '../domain/values.js';
import { clientLinks } from './isolation-facts.js';
import type { Clock, LeaseReader, MachineNetwork } from './ports.js';

/** How long the interfaces that were read are good for: connections may come in hundreds. */
const LINKS_GOOD_FOR_MS = 500;

/** What it looks at. */
export interface ClientSideParts {
  readonly network: Pick<MachineNetwork, 'links' | 'route'>;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly leases: Pick<LeaseReader, 'getByAddress'>;
  /** The configuration in force. */
  config(): Pick<ConfigSnapshot, 'subnets'> & { readonly interfaces: Pick<ConfigSnapshot['interfaces'], 'selectors'> };
}

/** See the head of this file. */
export class ClientSide {
  /** First addresses of the prefixes that are served, in order, and the last of each; one list a configuration. */
  readonly #ranges = new WeakMap<readonly Subnet[], readonly (readonly [first: Ipv4, last: Ipv4])[]>();
  #links:
    | { readonly readAt: number; readonly indexes: ReadonlySet<number>; readonly names: ReadonlySet<string> }
    | undefined;

  constructor(private readonly parts: ClientSideParts) {}

  /** True for a client's address; with a zone where it has one. This machine itself is none. */
  isClient(source: string): boolean {
    const address = source.replace(/^::ffff:(?=\d+\.)/i, '');
    const plain = address.replace(/%.*$/, '');
    if (isIP(plain) === 0 || isLoopback(plain)) return false;
    const zone = zoneOf(address);
    if (zone !== undefined) return this.#clientDevices().names.has(zone);
    const route = this.#route(plain);
    if (route === 'local') return false;
    if (route !== undefined && this.#clientDevices().indexes.has(route)) return true;
    return isIPv4(plain) && this.#isServed(parseIpv4(plain)!);
  }

  /** Index of the device by which an answer would leave. */
  #route(address: string): number | 'local' | undefined {
    try {
      const route = this.parts.network.route({ destination: address });
      return route.kind === 'out' ? route.index : route.kind === 'local' ? 'local' : undefined;
    } catch {
      // Without netlink the addresses alone decide.
      return undefined;
    }
  }

  #clientDevices() {
    const now = this.parts.clock.monotonic();
    if (this.#links === undefined || now - this.#links.readAt > LINKS_GOOD_FOR_MS) {
      let clients: ReturnType<typeof clientLinks> = [];
      try {
        clients = clientLinks(this.parts.config().interfaces, this.parts.network.links());
      } catch {
        // As above.
      }
      const indexes = new Set(clients.map(({ index }) => index));
      this.#links = { readAt: now, indexes, names: new Set(clients.map(({ name }) => name)) };
    }
    return this.#links;
  }

  #isServed(address: Ipv4): boolean {
    const { subnets } = this.parts.config();
    let ranges = this.#ranges.get(subnets);
    if (ranges === undefined) {
      ranges = subnets
        .map(({ prefix, prefixLength }) => [prefix, prefix + 2 ** (32 - prefixLength) - 1] as const)
        .sort(([a], [b]) => a - b);
      this.#ranges.set(subnets, ranges);
    }
    return isInRanges(address, ranges) || this.parts.leases.getByAddress(address) !== undefined;
  }
}

/** Prefixes are apart from each other, so the last one that begins before the address is the only one it may be in. */
function isInRanges(address: Ipv4, ranges: readonly (readonly [first: Ipv4, last: Ipv4])[]): boolean {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle]![0] <= address) low = middle + 1;
    else high = middle;
  }
  const range = ranges[low - 1];
  return range !== undefined && address <= range[1];
}
