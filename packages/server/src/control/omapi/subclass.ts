/**
 * The OMAPI object `subclass`: a client of a class, by hardware address. The class has a test that names all of them
 * (`pkt4.mac == 0x... or ...`), so that Kea, whose file it stays, puts the same clients into it. A subclass with
 * statements of its own (`group`) is a class of its own beside that.
 */

import { type OutgoingEntry, Result } from '@lessor/omapi';
import type { Place, TreeEdit } from '../../config/edit.js';
import { markOf } from '../../config/omapi-mark.js';
import { placeOfClass } from '../../config/places.js';
import { formatHex, type Octets, octetsOf } from '../../domain/values.js';
import type { JsonMap } from '../command.js';
import { editClasses } from '../commands/classes.js';
import { recordChange } from './audit.js';
import { classCounters, classOf, NOBODY, takenOver, unknownAttribute } from './class.js';
import { withMark } from './host-identity.js';
import {
  type Attributes,
  ETHERNET,
  findByHandle,
  findByKeys,
  invalidArgument,
  type Lookup,
  type ObjectRow,
  type OmapiContext,
  OmapiRefusal,
  octetsEntry,
  performed,
  sameOctets,
} from './object.js';

/** A subclass: its class, and the octets its clients are compared with: hardware type and address. */
export interface FoundSubclass {
  readonly name: Octets;
  readonly hashstring: Octets;
}

const ATTRIBUTES: ReadonlySet<string> = new Set(['name', 'hashstring', 'group', 'option']);

/** The row. */
export const SUBCLASS_OBJECT: ObjectRow<FoundSubclass> = {
  type: 'subclass',
  right: 'hosts',
  find: (keys, context) => findByKeys(lookups(keys, context), identity),
  identity,
  byIdentity: (text, context) => {
    const at = text.indexOf(' ');
    const hashstring = Buffer.from(text.slice(0, at), 'hex').toString('latin1');
    return findSubclass(text.slice(at + 1), hashstring, context);
  },
  attributes: (found, context): OutgoingEntry[] => {
    const own = context.snapshot.classByName.get(ownClassOf(found));
    const json = own && classJson(own.name, context);
    const { group } = markOf(json?.['user-context'] as JsonMap | undefined);
    return [
      ...classCounters(),
      octetsEntry('name', found.name),
      octetsEntry('hashstring', found.hashstring),
      ...(group === undefined ? [] : [octetsEntry('group', group)]),
    ];
  },
  create,
  update: async (found, given) => {
    const unknown = [...given.keys()].find((name) => !ATTRIBUTES.has(name));
    if (unknown !== undefined) throw unknownAttribute(unknown);
    const [hashstring] = [given.get('hashstring')];
    const same = hashstring !== undefined && sameOctets(hashstring, found.hashstring);
    throw new OmapiRefusal(Result.EXISTS, same ? 'there is this subclass already' : 'a subclass can not be changed');
  },
  remove,
  *list(context, after) {
    const { snapshot } = context;
    const all = [...snapshot.classByName.keys()].flatMap((name) =>
      hashstringsOf(name, context).map((hashstring) => ({ name, hashstring })),
    );
    for (const found of all.toSorted((a, b) => (identity(a) < identity(b) ? -1 : 1))) {
      if (identity(found) > after) yield found;
    }
  },
};

function identity({ name, hashstring }: FoundSubclass): string {
  return `${formatHex(hashstring, '')} ${name}`;
}

/** Name of the class that a subclass with statements of its own is. */
function ownClassOf({ name, hashstring }: FoundSubclass): string {
  return `${name}#${formatHex(hashstring, '')}`;
}

function lookups(keys: Attributes, context: OmapiContext): Lookup<FoundSubclass>[] {
  const handle = keys.get('handle');
  const [name, hashstring] = [keys.get('name'), keys.get('hashstring')];
  return [
    ...(handle === undefined ? [] : [() => findByHandle(SUBCLASS_OBJECT, handle, context)]),
    ...(name === undefined || hashstring === undefined
      ? []
      : [() => findSubclass(octetsOf(name), octetsOf(hashstring), context)]),
  ];
}

function findSubclass(name: Octets, hashstring: Octets, context: OmapiContext): FoundSubclass | undefined {
  return hashstringsOf(name, context).includes(hashstring) ? { name, hashstring } : undefined;
}

function classJson(name: Octets, { services: { config } }: OmapiContext): JsonMap | undefined {
  const { tree } = config.current;
  return ((tree['client-classes'] ?? []) as readonly JsonMap[]).find((one) => one.name === name);
}

/** The test that this file writes: one comparison for each client. */
const TEST = /^pkt4\.mac == 0x(?:[0-9a-f]{2}){1,20}(?: or pkt4\.mac == 0x(?:[0-9a-f]{2}){1,20})*$/;

/** The subclasses of a class; none if its test is none of ours. */
function hashstringsOf(name: Octets, context: OmapiContext): readonly Octets[] {
  const test = classOf(name, context.snapshot)?.json.test;
  if (typeof test !== 'string' || !TEST.test(test)) return [];
  return test.split(' or ').map((one) => {
    const hex = one.slice('pkt4.mac == 0x'.length);
    return String.fromCharCode(ETHERNET) + Buffer.from(hex, 'hex').toString('latin1');
  });
}

function testOf(hashstrings: readonly Octets[]): string {
  const comparisons = hashstrings.map((hashstring) => `pkt4.mac == 0x${formatHex(hashstring.slice(1), '')}`);
  return comparisons.length === 0 ? NOBODY : comparisons.join(' or ');
}

async function create(given: Attributes, context: OmapiContext): Promise<FoundSubclass> {
  const { snapshot } = context;
  const unknown = [...given.keys()].find((name) => !ATTRIBUTES.has(name));
  if (unknown !== undefined) throw unknownAttribute(unknown);
  if (given.has('option')) throw invalidArgument('the option of a subclass is that of its class');
  const [name, hashstring, group] = ['name', 'hashstring', 'group'].map((one) => octetsOf(given.get(one) ?? EMPTY));
  if (name === '' || hashstring === '')
    throw invalidArgument('a subclass has a name, that of its class, and a hashstring');
  const parent = classOf(name!, snapshot);
  if (parent === undefined) throw new OmapiRefusal(Result.NOTFOUND, 'there is no class of this name');
  const { match } = markOf(parent.json['user-context'] as JsonMap | undefined);
  if (match === undefined || match === '') throw invalidArgument(`class '${name}' does not match hardware`);
  if (hashstring!.charCodeAt(0) !== ETHERNET || hashstring!.length < 2 || hashstring!.length > 21) {
    throw invalidArgument('a hashstring is the hardware type, 1 for Ethernet, and the hardware address');
  }
  const found = { name: name!, hashstring: hashstring! };
  const own: JsonMap = {
    name: ownClassOf(found),
    test: testOf([found.hashstring]),
    ...(group === '' ? {} : takenOver(group!, snapshot)),
    'user-context': withMark(undefined, {
      subclass: found.name,
      match: '',
      ...(group === '' ? {} : { group: group! }),
    }),
  };
  await edit('omapi-subclass-create', found, context, (test) => [
    ...test([...hashstringsOf(found.name, context), found.hashstring]),
    ...(group === '' ? [] : [{ op: 'append', to: ['client-classes'], value: own } as const]),
  ]);
  return found;
}

const EMPTY = new Uint8Array(0);

async function remove(found: FoundSubclass, context: OmapiContext): Promise<void> {
  const others = hashstringsOf(found.name, context).filter((one) => one !== found.hashstring);
  await edit('omapi-subclass-delete', found, context, (test, source) => {
    const own = placeOfClass(source, ownClassOf(found));
    return [...test(others), ...(own === undefined ? [] : [{ op: 'remove', at: own } as const])];
  });
}

/** Changes the class, and with it what else the subclass needs. */
async function edit(
  command: string,
  { name, hashstring }: FoundSubclass,
  context: OmapiContext,
  edits: (test: (hashstrings: readonly Octets[]) => readonly TreeEdit[], source: JsonMap) => readonly TreeEdit[],
): Promise<void> {
  const { config } = context.services;
  const work = () =>
    editClasses(config, (source) => {
      const at: Place | undefined = placeOfClass(source, name);
      if (at === undefined) throw new OmapiRefusal(Result.NOTFOUND, 'the class is gone');
      return edits((all) => [{ op: 'set', at: [...at, 'test'], value: testOf(all) }], source);
    });
  await performed(command, work, context);
  recordChange(command, () => ({ name, hashstring }), context);
}
