/** What commands ask of interfaces and DHCP sockets: interface-list, -redetect and -add, and sockets in status-get. */

import type { InterfaceInfo, InterfaceService } from '../control/services.js';
import type { ConfigSnapshot, InterfaceSelector, InterfacesConfig } from '../domain/snapshot.js';
import { formatIpv4 } from '../domain/values.js';
import { CommandError } from '../errors.js';
import type { NetworkInterface, NetworkStack } from '../services/ports.js';
import { selectSockets } from './dhcp4-selection.js';
import type { Dhcp4Port } from './dhcp4-socket.js';

/** What the service is made of. */
export interface InterfaceServiceDeps {
  readonly network: Pick<NetworkStack, 'interfaces'>;
  readonly port: Pick<Dhcp4Port, 'interfaces' | 'prepare'>;
  /** The holder of the configuration in force. */
  readonly config: { readonly current: Pick<ConfigSnapshot, 'interfaces'> };
  /** Adds what only the machine knows. */
  describe(interfaces: readonly NetworkInterface[]): readonly Omit<InterfaceInfo, 'inUse'>[];
}

/** The service over a port and the machine's network. */
export function createInterfaceService({ network, port, config, describe }: InterfaceServiceDeps): InterfaceService {
  /** What interface-add brought, and the configuration it was added to: to another one it does not belong. */
  let added: { readonly to: InterfacesConfig; readonly selectors: readonly InterfaceSelector[] } | undefined;
  const wantedNow = (): InterfacesConfig => {
    const base = config.current.interfaces;
    return added?.to === base ? { ...base, selectors: [...base.selectors, ...added.selectors] } : base;
  };
  return {
    list() {
      const inUse = new Set(port.interfaces.map(({ name }) => name));
      return describe(network.interfaces()).map((each) => ({ ...each, inUse: inUse.has(each.name) }));
    },
    async redetect() {
      (await port.prepare(wantedNow())).apply();
    },
    async add(selectors) {
      const to = config.current.interfaces;
      const before = wantedNow();
      const all = [...before.selectors];
      for (const selector of selectors) {
        if (all.some((other) => overlaps(selector, other))) {
          throw new CommandError('command-invalid', `interface '${selector.name}' has already been selected`);
        }
        all.push(selector);
      }
      (await port.prepare({ ...before, selectors: all })).apply();
      added = { to, selectors: all.slice(to.selectors.length) };
    },
    get socketStatus(): InterfaceService['socketStatus'] {
      const wanted = wantedNow();
      const { plans, problems } = selectSockets(wanted, network.interfaces());
      const closed = plans
        .flatMap(({ endpoints }) => endpoints)
        .filter((one) => !port.interfaces.some(({ index, address }) => index === one.index && address === one.address))
        .map(({ name, address }) => `no socket is open on ${name} (${formatIpv4(address)})`);
      const errors = [...problems.map(({ text }) => text), ...closed];
      if (errors.length === 0) return { status: 'ready', errors };
      return { status: wanted.maxRetries > 0 ? 'retrying' : 'failed', errors };
    },
  };
}

/** An interface twice, or as a whole and by one of its addresses. */
function overlaps(one: InterfaceSelector, other: InterfaceSelector): boolean {
  if (one.name !== other.name) return false;
  return one.address === undefined || other.address === undefined || one.address === other.address;
}
