/** What all TCP doors of a process share: how they listen, and what they may spend on strangers. */

import { STRANGER_COST, StrangerBudget } from '../control/access/stranger-budget.js';
import { bindDeviceSocket } from '../platform/device-listener.js';
import { listenTcpNatively } from '../platform/tcp-arrivals.js';
import type { BindDevice, Clock, ListenTcp } from '../services/ports.js';

/** See the head of this file. */
export interface TcpDoors {
  readonly bindDevice: BindDevice;
  /** Absent where there are no native sockets; packets.ts says so. */
  readonly listenTcp?: ListenTcp;
  readonly strangers: StrangerBudget;
}

/** One for the process: an attack on one door is an attack on all. */
export function tcpDoors(clock: Pick<Clock, 'after' | 'monotonic'>): TcpDoors {
  const strangers = new StrangerBudget(clock);
  const always = { bindDevice: bindDeviceSocket, strangers };
  try {
    return { ...always, listenTcp: listenTcpNatively(clock, () => strangers.take(STRANGER_COST.arrival)) };
  } catch {
    return always;
  }
}
