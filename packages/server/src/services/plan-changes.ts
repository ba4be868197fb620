/**
 * What is different between two configurations, entry by entry: subnets, pools, reservations, classes, options,
 * listeners and parameters. Both are compared as config-get shows them, so a default written out is no change.
 * The table {@link COLLECTIONS} says which lists there are and what makes two of their entries the same one.
 */

import { isDeepStrictEqual } from 'node:util';
import type { Sliced } from '../domain/slices.js';
import type { ConfigSnapshot, Json, JsonMap } from '../domain/snapshot.js';
import { redact } from './audit.js';

/** What one change is about. */
export type PlanKind =
  | 'shared-network'
  | 'subnet'
  | 'pool'
  | 'reservation'
  | 'class'
  | 'option'
  | 'option-definition'
  | 'listener'
  | 'logger'
  | 'hook'
  | 'parameter';

/** One entry that is added, removed or changed. Passwords in `before` and `after` are starred out. */
export interface PlanChange {
  readonly kind: PlanKind;
  readonly action: 'add' | 'remove' | 'change';
  /** What people call it: 'subnet 1 (192.0.2.0/24)'. */
  readonly name: string;
  /** Where it is: names of the entries around it, the outermost first. */
  readonly within: readonly string[];
  /** Of a parameter: its values; undefined = not there. */
  readonly before?: Json;
  readonly after?: Json;
}

/** A list of the configuration whose entries have an identity. */
interface Collection {
  readonly kind: PlanKind;
  /** Entries in a map that may hold them. */
  readonly entries: (holder: JsonMap) => readonly JsonMap[];
  /** Equal for two entries that are the same one in two configurations. */
  readonly key: (entry: JsonMap) => string;
  readonly name: (entry: JsonMap) => string;
  /** Members that hold the collections of `inner`, or are the entry's key. */
  readonly skip: readonly string[];
  readonly inner: readonly Collection[];
}

const IDENTIFIERS = ['hw-address', 'client-id', 'duid', 'circuit-id', 'flex-id'] as const;

const OPTIONS = listed('option', 'option-data', ({ space, code }) => `${space}/${code}`, optionName);
const DEFINITIONS = listed(
  'option-definition',
  'option-def',
  ({ space, code }) => `${space}/${code}`,
  ({ name, code }) => `option definition ${name} (${code})`,
);
const POOLS = listed(
  'pool',
  'pools',
  ({ pool }) => text(pool),
  ({ pool }) => `pool ${pool}`,
  [OPTIONS],
);
const RESERVATIONS = listed('reservation', 'reservations', reservationKey, reservationName, [OPTIONS]);
const SUBNETS: Collection = {
  kind: 'subnet',
  entries: subnetsOf,
  key: ({ id }) => text(id),
  name: ({ id, subnet }) => `subnet ${id} (${subnet})`,
  skip: ['pools', 'reservations', 'option-data'],
  inner: [POOLS, RESERVATIONS, OPTIONS],
};
const NETWORKS: Collection = {
  ...listed(
    'shared-network',
    'shared-networks',
    ({ name }) => text(name),
    ({ name }) => `shared network ${name}`,
  ),
  // Its subnets are compared with all others, so that one that moves is not a new one.
  skip: ['subnet4', 'option-data'],
  inner: [OPTIONS],
};

/** THE table. */
const COLLECTIONS: readonly Collection[] = [
  NETWORKS,
  SUBNETS,
  RESERVATIONS,
  listed(
    'class',
    'client-classes',
    ({ name }) => text(name),
    ({ name }) => `class ${name}`,
    [OPTIONS, DEFINITIONS],
  ),
  OPTIONS,
  DEFINITIONS,
  listed('listener', 'control-sockets', socketName, socketName),
  listed(
    'logger',
    'loggers',
    ({ name }) => text(name),
    ({ name }) => `logger ${name}`,
  ),
  listed(
    'hook',
    'hooks-libraries',
    ({ library }) => text(library),
    ({ library }) => `hook library ${library}`,
  ),
];
/** Members of Dhcp4 that the table covers. */
const COLLECTED = [
  'shared-networks',
  'subnet4',
  'reservations',
  'client-classes',
  'option-data',
  'option-def',
  'control-sockets',
  'loggers',
  'hooks-libraries',
];

/** Values of a parameter before and after, by its name: what entries inside inherit. */
type Inherited = ReadonlyMap<string, readonly [Json | undefined, Json | undefined]>;

/** Every change from one configuration to another, outer entries before inner ones. What is inherited is told once. */
export function* planChanges(
  before: Pick<ConfigSnapshot, 'tree'>,
  after: Pick<ConfigSnapshot, 'tree'>,
): Sliced<PlanChange[]> {
  const changes: PlanChange[] = [];
  const inherited = compareMaps(before.tree, after.tree, COLLECTED, new Map(), [], changes);
  for (const collection of COLLECTIONS)
    yield* compareEntries(collection, before.tree, after.tree, inherited, [], changes);
  return changes;
}

/** '2 subnets added, 1 pool removed, 1 parameter changed', or 'nothing changed'. */
export function summarizeChanges(changes: readonly PlanChange[]): string {
  const counts = new Map<string, number>();
  for (const { kind, action } of changes) {
    const key = `${kind} ${DONE[action]}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const parts = [...counts].map(([key, count]) => {
    const [kind, done] = key.split(' ') as [string, string];
    return `${count} ${count === 1 ? kind : plural(kind)} ${done}`;
  });
  return parts.length === 0 ? 'nothing changed' : parts.join(', ');
}

const DONE = { add: 'added', remove: 'removed', change: 'changed' } as const;

function plural(kind: string): string {
  return kind === 'class' ? 'classes' : `${kind}s`;
}

function* compareEntries(
  collection: Collection,
  before: JsonMap,
  after: JsonMap,
  inherited: Inherited,
  within: readonly string[],
  changes: PlanChange[],
): Sliced<void> {
  const { kind, name } = collection;
  const olds = byKey(collection, before);
  const news = byKey(collection, after);
  for (const [key, entry] of olds) {
    if (!news.has(key)) changes.push({ kind, action: 'remove', name: name(entry), within });
  }
  for (const [key, entry] of news) {
    const old = olds.get(key);
    if (old === undefined) changes.push({ kind, action: 'add', name: name(entry), within });
    else if (!isDeepStrictEqual(old, entry)) yield* compareEntry(collection, old, entry, inherited, within, changes);
    yield;
  }
}

/** An entry that is in both: what changes in it, and before that itself. */
function* compareEntry(
  { kind, name, skip, inner }: Collection,
  before: JsonMap,
  after: JsonMap,
  inherited: Inherited,
  within: readonly string[],
  changes: PlanChange[],
): Sliced<void> {
  const path = [...within, name(after)];
  const own: PlanChange[] = [];
  const passedOn = compareMaps(before, after, skip, inherited, path, own);
  for (const collection of inner) yield* compareEntries(collection, before, after, passedOn, path, own);
  if (own.length > 0) changes.push({ kind, action: 'change', name: name(after), within }, ...own);
}

/** Compares the parameters of two maps; returns how they differ, for the entries inside. */
function compareMaps(
  before: JsonMap,
  after: JsonMap,
  skip: readonly string[],
  inherited: Inherited,
  within: readonly string[],
  changes: PlanChange[],
): Inherited {
  const differing = new Map(inherited);
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (skip.includes(name)) continue;
    const [old, now] = [member(before, name), member(after, name)];
    if (isDeepStrictEqual(old, now)) continue;
    const outer = inherited.get(name) ?? inherited.get(FOLLOWS[name] ?? '');
    if (outer !== undefined && isDeepStrictEqual(outer, [old, now])) continue;
    differing.set(name, [old, now]);
    changes.push({
      kind: 'parameter',
      action: old === undefined ? 'add' : now === undefined ? 'remove' : 'change',
      name,
      within,
      ...(old === undefined ? {} : { before: hidden(name, old) }),
      ...(now === undefined ? {} : { after: hidden(name, now) }),
    });
  }
  return differing;
}

/** Parameters that are equal to another one where they are not given. */
const FOLLOWS: Readonly<Record<string, string>> = {
  'min-valid-lifetime': 'valid-lifetime',
  'max-valid-lifetime': 'valid-lifetime',
};

function hidden(name: string, value: Json): Json {
  return (redact({ [name]: value }) as JsonMap)[name]!;
}

function byKey({ entries, key }: Collection, holder: JsonMap): Map<string, JsonMap> {
  return new Map(entries(holder).map((entry) => [key(entry), entry]));
}

function listed(
  kind: PlanKind,
  list: string,
  key: (entry: JsonMap) => string,
  name: (entry: JsonMap) => string,
  inner: readonly Collection[] = [],
): Collection {
  const skip = inner.map(({ kind: of }) => (of === 'option' ? 'option-data' : 'option-def'));
  return { kind, entries: (holder) => mapsOf(member(holder, list)), key, name, skip, inner };
}

/** Subnets alone and in shared networks; those in one say so in a member of their own. */
function subnetsOf(tree: JsonMap): readonly JsonMap[] {
  const inNetworks = mapsOf(member(tree, 'shared-networks')).flatMap((network) =>
    mapsOf(member(network, 'subnet4')).map((subnet) => ({ ...subnet, 'shared-network': member(network, 'name')! })),
  );
  return [...mapsOf(member(tree, 'subnet4')), ...inNetworks];
}

function reservationKey(entry: JsonMap): string {
  const type = IDENTIFIERS.find((name) => member(entry, name) !== undefined) ?? 'hw-address';
  return `${type} ${text(member(entry, type))}`;
}

function reservationName(entry: JsonMap): string {
  const address = text(member(entry, 'ip-address'));
  return `reservation ${reservationKey(entry)}${address === '' ? '' : ` (${address})`}`;
}

function optionName({ name, code, space }: JsonMap): string {
  return `option ${name === undefined ? '' : `${name} `}(${space === 'dhcp4' ? '' : `${space}/`}${code})`;
}

function socketName(entry: JsonMap): string {
  const type = text(member(entry, 'socket-type'));
  if (type === 'unix') return `control socket unix ${text(member(entry, 'socket-name'))}`;
  return `control socket ${type} ${text(member(entry, 'socket-address'))}:${text(member(entry, 'socket-port'))}`;
}

function member(map: JsonMap, name: string): Json | undefined {
  return Object.hasOwn(map, name) ? map[name] : undefined;
}

function mapsOf(value: Json | undefined): readonly JsonMap[] {
  return Array.isArray(value) ? (value as readonly JsonMap[]) : [];
}

function text(value: Json | undefined): string {
  return value === undefined || value === null ? '' : String(value);
}
