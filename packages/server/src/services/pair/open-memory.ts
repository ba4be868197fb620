/** What a server of a pair begins with: its file, or where there is none what can be said without one. */

import type { HaConfig } from '../../domain/ha/config.js';
import { sideOfRole } from '../../domain/ha/config.js';
import { OwnershipMap } from '../../domain/pair/ownership.js';
import { versionIn } from '../../domain/pair/record.js';
import { epochOf } from '../../domain/pair/version.js';
import type { Pool } from '../../domain/snapshot.js';
import { LessorError } from '../../errors.js';
import type { LeaseReader } from '../ports.js';
import { type PairFile, type PairFileStore, PairMemory } from './memory.js';

/** More than a pair has on the average of its whole life, and few enough for counters to last until 2106. */
const EVENTS_A_SECOND = 256;

/** What is at hand when a server starts. */
export interface Beginning {
  readonly ha: HaConfig;
  readonly pools: readonly Pool[];
  readonly leases: Pick<LeaseReader, 'all'>;
  readonly nowSec: number;
  /** There was no lease file when the process started. */
  readonly leaseFileMissing: boolean;
}

/** The memory, and whether this server lost what it knew. */
export interface Begun {
  readonly memory: PairMemory;
  readonly databaseLost: boolean;
}

/**
 * Takes over what the file says.
 * @throws StoreError if the file can not be read or written, LessorError if it belongs to another pair
 */
export function openPairMemory(store: PairFileStore, beginning: Beginning): Begun {
  const { ha, pools, leases, leaseFileMissing } = beginning;
  const found = store.load();
  if (found !== undefined) checkIdentity(found, ha);
  const known = newestEpoch(leases);
  const file = found ?? firstFile(beginning, known);
  const ownership = OwnershipMap.of(file.ownership).over(pools, ha.safe.shareOfSide1).ranges;
  // Leases with versions and no file: counters and ownership are forgotten. A file and no leases: these are.
  const databaseLost = found === undefined ? known > 0 : leaseFileMissing;
  return { memory: new PairMemory(store, { ...file, ownership }), databaseLost };
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
    // If the leases are forgotten too no epoch tells: then counters above all that an earlier life can have handed out.
    reservedCounter: nowSec * EVENTS_A_SECOND,
    state: 'starting',
    downSinceSec: 0,
    cleanDown: false,
    saidGoodbye: false,
    ownership: OwnershipMap.divide(pools, ha.safe.shareOfSide1).ranges,
  };
}

function newestEpoch(leases: Pick<LeaseReader, 'all'>): number {
  let newest = 0;
  for (const { userContext } of leases.all()) {
    if (userContext === '') continue;
    for (const event of versionIn(userContext)) newest = Math.max(newest, epochOf(event));
  }
  return newest;
}

function checkIdentity({ relationship, side }: PairFile, ha: HaConfig): void {
  if (relationship === ha.relationship && side === sideOfRole(ha.self.role)) return;
  const role = side === 0 ? 'primary' : 'secondary or standby';
  throw new LessorError(
    'config-conflict',
    `this server was the ${role} of ${relationship}, and the configuration says otherwise: ` +
      'correct it, or remove the file with the ending .pair to begin anew',
  );
}
