/**
 * The lists of reservations of a configuration after some have come and gone. Of 100 000 reservations a change moves
 * one: the lists are made when somebody reads them, of all the changes since they were last made, and not before.
 */

import type { ConfigSnapshot, JsonMap, Reservation } from '../domain/snapshot.js';
import type { SubnetId } from '../domain/values.js';
import type { ConfigState, MadeReservation, ReservationChange } from './change.js';
import type { TreeEdit } from './edit.js';
import { mapsIn, reservationsByScope } from './places.js';
import { type ReservationWish, scopedClient, wishedEdits, wishedSource } from './reservation-wishes.js';
import { compareByIdentifier } from './reservations.js';

/** What became of one client's reservation in one scope. */
export interface NetChange {
  /** As it was at first. */
  readonly before: Reservation | undefined;
  /** As it is now. */
  readonly after: MadeReservation | undefined;
}

/** What became of reservations, by {@link scopedClient}, in the order of the first change of each. */
export type NetChanges = Map<string, NetChange>;

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

/** Changes that are remembered one by one until somebody reads the lists. */
const MAX_CHANGES = 1024;

/** Lists that are made when they are first read. */
export class LateLists {
  private before: LateLists | undefined;
  private made: Lists | undefined;
  /** Changes since lists that are made. */
  private readonly depth: number;

  private constructor(
    before: LateLists | Lists,
    private readonly change: ReservationChange | undefined,
  ) {
    if (before instanceof LateLists) {
      this.before = before;
      this.depth = before.made === undefined ? before.depth + 1 : 1;
    } else {
      this.made = before;
      this.depth = 0;
    }
  }

  /** Lists that are there. */
  static of(lists: Lists): LateLists {
    return new LateLists(lists, undefined);
  }

  /** These after one more change. Where nobody ever reads them what came and went again must not be kept for ever. */
  after(change: ReservationChange): LateLists {
    if (this.depth < MAX_CHANGES) return new LateLists(this, change);
    const { from, net } = this.changes();
    mergeChange(net, change);
    const all = [...net.values()];
    const added = all.flatMap(({ after }) => after ?? []);
    return new LateLists(from, { added, removed: all.flatMap(({ before }) => before ?? []) });
  }

  /** Makes them, if they are not made. */
  get(): Lists {
    if (this.made !== undefined) return this.made;
    const { from, net } = this.changes();
    this.made = listsAfter(from.made!, net);
    // What was before is no longer needed, and may go.
    this.before = undefined;
    return this.made;
  }

  /** What has changed since the last lists that are made. */
  private changes(): { readonly from: LateLists; readonly net: NetChanges } {
    const changes: ReservationChange[] = [];
    let from: LateLists = this;
    for (; from.made === undefined; from = from.before!) changes.push(from.change!);
    const net: NetChanges = new Map();
    for (const change of changes.reverse()) mergeChange(net, change);
    return { from, net };
  }
}

function listsAfter(lists: Lists, net: NetChanges): Lists {
  const { reservations, shown } = mergeShown(lists, net);
  let { tree } = lists;
  for (const [scope, list] of shown) tree = withReservationsOf(tree, scope, list);
  return { reservations, tree, source: wishedSource(lists.source, wishesOf(net)) };
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

function wishesOf(net: NetChanges): ReservationWish[] {
  return [...net.values()].map(({ before, after }) => {
    const { subnetId: scope, identifierType: type, identifier } = after?.reservation ?? before!;
    return { scope, type, identifier, was: before !== undefined, written: after?.written };
  });
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

/** The changes as edits of the configuration as it was written. */
export function editsOf(source: JsonMap, net: NetChanges): TreeEdit[] {
  return wishedEdits(source, wishesOf(net));
}
