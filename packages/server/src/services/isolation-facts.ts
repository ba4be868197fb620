/** Asks the machine what the checks of domain/isolation look at. */

import { isIPv4, isIPv6 } from 'node:net';
import type { ListenerPolicy } from '../domain/access/policy.js';
import {
  deviceOf,
  type ForwardFact,
  type LinkAddress,
  type LinkFact,
  type MachineFacts,
  type ReachFact,
} from '../domain/isolation/facts.js';
import { needsVerdict } from '../domain/isolation/verdict.js';
import type { InterfacesConfig } from '../domain/snapshot.js';
import { formatIpv4, parseIpv4 } from '../domain/values.js';
import type { MachineNetwork } from './ports.js';

/** Where a client is supposed to be if the device has no address that says it (RFC 5737, RFC 3849). */
const SOME_CLIENT = { 4: '198.51.100.77', 6: '2001:db8::77' } as const;

/** What the machine says, without probe and stray replies. */
export type GatheredFacts = Pick<MachineFacts, 'links' | 'clientDevices' | 'reach' | 'forwards' | 'ownBmc'>;

/** Gathers facts about listeners beside the devices that a configuration serves clients on. Never throws. */
export function gatherFacts(
  listeners: readonly ListenerPolicy[],
  interfaces: Pick<InterfacesConfig, 'selectors'>,
  network: MachineNetwork,
): GatheredFacts {
  const ownBmc = network.hasOwnBmc();
  try {
    const links = network.links();
    const clients = clientLinks(interfaces, links);
    const judged = listeners.filter(needsVerdict);
    return {
      links,
      clientDevices: clients.map(({ name }) => name),
      reach: judged.flatMap((listener) => reachOf(listener, clients, network)),
      forwards: managementLinks(judged, links).flatMap((link) => forwardsTo(link, clients, network)),
      ownBmc,
    };
  } catch (error) {
    const unreadable = `the network can not be looked at: ${(error as Error).message}`;
    const names = interfaces.selectors.map(({ name }) => name);
    return { links: { unreadable }, clientDevices: names, reach: [], forwards: [], ownBmc };
  }
}

/** Devices on which a configuration serves clients; loopback is no network. */
export function clientLinks(
  { selectors }: Pick<InterfacesConfig, 'selectors'>,
  links: readonly LinkFact[],
): readonly LinkFact[] {
  const everywhere = selectors.some(({ name }) => name === '*');
  return links.filter(
    ({ name, loopback }) => !loopback && (everywhere || selectors.some((selector) => selector.name === name)),
  );
}

/** Devices that listeners are bound to and that are there. */
export function managementLinks(listeners: readonly ListenerPolicy[], links: readonly LinkFact[]): readonly LinkFact[] {
  const devices = new Set(listeners.map(deviceOf));
  return links.filter(({ name, loopback }) => devices.has(name) && !loopback);
}

/** Whether the kernel takes what comes in from clients for the address of a listener. */
function reachOf(listener: ListenerPolicy, clients: readonly LinkFact[], network: MachineNetwork): ReachFact[] {
  // Bound to a device it is not reached through another one, whatever the kernel takes.
  if (deviceOf(listener) !== undefined) return [];
  return clients.flatMap((link) =>
    destinationsOf(listener.address, link).map((address): ReachFact => {
      const family = isIPv4(address) ? 4 : 6;
      const route = network.route({ destination: address, input: { index: link.index, source: hostOn(link, family) } });
      const told = { listener: listener.name, from: link.name, address };
      if (route.kind === 'local') return { ...told, delivered: true };
      return {
        ...told,
        delivered: false,
        reason: route.kind === 'none' ? route.reason : 'not an address of this machine',
      };
    }),
  );
}

/** The address, or, where it means all of them, those of the device. */
function destinationsOf(address: string, { addresses }: LinkFact): string[] {
  const every = /^[0.:]+$/.test(address.replace(/%.*$/, ''));
  return every
    ? addresses.filter((own) => address.includes(':') || isIPv4(own.address)).map((own) => own.address)
    : [address];
}

/** Which addresses of the network of a device the kernel would pass packets of clients on to. */
function forwardsTo(link: LinkFact, clients: readonly LinkFact[], network: MachineNetwork): ForwardFact[] {
  const others = clients.filter(({ name }) => name !== link.name);
  const destinations = link.addresses.flatMap((own) => neighbourOf(own, link.addresses) ?? []);
  return others.flatMap((client) =>
    destinations.flatMap((destination): ForwardFact[] => {
      const source = hostOn(client, isIPv4(destination) ? 4 : 6);
      const route = network.route({ destination, input: { index: client.index, source } });
      const passes = route.kind === 'out' && route.index === link.index;
      return passes ? [{ from: client.name, to: link.name, destination }] : [];
    }),
  );
}

/** An address a client on this device may have. */
export function hostOn({ addresses }: LinkFact, family: 4 | 6): string {
  const own = addresses.filter(({ address }) => (family === 4 ? isIPv4(address) : isGlobalIpv6(address)));
  return own.map((one) => neighbourOf(one, addresses)).find((one) => one !== undefined) ?? SOME_CLIENT[family];
}

/** Another address of the same prefix; undefined if there is none, or it is no address that is routed. */
function neighbourOf({ address, prefixLength }: LinkAddress, own: readonly LinkAddress[]): string | undefined {
  const taken = new Set(own.map((one) => one.address));
  if (!isIPv4(address)) {
    if (!isGlobalIpv6(address) || prefixLength > 125) return undefined;
    const lead = address.split(':').slice(0, -1).join(':');
    return ['77', '78'].map((last) => `${lead}:${last}`).find((one) => isIPv6(one) && !taken.has(one));
  }
  const value = parseIpv4(address);
  if (value === undefined || prefixLength > 31) return undefined;
  const size = 2 ** (32 - prefixLength);
  const first = value - (value % size);
  // The first and the last address of a prefix are for broadcasts, but where there are only two (RFC 3021).
  const candidates = size === 2 ? [first, first + 1] : [first + 1, first + 2, first + 3];
  return candidates
    .filter((one) => one < first + size)
    .map(formatIpv4)
    .find((one) => !taken.has(one));
}

function isGlobalIpv6(address: string): boolean {
  return isIPv6(address) && !/^fe[89ab]/i.test(address) && address !== '::1';
}
