/** The machine's network, as far as the isolation of control listeners is judged by it. */

import { existsSync, readFileSync } from 'node:fs';
import type { Clock, MachineNetwork, Random } from '../services/ports.js';
import { NETWORK_CHANGES, watchInterfaces } from './interfaces.js';
import { probeLeaks } from './leak-probe.js';
import { findRoute, readLinks } from './links.js';
import { linuxLibc } from './linux-libc.js';
import { watchReplies } from './reply-watch.js';

/** Where Linux's IPMI drivers put the BMC (Documentation/driver-api/ipmi.rst). */
const BMC_DEVICES = ['/dev/ipmi0', '/dev/ipmi/0', '/dev/ipmidev/0'];

/** The network of this machine. Its functions throw LessorError socket-open where there is no Linux or no koffi. */
export function linuxMachineNetwork(clock: Clock, random: Pick<Random, 'bytes'>): MachineNetwork {
  return {
    links: () => readLinks(),
    route: (question) => findRoute(question, forwardsIpv6),
    hasOwnBmc: () => BMC_DEVICES.some((path) => existsSync(path)),
    async probeLeaks(management, clients, listenMs) {
      try {
        return await probeLeaks(management, clients, listenMs, { libc: linuxLibc(), clock, random });
      } catch (error) {
        return { kind: 'impossible', reason: (error as Error).message };
      }
    },
    watchReplies: ({ index }, seen) => watchReplies(linuxLibc(), index, seen),
    watch: (changed) => watchInterfaces(changed, clock, linuxLibc(), NETWORK_CHANGES),
  };
}

/** Whether IPv6 packets that come in by a device are passed on (net.ipv6.conf.NAME.forwarding). */
function forwardsIpv6(index: number): boolean {
  const name = readLinks().find((link) => link.index === index)?.name;
  try {
    return readFileSync(`/proc/sys/net/ipv6/conf/${name}/forwarding`, 'latin1').trim() !== '0';
  } catch {
    // No IPv6 at all.
    return false;
  }
}
