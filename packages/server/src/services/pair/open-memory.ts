/** What a server of a pair begins with: its file, or where there is none what can be said without one. */

import type { HaConfig, HaPeer, SafePairSettings } from '../../domain/ha/config.js';
import { sideOfRole } from '../../domain/ha/config.js';
import { OwnershipMap } from '../../domain/pair/ownership.js';
import { versionIn } from '../../domain/pair/record.js';
import { epochOf, isVersioned } from '../../domain/pair/version.js';
import { atOnce, type Sliced } from '../../domain/slices.js';
import type { Pool } from '../../domain/snapshot.js';
import { LessorError } from '../../errors.js';
import type { LeaseReader } from '../ports.js';
import { leasePages } from '../sliced-swap.js';
import { type PairFile, type PairFileStore, PairMemory } from './memory.js';

/** More than a pair has on the average of its whole life, and few enough for counters to last until 2106. */
const EVENTS_A_SECOND = 256;

/** What of a relation decides who this server is in its pair. */
export interface PairIdentity extends Pick<HaConfig, 'relationship'> {
  readonly safe: Pick<SafePairSettings, 'shareOfSide1'>;
  readonly self: Pick<HaPeer, 'role'>;
}

/** What is at hand when a server starts. */
export interface Beginning {
  readonly ha: PairIdentity;
  readonly pools: readonly Pool[];
  readonly leases: Pick<LeaseReader, 'all' | 'page'>;
  readonly nowSec: number;
  /** There was no lease file when the process started. */
  readonly leaseFileMissing: boolean;
  /** Of a hub: its subnets that are in this relation. */
  readonly subnetIds?: readonly number[];
}

/**
 * Takes over what the file says.
 * @throws StoreError if the file can not be read or written, LessorError if it belongs to another pair
 */
export function openPairMemory(store: PairFileStore, beginning: Beginning): PairMemory {
  const { ha, pools, leases, leaseFileMissing } = beginning;
  const found = store.load();
  if (found !== undefined) checkIdentity(found, ha);
  const known = atOnce(findNewestEpoch(leases));
  const file = found ?? firstFile(beginning, known);
  const ownership = OwnershipMap.of(file.ownership).over(pools, ha.safe.shareOfSide1).ranges;
  // Leases with versions and no file: counters and ownership are forgotten. A file and no leases: these are.
  const lost = file.lost || (found !== undefined && leaseFileMissing);
  const forgot = file.forgot || (found === undefined && known > 0);
  const { subnetIds: covers } = beginning;
  // The partner counts on it that no event here is of a later epoch than what is said of it.
  const atLeast = Math.max(file.epoch, known);
  // Versions that another pair of this hub has given: whatever happens from now on has to be newer.
  const epoch = covers !== undefined && hasForeign(file, leases) ? atLeast + 1 : atLeast;
  return new PairMemory(store, {
    ...file,
    epoch,
    ownership,
    lost,
    forgot,
    stranger: file.stranger || lost || forgot,
    ...(covers === undefined ? {} : { covers }),
  });
}

/**
 * Writes down that the leases are gone, as long as there is no lease file: a start that makes one and then fails, on a full disk,
 * would leave the next one an empty file to take for all there is.
 * @throws StoreError if the file can not be read or written
 */
export function noteLostLeases(store: PairFileStore): void {
  const file = store.load();
  if (file !== undefined && !file.lost) store.save({ ...file, lost: true });
}

/** Leases of subnets that were in another relation when this server was last told of them. */
function hasForeign({ covers = [] }: PairFile, leases: Pick<LeaseReader, 'all'>): boolean {
  const known = new Set(covers);
  for (const { subnetId, userContext } of leases.all()) {
    if (!known.has(subnetId) && isVersioned(versionIn(userContext))) return true;
  }
  return false;
}

function firstFile({ ha, pools, nowSec }: Beginning, known: number): PairFile {
  const side = sideOfRole(ha.self.role);
  return {
    relationship: ha.relationship,
    side,
    // Counters of an earlier life are not known: an epoch above every one of theirs makes them unique again.
    epoch: known + 1,
    // Above the boot number of an earlier life, which the partner remembers.
    boot: nowSec,
    born: nowSec + 1,
    metBoot: 0,
    fence: 0,
    lost: false,
    forgot: false,
    stranger: true,
    partnerLostBoot: 0,
    withheld: [],
    grant: undefined,
    granted: 0,
    clockOffsetMs: 0,
    received: 0,
    // If the leases are forgotten too no epoch tells: then counters above all that an earlier life can have handed out.
    reservedCounter: nowSec * EVENTS_A_SECOND,
    state: 'starting',
    downSinceSec: 0,
    cleanDown: false,
    saidGoodbye: false,
    blindUntilSec: 0,
    ownership: OwnershipMap.divide(pools, ha.safe.shareOfSide1).ranges,
  };
}

/** The newest epoch of which there is an event in the table. */
export function* findNewestEpoch(leases: Pick<LeaseReader, 'page'>): Sliced<number> {
  let newest = 0;
  for (const page of leasePages(leases)) {
    for (const { userContext } of page.leases) {
      if (userContext === '') continue;
      for (const event of versionIn(userContext)) newest = Math.max(newest, epochOf(event));
    }
    yield;
  }
  return newest;
}

function checkIdentity({ relationship, side }: PairFile, ha: PairIdentity): void {
  if (relationship === ha.relationship && side === sideOfRole(ha.self.role)) return;
  const role = side === 0 ? 'primary' : 'secondary or standby';
  throw new LessorError(
    'config-conflict',
    `this server was the ${role} of ${relationship}, and the configuration says otherwise: ` +
      'correct it, or remove the file with the ending .pair to begin anew',
  );
}
