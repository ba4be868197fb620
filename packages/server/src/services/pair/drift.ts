/** Where the configurations of the two servers of a pair differ: paths, with what each of them says. */

import { isDeepStrictEqual } from 'node:util';
import { isMap } from '../../domain/json.js';
import type { Json, JsonMap } from '../../domain/snapshot.js';
import { redact } from '../audit.js';
import { type PlaceSection, sectionOfPath } from './sections.js';

/** One place. A side that has nothing there has `undefined`. */
export interface Drift {
  /** As config-get has it: `subnet4[id=7].pools[pool=192.0.2.10 - 192.0.2.99].option-data`. */
  readonly path: string;
  readonly section: PlaceSection;
  readonly here: Json | undefined;
  readonly there: Json | undefined;
}

/** Members by which entries of a list are the same one on both servers, the first that all have. */
const KEYS = [
  'id',
  'code',
  'hw-address',
  'client-id',
  'circuit-id',
  'flex-id',
  'duid',
  'name',
  'pool',
  'subnet',
] as const;

/** The places in which two values differ, in order of their paths, at most `limit`. */
export function driftBetween(here: Json, there: Json, limit: number): Drift[] {
  const found: Drift[] = [];
  compare('', here, there, found, limit);
  return found;
}

function compare(path: string, here: Json | undefined, there: Json | undefined, found: Drift[], limit: number): void {
  if (found.length >= limit || isDeepStrictEqual(here, there)) return;
  if (isMap(here) && isMap(there)) {
    for (const name of namesOf(here, there)) {
      compare(path === '' ? name : `${path}.${name}`, here[name], there[name], found, limit);
    }
    return;
  }
  const keyed = isList(here) && isList(there) ? keyedBoth(here, there) : undefined;
  if (keyed === undefined) {
    found.push({ path, section: sectionOfPath(path), here: shown(here), there: shown(there) });
    return;
  }
  for (const name of namesOf(keyed.here, keyed.there)) {
    compare(`${path}[${name}]`, keyed.here[name], keyed.there[name], found, limit);
  }
}

/** Both lists as maps by the identity of their entries; undefined if they have none. */
function keyedBoth(here: readonly Json[], there: readonly Json[]) {
  const all = [...here, ...there];
  if (!all.every(isMap)) return undefined;
  const key = KEYS.find((name) => all.every((entry) => entry[name] !== undefined));
  if (key === undefined) return undefined;
  const mapOf = (list: readonly Json[]): Record<string, Json> =>
    Object.fromEntries(list.filter(isMap).map((entry) => [`${key}=${String(entry[key])}`, entry]));
  const [a, b] = [mapOf(here), mapOf(there)];
  // Two entries of one name can not be told apart, and an order that differs is a difference.
  if (Object.keys(a).length !== here.length || Object.keys(b).length !== there.length) return undefined;
  return isDeepStrictEqual(a, b) ? undefined : { here: a, there: b };
}

function namesOf(a: JsonMap, b: JsonMap): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
}

/** Passwords are no matter for an alarm. */
function shown(value: Json | undefined): Json | undefined {
  return value === undefined ? undefined : redact(value);
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}
