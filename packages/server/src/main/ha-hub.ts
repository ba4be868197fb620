/** A hub: several relations in one server, each with its own partner, its own state and its own part of the leases. */

import { type RelationIndex, RelationMap, snapshotOf } from '../domain/ha/relations.js';
import { versionIn } from '../domain/pair/record.js';
import { isVersioned } from '../domain/pair/version.js';
import type { ConfigSnapshot } from '../domain/snapshot.js';
import { formatIpv4, type SubnetId } from '../domain/values.js';
import { LessorError } from '../errors.js';
import type { PreparedSwap } from '../services/config-service.js';
import { hubRedundancy } from '../services/hub-redundancy.js';
import { LedgerParts } from '../services/ledger-parts.js';
import { ServiceSwitch } from '../services/service-switch.js';
import type { Base } from './base.js';
import { type HighAvailability, openRelation, type Relation, type ServerSurroundings } from './ha-relation.js';

/** Opens every relation of the configuration. @throws StoreError, LessorError */
export function openHub(base: Base, surroundings: ServerSurroundings): HighAvailability {
  const { snapshot, ledger } = surroundings;
  let map = mapOf(snapshot);
  /** The relation each subnet was last in: its leases have the versions of that one. */
  const home = new Map<SubnetId, RelationIndex>();
  remember(home, snapshot, map);
  const parts = new LedgerParts(ledger, () => map);
  const members = snapshot.ha.map((ha, i) => {
    const serviceSwitch = new ServiceSwitch(base.clock);
    const relation = openRelation(base, {
      ...surroundings,
      ...{ ha, serviceSwitch, ofHub: true, files: filesOf(surroundings, i) },
      snapshot: snapshotOf(snapshot, i, map),
      ledger: parts.of(i),
    });
    return { relation, redundancy: relation.redundancy, serviceSwitch };
  });
  const relations = members.map(({ relation }) => relation);

  /** @throws LessorError if leases would come into a pair that did not make them */
  function check(next: ConfigSnapshot, to: RelationMap): void {
    if (next.ha.length !== relations.length) throw new LessorError('config-unsupported', RESTART);
    for (const { id } of next.subnets) {
      const [before, after] = [home.get(id), to.ofSubnet(id)];
      if (before === undefined || after === undefined || before === after) continue;
      throw new LessorError('config-unsupported', `subnet ${id} can not change its relation while the server runs`);
    }
    for (const { address, subnetId, userContext } of ledger.leases.all()) {
      const [before, after] = [map.ofAddress(address), to.ofAddress(address)];
      if (before === after || after === undefined || home.get(subnetId) === after) continue;
      if (!isVersioned(versionIn(userContext))) continue;
      const text = `${formatIpv4(address)} has a lease of another relation: restart the server, or delete the lease`;
      throw new LessorError('config-unsupported', text);
    }
  }

  /** From now on the addresses of `next` count. */
  function use(next: ConfigSnapshot, to: RelationMap): void {
    const before = map;
    map = to;
    remember(home, next, to);
    parts.moved(before);
  }

  return {
    name: 'high-availability',
    redundancy: hubRedundancy(members, () => map),
    reports: relations.map(({ report }) => report),
    mayReclaim(lease) {
      const relation = map.ofAddress(lease.address);
      return relation === undefined || relations[relation]!.mayReclaim(lease);
    },
    async start() {
      for (const relation of relations) await relation.start();
    },
    useTake: () => undefined,
    onNotice(told) {
      for (const relation of relations) relation.onNotice(told);
    },
    async prepare(next): Promise<PreparedSwap> {
      const to = mapOf(next);
      check(next, to);
      const prepared = await prepareAll(relations, next, to);
      return {
        commit() {
          use(next, to);
          for (const { commit } of prepared) commit();
        },
        abandon() {
          for (const { abandon } of prepared) abandon();
        },
      };
    },
    prepareChange(next) {
      const to = mapOf(next);
      check(next, to);
      return {
        commit() {
          use(next, to);
          for (const [i, relation] of relations.entries()) relation.follow(snapshotOf(next, i, to));
        },
        abandon: () => undefined,
      };
    },
  };
}

const RESTART = 'relations can not come and go while the server runs: restart it';

async function prepareAll(
  relations: readonly Relation[],
  next: ConfigSnapshot,
  to: RelationMap,
): Promise<PreparedSwap[]> {
  const prepared: PreparedSwap[] = [];
  try {
    for (const [i, relation] of relations.entries()) prepared.push(await relation.prepareFor(snapshotOf(next, i, to)));
  } catch (error) {
    for (const { abandon } of prepared) abandon();
    throw error;
  }
  return prepared;
}

/** @throws LessorError `config-conflict` with the first fault: single subnets are changed without a look at the whole */
function mapOf(snapshot: ConfigSnapshot): RelationMap {
  const map = new RelationMap(snapshot);
  const [fault] = map.faults;
  if (fault !== undefined) throw new LessorError('config-conflict', fault);
  return map;
}

function remember(home: Map<SubnetId, RelationIndex>, { subnets }: ConfigSnapshot, map: RelationMap): void {
  for (const { id } of subnets) {
    const relation = map.ofSubnet(id);
    if (relation !== undefined) home.set(id, relation);
  }
}

/** Files of a relation of a hub begin with this. */
export function filesOf({ snapshot }: Pick<ServerSurroundings, 'snapshot'>, relation: RelationIndex): string {
  return `${snapshot.leaseDatabase.path}.${encodeURIComponent(snapshot.ha[relation]!.relationship)}`;
}
