/**
 * What a Kea partner says of an address, judged against what is known here. Kea's protocol has no versions: a lease says
 * only in which second its client was last heard of, and Kea itself writes whatever comes last over what it has
 * (Kea: ha_impl.cc, lease_cmds.cc).
 */

import { type Lease, LeaseState } from '../lease.js';
import { holderOf, inForce } from '../pair/record.js';
import type { EpochSec, Ipv4 } from '../values.js';

/** The last this server decided of an address while its partner was not told. */
export interface LoneDecision {
  readonly atSec: EpochSec;
  /** The lease as it became, or as it was when it was given up. */
  readonly lease: Lease;
  /** Released or removed. */
  readonly gaveUp: boolean;
}

/** What is known here. */
export interface Here {
  readonly mine: Lease | undefined;
  /** Other leases in force of the same client in the same subnet: it uses the one it asked for last. */
  readonly elsewhere: readonly Lease[];
  readonly decided: (address: Ipv4) => LoneDecision | undefined;
  readonly nowSec: EpochSec;
  /** How far the clocks are apart. A lease may be dated by either, so that it does not matter which is ahead. */
  readonly skewSec: number;
  /** The partner told its client of this lease without asking us: it served alone, too. */
  readonly wasTold: boolean;
}

/**
 * `take`: theirs is the latest; `same`: nothing is to be done; `keep`: what is here is later, and for the partner to
 * have; `over`: their client has given the address up since, or uses another one: the partner is to remove it.
 */
export type Verdict = 'take' | 'same' | 'keep' | 'over';

/** Seconds that differ by no more than this and the skew can be the same instant: they are whole, and so is the skew. */
const SAME_TIME_SEC = 2;
/** Clocks that are right measure as so far apart: the partner tells its time in whole seconds. */
const NO_SKEW_SEC = 1;

/** What a removal says of a lease. */
export type Removed = Pick<Lease, 'address' | 'clientId' | 'hwAddress' | 'clttSec'>;

/** Judges a lease that the partner has. */
export function judgeLease(theirs: Lease, here: Here): Verdict {
  const { mine, nowSec } = here;
  const isHolder = mine !== undefined && holderOf(mine) === holderOf(theirs);
  if (isHolder && mine.clttSec === theirs.clttSec && mine.state === theirs.state) return 'same';
  if (!inForce(theirs, nowSec)) return judgeEnded(theirs, here);
  const occupied = inForce(mine, nowSec);
  // One client on one address: who heard of it later knows better, to the second, as Kea has it.
  if (occupied && isHolder) return mine.clttSec < theirs.clttSec ? 'take' : 'keep';
  if (occupied && isLater(mine!, theirs, here)) return 'keep';
  if (!isGivenUp(theirs, here) && !here.elsewhere.some((other) => isLater(other, theirs, here))) return 'take';
  return occupied ? 'keep' : 'over';
}

/** A lease that is over there: a release does not change when its client was last heard of. */
function judgeEnded(theirs: Lease, here: Here): Verdict {
  const { mine, nowSec } = here;
  if (mine === undefined || mine.clttSec < theirs.clttSec) return 'take';
  if (!inForce(mine, nowSec)) return 'same';
  return theirs.state === LeaseState.released && !outlivesRemoval(theirs, here) ? 'take' : 'keep';
}

/** True if what is here stands, though the partner has removed its lease of the address. */
export function outlivesRemoval(removed: Removed, here: Here): boolean {
  const { mine, nowSec } = here;
  if (mine === undefined || !inForce(mine, nowSec)) return false;
  return holderOf(mine) !== holderOf(removed) || isLater(mine, removed, here);
}

/** Whether the client of a lease here went over to one of the partner's since. */
export function isSuperseded(mine: Lease, theirs: Lease, { skewSec }: Pick<Here, 'skewSec'>): boolean {
  return theirs.clttSec - mine.clttSec > leeway(skewSec);
}

/** The client gave the address up here after it was last heard of there. */
function isGivenUp(theirs: Lease, here: Here): boolean {
  const { mine } = here;
  const decision = here.decided(theirs.address);
  if (decision?.gaveUp === true && holderOf(decision.lease) === holderOf(theirs)) {
    return isDecisionLater(decision.atSec, theirs, here);
  }
  // Not in force, though it was heard of here as late as there: released before the last start.
  return mine !== undefined && holderOf(mine) === holderOf(theirs) && mine.clttSec >= theirs.clttSec;
}

/** Whether a lease in force here is later than theirs. */
function isLater(lease: Lease, theirs: Removed, here: Here): boolean {
  if (here.decided(lease.address)?.lease.clttSec === lease.clttSec) return isDecisionLater(lease.clttSec, theirs, here);
  return lease.clttSec - theirs.clttSec > Math.abs(here.skewSec) + SAME_TIME_SEC;
}

/**
 * Whether what was decided here alone is later. In the same second it counts as later, since its client was told, and
 * that of the partner was not: Kea waits for our answer. Where Kea told it, nobody knows, and nothing is taken away.
 */
function isDecisionLater(atSec: EpochSec, { clttSec }: Removed, { skewSec, wasTold }: Here): boolean {
  const ahead = atSec - clttSec;
  return wasTold ? ahead > leeway(skewSec) : ahead >= -leeway(skewSec);
}

function leeway(skewSec: number): number {
  return Math.max(0, Math.abs(skewSec) - NO_SKEW_SEC);
}
