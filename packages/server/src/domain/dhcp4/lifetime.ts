/** How long a lease lasts: class before subnet, the client's wish within bounds (Kea ARM "Lease lifetimes"). */

import { QUARANTINE_CLASS } from '../guard/policy.js';
import type { ClientClass, ConfigSnapshot, LifetimeTriplet, OwnLifetime, Reservation, Subnet } from '../snapshot.js';
import { INFINITE_LIFETIME } from '../values.js';
import type { Client } from './decision.js';

/** Code of option 51. */
const LEASE_TIME = 51;

/**
 * Seconds to grant. A BOOTP client's lease never ends.
 * @param host the reservation in force, if there is one
 * @param scarce few addresses are left: the least there is, whatever the client asks for (adaptive-lease-time-threshold)
 */
export function lifetimeFor(
  client: Client,
  subnet: Subnet,
  snapshot: ConfigSnapshot,
  host: Reservation | undefined,
  scarce: boolean,
): number {
  if (client.bootp) return INFINITE_LIFETIME;
  const inherited = firstOfClasses(client, snapshot, (row) => row.lifetime) ?? subnet.lifetime;
  const ofClasses = withOwn(
    inherited,
    firstOfClasses(client, snapshot, (row) => row.ownLifetime),
  );
  const triplet = withOwn(ofClasses, host?.ownLifetime);
  const lifetimeSec = scarce ? triplet.minSec : clampLifetime(client.message.number(LEASE_TIME) ?? 0, triplet);
  const quarantined = snapshot.guard !== undefined && client.isMember(QUARANTINE_CLASS);
  return quarantined ? Math.min(lifetimeSec, snapshot.guard.quarantineLifetimeSec) : lifetimeSec;
}

/**
 * What a host or group says in the place of what it inherits. What it inherits gives way: Kea's subnets mostly have one
 * lifetime that is default and bounds at once, and a host with a time of its own means that one.
 */
function withOwn(inherited: LifetimeTriplet, own: OwnLifetime | undefined): LifetimeTriplet {
  if (own === undefined) return inherited;
  const wished = own.defaultSec ?? inherited.defaultSec;
  const minSec =
    own.minSec ??
    Math.min(inherited.minSec, own.defaultSec ?? Number.POSITIVE_INFINITY, own.maxSec ?? Number.POSITIVE_INFINITY);
  const maxSec = own.maxSec ?? Math.max(inherited.maxSec, own.defaultSec ?? 0, minSec);
  // As dhcpd: the upper bound wins over the lower one, and both over the default.
  const bounded = Math.min(minSec, maxSec);
  return { defaultSec: Math.min(Math.max(wished, bounded), maxSec), minSec: bounded, maxSec };
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
