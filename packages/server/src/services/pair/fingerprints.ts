/**
 * Fingerprints of a configuration: what must be equal on both servers of a pair (which addresses there are), and what
 * should be (all that is not particular to one of the two).
 */

import { createHash } from 'node:crypto';
import { jsonDigest } from '../../config/json-digest.js';
import { SERVER_NAME_LABEL } from '../../domain/ha/relations.js';
import { isMap } from '../../domain/json.js';
import type { SectionDigests } from '../../domain/pair/file.js';
import { mapSliced, type Sliced } from '../../domain/slices.js';
import type { ConfigSnapshot, Json, JsonMap } from '../../domain/snapshot.js';
import { partOf } from './sections.js';

/** What heartbeats carry. */
export interface Fingerprints {
  /** Subnets and pools, and the terms of the pair. */
  readonly addressSpace: string;
  /** Each section of the rest; undefined where only the whole is known (a partner of an earlier version). */
  readonly sections?: SectionDigests | undefined;
  /** All of the rest. */
  readonly configuration: string;
}

/** Members of Dhcp4 that belong to one server: its sockets, files and log. */
const PARTICULAR: ReadonlySet<string> = new Set([
  'interfaces-config',
  'control-socket',
  'control-sockets',
  'hooks-libraries',
  'lease-database',
  'loggers',
  'server-tag',
  'dhcp-queue-control',
  'multi-threading',
  'user-context',
]);

/** Lists whose entries can be labelled with a server of a relation. */
const LABELLED: ReadonlySet<string> = new Set(['subnet4', 'shared-networks']);

function withoutLabels(list: Json): Json {
  return Array.isArray(list) ? list.map((entry: Json) => (isMap(entry) ? withoutLabel(entry) : entry)) : list;
}

function withoutLabel(entry: JsonMap): JsonMap {
  const { subnet4, 'user-context': context } = entry;
  const inner = subnet4 === undefined ? entry : { ...entry, subnet4: withoutLabels(subnet4) };
  if (!isMap(context) || context[SERVER_NAME_LABEL] === undefined) return inner;
  const { [SERVER_NAME_LABEL]: _label, ...rest } = context;
  const { 'user-context': _context, ...bare } = inner;
  return Object.keys(rest).length === 0 ? bare : { ...bare, 'user-context': rest };
}

/** All fingerprints, to be interrupted after every subnet. */
export function* fingerprintsOf(snapshot: ConfigSnapshot): Sliced<Fingerprints> {
  const [ha] = snapshot.ha;
  const space = yield* mapSliced(snapshot.subnets, ({ id, prefix, prefixLength, pools }) => [
    id,
    prefix,
    prefixLength,
    ...pools.flatMap(({ first, last }) => [first, last]),
  ]);
  space.sort((a, b) => a[0]! - b[0]!);
  // Who may promise how much, and who owns what, has to be the same to both, or the two do not hold each other's promises.
  const policy = ha === undefined ? [] : [ha.mode, ha.safe.mcltSec, ha.safe.shareOfSide1];
  const addressSpace = createHash('sha256')
    .update(JSON.stringify([space, policy]))
    .digest('hex');
  const sections = yield* sectionDigests(commonPart(snapshot.tree));
  const configuration = createHash('sha256').update(JSON.stringify(sections)).digest('hex');
  return { addressSpace, sections, configuration };
}

function* sectionDigests(dhcp4: JsonMap): Sliced<SectionDigests> {
  const options = yield* jsonDigest(yield* partOf('options', dhcp4));
  const reservations = yield* jsonDigest(yield* partOf('reservations', dhcp4));
  return { options, reservations, policy: yield* jsonDigest(yield* partOf('policy', dhcp4)) };
}

/** The part of Dhcp4 that belongs to one server. */
export function particularPart(tree: JsonMap): JsonMap {
  return Object.fromEntries(Object.entries(tree).filter(([name]) => PARTICULAR.has(name))) as Record<string, Json>;
}

/**
 * The part of Dhcp4 that should be the same on both servers, with its members in order of their names. To which relation
 * of a hub a subnet belongs is the hub's affair.
 */
export function commonPart(tree: JsonMap): JsonMap {
  const entries = Object.entries(tree)
    .filter(([name]) => !PARTICULAR.has(name))
    .map(([name, value]): [string, Json] => [name, LABELLED.has(name) ? withoutLabels(value) : value]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))) as Record<string, Json>;
}
