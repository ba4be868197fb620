/**
 * Changes of a configuration by command, as edits of its tree as it was written (nothing inherited, no defaults). The
 * same edits are made to the tree in memory, here, and to the text of the file, in edit-text.ts.
 */

import type { Json, JsonMap } from '../domain/snapshot.js';
import { LessorError } from '../errors.js';
import { isList } from './tree.js';

/** The way to a value from the `Dhcp4` map: names of members and positions in lists. */
export type Place = readonly (string | number)[];

/** One edit. Places are those of the tree as the edits before it have left it. */
export type TreeEdit =
  /** Replaces a value, or adds the member if the map has none of that name. */
  | { readonly op: 'set'; readonly at: Place; readonly value: Json }
  /** Removes a member or an item. */
  | { readonly op: 'remove'; readonly at: Place }
  /** Adds an item at the end of a list; the list is made if its map has none. */
  | { readonly op: 'append'; readonly to: Place; readonly value: Json }
  /** Takes an item out of one list and appends it to another, whose place is that before the move. */
  | { readonly op: 'move'; readonly from: Place; readonly to: Place };

/**
 * The tree after the edits. What they do not touch is shared with the tree before, so parts compare by identity.
 * @throws LessorError `config-edit` if a place does not exist
 */
export function editTree(tree: JsonMap, edits: readonly TreeEdit[]): JsonMap {
  return edits.reduce(editOnce, tree);
}

/** The value at a place, undefined if there is none. */
export function valueAt(tree: Json, place: Place): Json | undefined {
  let value: Json | undefined = tree;
  for (const step of place) {
    if (value === undefined || value === null || typeof value !== 'object') return undefined;
    if (isList(value)) value = typeof step === 'number' ? value[step] : undefined;
    else value = typeof step === 'string' && Object.hasOwn(value, step) ? (value as JsonMap)[step] : undefined;
  }
  return value;
}

function editOnce(tree: JsonMap, edit: TreeEdit): JsonMap {
  switch (edit.op) {
    case 'set':
      return changeAt(tree, edit.at, () => edit.value) as JsonMap;
    case 'remove':
      if (valueAt(tree, edit.at) === undefined) throw noSuchPlace(edit.at);
      return changeAt(tree, edit.at, () => undefined) as JsonMap;
    case 'append':
      return changeAt(tree, edit.to, (list) => appended(list, edit.value, edit.to)) as JsonMap;
    case 'move': {
      const value = valueAt(tree, edit.from);
      if (value === undefined) throw noSuchPlace(edit.from);
      // First to the new list, whose place is then still right; the old place is in another list and does not shift.
      const added = changeAt(tree, edit.to, (list) => appended(list, value, edit.to)) as JsonMap;
      return changeAt(added, edit.from, () => undefined) as JsonMap;
    }
  }
}

function appended(list: Json | undefined, value: Json, place: Place): Json {
  if (list === undefined) return [value];
  if (!isList(list)) throw noSuchPlace(place);
  return [...list, value];
}

/** A copy in which the value at a place is what `change` makes of it; undefined takes it away. */
function changeAt(value: Json | undefined, place: Place, change: (old: Json | undefined) => Json | undefined): Json {
  const [step, ...rest] = place;
  if (step === undefined || value === undefined || value === null || typeof value !== 'object') {
    throw noSuchPlace(place);
  }
  const changed = (old: Json | undefined) => (rest.length === 0 ? change(old) : changeAt(old, rest, change));
  if (isList(value)) {
    if (typeof step !== 'number' || step >= value.length) throw noSuchPlace(place);
    const item = changed(value[step]);
    const copy = value.slice();
    if (item === undefined) copy.splice(step, 1);
    else copy[step] = item;
    return copy;
  }
  const map = value as JsonMap;
  if (typeof step !== 'string') throw noSuchPlace(place);
  const member = changed(Object.hasOwn(map, step) ? map[step] : undefined);
  const kept = Object.entries(map).filter(([name]) => name !== step || member !== undefined);
  if (member === undefined) return Object.fromEntries(kept);
  return Object.hasOwn(map, step)
    ? Object.fromEntries(kept.map(([name, old]) => [name, name === step ? member : old]))
    : Object.fromEntries([...kept, [step, member]]);
}

function noSuchPlace(place: Place): LessorError {
  return new LessorError('config-edit', `the configuration has no ${formatPlace(place)}`);
}

/** `subnet4[0].pools`. */
export function formatPlace(place: Place): string {
  return place.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('');
}
