/**
 * The OMAPI object `class`: a client class with a test, or one that OMAPI made to have subclasses (subclass.ts). Its
 * mark says what subclasses are compared with, as dhcpd's `match` does.
 */

import { type OutgoingEntry, Result } from '@lessor/omapi';
import { markOf } from '../../config/omapi-mark.js';
import { mapsIn, placeOfClass } from '../../config/places.js';
import type { ConfigSnapshot } from '../../domain/snapshot.js';
import { type Octets, octetsOf } from '../../domain/values.js';
import type { Json, JsonMap } from '../command.js';
import { editClasses } from '../commands/classes.js';
import { recordChange } from './audit.js';
import { groupOf, readGroupName, requireGroup } from './group.js';
import { withMark } from './host-identity.js';
import {
  type Attributes,
  findByHandle,
  findByKeys,
  invalidArgument,
  type Lookup,
  type ObjectRow,
  type OmapiContext,
  OmapiRefusal,
  octetsEntry,
  performed,
  runCommand,
  uint32Entry,
} from './object.js';

/** A class, as config-get shows it. */
export interface FoundClass {
  readonly name: Octets;
  readonly json: JsonMap;
}

/** The one thing that subclasses can be compared with; dhcpd takes every beginning of the word. */
const HARDWARE = 'hardware';

/** The row. */
export const CLASS_OBJECT: ObjectRow<FoundClass> = {
  type: 'class',
  right: 'hosts',
  find: (keys, context) => findByKeys(lookups(keys, context), ({ name }) => name),
  identity: ({ name }) => name,
  byIdentity: (name, { snapshot }) => classOf(name, snapshot),
  attributes: ({ name, json }): OutgoingEntry[] => {
    const { match = '', group } = markOf(json['user-context'] as JsonMap | undefined);
    return [
      ...classCounters(),
      octetsEntry('name', name),
      ...(match === '' ? [] : [octetsEntry('match', match)]),
      ...(group === undefined ? [] : [octetsEntry('group', group)]),
    ];
  },
  create,
  update: async (_, given) => {
    const unknown = [...given.keys()].find((name) => !ATTRIBUTES.has(name));
    if (unknown !== undefined) throw unknownAttribute(unknown);
    throw new OmapiRefusal(Result.EXISTS, 'a class can not be changed: class-update does that');
  },
  remove,
  *list({ snapshot }, after) {
    for (const name of [...snapshot.classByName.keys()].sort()) {
      const found = name > after ? classOf(name, snapshot) : undefined;
      if (found !== undefined) yield found;
    }
  },
};

const ATTRIBUTES: ReadonlySet<string> = new Set(['name', 'match', 'group', 'option']);

/** dhcpd's counters: there is no limit of leases, so none are counted. */
export function classCounters(): OutgoingEntry[] {
  return [uint32Entry('lease-limit', 0), uint32Entry('leases-used', 0)];
}

/** UNKNOWNATTRIBUTE. */
export function unknownAttribute(name: string): OmapiRefusal {
  return new OmapiRefusal(Result.UNKNOWNATTRIBUTE, `a class has no attribute ${name}`);
}

/** The class of a name; not one that is a group, and not one that stands for a single subclass. */
export function classOf(name: Octets, snapshot: ConfigSnapshot): FoundClass | undefined {
  const found = snapshot.classByName.get(name);
  if (found === undefined || found.rank === 'subclass' || groupOf(name, snapshot) !== undefined) return undefined;
  const json = mapsIn(snapshot.tree, 'client-classes').find((one) => one.name === name);
  return json && { name, json };
}

function lookups(keys: Attributes, context: OmapiContext): Lookup<FoundClass>[] {
  const handle = keys.get('handle');
  const name = keys.get('name');
  return [
    ...(handle === undefined ? [] : [() => findByHandle(CLASS_OBJECT, handle, context)]),
    ...(name === undefined ? [] : [() => classOf(octetsOf(name), context.snapshot)]),
  ];
}

async function create(given: Attributes, context: OmapiContext): Promise<FoundClass> {
  const { services, snapshot } = context;
  const unknown = [...given.keys()].find((name) => !ATTRIBUTES.has(name));
  if (unknown !== undefined) throw unknownAttribute(unknown);
  if (given.has('option')) throw invalidArgument('the option of a class is in the configuration');
  const name = readGroupName(given.get('name'), 'a class has a name');
  const match = octetsOf(given.get('match') ?? new Uint8Array(0));
  if (!HARDWARE.startsWith(match)) throw invalidArgument("match: only 'hardware' is understood");
  const group = given.get('group');
  if (snapshot.classByName.has(name)) throw new OmapiRefusal(Result.EXISTS, 'there is a class of this name');
  const mark = { match: match === '' ? '' : HARDWARE, ...(group === undefined ? {} : { group: octetsOf(group) }) };
  const members = group === undefined ? {} : takenOver(octetsOf(group), snapshot);
  // Without subclasses nobody is in it.
  const written = { name, test: NOBODY, ...members, 'user-context': withMark(undefined, mark) };
  await runCommand('class-add', { 'client-classes': [written] }, context);
  const made = classOf(name, services.config.current);
  if (made === undefined) throw new OmapiRefusal(Result.NOTFOUND, 'the class was removed again at once');
  return made;
}

/** The test of a class without subclasses: a hardware address is never empty. */
export const NOBODY = "pkt4.mac == ''";

/** What a class takes over from a group. @throws OmapiRefusal NOTFOUND */
export function takenOver(group: Octets, snapshot: ConfigSnapshot): Record<string, Json> {
  const { json } = requireGroup(group, snapshot);
  const { name: _, test: __, 'user-context': ___, ...members } = json;
  return members as Record<string, Json>;
}

/** With the class go those that stand for its subclasses. */
async function remove({ name }: FoundClass, context: OmapiContext): Promise<void> {
  const { services, snapshot } = context;
  const user = snapshot.classes.find(({ test, templateTest }) =>
    [test, templateTest].some((expression) => expression?.memberNames.includes(name)),
  );
  if (user !== undefined) throw invalidArgument(`class '${name}' is used by class '${user.name}'`);
  const parts = mapsIn(snapshot.tree, 'client-classes')
    .filter((json) => markOf(json['user-context'] as JsonMap | undefined).subclass === name)
    .map((json) => String(json.name));
  await performed(
    'omapi-class-delete',
    () =>
      editClasses(services.config, (source) => {
        // From the last to the first: a removal moves those behind it.
        const places = [name, ...parts].flatMap((one) => [placeOfClass(source, one) ?? []]);
        return places
          .filter((place) => place.length > 0)
          .sort((a, b) => Number(b[1]) - Number(a[1]))
          .map((at) => ({ op: 'remove', at }) as const);
      }),
    context,
  );
  recordChange('omapi-class-delete', () => ({ name }), context);
}
