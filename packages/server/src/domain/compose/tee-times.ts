/** T1 and T2 (RFC 2131 §4.4.5; when to send them as Kea's setTeeTimes). */

import type { Subnet } from '../snapshot.js';

/** Seconds of options 58 and 59, 0 = not sent. */
export interface TeeTimes {
  readonly renewalSec: number;
  readonly rebindingSec: number;
}

/** Configured values win over computed ones; T2 only below the lifetime, T1 only below T2 (or the lifetime). */
export function teeTimes(subnet: Subnet, lifetimeSec: number): TeeTimes {
  const t2 = subnet.rebindTimerSec ?? (subnet.calculateTeeTimes ? Math.round(subnet.t2Percent * lifetimeSec) : 0);
  const rebindingSec = t2 > 0 && t2 < lifetimeSec ? t2 : 0;
  const t1 = subnet.renewTimerSec ?? (subnet.calculateTeeTimes ? Math.round(subnet.t1Percent * lifetimeSec) : 0);
  const renewalSec = t1 > 0 && t1 < (rebindingSec === 0 ? lifetimeSec : rebindingSec) ? t1 : 0;
  return { renewalSec, rebindingSec };
}
