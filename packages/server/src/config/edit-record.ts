/**
 * Changes by command as records: what is kept beside a configuration file until they are in it. A record names what it
 * is about (a client in a scope, a subnet by its id, a class by its name), so that it can still be done to a file that
 * somebody has changed meanwhile, and done twice it is done once.
 */

import { isDeepStrictEqual } from 'node:util';
import type { IdentifierType, Json, JsonMap } from '../domain/snapshot.js';
import { LessorError } from '../errors.js';
import type { ConfigPatch, ReservationChange } from './change.js';
import { editTree, formatPlace, type Place, type TreeEdit, valueAt } from './edit.js';
import { IDENTIFIER_TYPES } from './identifiers.js';
import { describeWish, lastWishes, type ReservationWish, wishedEdits, wishedSource } from './reservation-wishes.js';
import { isList } from './tree.js';

/** A step to an item of a list, by what names it. */
type NamedStep = { readonly id: number } | { readonly name: string };
/** A place whose items are named where they can be; a number: only in the file it was made for. */
type NamedPlace = readonly (string | number | NamedStep)[];
/** An edit with such places. */
type NamedEdit =
  | { readonly op: 'set'; readonly at: NamedPlace; readonly value: Json }
  | { readonly op: 'remove'; readonly at: NamedPlace }
  | { readonly op: 'append'; readonly to: NamedPlace; readonly value: Json }
  | { readonly op: 'move'; readonly from: NamedPlace; readonly to: NamedPlace };

/** One change, as a command made it: all of it or nothing. */
export type EditRecord =
  | { readonly kind: 'reservations'; readonly wishes: readonly ReservationWish[] }
  | { readonly kind: 'networks'; readonly edits: readonly NamedEdit[] };

/** The record of a change of a configuration that was written as `source`, which is read only where it must be. */
export function recordOf(patch: Pick<ConfigPatch, 'change' | 'edits'>, source: () => JsonMap): EditRecord {
  const { change } = patch;
  if (change.kind === 'reservations') return { kind: 'reservations', wishes: wishesOfChange(change) };
  let tree = source();
  const edits = patch.edits.map((edit) => {
    const named = nameEdit(edit, tree);
    tree = editTree(tree, [edit]);
    return named;
  });
  return { kind: 'networks', edits };
}

function wishesOfChange({ removed, added }: ReservationChange): readonly ReservationWish[] {
  return lastWishes([
    ...removed.map(({ subnetId: scope, identifierType: type, identifier }) => {
      return { scope, type, identifier, was: true, written: undefined };
    }),
    ...added.map(({ written, reservation: { subnetId: scope, identifierType: type, identifier } }) => {
      return { scope, type, identifier, was: false, written };
    }),
  ]);
}

// -- doing them -------------------------------------------------------------------------------------------------------

/** What records come to. */
export interface RecordedEdits {
  readonly edits: readonly TreeEdit[];
  /** The `Dhcp4` map after them. */
  readonly source: JsonMap;
}

/**
 * The edits that do records to a configuration as it was written.
 * @param exact it is the one they were made for, after those before them; else everything is looked up
 * @throws LessorError `config-edit` if one does not fit
 */
export function editsOfRecords(source: JsonMap, records: readonly EditRecord[], exact: boolean): RecordedEdits {
  const edits: TreeEdit[] = [];
  let tree = source;
  for (let at = 0; at < records.length; ) {
    const record = records[at]!;
    if (record.kind === 'networks') {
      for (const edit of record.edits) {
        const placed = placeEdit(edit, tree, exact);
        edits.push(...placed);
        tree = editTree(tree, placed);
      }
      at++;
      continue;
    }
    const wishes: ReservationWish[] = [];
    for (; records[at]?.kind === 'reservations'; at++) wishes.push(...wishesIn(records[at]!));
    const last = lastWishes(exact ? wishes : wishes.map((wish) => ({ ...wish, was: undefined })));
    edits.push(...wishedEdits(tree, last));
    tree = wishedSource(tree, last);
  }
  return { edits, source: tree };
}

function wishesIn(record: EditRecord): readonly ReservationWish[] {
  return record.kind === 'reservations' ? record.wishes : [];
}

/** What a record is about, for people. */
export function describeRecord(record: EditRecord): string {
  if (record.kind === 'reservations') return `reservation of ${record.wishes.map(describeWish).join(', ')}`;
  return record.edits
    .map(
      (edit) => `${edit.op} ${formatNamed(edit.op === 'append' ? edit.to : edit.op === 'move' ? edit.from : edit.at)}`,
    )
    .join(', ');
}

// -- places by name ---------------------------------------------------------------------------------------------------

function nameEdit(edit: TreeEdit, tree: JsonMap): NamedEdit {
  switch (edit.op) {
    case 'set':
    case 'remove':
      return { ...edit, at: namePlace(edit.at, tree) };
    case 'append':
      return { ...edit, to: namePlace(edit.to, tree) };
    case 'move':
      return { ...edit, from: namePlace(edit.from, tree), to: namePlace(edit.to, tree) };
  }
}

function namePlace(place: Place, tree: JsonMap): NamedPlace {
  return place.map((step, at) => {
    if (typeof step === 'string') return step;
    const item = valueAt(tree, place.slice(0, at + 1));
    return (item === undefined ? undefined : nameOf(item)) ?? step;
  });
}

function nameOf(item: Json): NamedStep | undefined {
  if (item === null || typeof item !== 'object' || isList(item)) return undefined;
  const { id, name } = item as JsonMap;
  if (typeof id === 'number') return { id };
  return typeof name === 'string' ? { name } : undefined;
}

/** One edit at the place it has in a tree; none if it has been done. @throws LessorError */
function placeEdit(edit: NamedEdit, tree: JsonMap, exact: boolean): TreeEdit[] {
  switch (edit.op) {
    case 'set': {
      const at = findPlace(edit.at, tree, exact);
      if (at === undefined) throw noPlace(edit.at);
      return [{ ...edit, at }];
    }
    case 'remove': {
      const at = findPlace(edit.at, tree, exact);
      return at === undefined || valueAt(tree, at) === undefined ? [] : [{ ...edit, at }];
    }
    case 'append': {
      const to = findPlace(edit.to, tree, exact);
      if (to === undefined) throw noPlace(edit.to);
      const twin = exact ? undefined : namesake(valueAt(tree, to), edit.value);
      if (twin === undefined) return [{ ...edit, to }];
      if (isDeepStrictEqual(twin, edit.value)) return [];
      throw new LessorError('config-edit', `${formatNamed(edit.to)} has another ${formatNamed([nameOf(twin)!])}`);
    }
    case 'move': {
      const to = findPlace(edit.to, tree, exact);
      if (to === undefined) throw noPlace(edit.to);
      const from = findPlace(edit.from, tree, exact);
      if (from !== undefined && valueAt(tree, from) !== undefined) return [{ ...edit, from, to }];
      if (findPlace([...edit.to, edit.from.at(-1)!], tree, exact) !== undefined) return [];
      throw noPlace(edit.from);
    }
  }
}

/** Undefined if an item on the way is not there. @throws LessorError for a number in a file it was not made for */
function findPlace(named: NamedPlace, tree: JsonMap, exact: boolean): Place | undefined {
  const place: (string | number)[] = [];
  for (const step of named) {
    if (typeof step === 'string') place.push(step);
    else if (typeof step === 'number') {
      if (!exact) throw new LessorError('config-edit', `${formatNamed(named)} has no name to be found by`);
      place.push(step);
    } else {
      const list = valueAt(tree, place);
      const at = list !== undefined && isList(list) ? list.findIndex((item) => isNamed(item, step)) : -1;
      if (at === -1) return undefined;
      place.push(at);
    }
  }
  return place;
}

function isNamed(item: Json, step: NamedStep): boolean {
  const name = nameOf(item);
  if (name === undefined) return false;
  return 'id' in step ? 'id' in name && name.id === step.id : 'name' in name && name.name === step.name;
}

function namesake(list: Json | undefined, value: Json): Json | undefined {
  const name = nameOf(value);
  if (name === undefined || list === undefined || !isList(list)) return undefined;
  return list.find((item) => isNamed(item, name));
}

function noPlace(place: NamedPlace): LessorError {
  return new LessorError('config-edit', `the configuration has no ${formatNamed(place)}`);
}

function formatNamed(place: NamedPlace): string {
  return formatPlace(
    place.map((step) => (typeof step === 'object' ? ('id' in step ? `id ${step.id}` : `'${step.name}'`) : step)),
  );
}

// -- as JSON ----------------------------------------------------------------------------------------------------------

/** A record as JSON, to be read by {@link recordFromJson}. */
export function recordToJson(record: EditRecord): Json {
  if (record.kind === 'networks') return { edits: record.edits };
  return {
    reservations: record.wishes.map(({ scope, type, identifier, was, written }) => ({
      scope,
      type,
      identifier: Buffer.from(identifier, 'latin1').toString('hex'),
      ...(was === undefined ? {} : { was }),
      ...(written === undefined ? {} : { reservation: written }),
    })),
  };
}

/** @throws LessorError `config-edit` for what is no record */
export function recordFromJson(json: Json | undefined): EditRecord {
  const { reservations, edits } = asMap(json);
  if (edits !== undefined) return { kind: 'networks', edits: asList(edits).map(editFromJson) };
  return { kind: 'reservations', wishes: asList(reservations).map(wishFromJson) };
}

function wishFromJson(json: Json): ReservationWish {
  const { scope, type, identifier, was, reservation } = asMap(json);
  const known = IDENTIFIER_TYPES.find((one) => one === type);
  if (typeof scope !== 'number' || known === undefined || typeof identifier !== 'string') throw noRecord();
  return {
    scope,
    type: known satisfies IdentifierType,
    identifier: Buffer.from(identifier, 'hex').toString('latin1'),
    was: typeof was === 'boolean' ? was : undefined,
    written: reservation === undefined ? undefined : asMap(reservation),
  };
}

function editFromJson(json: Json): NamedEdit {
  const { op, at, from, to, value } = asMap(json);
  if (op === 'set' && value !== undefined) return { op, at: placeFromJson(at), value };
  if (op === 'remove') return { op, at: placeFromJson(at) };
  if (op === 'append' && value !== undefined) return { op, to: placeFromJson(to), value };
  if (op === 'move') return { op, from: placeFromJson(from), to: placeFromJson(to) };
  throw noRecord();
}

function placeFromJson(json: Json | undefined): NamedPlace {
  return asList(json).map((step) => {
    if (typeof step === 'string' || typeof step === 'number') return step;
    const name = nameOf(step);
    if (name === undefined) throw noRecord();
    return name;
  });
}

function asMap(json: Json | undefined): JsonMap {
  if (json === undefined || json === null || typeof json !== 'object' || isList(json)) throw noRecord();
  return json as JsonMap;
}

function asList(json: Json | undefined): readonly Json[] {
  if (json === undefined || json === null || !isList(json)) throw noRecord();
  return json;
}

function noRecord(): LessorError {
  return new LessorError('config-edit', 'a record of a change is not understood');
}
