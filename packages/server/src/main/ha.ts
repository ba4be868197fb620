/** The other servers: one relation with them, or, of a hub, one over each part of the subnets. */

import type { Base } from './base.js';
import { openHub } from './ha-hub.js';
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
