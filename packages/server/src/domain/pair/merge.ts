/**
 * Two records of one address become one (docs/design-ha.md, rule 5). Only side 0 merges concurrent records, and makes the
 * result an event of its own, newer than both: so it does not matter that the servers see slightly different ends.
 */

import type { Lease } from '../lease.js';
import { LeaseState } from '../lease.js';
import type { EpochSec, Octets } from '../values.js';
import { endOf, holderOf, inForce, isBinding, type PairRecord } from './record.js';
import { compareVersions, epochOf, joinVersions, type Side, strayOf, UNVERSIONED } from './version.js';

/** A client that loses an address it may have been told to use: somebody has to be told. */
export interface DroppedBinding {
  readonly kept: Octets;
  readonly dropped: Octets;
  readonly droppedLease: Lease;
}

/** The outcome of merging. */
export interface Merged {
  readonly record: PairRecord;
  /**
   * `mine` and `theirs`: the record as it was. `merged`: neither included the other; the version joins both, and needs an
   * event of side 0 on top before it is stored.
   */
  readonly origin: 'mine' | 'theirs' | 'merged';
  /** Set if a binding in force was given up for another client's. */
  readonly dropped?: DroppedBinding;
}

/**
 * What holds after `mine` met `theirs`.
 * @param nowSec by whose clock it is judged what is in force: that of the side that merges
 * @param owner who owns the address, where it matters: which of two different clients keeps it
 * @param mcltSec how much longer than its record says a client may use an address on the word of a server that lost its files
 */
export function mergeRecords(
  mine: PairRecord,
  theirs: PairRecord,
  owner: Side,
  nowSec: EpochSec,
  mcltSec: number,
): Merged {
  switch (compareVersions(mine.version, theirs.version)) {
    case 'equal':
      return differBeforeThePair(mine, theirs)
        ? mergeConcurrent(mine, theirs, owner, nowSec, mcltSec)
        : { record: mine, origin: 'mine' };
    case 'newer':
      return { record: mine, origin: 'mine' };
    case 'older':
      return { record: theirs, origin: 'theirs' };
    case 'concurrent':
      return mergeConcurrent(mine, theirs, owner, nowSec, mcltSec);
  }
}

/** Leases of before the pair have no version; nobody knows which is the newer one. */
function differBeforeThePair(mine: PairRecord, theirs: PairRecord): boolean {
  if (
    compareVersions(mine.version, UNVERSIONED) !== 'equal' ||
    mine.lease === undefined ||
    theirs.lease === undefined
  ) {
    return false;
  }
  return holderOf(mine.lease) !== holderOf(theirs.lease) || endOf(mine.lease) !== endOf(theirs.lease);
}

function mergeConcurrent(mine: PairRecord, theirs: PairRecord, owner: Side, nowSec: EpochSec, mcltSec: number): Merged {
  const version = joinVersions(mine.version, theirs.version);
  const keepsMine = prefersFirst(mine, theirs, owner, nowSec);
  const [kept, lost] = keepsMine ? [mine, theirs] : [theirs, mine];
  const record: PairRecord = { address: mine.address, version, lease: kept.lease };
  // Whoever began anew does not know how far an earlier life of it went beyond what the partner has.
  const leadSec = [mine, theirs].some(({ version: one }) => strayOf(one) !== undefined) ? mcltSec : 0;
  const dropped = droppedBy(kept.lease, lost.lease, nowSec - leadSec);
  return { record, origin: 'merged', ...(dropped === undefined ? {} : { dropped }) };
}

/** Different clients, both bound: the one not kept has to be reported, if its lease did not end before `sinceSec`. */
function droppedBy(kept: Lease | undefined, lost: Lease | undefined, sinceSec: EpochSec): DroppedBinding | undefined {
  if (lost === undefined || !wasAssigned(lost) || endOf(lost) < sinceSec) return undefined;
  if (!isBinding(kept)) return undefined;
  const [winner, loser] = [holderOf(kept), holderOf(lost)];
  return winner === loser ? undefined : { kept: winner, dropped: loser, droppedLease: lost };
}

/** A client had the address until the lease ran out, if it has: nobody gave it up. */
function wasAssigned({ state }: Lease): boolean {
  return state === LeaseState.default || state === LeaseState.expiredReclaimed;
}

/** Which of two concurrent records is kept, whichever of them is `a`. */
function prefersFirst(a: PairRecord, b: PairRecord, owner: Side, nowSec: EpochSec): boolean {
  const strength = strengthOf(a, nowSec) - strengthOf(b, nowSec);
  if (strength !== 0) return strength > 0;
  if (a.lease !== undefined && b.lease !== undefined) {
    const same = holderOf(a.lease) === holderOf(b.lease);
    // Who was given a declined address by the other server is using it.
    if (isBinding(a.lease) && isBinding(b.lease) && a.lease.state !== b.lease.state) {
      return a.lease.state === LeaseState.default;
    }
    const [endA, endB] = [endOf(a.lease), endOf(b.lease)];
    if (same && endA !== endB) return endA > endB;
  } else if (a.lease !== b.lease) {
    // A lease that is over says more than a tombstone: whose it was.
    return a.lease !== undefined;
  }
  const epochs = newestEpoch(a) - newestEpoch(b);
  if (epochs !== 0) return epochs > 0;
  // Exactly one of two concurrent records has the newer event of the owner's side.
  return a.version[owner] > b.version[owner];
}

/** What is in force is stronger than a binding that ran out, and that than what was given up. */
function strengthOf({ lease }: PairRecord, nowSec: EpochSec): number {
  return Number(isBinding(lease)) + Number(inForce(lease, nowSec));
}

function newestEpoch({ version }: PairRecord): number {
  return Math.max(epochOf(version[0]), epochOf(version[1]));
}
