/** From a packet to its subnet: Kea's order of selectors, indexed so that the number of subnets does not matter. */

import type { ConfigSnapshot, Subnet } from './snapshot.js';
import type { Ipv4 } from './values.js';

/** What of a packet selects a subnet. Addresses are 0 where the packet has none. */
export interface SubnetQuery {
  /** Relay sub-option 5 (RFC 3527), else option 118 (RFC 3011), else 0. */
  readonly selected: Ipv4;
  readonly giaddr: Ipv4;
  readonly ciaddr: Ipv4;
  readonly source: Ipv4;
  /** True if the datagram was sent to this host's own address, not broadcast. */
  readonly unicast: boolean;
  readonly interfaceName: string;
  /** Primary address of the receiving interface. */
  readonly interfaceAddress: Ipv4;
  isMember(className: string): boolean;
}

/** True if the guard lets the client in: it is in one of the classes, or there is no guard. */
export function passesGuard(guard: readonly string[], isMember: (name: string) => boolean): boolean {
  return guard.length === 0 || guard.some(isMember);
}

/** The subnets of one configuration, indexed by prefix, relay address and interface. */
export class Topology {
  /** Prefix lengths in use, and for each the subnets by masked prefix. */
  readonly #byPrefix: { readonly mask: number; readonly subnets: Map<Ipv4, Subnet[]> }[] = [];
  readonly #byRelay = new Map<Ipv4, Subnet[]>();
  readonly #byInterface = new Map<string, Subnet[]>();

  constructor(snapshot: Pick<ConfigSnapshot, 'subnets'>) {
    for (const subnet of byId(snapshot)) this.add(subnet);
  }

  /** Adds a subnet whose id is above those of all that were added before: they are tried in this order. */
  add(subnet: Subnet): void {
    const mask = maskOf(subnet.prefixLength);
    let length = this.#byPrefix.find((one) => one.mask === mask);
    if (length === undefined) {
      length = { mask, subnets: new Map() };
      this.#byPrefix.push(length);
    }
    append(length.subnets, subnet.prefix, subnet);
    const relays =
      subnet.relayAddresses.length > 0 ? subnet.relayAddresses : (subnet.sharedNetwork?.relayAddresses ?? []);
    for (const relay of relays) append(this.#byRelay, relay, subnet);
    const name = subnet.interface ?? subnet.sharedNetwork?.interface;
    if (name !== undefined && name !== '') append(this.#byInterface, name, subnet);
  }

  /** The subnet Kea would select: the first, by id, whose selector matches and whose guard lets the client in. */
  select(query: SubnetQuery): Subnet | undefined {
    if (query.selected !== 0) return this.#containing(query.selected, query);
    if (query.giaddr !== 0) {
      return firstOpen(this.#byRelay.get(query.giaddr), query) ?? this.#containing(query.giaddr, query);
    }
    if (query.unicast && query.ciaddr !== 0) return this.#containing(query.ciaddr, query);
    // Kea stops at the source address. A client that unicasts without ciaddr is a test tool, and on loopback its source
    // says nothing: the interface may still name its subnet.
    const bySource = query.unicast && query.source !== 0 ? this.#containing(query.source, query) : undefined;
    return (
      bySource ??
      firstOpen(this.#byInterface.get(query.interfaceName), query) ??
      this.#containing(query.interfaceAddress, query)
    );
  }

  #containing(address: Ipv4, query: SubnetQuery): Subnet | undefined {
    let best: Subnet | undefined;
    for (const { mask, subnets } of this.#byPrefix) {
      const found = firstOpen(subnets.get((address & mask) >>> 0), query);
      if (found !== undefined && (best === undefined || found.id < best.id)) best = found;
    }
    return best;
  }
}

/** The subnets of a configuration in the order Kea tries them. */
export function byId({ subnets }: Pick<ConfigSnapshot, 'subnets'>): readonly Subnet[] {
  return subnets.toSorted((a, b) => a.id - b.id);
}

/**
 * The subnets a client may get an address from: the selected one first, then, in a shared network, the others in
 * configuration order whose guard lets it in.
 */
export function candidateSubnets(selected: Subnet, isMember: (name: string) => boolean): readonly Subnet[] {
  const network = selected.sharedNetwork;
  if (network === undefined || network.subnets.length === 1) return [selected];
  return [selected, ...network.subnets.filter((subnet) => subnet.id !== selected.id && subnetIsOpen(subnet, isMember))];
}

/** True if guards of the subnet and of its network let the client in. */
function subnetIsOpen(subnet: Subnet, isMember: (name: string) => boolean): boolean {
  return (
    passesGuard(subnet.clientClasses, isMember) &&
    (subnet.sharedNetwork === undefined || passesGuard(subnet.sharedNetwork.clientClasses, isMember))
  );
}

function firstOpen(subnets: readonly Subnet[] | undefined, query: SubnetQuery): Subnet | undefined {
  if (subnets === undefined) return undefined;
  for (const subnet of subnets) if (subnetIsOpen(subnet, (name) => query.isMember(name))) return subnet;
  return undefined;
}

/** Network mask of a prefix length, as unsigned 32-bit number. */
export function maskOf(prefixLength: number): number {
  return prefixLength === 0 ? 0 : (0xffff_ffff << (32 - prefixLength)) >>> 0;
}

/** True if the address lies in the subnet's prefix. */
export function contains(subnet: Pick<Subnet, 'prefix' | 'prefixLength'>, address: Ipv4): boolean {
  return (address & maskOf(subnet.prefixLength)) >>> 0 === subnet.prefix;
}

function append<Key>(map: Map<Key, Subnet[]>, key: Key, subnet: Subnet): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [subnet]);
  else list.push(subnet);
}
