/** Which servers of a run are in which relation: two in one, or a hub that has a relation with each of two spokes. */

import type { RelationIndex } from 'lessor/internal/domain/ha/relations.js';
import type { Lease } from 'lessor/internal/domain/lease.js';
import type { Side } from 'lessor/internal/domain/pair/version.js';
import { relationOf } from './config.js';
import type { Half } from './half.js';
import type { SimNode } from './node.js';

/** Number of a server in its run. */
export type ServerNumber = 0 | 1 | 2;

/** The servers of a relation, by their sides. */
export type RelationServers = readonly [ServerNumber, ServerNumber];

/** What a plan that says nothing of it means. */
export const PAIR: readonly RelationServers[] = [[0, 1]];

/** A relation a server is in, and on which side. */
export interface Membership {
  readonly relation: RelationIndex;
  readonly side: Side;
}

/** All numbers of servers there are in these relations, in order. */
export function serversOf(relations: readonly RelationServers[]): ServerNumber[] {
  return [...new Set(relations.flat())].sort();
}

/** The relations a server is in. */
export function membershipsOf(server: ServerNumber, relations: readonly RelationServers[]): Membership[] {
  return relations.flatMap((servers, relation) =>
    servers.includes(server) ? [{ relation, side: servers[0] === server ? 0 : 1 }] : [],
  );
}

/** The place of a server in a relation: what of it its partner, operators and the checker look at. */
export class Seat implements Membership {
  constructor(
    readonly node: SimNode,
    readonly relation: RelationIndex,
    readonly side: Side,
  ) {}

  /** Undefined: the process does not run. */
  get half(): Half | undefined {
    return this.node.process?.halves.get(this.relation);
  }

  /** One more each time leases or the file of this relation were lost. */
  get life(): number {
    return this.node.disk.lives[this.relation]!;
  }

  /** What this server knows of an address of the relation. */
  lease(address: number): Lease | undefined {
    return this.node.process?.ledger.leases.getByAddress(address);
  }

  /** The leases of the subnet of this relation. */
  *leases(): Iterable<Lease> {
    for (const lease of this.node.process?.ledger.leases.all() ?? []) {
      if (relationOf(lease.address) === this.relation) yield lease;
    }
  }
}
