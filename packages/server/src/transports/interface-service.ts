/** What commands ask of interfaces and DHCP sockets: interface-list, interface-redetect, and sockets in status-get. */

import type { InterfaceInfo, InterfaceService } from '../control/services.js';
import type { ConfigSnapshot } from '../domain/snapshot.js';
import { formatIpv4 } from '../domain/values.js';
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
  return {
    list() {
      const inUse = new Set(port.interfaces.map(({ name }) => name));
      return describe(network.interfaces()).map((each) => ({ ...each, inUse: inUse.has(each.name) }));
    },
    async redetect() {
      (await port.prepare(config.current.interfaces)).apply();
    },
    get socketStatus(): InterfaceService['socketStatus'] {
      const wanted = config.current.interfaces;
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
