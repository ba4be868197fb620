/**
 * I6 while a run goes on: whenever both servers of a relation are in normal operation, have compared and wait for nothing, their databases
 * are the same. What slipped past the two is seen here before the next renewal covers it up.
 */

import type { Lease } from 'lessor/internal/domain/lease.js';
import { isBinding, versionIn } from 'lessor/internal/domain/pair/record.js';
import { formatVersion } from 'lessor/internal/domain/pair/version.js';
import { short } from './client.js';
import type { PairHistory } from './history.js';
import type { Seat } from './topology.js';
import type { World } from './world.js';

const EVERY_MS = 1500;

/** Looks again and again, and notes in the history what differs. */
export function watchEquality(world: World, seats: readonly [Seat, Seat], history: PairHistory): void {
  const look = (): void => {
    world.after(EVERY_MS, look);
    const [a, b] = seats;
    if (!saysEqual(a) || !saysEqual(b)) return;
    const text = difference(a, b);
    if (text === undefined || history.differences.some((known) => known.text === text)) return;
    history.differences.push({ at: world.now, text });
  };
  world.after(EVERY_MS, look);
}

/** This server takes its database for the same as its partner's. */
function saysEqual({ node, half }: Seat): boolean {
  if (node.frozen || half === undefined) return false;
  const { state, connected, compared, unconfirmed } = half.pair.status;
  return state === 'normal' && connected && compared && unconfirmed === 0;
}

function difference(a: Seat, b: Seat): string | undefined {
  for (const [mine, theirs] of [[a, b] as const, [b, a] as const]) {
    for (const lease of mine.leases()) {
      if (!isBinding(lease)) continue;
      const other = theirs.lease(lease.address);
      if (other !== undefined && isBinding(other) && versionOf(other) === versionOf(lease)) continue;
      const what = other === undefined ? 'nothing' : `${versionOf(other)} state ${other.state}`;
      return `${short(lease.address)}: ${versionOf(lease)} state ${lease.state} here and ${what} there, and nothing waits to be sent`;
    }
  }
  return undefined;
}

function versionOf({ userContext }: Lease): string {
  return formatVersion(versionIn(userContext));
}
