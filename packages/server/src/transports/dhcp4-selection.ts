/**
 * Which sockets a configuration asks for on the interfaces there are: pure, so that a reconfiguration, an address that
 * comes or goes and a retry are all the same question asked again.
 */

import type { InterfacesConfig } from '../domain/snapshot.js';
import { formatIpv4, type Ipv4 } from '../domain/values.js';
import type { DhcpInterface, NetworkInterface } from '../services/ports.js';

/** One socket to have open. */
export interface SocketPlan {
  /** Two plans with the same key are the same socket: it can stay open. */
  readonly key: string;
  readonly interface: NetworkInterface;
  /** Present: bound to this address only (udp sockets, loopback); absent: bound to the device. */
  readonly bindAddress?: Ipv4;
  /** The server's addresses on this socket; a broadcast counts to the first. Never empty. */
  readonly endpoints: readonly DhcpInterface[];
  /** Unicasts to other addresses than those of `endpoints` are not for us: addresses were chosen by name. */
  readonly exclusive: boolean;
  readonly useRouting: boolean;
}

/** Why something that is configured can not be opened now. */
export interface SelectionProblem {
  readonly interface: string;
  readonly text: string;
  /** Kea refuses a configuration with this problem (an interface name that does not exist). */
  readonly refused: boolean;
}

/** The sockets wanted and what stands against others. */
export interface Selection {
  readonly plans: readonly SocketPlan[];
  readonly problems: readonly SelectionProblem[];
}

/**
 * Applies Kea's `interfaces-config` (CfgIface): `*` is every interface but the loopback; a name is all its IPv4
 * addresses; name/address is that one. `dhcp-socket-type` udp binds each address and hears unicast only; raw binds the
 * device. Unlike Kea, lessor serves on the loopback interface with either type (it is always bound by address there).
 */
export function selectSockets(config: InterfacesConfig, interfaces: readonly NetworkInterface[]): Selection {
  const plans: SocketPlan[] = [];
  const problems: SelectionProblem[] = [];
  const wildcard = config.selectors.some(({ name }) => name === '*');
  const named = new Map<string, Ipv4[] | 'all'>();
  for (const { name, address } of config.selectors) {
    if (name === '*') continue;
    const before = named.get(name);
    if (address === undefined || before === 'all') named.set(name, 'all');
    else named.set(name, [...(before ?? []), address]);
  }
  for (const name of named.keys()) {
    if (!interfaces.some((netif) => netif.name === name)) {
      problems.push({ interface: name, text: `interface '${name}' doesn't exist in the system`, refused: true });
    }
  }
  for (const netif of interfaces) {
    const chosen = named.get(netif.name) ?? (wildcard && !netif.loopback ? 'all' : undefined);
    if (chosen === undefined) continue;
    const problem = unusable(netif, chosen);
    if (problem !== undefined) problems.push({ interface: netif.name, text: problem, refused: false });
    else plans.push(...plansFor(config, netif, chosen));
  }
  return { plans, problems };
}

function unusable(netif: NetworkInterface, chosen: readonly Ipv4[] | 'all'): string | undefined {
  if (!netif.up) return `the interface ${netif.name} is down`;
  if (!netif.running) return `the interface ${netif.name} is not running`;
  if (netif.addresses.length === 0) return `the interface ${netif.name} has no usable IPv4 addresses configured`;
  if (chosen === 'all') return undefined;
  const missing = chosen.filter((address) => !netif.addresses.some((own) => own.address === address));
  if (missing.length === 0) return undefined;
  return `interface '${netif.name}' doesn't have address ${missing.map(formatIpv4).join(', ')} assigned`;
}

function plansFor(config: InterfacesConfig, netif: NetworkInterface, chosen: readonly Ipv4[] | 'all'): SocketPlan[] {
  const addresses = chosen === 'all' ? netif.addresses.map(({ address }) => address) : chosen;
  const endpoints = addresses.map((address) => ({
    name: netif.name,
    index: netif.index,
    hwAddress: netif.hwAddress,
    address,
    addresses: netif.addresses,
    loopback: netif.loopback,
  }));
  const useRouting = config.outboundInterface === 'use-routing';
  const key = (bound: string): string => [netif.name, netif.index, bound, useRouting].join('|');
  if (config.socketType === 'udp' || netif.loopback) {
    return endpoints.map((endpoint) => ({
      key: key(formatIpv4(endpoint.address)),
      interface: netif,
      bindAddress: endpoint.address,
      endpoints: [endpoint],
      exclusive: false,
      useRouting,
    }));
  }
  return [{ key: key('*'), interface: netif, endpoints, exclusive: chosen !== 'all', useRouting }];
}
