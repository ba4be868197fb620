/** The other servers: one relation with them, or, of a hub, one over each part of the subnets. */

import type { ConfigSnapshot } from '../domain/snapshot.js';
import { noteLostLeases } from '../services/pair/open-memory.js';
import { nodeFileOps } from '../store/file-ops.js';
import { DiskPairFile } from '../store/pair-file.js';
import type { Base } from './base.js';
import { filesOf, openHub } from './ha-hub.js';
import { type HighAvailability, openRelation, type ServerSurroundings } from './ha-relation.js';

/** Opens the relations of the configuration; undefined if there are none. @throws StoreError, LessorError */
export function openHa(base: Base, surroundings: ServerSurroundings): HighAvailability | undefined {
  const { ha, leaseDatabase } = surroundings.snapshot;
  if (ha.length > 1) return openHub(base, surroundings);
  const [only] = ha;
  if (only === undefined) return undefined;
  const relation = openRelation(base, { ...surroundings, ha: only, files: leaseDatabase.path, ofHub: false });
  return {
    ...relation,
    name: 'high-availability',
    reports: [relation.report],
    prepare: (next) => relation.prepareFor(next),
    prepareChange: (next) => ({ commit: () => relation.follow(next), abandon: () => undefined }),
  };
}

/** There is no lease file: every relation is told, before there is one again. @throws StoreError */
export function noteLeaseFileMissing(snapshot: ConfigSnapshot): void {
  const { ha, leaseDatabase } = snapshot;
  const files = ha.length > 1 ? ha.map((_, relation) => filesOf({ snapshot }, relation)) : [leaseDatabase.path];
  for (const path of files) noteLostLeases(new DiskPairFile(`${path}.pair`, nodeFileOps));
}
