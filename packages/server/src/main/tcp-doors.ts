/** What all TCP doors of a process share: how they listen, and what they may spend on strangers. */

import { STRANGER_COST, StrangerBudget, withReserve } from '../control/access/stranger-budget.js';
import { bindDeviceSocket } from '../platform/device-listener.js';
import { type ArrivalPace, nativeTcp } from '../platform/tcp-arrivals.js';
import type { BindDevice, Clock, ListenTcp } from '../services/ports.js';

/** How a door listens. */
export interface TcpDoor {
  readonly bindDevice: BindDevice;
  /** Absent where there are no native sockets; packets.ts says so. */
  readonly listenTcp?: ListenTcp;
  readonly strangers: StrangerBudget;
}

/** The doors of a process. */
export interface TcpDoors {
  readonly operators: TcpDoor;
  /** A door that another server depends on; each has its own reserve. */
  partners(): TcpDoor;
}

/** One for the process: an attack on one door is an attack on all. */
export function tcpDoors(clock: Pick<Clock, 'after' | 'monotonic'>): TcpDoors {
  const strangers = new StrangerBudget(clock);
  const listen = nativeOrNot(clock);
  const doorAt = (take: (units: number) => number): TcpDoor => ({
    ...{ bindDevice: bindDeviceSocket, strangers },
    ...(listen === undefined ? {} : { listenTcp: listen(() => take(STRANGER_COST.arrival)) }),
  });
  return {
    operators: doorAt((units) => strangers.take(units)),
    partners: () => doorAt(withReserve(strangers, clock)),
  };
}

function nativeOrNot(clock: Pick<Clock, 'after'>): ((pace: ArrivalPace) => ListenTcp) | undefined {
  try {
    return nativeTcp(clock);
  } catch {
    return undefined;
  }
}
