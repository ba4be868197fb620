/**
 * Adding, replacing and removing one reservation of a running configuration. Only what holds it is made anew: of
 * 100 000 reservations the other 99 999 are neither read nor checked again.
 */

import type { ConfigSnapshot, Json, JsonMap, Reservation } from '../domain/snapshot.js';
import type { SubnetId } from '../domain/values.js';
import { assert, ConfigError } from '../errors.js';
import { canonicalReservation } from './canonical.js';
import type { ConfigChange, ConfigPatch, ConfigState, ShownReservation } from './change.js';
import { checkSection } from './check.js';
import { editTree, type TreeEdit } from './edit.js';
import type { ConfigEnvironment } from './environment.js';
import { IssueList } from './issues.js';
import { mapsIn, placeOfReservation, placeOfReservations } from './places.js';
import { buildReservation, compareByIdentifier } from './reservations.js';
import { withHash } from './snapshot-hash.js';
import { fromJson } from './tree.js';

/** A reservation that is not in the configuration yet. */
export interface MadeReservation extends ShownReservation {
  /** As it was written. */
  readonly written: JsonMap;
}

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

/** The configuration with one reservation more. That it is unique is for the caller to see to. */
export function addReservation(state: ConfigState, made: MadeReservation): ConfigPatch {
  const { reservation, written } = made;
  const list = placeOfReservations(state.source, reservation.subnetId);
  assert(list !== undefined, 'the subnet of a reservation is in the source');
  const snapshot = withReservation(state.snapshot, made);
  return patch(state, snapshot, [{ op: 'append', to: list, value: written }], [made], []);
}

/** The configuration with one reservation less. */
export function removeReservation(state: ConfigState, reservation: Reservation): ConfigPatch {
  const at = placeOfReservation(state.source, reservation);
  assert(at !== undefined, 'a reservation is in the source');
  const snapshot = withoutReservation(state.snapshot, reservation);
  return patch(state, snapshot, [{ op: 'remove', at }], [], [reservation]);
}

/** The configuration with a reservation in the place of another of the same client. */
export function replaceReservation(state: ConfigState, old: Reservation, made: MadeReservation): ConfigPatch {
  const at = placeOfReservation(state.source, old);
  assert(at !== undefined, 'a reservation is in the source');
  const snapshot = withReservation(withoutReservation(state.snapshot, old), made);
  return patch(state, snapshot, [{ op: 'set', at, value: made.written }], [made], [old]);
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
  const gone = new Set(removed);
  const patches: ConfigPatch[] = [];
  const now = (): ConfigState => patches.at(-1) ?? state;
  const fresh = added.filter((made) => {
    const old = removed.find((one) => gone.has(one) && isSameClient(one, made.reservation));
    if (old === undefined) return true;
    gone.delete(old);
    patches.push(replaceReservation(now(), old, made));
    return false;
  });
  for (const one of gone) patches.push(removeReservation(now(), one));
  for (const made of fresh) patches.push(addReservation(now(), made));
  const edits = patches.flatMap((each) => each.edits);
  return { ...now(), edits, change: { kind: 'reservations', added, removed } };
}

function isSameClient(a: Reservation, b: Reservation): boolean {
  return a.subnetId === b.subnetId && a.identifierType === b.identifierType && a.identifier === b.identifier;
}

function patch(
  state: ConfigState,
  snapshot: ConfigSnapshot,
  edits: readonly TreeEdit[],
  added: readonly MadeReservation[],
  removed: readonly Reservation[],
): ConfigPatch {
  const change: ConfigChange = { kind: 'reservations', added, removed };
  return { snapshot, source: editTree(state.source, edits), edits, change };
}

function withReservation(snapshot: ConfigSnapshot, { reservation, json }: MadeReservation): ConfigSnapshot {
  const { reservations } = snapshot;
  const at = placeAmong(reservations, reservation);
  const first = placeAmong(reservations, { ...reservation, identifier: '', identifierType: 'hw-address' });
  const tree = changeReservationsOf(snapshot.tree, reservation.subnetId, (list) => list.toSpliced(at - first, 0, json));
  return nextSnapshot(snapshot, tree, reservations.toSpliced(at, 0, reservation));
}

function withoutReservation(snapshot: ConfigSnapshot, reservation: Reservation): ConfigSnapshot {
  const { reservations } = snapshot;
  const at = placeAmong(reservations, reservation);
  assert(reservations[at] === reservation, 'a reservation that is removed is in force');
  const first = placeAmong(reservations, { ...reservation, identifier: '', identifierType: 'hw-address' });
  const tree = changeReservationsOf(snapshot.tree, reservation.subnetId, (list) => list.toSpliced(at - first, 1));
  return nextSnapshot(snapshot, tree, reservations.toSpliced(at, 1));
}

function nextSnapshot(snapshot: ConfigSnapshot, tree: JsonMap, reservations: readonly Reservation[]): ConfigSnapshot {
  return withHash({ ...snapshot, generation: snapshot.generation + 1, tree, reservations });
}

/** Where a reservation is, or would be, in ConfigSnapshot.reservations: by subnet, then as Kea gives them back. */
function placeAmong(reservations: readonly Reservation[], wanted: Reservation): number {
  let low = 0;
  let high = reservations.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const one = reservations[middle]!;
    const order = one.subnetId - wanted.subnetId || compareByIdentifier(one, wanted);
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A copy of the tree of config-get in which the reservations of a scope are others. */
function changeReservationsOf(
  tree: JsonMap,
  subnetId: SubnetId,
  change: (list: readonly Json[]) => readonly Json[],
): JsonMap {
  const changed = (map: JsonMap) => change(mapsIn(map, 'reservations'));
  if (subnetId === 0) {
    const { reservations: _, ...others } = tree;
    const list = changed(tree);
    // Kea does not show an empty list of global ones.
    return list.length === 0 ? others : { ...tree, reservations: list };
  }
  const inSubnets = (map: JsonMap): JsonMap | undefined => {
    const subnets = mapsIn(map, 'subnet4');
    const at = subnets.findIndex(({ id }) => id === subnetId);
    if (at === -1) return undefined;
    const subnet = subnets[at]!;
    return { ...map, subnet4: subnets.with(at, { ...subnet, reservations: changed(subnet) }) };
  };
  const plain = inSubnets(tree);
  if (plain !== undefined) return plain;
  const networks = mapsIn(tree, 'shared-networks');
  for (const [at, network] of networks.entries()) {
    const other = inSubnets(network);
    if (other !== undefined) return { ...tree, 'shared-networks': networks.with(at, other) };
  }
  return tree;
}
