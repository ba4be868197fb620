/**
 * Adding, replacing and removing reservations of a running configuration. What one costs does not depend on how many
 * there are: they are neither read nor checked nor copied again (reservation-lists.ts).
 */

import type { ConfigSnapshot, JsonMap, Reservation } from '../domain/snapshot.js';
import type { SubnetId } from '../domain/values.js';
import { assert, ConfigError } from '../errors.js';
import { canonicalReservation } from './canonical.js';
import type { ConfigPatch, ConfigState, MadeReservation } from './change.js';
import { checkSection } from './check.js';
import type { ConfigEnvironment } from './environment.js';
import { IssueList } from './issues.js';
import { editsOf, LateLists, mergeChange, type NetChanges } from './reservation-lists.js';
import { buildReservation } from './reservations.js';
import { addHash } from './snapshot-hash.js';
import { fromJson } from './tree.js';

/**
 * Reads a reservation as a configuration would have it.
 * @param subnetId 0 for a global one, else the id of a subnet there is
 * @throws ConfigError with every issue found
 */
export function makeReservation(
  written: JsonMap,
  subnetId: SubnetId,
  { registry, subnetById, ipReservationsUnique }: ConfigSnapshot,
  environment: ConfigEnvironment,
): MadeReservation {
  const issues = new IssueList();
  const node = fromJson(written);
  assert(node.kind === 'map', 'a reservation is a map');
  const section = checkSection(node, 'reservations', 'reservation', issues);
  const subnet = subnetById.get(subnetId);
  const prefix = subnet && { address: subnet.prefix, length: subnet.prefixLength };
  const context = { issues, environment, registry, ipReservationsUnique };
  const reservation = buildReservation(section, subnetId, prefix, context);
  if (reservation === undefined || issues.hasErrors) throw new ConfigError(issues.sorted('error'));
  return { reservation, written, json: canonicalReservation({ section, reservation }, registry) };
}

/**
 * The configuration with some reservations in the place of others, all in one change. One of the same client in the same
 * subnet takes the old one's place in the file; the others go and come. That they are unique is for the caller to see to.
 */
export function changeReservations(
  state: ConfigState,
  removed: readonly Reservation[],
  added: readonly MadeReservation[],
): ConfigPatch {
  const change = { kind: 'reservations', added, removed } as const;
  const lists = (listsOfState.get(state) ?? LateLists.of(listsNow(state))).after(change);
  let snapshot: ConfigSnapshot | undefined;
  const patch: ConfigPatch = {
    // Of changes that are put in force together only the snapshot of all of them is ever looked at.
    get snapshot() {
      snapshot ??= lateSnapshot(state.snapshot, lists);
      return snapshot;
    },
    get source() {
      return lists.get().source;
    },
    get edits() {
      const net: NetChanges = new Map();
      mergeChange(net, change);
      return editsOf(state.source, net);
    },
    change,
  };
  listsOfState.set(patch, lists);
  return patch;
}

/** What is in force after a patch: of what was before, and of how it became so, it keeps nothing. */
export function stateAfter(patch: ConfigPatch): ConfigState {
  const lists = listsOfState.get(patch);
  const { snapshot } = patch;
  if (lists === undefined) return { snapshot, source: patch.source };
  const state = stateOf(snapshot, lists);
  listsOfState.set(state, lists);
  return state;
}

function stateOf(snapshot: ConfigSnapshot, lists: LateLists): ConfigState {
  return {
    snapshot,
    get source() {
      return lists.get().source;
    },
  };
}

/** Lists of states whose lists may not have been made yet. */
const listsOfState = new WeakMap<ConfigState, LateLists>();
/** What snapshots with late lists have beside them. */
const othersOfSnapshot = new WeakMap<ConfigSnapshot, Omit<ConfigSnapshot, 'tree' | 'reservations' | 'hash'>>();

function listsNow({ snapshot: { reservations, tree }, source }: ConfigState) {
  return { reservations, tree, source };
}

/** The next snapshot, of which all but the lists is there. */
function lateSnapshot(previous: ConfigSnapshot, lists: LateLists): ConfigSnapshot {
  const others = { ...(othersOfSnapshot.get(previous) ?? withoutLists(previous)), generation: previous.generation + 1 };
  const snapshot = addHash({
    ...others,
    get tree() {
      return lists.get().tree;
    },
    get reservations() {
      return lists.get().reservations;
    },
  });
  othersOfSnapshot.set(snapshot, others);
  return snapshot;
}

function withoutLists({ tree: _, reservations: __, ...others }: Omit<ConfigSnapshot, 'hash'>) {
  return others;
}
