/**
 * The lists of reservations of a configuration after some have come and gone. Of 100 000 reservations a change moves
 * one: the lists are made when somebody reads them, of all the changes since they were last made, and not before.
 */

import type { ConfigSnapshot, IdentifierType, JsonMap, Reservation } from '../domain/snapshot.js';
import type { Octets, SubnetId } from '../domain/values.js';
import { assert } from '../errors.js';
import type { ConfigState, MadeReservation, ReservationChange } from './change.js';
import { editTree, type Place, type TreeEdit, valueAt } from './edit.js';
import { mapsIn, placeOfReservations, reservationsByScope } from './places.js';
import { compareByIdentifier, formatIdentifier, IDENTIFIER_TYPES } from './reservations.js';
import { isList } from './tree.js';
import { parseOctets } from './values.js';

/** What became of one client's reservation in one scope. */
export interface NetChange {
  /** As it was at first. */
  readonly before: Reservation | undefined;
  /** As it is now. */
  readonly after: MadeReservation | undefined;
}

/** What became of reservations, by {@link scopedClient}, in the order of the first change of each. */
export type NetChanges = Map<string, NetChange>;

/** A client in a scope, as a key of maps. */
export function scopedClient(scope: SubnetId, type: IdentifierType, identifier: Octets): string {
  return `${scope} ${type} ${identifier}`;
}

/** Adds a change to those before it. What came and went again leaves no trace. */
export function mergeChange(net: NetChanges, { removed, added }: ReservationChange): void {
  for (const one of removed) {
    const key = keyOf(one);
    const known = net.get(key);
    if (known !== undefined && known.before === undefined) net.delete(key);
    else net.set(key, { before: known?.before ?? one, after: undefined });
  }
  for (const after of added) {
    const key = keyOf(after.reservation);
    net.set(key, { before: net.get(key)?.before, after });
  }
}

/** Lists that all say the same. */
interface Lists extends Pick<ConfigSnapshot, 'reservations' | 'tree'>, Pick<ConfigState, 'source'> {}

/** Lists that are made when they are first read. */
export class LateLists {
  private before: LateLists | undefined;
  private made: Lists | undefined;

  private constructor(
    before: LateLists | Lists,
    private readonly change: ReservationChange | undefined,
  ) {
    if (before instanceof LateLists) this.before = before;
    else this.made = before;
  }

  /** Lists that are there. */
  static of(lists: Lists): LateLists {
    return new LateLists(lists, undefined);
  }

  /** These after one more change. */
  after(change: ReservationChange): LateLists {
    return new LateLists(this, change);
  }

  /** Makes them, if they are not made. */
  get(): Lists {
    if (this.made !== undefined) return this.made;
    const changes: ReservationChange[] = [];
    let from: LateLists = this;
    for (; from.made === undefined; from = from.before!) changes.push(from.change!);
    const net: NetChanges = new Map();
    for (const change of changes.reverse()) mergeChange(net, change);
    this.made = listsAfter(from.made, net);
    // What was before is no longer needed, and may go.
    this.before = undefined;
    return this.made;
  }
}

function listsAfter(lists: Lists, net: NetChanges): Lists {
  const { reservations, shown } = mergeShown(lists, net);
  let { tree } = lists;
  for (const [scope, list] of shown) tree = withReservationsOf(tree, scope, list);
  return { reservations, tree, source: sourceAfter(lists.source, net) };
}

/** All reservations, and for the scopes that have changed what config-get shows; both in Kea's order. */
function mergeShown({ reservations, tree }: Lists, net: NetChanges) {
  const gone = new Set([...net.values()].map(({ before }) => before));
  const fresh = [...net.values()]
    .flatMap(({ after }) => after ?? [])
    .sort((a, b) => inOrder(a.reservation, b.reservation));
  const jsons = reservationsByScope(tree);
  const shown = new Map<SubnetId, JsonMap[]>([...scopesOf(net)].map((scope) => [scope, []]));
  const at = new Map<SubnetId, number>();
  const merged: Reservation[] = [];
  let next = 0;
  const put = ({ reservation, json }: MadeReservation): void => {
    merged.push(reservation);
    shown.get(reservation.subnetId)!.push(json);
  };
  for (const one of reservations) {
    const list = shown.get(one.subnetId);
    while (next < fresh.length && inOrder(fresh[next]!.reservation, one) < 0) put(fresh[next++]!);
    const index = at.get(one.subnetId) ?? 0;
    if (list !== undefined) at.set(one.subnetId, index + 1);
    if (gone.has(one)) continue;
    merged.push(one);
    list?.push(jsons.get(one.subnetId)![index]!);
  }
  while (next < fresh.length) put(fresh[next++]!);
  return { reservations: merged, shown };
}

function scopesOf(net: NetChanges): Set<SubnetId> {
  return new Set([...net.values()].map(({ before, after }) => (after?.reservation ?? before!).subnetId));
}

/** By subnet, then as Kea gives them back. */
function inOrder(a: Reservation, b: Reservation): number {
  return a.subnetId - b.subnetId || compareByIdentifier(a, b);
}

function keyOf({ subnetId, identifierType, identifier }: Reservation): string {
  return scopedClient(subnetId, identifierType, identifier);
}

/** A copy of the tree of config-get in which the reservations of a scope are others. */
function withReservationsOf(tree: JsonMap, subnetId: SubnetId, list: readonly JsonMap[]): JsonMap {
  if (subnetId === 0) {
    const { reservations: _, ...others } = tree;
    // Kea does not show an empty list of global ones.
    return list.length === 0 ? others : { ...tree, reservations: list };
  }
  const inSubnets = (map: JsonMap): JsonMap | undefined => {
    const subnets = mapsIn(map, 'subnet4');
    const at = subnets.findIndex(({ id }) => id === subnetId);
    if (at === -1) return undefined;
    return { ...map, subnet4: subnets.with(at, { ...subnets[at]!, reservations: list }) };
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

// -- the configuration as it was written ------------------------------------------------------------------------------

/** What happens to one list of reservations. */
interface ListPlan {
  readonly place: Place;
  /** By the place an item has before anything is done. */
  readonly replaced: ReadonlyMap<number, JsonMap>;
  readonly removed: ReadonlySet<number>;
  readonly appended: readonly JsonMap[];
}

/**
 * The changes as edits of the configuration as it was written. A client's new reservation takes the old one's place;
 * scopes that are not there are left out.
 */
export function editsOf(source: JsonMap, net: NetChanges): TreeEdit[] {
  return plansOf(source, net).flatMap(({ place, replaced, removed, appended }): TreeEdit[] => [
    ...[...replaced].map(([at, value]): TreeEdit => ({ op: 'set', at: [...place, at], value })),
    // From the last to the first, so that places stay right.
    ...[...removed].sort((a, b) => b - a).map((at): TreeEdit => ({ op: 'remove', at: [...place, at] })),
    ...appended.map((value): TreeEdit => ({ op: 'append', to: place, value })),
  ]);
}

/** What {@link editsOf} would make of it, each list copied once. */
function sourceAfter(source: JsonMap, net: NetChanges): JsonMap {
  const edits = plansOf(source, net).map(({ place, replaced, removed, appended }): TreeEdit => {
    const kept = itemsAt(source, place).flatMap((item, at) => (removed.has(at) ? [] : [replaced.get(at) ?? item]));
    return { op: 'set', at: place, value: [...kept, ...appended] };
  });
  return editTree(source, edits);
}

function plansOf(source: JsonMap, net: NetChanges): ListPlan[] {
  return [...scopesOf(net)].flatMap((scope) => {
    const place = placeOfReservations(source, scope);
    if (place === undefined) return [];
    const own = [...net].filter(([, { before, after }]) => (after?.reservation ?? before!).subnetId === scope);
    const at = placesOfItems(
      itemsAt(source, place),
      own.flatMap(([, { before }]) => before ?? []),
    );
    const replaced = new Map<number, JsonMap>();
    const removed = new Set<number>();
    const appended: JsonMap[] = [];
    for (const [, { before, after }] of own) {
      const index = before === undefined ? undefined : at.get(before);
      if (index === undefined) {
        if (after !== undefined) appended.push(after.written);
      } else if (after === undefined) removed.add(index);
      else replaced.set(index, after.written);
    }
    return [{ place, replaced, removed, appended }];
  });
}

function itemsAt(source: JsonMap, place: Place): readonly JsonMap[] {
  const list = valueAt(source, place);
  return list !== undefined && isList(list) ? (list as readonly JsonMap[]) : [];
}

/** Where reservations are in their list. Most are written in the usual form; only for others every item is read. */
function placesOfItems(items: readonly JsonMap[], wanted: readonly Reservation[]): Map<Reservation, number> {
  const places = new Map<Reservation, number>();
  if (wanted.length === 0) return places;
  const textual = indexItems(items, (text) => text);
  let exact: Map<string, number> | undefined;
  for (const one of wanted) {
    const { identifierType: type, identifier } = one;
    const usual = textual.get(`${type} ${formatIdentifier(type, identifier)}`);
    exact ??= usual === undefined ? indexItems(items, parseOctets) : undefined;
    const at = usual ?? exact?.get(`${type} ${identifier}`);
    assert(at !== undefined, 'a reservation that goes is in the source');
    places.set(one, at);
  }
  return places;
}

function indexItems(items: readonly JsonMap[], read: (text: string) => string | undefined): Map<string, number> {
  const index = new Map<string, number>();
  for (const [at, item] of items.entries()) {
    for (const type of IDENTIFIER_TYPES) {
      const text = item[type];
      if (typeof text === 'string') index.set(`${type} ${read(text)}`, at);
    }
  }
  return index;
}
