/**
 * I6 while a run goes on: whenever both servers are in normal operation, have compared and wait for nothing, their databases
 * are the same. What slipped past the two is seen here before the next renewal covers it up.
 */

import type { Lease } from 'lessor/internal/domain/lease.js';
import { isBinding, versionIn } from 'lessor/internal/domain/pair/record.js';
import { formatVersion } from 'lessor/internal/domain/pair/version.js';
import { short } from './client.js';
import type { History } from './history.js';
import type { Process, SimNode } from './node.js';
import type { World } from './world.js';

const EVERY_MS = 1500;

/** Looks again and again, and notes in the history what differs. */
export function watchEquality(world: World, nodes: readonly [SimNode, SimNode], history: History): void {
  const look = (): void => {
    world.after(EVERY_MS, look);
    const [a, b] = nodes.map((node) => (node.frozen ? undefined : node.process));
    if (a === undefined || b === undefined || !saysEqual(a) || !saysEqual(b)) return;
    const text = difference(a, b);
    if (text === undefined || history.differences.some((known) => known.text === text)) return;
    history.differences.push({ at: world.now, text });
  };
  world.after(EVERY_MS, look);
}

/** This server takes its database for the same as its partner's. */
function saysEqual({ pair }: Process): boolean {
  const { state, connected, compared, unconfirmed } = pair.status;
  return state === 'normal' && connected && compared && unconfirmed === 0;
}

function difference(a: Process, b: Process): string | undefined {
  for (const [mine, theirs] of [[a, b] as const, [b, a] as const]) {
    for (const lease of mine.ledger.leases.all()) {
      if (!isBinding(lease)) continue;
      const other = theirs.ledger.leases.getByAddress(lease.address);
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
