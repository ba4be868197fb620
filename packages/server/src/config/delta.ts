/**
 * subnet4-delta-add and -del: what a partial subnet changes of one that is there, as edits (Kea: ConfigDiffManager of
 * libdhcp_subnet_cmds). Pools are the same if their ranges are, options if space and code are.
 */

import { isDeepStrictEqual } from 'node:util';
import type { OptionRegistry } from '@lessor/dhcp';
import { isMap } from '../domain/json.js';
import type { Json, JsonMap } from '../domain/snapshot.js';
import type { Place, TreeEdit } from './edit.js';
import { findDefinition } from './options.js';
import { isList } from './tree.js';
import { parseRange } from './values.js';

/** How the items of a list are told apart. */
interface Identity {
  /** Members that say which item is meant. */
  readonly keys: ReadonlySet<string>;
  same(a: JsonMap, b: JsonMap, registry: OptionRegistry): boolean;
}

const SUBNET_KEYS: ReadonlySet<string> = new Set(['id', 'subnet']);

const IDENTITIES: ReadonlyMap<string, Identity> = new Map<string, Identity>([
  ['pools', { keys: new Set(['pool']), same: (a, b) => isDeepStrictEqual(rangeOf(a), rangeOf(b)) }],
  ['option-data', { keys: new Set(['space', 'code', 'name']), same: sameOption }],
]);

/** Edits that put what `delta` says into the subnet at a place, over what is there. */
export function additions(at: Place, subnet: JsonMap, delta: JsonMap, registry: OptionRegistry): TreeEdit[] {
  return addToMap(at, subnet, delta, registry);
}

/** Edits that take what `delta` names out of the subnet at a place: members, and items named by their keys alone. */
export function removals(at: Place, subnet: JsonMap, delta: JsonMap, registry: OptionRegistry): TreeEdit[] {
  return removeFromMap(at, subnet, delta, SUBNET_KEYS, registry);
}

function addToMap(at: Place, old: JsonMap, delta: JsonMap, registry: OptionRegistry): TreeEdit[] {
  return Object.entries(delta).flatMap(([name, value]): TreeEdit[] => {
    const before = own(old, name);
    if (before === undefined) return [{ op: 'set', at: [...at, name], value }];
    if (isMap(before) && isMap(value)) return addToMap([...at, name], before, value, registry);
    if (isList(before) && isList(value)) return addToList([...at, name], name, before, value, registry);
    return [{ op: 'set', at: [...at, name], value }];
  });
}

function addToList(
  at: Place,
  name: string,
  old: readonly Json[],
  delta: readonly Json[],
  registry: OptionRegistry,
): TreeEdit[] {
  return delta.flatMap((item): TreeEdit[] => {
    const found = indexesOf(name, old, item, registry);
    if (found.length === 0) return [{ op: 'append', to: at, value: item }];
    return found.flatMap((index) => {
      const before = old[index]!;
      return isMap(before) && isMap(item) ? addToMap([...at, index], before, item, registry) : [];
    });
  });
}

function removeFromMap(
  at: Place,
  old: JsonMap,
  delta: JsonMap,
  keys: ReadonlySet<string>,
  registry: OptionRegistry,
): TreeEdit[] {
  return Object.entries(delta).flatMap(([name, value]): TreeEdit[] => {
    const before = own(old, name);
    if (before === undefined || keys.has(name)) return [];
    if (isMap(before) && isMap(value)) return removeFromMap([...at, name], before, value, new Set(), registry);
    if (isList(before) && isList(value)) return removeFromList([...at, name], name, before, value, registry);
    return [{ op: 'remove', at: [...at, name] }];
  });
}

/** From the last item to the first, so that places stay right. */
function removeFromList(
  at: Place,
  name: string,
  old: readonly Json[],
  delta: readonly Json[],
  registry: OptionRegistry,
): TreeEdit[] {
  const identity = IDENTITIES.get(name);
  const wanted = delta.flatMap((item) => indexesOf(name, old, item, registry).map((index) => ({ index, item })));
  const byIndex = new Map(wanted.map(({ index, item }) => [index, item]));
  return [...byIndex]
    .sort(([a], [b]) => b - a)
    .flatMap(([index, item]): TreeEdit[] => {
      const before = old[index]!;
      const place = [...at, index];
      if (identity === undefined || !isMap(item) || !isMap(before) || namesOnly(item, identity)) {
        return [{ op: 'remove', at: place }];
      }
      return removeFromMap(place, before, item, identity.keys, registry);
    });
}

/** True if an item of a delta holds nothing but what names it: then the whole item is meant. */
function namesOnly(item: JsonMap, { keys }: Identity): boolean {
  return Object.entries(item).every(
    ([name, value]) => keys.has(name) || (name === 'option-data' && isList(value) && value.length === 0),
  );
}

function indexesOf(name: string, list: readonly Json[], item: Json, registry: OptionRegistry): number[] {
  const identity = IDENTITIES.get(name);
  return list.flatMap((other, index) => {
    const same =
      identity !== undefined && isMap(item) && isMap(other)
        ? identity.same(other, item, registry)
        : isDeepStrictEqual(other, item);
    return same ? [index] : [];
  });
}

function rangeOf({ pool }: JsonMap): unknown {
  return typeof pool === 'string' ? parseRange(pool) : pool;
}

function sameOption(a: JsonMap, b: JsonMap, registry: OptionRegistry): boolean {
  const space = spaceOf(a);
  if (space !== spaceOf(b)) return false;
  const [first, second] = [a, b].map(({ code, name }) =>
    typeof code === 'number' ? code : findDefinition(registry, space, String(name))?.code,
  );
  return first === undefined || second === undefined ? a.name === b.name : first === second;
}

function spaceOf({ space }: JsonMap): string {
  return typeof space === 'string' ? space : 'dhcp4';
}

function own(map: JsonMap, name: string): Json | undefined {
  return Object.hasOwn(map, name) ? map[name] : undefined;
}
