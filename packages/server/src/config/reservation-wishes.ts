/**
 * What shall become of reservations, said without places: which client in which scope shall have what, or nothing. So it
 * can be kept beside a configuration and be done to it later; and done twice it is done once.
 */

import { isDeepStrictEqual } from 'node:util';
import type { IdentifierType, JsonMap } from '../domain/snapshot.js';
import type { Octets, SubnetId } from '../domain/values.js';
import { LessorError } from '../errors.js';
import { editTree, type Place, type TreeEdit, valueAt } from './edit.js';
import { formatIdentifier, IDENTIFIER_TYPES } from './identifiers.js';
import { placeOfReservations } from './places.js';
import { isList } from './tree.js';
import { parseOctets } from './values.js';

/** What one client's reservation in one scope shall be. */
export interface ReservationWish {
  /** 0: global. */
  readonly scope: SubnetId;
  readonly type: IdentifierType;
  readonly identifier: Octets;
  /** Whether there is one now; undefined: that is to be looked up. */
  readonly was: boolean | undefined;
  /** As it is to be written; undefined: there shall be none. */
  readonly written: JsonMap | undefined;
}

/** A client in a scope, as a key of maps. */
export function scopedClient(scope: SubnetId, type: IdentifierType, identifier: Octets): string {
  return `${scope} ${type} ${identifier}`;
}

/** For each client the last of its wishes, in the order of the first ones. What came and went again leaves no trace. */
export function lastWishes(wishes: Iterable<ReservationWish>): readonly ReservationWish[] {
  const last = new Map<string, ReservationWish>();
  for (const wish of wishes) {
    const key = scopedClient(wish.scope, wish.type, wish.identifier);
    const { was } = last.get(key) ?? wish;
    if (was === false && wish.written === undefined) last.delete(key);
    else last.set(key, { ...wish, was });
  }
  return [...last.values()];
}

/**
 * The wishes as edits of a configuration as it was written. A client's new reservation takes the old one's place.
 * @throws LessorError `config-edit` if there is no such scope, or a reservation that is said to be there is not
 */
export function wishedEdits(source: JsonMap, wishes: readonly ReservationWish[]): TreeEdit[] {
  return plansOf(source, wishes).flatMap(({ place, replaced, removed, appended }): TreeEdit[] => [
    ...[...replaced].map(([at, value]): TreeEdit => ({ op: 'set', at: [...place, at], value })),
    // From the last to the first, so that places stay right.
    ...[...removed].sort((a, b) => b - a).map((at): TreeEdit => ({ op: 'remove', at: [...place, at] })),
    ...appended.map((value): TreeEdit => ({ op: 'append', to: place, value })),
  ]);
}

/** What {@link wishedEdits} would make of it, each list copied once. @throws as it does */
export function wishedSource(source: JsonMap, wishes: readonly ReservationWish[]): JsonMap {
  const edits = plansOf(source, wishes).map(({ place, replaced, removed, appended }): TreeEdit => {
    const kept = itemsAt(source, place).flatMap((item, at) => (removed.has(at) ? [] : [replaced.get(at) ?? item]));
    return { op: 'set', at: place, value: [...kept, ...appended] };
  });
  return editTree(source, edits);
}

/** What happens to one list of reservations. */
interface ListPlan {
  readonly place: Place;
  /** By the place an item has before anything is done. */
  readonly replaced: ReadonlyMap<number, JsonMap>;
  readonly removed: ReadonlySet<number>;
  readonly appended: readonly JsonMap[];
}

function plansOf(source: JsonMap, wishes: readonly ReservationWish[]): ListPlan[] {
  const byScope = new Map<SubnetId, ReservationWish[]>();
  for (const wish of wishes) {
    const own = byScope.get(wish.scope);
    if (own === undefined) byScope.set(wish.scope, [wish]);
    else own.push(wish);
  }
  return [...byScope].flatMap(([scope, own]) => {
    const place = placeOfReservations(source, scope);
    if (place !== undefined) return planOf(source, place, own);
    // Reservations go with their subnet.
    if (own.every(({ written }) => written === undefined)) return [];
    throw new LessorError('config-edit', `there is no subnet with the id ${scope}`);
  });
}

function planOf(source: JsonMap, place: Place, wishes: readonly ReservationWish[]): ListPlan[] {
  const items = itemsAt(source, place);
  const places = placesOfItems(
    items,
    wishes.filter(({ was }) => was !== false),
  );
  const replaced = new Map<number, JsonMap>();
  const removed = new Set<number>();
  const appended: JsonMap[] = [];
  for (const wish of wishes) {
    const { was, written } = wish;
    const at = places.get(wish);
    if (at === undefined) {
      if (was === true) throw new LessorError('config-edit', `there is no reservation of ${describeWish(wish)}`);
      if (written !== undefined) appended.push(written);
    } else if (written === undefined) removed.add(at);
    else if (!isDeepStrictEqual(items[at], written)) replaced.set(at, written);
  }
  return replaced.size + removed.size + appended.length === 0 ? [] : [{ place, replaced, removed, appended }];
}

/** `hw-address 02:00:00:00:00:07 in subnet 1`. */
export function describeWish({ scope, type, identifier }: ReservationWish): string {
  return `${type} ${formatIdentifier(type, identifier)} in ${scope === 0 ? 'the global scope' : `subnet ${scope}`}`;
}

function itemsAt(source: JsonMap, place: Place): readonly JsonMap[] {
  const list = valueAt(source, place);
  return list !== undefined && isList(list) ? (list as readonly JsonMap[]) : [];
}

/** Where reservations are in their list. Most are written in the usual form; only for others every item is read. */
function placesOfItems(
  items: readonly JsonMap[],
  wanted: readonly ReservationWish[],
): ReadonlyMap<ReservationWish, number> {
  const places = new Map<ReservationWish, number>();
  if (wanted.length === 0 || items.length === 0) return places;
  const textual = indexItems(items, (text) => text);
  let exact: Map<string, number> | undefined;
  for (const one of wanted) {
    const { type, identifier } = one;
    const usual = textual.get(`${type} ${formatIdentifier(type, identifier)}`);
    exact ??= usual === undefined ? indexItems(items, parseOctets) : undefined;
    const at = usual ?? exact?.get(`${type} ${identifier}`);
    if (at !== undefined) places.set(one, at);
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
