/** DNS updates of a server: the queue to the DNS update server, its socket, and what a configuration means to them. */

import type { DdnsConnection } from '../domain/ddns/behaviour.js';
import type { ConfigSnapshot } from '../domain/snapshot.js';
import type { PreparedSwap, SwapParticipant } from '../services/config-service.js';
import { NameChanges } from '../services/ddns/name-changes.js';
import { NcrQueue, type NcrTarget } from '../services/ddns/ncr-queue.js';
import type { Statistics } from '../services/statistics.js';
import type { metricsText } from '../transports/metrics-http.js';
import { openNcrLink } from '../transports/ncr-udp.js';
import type { Base } from './base.js';

/** Names in the DNS, and their part in a change of configuration. */
export interface Ddns {
  readonly names: NameChanges;
  readonly participant: SwapParticipant;
}

/** Opens the socket, if updates are on. @throws LessorError socket-open */
export async function openDdns(base: Base, snapshot: ConfigSnapshot, statistics: Statistics): Promise<Ddns> {
  const { clock, logger, ending } = base;
  const queue = new NcrQueue({ clock, statistics, logger: logger.child('dhcpsrv') });
  ending.onEnd(() => queue.close());
  let inForce = snapshot.ddns;
  let target = await targetOf(inForce, clock);
  if (target !== undefined) queue.use(target);

  const prepare = async ({ ddns }: ConfigSnapshot): Promise<PreparedSwap> => {
    if (isSame(ddns, inForce)) return { commit: () => undefined, abandon: () => undefined };
    const next = await targetOf(ddns, clock);
    return {
      commit() {
        const before = target;
        inForce = ddns;
        target = next;
        queue.use(next);
        before?.link.close();
      },
      abandon: () => next?.link.close(),
    };
  };
  return {
    names: new NameChanges(queue, logger.child('ddns'), () => snapshot),
    participant: { name: 'dhcp-ddns', testable: true, prepare },
  };
}

/** The queue in numbers; nothing where updates are off. */
export function ddnsGauges({ enabled, waiting }: NameChanges): NonNullable<Parameters<typeof metricsText>[1]> {
  if (!enabled) return {};
  return { lessor_ddns_requests_waiting: { value: waiting, help: 'name change requests that wait to be sent' } };
}

async function targetOf(ddns: DdnsConnection | undefined, clock: Base['clock']): Promise<NcrTarget | undefined> {
  if (ddns === undefined) return undefined;
  const { serverAddress, serverPort, maxQueueSize } = ddns;
  return { link: await openNcrLink(ddns, clock), name: `${serverAddress} port ${serverPort}`, maxQueueSize };
}

function isSame(a: DdnsConnection | undefined, b: DdnsConnection | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
