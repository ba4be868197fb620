/** The positioned tree: a JSON value in which every part knows where it was written. */

import { atOnce, type Sliced } from '../domain/slices.js';
import type { Json, JsonMap } from '../domain/snapshot.js';
import type { TextPosition } from './issues.js';

/** One member of a map: where its name stands, and its value. */
export interface MapMember {
  readonly keyAt: TextPosition;
  readonly value: ConfigNode;
}

/** A value and its place. Strings are binary strings; integers beyond 2^53 are bigint. */
export type ConfigNode =
  | { readonly kind: 'null'; readonly at: TextPosition }
  | { readonly kind: 'boolean'; readonly at: TextPosition; readonly value: boolean }
  | { readonly kind: 'integer'; readonly at: TextPosition; readonly value: number | bigint }
  | { readonly kind: 'real'; readonly at: TextPosition; readonly value: number }
  | { readonly kind: 'string'; readonly at: TextPosition; readonly value: string }
  | { readonly kind: 'list'; readonly at: TextPosition; readonly items: readonly ConfigNode[] }
  | MapNode;

/** A map, its members in the order of the text. */
export interface MapNode {
  readonly kind: 'map';
  readonly at: TextPosition;
  readonly members: ReadonlyMap<string, MapMember>;
}

/**
 * A map that was made of a plain value. That value is at hand, and nodes are made of its members only when somebody looks
 * at them: of most maps in a user-context nobody does.
 */
class PlainMapNode implements MapNode {
  readonly kind = 'map';
  private made: ReadonlyMap<string, MapMember> | undefined;

  constructor(
    readonly at: TextPosition,
    readonly plain: JsonMap,
  ) {}

  get members(): ReadonlyMap<string, MapMember> {
    if (this.made === undefined) {
      const members = new Map<string, MapMember>();
      for (const name of Object.keys(this.plain)) {
        members.set(name, { keyAt: this.at, value: fromJson(this.plain[name]!, this.at) });
      }
      this.made = members;
    }
    return this.made;
  }
}

/** Where values that came by command are said to be. */
export const WIRE: TextPosition = { file: '<wire>', line: 0, column: 0 };

/** The plain value of a node. */
export function toJson(node: ConfigNode): Json {
  if (node instanceof PlainMapNode) return node.plain;
  return node.kind === 'list' || node.kind === 'map' ? atOnce(toJsonSliced(node)) : scalarOf(node);
}

/** {@link toJson}, to be interrupted after every list and map. */
export function* toJsonSliced(node: ConfigNode): Sliced<Json> {
  if (node.kind !== 'list' && node.kind !== 'map') return scalarOf(node);
  if (node instanceof PlainMapNode) return node.plain;
  yield;
  if (node.kind === 'list') {
    const items: Json[] = [];
    for (const item of node.items) items.push(yield* toJsonSliced(item));
    return items;
  }
  const members: [string, Json][] = [];
  for (const [name, { value }] of node.members) {
    members.push([name, value.kind === 'list' || value.kind === 'map' ? yield* toJsonSliced(value) : scalarOf(value)]);
  }
  return jsonMap(members);
}

function scalarOf(node: Exclude<ConfigNode, { readonly kind: 'list' | 'map' }>): Json {
  return node.kind === 'null' ? null : node.value;
}

/** A tree of a plain value, all of it at the same place. A number without fraction is taken for an integer. */
export function fromJson(value: Json, at: TextPosition = WIRE): ConfigNode {
  if (value === null || typeof value !== 'object') return scalarNode(value, at);
  if (isList(value)) return { kind: 'list', at, items: value.map((item) => fromJson(item, at)) };
  return new PlainMapNode(at, value);
}

/** The same with all nodes made, to be interrupted after every list and map. */
export function* fromJsonSliced(value: Json, at: TextPosition = WIRE): Sliced<ConfigNode> {
  if (value === null || typeof value !== 'object') return scalarNode(value, at);
  yield;
  if (isList(value)) {
    const items: ConfigNode[] = [];
    for (const item of value) items.push(yield* fromJsonSliced(item, at));
    return { kind: 'list', at, items };
  }
  const members = new Map<string, MapMember>();
  for (const [name, item] of Object.entries(value)) {
    const isScalar = item === null || typeof item !== 'object';
    members.set(name, { keyAt: at, value: isScalar ? scalarNode(item, at) : yield* fromJsonSliced(item, at) });
  }
  return { kind: 'map', at, members };
}

function scalarNode(value: boolean | bigint | number | string | null, at: TextPosition): ConfigNode {
  if (value === null) return { kind: 'null', at };
  switch (typeof value) {
    case 'boolean':
      return { kind: 'boolean', at, value };
    case 'bigint':
      return { kind: 'integer', at, value };
    case 'number':
      return Number.isSafeInteger(value) ? { kind: 'integer', at, value } : { kind: 'real', at, value };
    case 'string':
      return { kind: 'string', at, value };
  }
}

/** An object of members; safe for members of any name, also `__proto__`. Members that are undefined are left out. */
export function jsonMap(members: Iterable<readonly [string, Json | undefined]>): JsonMap {
  const present: [string, Json][] = [];
  for (const [name, value] of members) if (value !== undefined) present.push([name, value]);
  return Object.fromEntries(present);
}

/** True for a JSON list (Array.isArray does not narrow readonly arrays). */
export function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

/** Kea's words for the kinds of value. */
export const KIND_NAMES: Readonly<Record<ConfigNode['kind'], string>> = {
  null: 'null',
  boolean: 'a boolean',
  integer: 'an integer',
  real: 'a floating point number',
  string: 'a string',
  list: 'a list',
  map: 'a map',
};
