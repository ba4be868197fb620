/** How long a lease lasts: class before subnet, the client's wish within bounds (Kea ARM "Lease lifetimes"). */

import type { ClientClass, ConfigSnapshot, LifetimeTriplet, Subnet } from '../snapshot.js';
import { INFINITE_LIFETIME } from '../values.js';
import type { Client } from './decision.js';

/** Code of option 51. */
const LEASE_TIME = 51;

/** Seconds to grant. A BOOTP client's lease never ends. */
export function lifetimeFor(client: Client, subnet: Subnet, snapshot: ConfigSnapshot): number {
  if (client.bootp) return INFINITE_LIFETIME;
  const triplet = firstOfClasses(client, snapshot, (row) => row.lifetime) ?? subnet.lifetime;
  return clampLifetime(client.message.number(LEASE_TIME) ?? 0, triplet);
}

/** Seconds an offer is kept as a lease; 0 = offers are not stored (Kea: offer-lifetime). */
export function offerLifetimeFor(client: Client, subnet: Subnet, snapshot: ConfigSnapshot): number {
  if (client.bootp) return 0;
  return firstOfClasses(client, snapshot, (row) => row.offerLifetimeSec) ?? subnet.offerLifetimeSec;
}

function clampLifetime(requestedSec: number, triplet: LifetimeTriplet): number {
  return requestedSec === 0 ? triplet.defaultSec : Math.min(Math.max(requestedSec, triplet.minSec), triplet.maxSec);
}

function firstOfClasses<Value>(
  client: Client,
  snapshot: ConfigSnapshot,
  read: (row: ClientClass) => Value | undefined,
): Value | undefined {
  if (snapshot.classes.length === 0) return undefined;
  for (const name of client.classNames) {
    const row = snapshot.classByName.get(name);
    const value = row === undefined ? undefined : read(row);
    if (value !== undefined) return value;
  }
  return undefined;
}
