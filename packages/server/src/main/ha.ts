/** The other servers: one relation with them, or, of a hub, one over each part of the subnets. */

import type { RelationIndex } from '../domain/ha/relations.js';
import type { Lease } from '../domain/lease.js';
import type { SwapParticipant } from '../services/config-service.js';
import type { HaReport } from '../services/ha-report.js';
import type { TakeConfig } from '../services/pair/config-exchange.js';
import type { Redundancy } from '../services/redundancy.js';
import type { Base } from './base.js';
import type { HaSurroundings } from './ha-half.js';
import { openHub } from './ha-hub.js';
import { openRelation, type RelationNotice } from './ha-relation.js';

/** What the relations are to the other parts of the server. */
export interface HighAvailability extends SwapParticipant {
  readonly redundancy: Redundancy;
  /** One of each relation, in the order of the configuration. */
  readonly reports: readonly HaReport[];
  mayReclaim(lease: Lease): boolean;
  /** Begins to listen to the partners and to talk to them. @throws LessorError */
  start(): Promise<void>;
  /** Says how a configuration of the partner is put in force; a hub takes none of a spoke, which knows a part only. */
  useTake(take: TakeConfig): void;
  /** Calls `told` of everything an operator should hear of. */
  onNotice(told: (notice: RelationNotice) => void): void;
}

/** What the relations are put together from. */
export type ServerSurroundings = Omit<HaSurroundings, 'ha' | 'files' | 'ofHub'>;

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

/** Files of a relation of a hub begin with this. */
export function filesOf({ snapshot }: ServerSurroundings, relation: RelationIndex): string {
  return `${snapshot.leaseDatabase.path}.${encodeURIComponent(snapshot.ha[relation]!.relationship)}`;
}
