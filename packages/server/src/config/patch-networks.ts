/**
 * Changing subnets, shared networks and classes of a running configuration. A small configuration of the parts that
 * change is loaded, through the one way every configuration is loaded, and what it comes to is put into the place of
 * the old parts. The parts that do not change are neither read nor checked again, and keep their reservations.
 */

import { mapSliced, type Sliced } from '../domain/slices.js';
import type { ConfigSnapshot, JsonMap, Pool, Reservation, SharedNetwork, Subnet } from '../domain/snapshot.js';
import type { SubnetId } from '../domain/values.js';
import { LessorError } from '../errors.js';
import type { ConfigPatch, ConfigState } from './change.js';
import type { ConfigDiff } from './diff.js';
import { editTree, type TreeEdit } from './edit.js';
import type { ConfigEnvironment } from './environment.js';
import { libraryName } from './hooks.js';
import { loadConfigSliced } from './load.js';
import { mapsIn } from './places.js';
import { withHash } from './snapshot-hash.js';
import { formatPrefix, parsePrefix } from './values.js';

/** Lists and maps of `Dhcp4` that subnets and classes are built with; other scalars of the global scope too. */
const NEEDED: ReadonlySet<string> = new Set(['option-def', 'dhcp-ddns']);

/**
 * The configuration after edits of `subnet4`, `shared-networks` and `client-classes`, made in slices.
 * @throws ConfigError if a changed part is wrong, LessorError `config-duplicate` if it has what another one has
 */
export function* patchNetworks(
  state: ConfigState,
  edits: readonly TreeEdit[],
  environment: ConfigEnvironment,
): Sliced<ConfigPatch> {
  const source = editTree(state.source, edits);
  const subnets = changesIn(state.source, source, 'subnet4');
  const networks = changesIn(state.source, source, 'shared-networks');
  const classesChanged = state.source['client-classes'] !== source['client-classes'];
  yield;
  const small: JsonMap = {
    ...globalsOf(source),
    'hooks-libraries': mapsIn(source, 'hooks-libraries').filter(countsForSubnets),
    subnet4: subnets.added.map((subnet) => withoutKnownReservations(subnet, state.snapshot)),
    'shared-networks': networks.added.map((network) => ({
      ...network,
      subnet4: mapsIn(network, 'subnet4').map((subnet) => withoutKnownReservations(subnet, state.snapshot)),
    })),
    ...(classesChanged && source['client-classes'] !== undefined ? { 'client-classes': source['client-classes'] } : {}),
  };
  const { snapshot: loaded } = yield* loadConfigSliced({ kind: 'json', value: { Dhcp4: small } }, environment);
  const gone = new Set<SubnetId>(
    [...subnets.removed, ...networks.removed.flatMap((network) => mapsIn(network, 'subnet4'))].map(({ id }) =>
      Number(id),
    ),
  );
  const snapshot = yield* merge(state.snapshot, loaded, gone, source, classesChanged);
  const topology = subnets.any || networks.any;
  const diff: ConfigDiff = {
    interfaces: false,
    leaseDatabase: false,
    controlSockets: false,
    loggers: false,
    topology,
    classes: classesChanged,
    reservations: snapshot.reservations !== state.snapshot.reservations,
    expiration: false,
    statistics: false,
    hooks: false,
  };
  return { snapshot, source, edits, change: { kind: 'networks', diff } };
}

/** Items of a list that came and went. Items that are the same object did not change. */
function changesIn(before: JsonMap, after: JsonMap, member: string) {
  const old = new Set(mapsIn(before, member));
  const added: JsonMap[] = [];
  for (const item of mapsIn(after, member)) if (!old.delete(item)) added.push(item);
  return { added, removed: [...old], any: added.length > 0 || old.size > 0 };
}

function globalsOf(source: JsonMap): JsonMap {
  return Object.fromEntries(
    Object.entries(source).filter(([name, value]) => NEEDED.has(name) || value === null || typeof value !== 'object'),
  );
}

const COUNTS_FOR_SUBNETS: ReadonlySet<string> = new Set(['dhcp_ping_check', 'dhcp_limits']);

/** Libraries that mean something to each subnet or class: the others are neither read nor checked again. */
function countsForSubnets({ library }: JsonMap): boolean {
  return typeof library === 'string' && COUNTS_FOR_SUBNETS.has(libraryName(library));
}

/** A subnet that stays where it was keeps the reservations it has: they need not be read again. */
function withoutKnownReservations(subnet: JsonMap, { subnetById }: ConfigSnapshot): JsonMap {
  const old = subnetById.get(Number(subnet.id));
  const prefix = typeof subnet.subnet === 'string' ? parsePrefix(subnet.subnet) : '';
  const same =
    old !== undefined &&
    typeof prefix !== 'string' &&
    old.prefix === prefix.address &&
    old.prefixLength === prefix.length;
  if (!same) return subnet;
  const { reservations: _, ...others } = subnet;
  return others;
}

// -- putting together -------------------------------------------------------------------------------------------------

function* merge(
  old: ConfigSnapshot,
  loaded: ConfigSnapshot,
  gone: ReadonlySet<SubnetId>,
  source: JsonMap,
  classesChanged: boolean,
): Sliced<ConfigSnapshot> {
  const kept = old.subnets.filter(({ id }) => !gone.has(id));
  yield;
  checkUnique(kept, loaded, source);
  yield;
  const names = mapsIn(source, 'shared-networks').map(({ name }) => String(name));
  const placed = yield* place([...kept, ...loaded.subnets], networksByName(names, old, loaded));
  const subnetById = new Map(placed.subnets.map((subnet) => [subnet.id, subnet]));
  yield;
  const reservations = mergeReservations(old, loaded, gone, subnetById);
  yield;
  const tree = mergeTree(old.tree, loaded, gone, names, classesChanged);
  yield;
  return withHash({
    ...old,
    generation: old.generation + 1,
    ...placed,
    subnetById,
    reservations,
    tree,
    ...(classesChanged ? { classes: loaded.classes, classByName: loaded.classByName } : {}),
  });
}

/** Kea's words, which clients know. */
function checkUnique(kept: readonly Subnet[], { subnets }: ConfigSnapshot, source: JsonMap): void {
  const ids = new Set(kept.map(({ id }) => id));
  const prefixes = new Set(kept.map(prefixNumber));
  for (const subnet of subnets) {
    if (ids.has(subnet.id)) {
      throw new LessorError('config-duplicate', `ID of the new IPv4 subnet '${subnet.id}' is already in use`);
    }
    if (prefixes.has(prefixNumber(subnet))) {
      const prefix = formatPrefix({ address: subnet.prefix, length: subnet.prefixLength });
      throw new LessorError('config-duplicate', `subnet with the prefix of '${prefix}' already exists`);
    }
  }
  const names = new Set<unknown>();
  for (const { name } of mapsIn(source, 'shared-networks')) {
    if (names.has(name)) {
      throw new LessorError('config-duplicate', `duplicate network '${String(name)}' found in the configuration`);
    }
    names.add(name);
  }
}

/** Another number for every prefix: texts of ten thousand take milliseconds. */
function prefixNumber({ prefix, prefixLength }: Subnet): number {
  return prefix * 64 + prefixLength;
}

function networksByName(names: readonly string[], old: ConfigSnapshot, loaded: ConfigSnapshot): SharedNetwork[] {
  const known = new Map([...old.sharedNetworks, ...loaded.sharedNetworks].map((network) => [network.name, network]));
  return names.map((name) => known.get(name)!);
}

/** Subnets by id and networks in their order, numbered and tied to each other anew; who keeps its numbers stays as it is. */
function* place(
  subnets: readonly Subnet[],
  networks: readonly SharedNetwork[],
): Sliced<Pick<ConfigSnapshot, 'subnets' | 'sharedNetworks' | 'pools'>> {
  const members = new Map<string, Subnet[]>();
  const sharedNetworks = networks.map((network, index): SharedNetwork => {
    const own: Subnet[] = [];
    members.set(network.name, own);
    return { ...network, index, subnets: own };
  });
  const byName = new Map(sharedNetworks.map((network) => [network.name, network]));
  const pools: Pool[] = [];
  const ordered = subnets.toSorted((a, b) => a.id - b.id);
  const numbered = yield* mapSliced(ordered.entries(), ([index, subnet]): Subnet => {
    const firstPool = pools.length;
    const sharedNetwork = subnet.sharedNetwork && byName.get(subnet.sharedNetwork.name)!;
    const placed =
      sharedNetwork === undefined && hasNumbers(subnet, index, firstPool)
        ? subnet
        : numberedAs(subnet, index, firstPool, sharedNetwork);
    pools.push(...placed.pools);
    if (sharedNetwork !== undefined) members.get(sharedNetwork.name)!.push(placed);
    return placed;
  });
  return { subnets: numbered, sharedNetworks, pools };
}

function hasNumbers(subnet: Subnet, index: number, firstPool: number): boolean {
  return subnet.index === index && subnet.pools.every((pool, i) => pool.index === firstPool + i);
}

function numberedAs(
  { sharedNetwork: _, ...subnet }: Subnet,
  index: number,
  firstPool: number,
  sharedNetwork: SharedNetwork | undefined,
): Subnet {
  const pools = subnet.pools.map((pool, i): Pool => ({ ...pool, index: firstPool + i }));
  return { ...subnet, index, pools, ...(sharedNetwork === undefined ? {} : { sharedNetwork }) };
}

/** Global ones first, then those of the subnets by id, as a configuration loaded anew has them. */
function mergeReservations(
  old: ConfigSnapshot,
  loaded: ConfigSnapshot,
  gone: ReadonlySet<SubnetId>,
  ids: Pick<ReadonlyMap<SubnetId, Subnet>, 'has'>,
): readonly Reservation[] {
  const fresh = new Set(loaded.reservations.map(({ subnetId }) => subnetId));
  const stays = ({ subnetId }: Reservation): boolean => subnetId === 0 || (ids.has(subnetId) && !fresh.has(subnetId));
  if (fresh.size === 0 && [...gone].every((id) => ids.has(id))) {
    // Where a prefix has changed, its reservations were read again: they are in `loaded` or there are none.
    return old.reservations;
  }
  return [...old.reservations.filter(stays), ...loaded.reservations].sort((a, b) => a.subnetId - b.subnetId);
}

function mergeTree(
  old: JsonMap,
  loaded: ConfigSnapshot,
  gone: ReadonlySet<SubnetId>,
  names: readonly string[],
  classesChanged: boolean,
): JsonMap {
  const reservationsOf = reservationLists(old, gone);
  const complete = (subnet: JsonMap): JsonMap => {
    const known = reservationsOf.get(Number(subnet.id));
    const given = mapsIn(subnet, 'reservations');
    return known === undefined || given.length > 0 ? subnet : { ...subnet, reservations: known };
  };
  const subnet4 = [
    ...mapsIn(old, 'subnet4').filter(({ id }) => !gone.has(Number(id))),
    ...mapsIn(loaded.tree, 'subnet4').map(complete),
  ].sort((a, b) => Number(a.id) - Number(b.id));
  const fresh = mapsIn(loaded.tree, 'shared-networks').map((network) => ({
    ...network,
    subnet4: mapsIn(network, 'subnet4').map(complete),
  })) as readonly JsonMap[];
  const byName = new Map([...mapsIn(old, 'shared-networks'), ...fresh].map((network) => [network.name, network]));
  const tree = { ...old, subnet4, 'shared-networks': names.map((name) => byName.get(name)!) };
  if (!classesChanged) return tree;
  const { 'client-classes': _, ...others } = tree as JsonMap;
  const classes = loaded.tree['client-classes'];
  return classes === undefined ? others : { ...others, 'client-classes': classes };
}

/** The reservations, as config-get shows them, of subnets that may come back changed. */
function reservationLists(tree: JsonMap, gone: ReadonlySet<SubnetId>): Map<number, readonly JsonMap[]> {
  const lists = new Map<number, readonly JsonMap[]>();
  for (const map of [tree, ...mapsIn(tree, 'shared-networks')]) {
    for (const subnet of mapsIn(map, 'subnet4')) {
      if (gone.has(Number(subnet.id))) lists.set(Number(subnet.id), mapsIn(subnet, 'reservations'));
    }
  }
  return lists;
}
