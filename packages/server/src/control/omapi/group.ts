/** The OMAPI object `group`: a client class without a test, which its hosts are members of. */

import { type Entry, Result } from '@lessor/omapi';
import { mapsIn } from '../../config/places.js';
import type { ConfigSnapshot } from '../../domain/snapshot.js';
import { type Octets, octetsOf } from '../../domain/values.js';
import type { Json, JsonMap } from '../command.js';
import { markOf, withMark } from './host-identity.js';
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
  runCommand,
} from './object.js';
import { type ParsedStatements, parseStatements, statementMembers } from './statements.js';

/** A class, as config-get shows it. */
export interface FoundGroup {
  readonly name: Octets;
  readonly json: JsonMap;
}

/** The row. */
export const GROUP_OBJECT: ObjectRow<FoundGroup> = {
  type: 'group',
  right: 'hosts',
  find: (keys, context) => findByKeys(lookups(keys, context), ({ name }) => name),
  identity: ({ name }) => name,
  byIdentity: (name, { snapshot }) => groupOf(name, snapshot),
  attributes: ({ name, json }): Entry[] => {
    const { statements } = markOf(json['user-context'] as JsonMap | undefined);
    return [octetsEntry('name', name), ...(statements === undefined ? [] : [octetsEntry('statements', statements)])];
  },
  create,
  update,
  async remove({ name }, context) {
    await runCommand('class-del', { name }, context);
  },
};

/** The group of a name: a class that only reservations make clients members of. */
export function groupOf(name: Octets, { tree, classByName }: ConfigSnapshot): FoundGroup | undefined {
  const found = classByName.get(name);
  if (found === undefined || found.test !== undefined || found.templateTest !== undefined) return undefined;
  const json = mapsIn(tree, 'client-classes').find((one) => one.name === name);
  return json && { name, json };
}

function lookups(keys: Attributes, context: OmapiContext): Lookup<FoundGroup>[] {
  const handle = keys.get('handle');
  const name = keys.get('name');
  return [
    ...(handle === undefined ? [] : [() => findByHandle(GROUP_OBJECT, handle, context)]),
    ...(name === undefined ? [] : [() => groupOf(octetsOf(name), context.snapshot)]),
  ];
}

/** @throws OmapiRefusal NOTFOUND for other attributes (dhcpd) */
function readInput(given: Attributes): { readonly name?: Octets; readonly statements?: Octets } {
  const unknown = [...given.keys()].find((name) => !['name', 'statements', 'handle'].includes(name));
  if (unknown !== undefined) throw new OmapiRefusal(Result.NOTFOUND, `a group has no attribute ${unknown}`);
  const [name, statements] = ['name', 'statements'].map((one) => given.get(one));
  return {
    ...(name === undefined ? {} : { name: octetsOf(name) }),
    ...(statements === undefined ? {} : { statements: octetsOf(statements) }),
  };
}

async function create(given: Attributes, context: OmapiContext): Promise<FoundGroup> {
  const { services, snapshot, nowSec } = context;
  const { statements, ...input } = readInput(given);
  if (statements === undefined) throw invalidArgument('a group has statements');
  const name = input.name ?? `ng${nowSec.toString(16)}${snapshot.generation.toString(16)}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (name === '' || name.length > 128 || /[\u0000-\u001f\u007f]/.test(name)) {
    throw invalidArgument('a name has 1 to 128 octets, none of them a control character');
  }
  if (snapshot.classByName.has(name)) throw new OmapiRefusal(Result.EXISTS, 'there is a class of this name');
  const members = groupMembers(parseStatements(statements, snapshot.registry));
  const written = { name, ...members, 'user-context': withMark(undefined, { statements }) };
  await runCommand('class-add', { 'client-classes': [written] }, context);
  const made = groupOf(name, services.config.current);
  if (made === undefined) throw new OmapiRefusal(Result.NOTFOUND, 'the group was removed again at once');
  return made;
}

async function update({ name, json }: FoundGroup, given: Attributes, context: OmapiContext): Promise<void> {
  const input = readInput(given);
  if (input.name !== undefined && input.name !== name) {
    throw new OmapiRefusal(Result.EXISTS, 'the name of a group can not be changed');
  }
  const { statements } = input;
  const mark = markOf(json['user-context'] as JsonMap | undefined);
  if (statements === undefined || statements === mark.statements) return;
  if (mark.statements === undefined) {
    throw new OmapiRefusal(Result.EXISTS, 'options and boot parameters of this class were set by other means');
  }
  const members = groupMembers(parseStatements(statements, context.snapshot.registry));
  const userContext = withMark(json['user-context'] as JsonMap, { statements });
  await runCommand('class-update', { 'client-classes': [{ name, ...members, 'user-context': userContext }] }, context);
}

/** @throws OmapiRefusal BADPARSE for what only a host can have */
function groupMembers(parsed: ParsedStatements): Record<string, Json> {
  if (parsed.denyBooting) throw new OmapiRefusal(Result.BADPARSE, "statement 'deny booting': only for hosts");
  if (parsed.hostname !== undefined) {
    throw new OmapiRefusal(Result.BADPARSE, 'a host name is for hosts: members of a group would all have the same');
  }
  return statementMembers(parsed);
}
