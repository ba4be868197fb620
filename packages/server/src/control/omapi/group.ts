/**
 * The OMAPI object `group`: a client class without a test, which its hosts are members of. What it says ranks behind what
 * the host says and before pool and subnet, as in dhcpd (ClassRank `group`).
 */

import { type OutgoingEntry, Result } from '@lessor/omapi';
import { isBuiltInClass } from '../../config/built-in-classes.js';
import { markOf } from '../../config/omapi-mark.js';
import { mapsIn } from '../../config/places.js';
import type { ConfigSnapshot } from '../../domain/snapshot.js';
import { type Octets, octetsOf } from '../../domain/values.js';
import type { JsonMap } from '../command.js';
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
  runCommand,
} from './object.js';
import { formatStatements } from './statement-text.js';
import {
  type ParsedStatements,
  parseStatements,
  STATEMENT_EXTENSIONS,
  statementExtensions,
  statementMembers,
} from './statements.js';

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
  attributes: (found, context): OutgoingEntry[] => {
    const statements = statementsOf(found, context.snapshot);
    return [octetsEntry('name', found.name), ...(statements === '' ? [] : [octetsEntry('statements', statements)])];
  },
  create,
  update,
  async remove({ name }, context) {
    await runCommand('class-del', { name }, context);
  },
  *list({ snapshot }, after) {
    for (const name of [...snapshot.classByName.keys()].sort()) {
      const found = name > after ? groupOf(name, snapshot) : undefined;
      if (found !== undefined) yield found;
    }
  },
};

/** Classes without a test that are no groups: what makes a client a member of them is not a host's statement. */
const NO_GROUPS = new Set(['DROP', 'REJECT']);

/** The text a group was given, else what the class has from elsewhere. */
function statementsOf({ name, json }: FoundGroup, { classByName, registry }: ConfigSnapshot): Octets {
  const given = markOf(json['user-context'] as JsonMap | undefined).statements;
  return given ?? formatStatements(classByName.get(name)!, registry);
}

/** The group of a name: a class that only reservations make clients members of. */
export function groupOf(name: Octets, { tree, classByName }: ConfigSnapshot): FoundGroup | undefined {
  const found = classByName.get(name);
  if (found === undefined || found.test !== undefined || found.templateTest !== undefined) return undefined;
  if (NO_GROUPS.has(name) || isBuiltInClass(name) || found.rank === 'matched') return undefined;
  const json = mapsIn(tree, 'client-classes').find((one) => one.name === name);
  return json && { name, json };
}

/** A group that must be there. @throws OmapiRefusal NOTFOUND */
export function requireGroup(name: Octets, snapshot: ConfigSnapshot): FoundGroup {
  const found = groupOf(name, snapshot);
  if (found === undefined) throw new OmapiRefusal(Result.NOTFOUND, 'there is no group of this name');
  return found;
}

/** The name of a group or class. @throws OmapiRefusal INVALIDARG, with `missing` if there is none */
export function readGroupName(value: Uint8Array | undefined, missing: string): Octets {
  const name = octetsOf(value ?? new Uint8Array(0));
  if (name === '') throw invalidArgument(missing);
  checkName(name);
  return name;
}

/** @throws OmapiRefusal INVALIDARG */
function checkName(name: Octets): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (name === '' || name.length > 128 || /[\u0000-\u001f\u007f]/.test(name)) {
    throw invalidArgument('a name has 1 to 128 octets, none of them a control character');
  }
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
  const { statements, name = `ng${nowSec.toString(16)}${snapshot.generation.toString(16)}` } = readInput(given);
  if (statements === undefined) throw invalidArgument('a group has statements');
  checkName(name);
  if (snapshot.classByName.has(name)) throw new OmapiRefusal(Result.EXISTS, 'there is a class of this name');
  const parsed = parseGroup(statements, snapshot);
  const userContext = withMark(undefined, { statements }, statementExtensions(parsed));
  const written = { name, ...statementMembers(parsed), 'user-context': userContext };
  await runCommand('class-add', { 'client-classes': [written] }, context);
  return requireGroup(name, services.config.current);
}

async function update(found: FoundGroup, given: Attributes, context: OmapiContext): Promise<FoundGroup> {
  const { name, json } = found;
  const { snapshot } = context;
  const input = readInput(given);
  if (input.name !== undefined && input.name !== name) {
    throw new OmapiRefusal(Result.EXISTS, 'the name of a group can not be changed');
  }
  const { statements } = input;
  if (statements === undefined || statements === statementsOf(found, snapshot)) return found;
  const mark = markOf(json['user-context'] as JsonMap | undefined);
  if (mark.statements === undefined) {
    throw new OmapiRefusal(Result.EXISTS, 'this class was made by other means: use class-update');
  }
  const parsed = parseGroup(statements, snapshot);
  const extensions = statementExtensions(parsed);
  const userContext = withMark(
    json['user-context'] as JsonMap,
    { ...mark, statements },
    extensions,
    STATEMENT_EXTENSIONS,
  );
  const written = { name, ...statementMembers(parsed), 'user-context': userContext };
  await runCommand('class-update', { 'client-classes': [written] }, context);
  return requireGroup(name, context.snapshot);
}

/** @throws OmapiRefusal BADPARSE, also for what only a host can have */
function parseGroup(text: Octets, { registry }: ConfigSnapshot): ParsedStatements {
  const parsed = parseStatements(text, registry);
  const refuse = (why: string): never => {
    throw new OmapiRefusal(Result.BADPARSE, why);
  };
  if (parsed.denyBooting) refuse("statement 'deny booting': only for hosts");
  if (parsed.hostname !== undefined) refuse('a host name is for hosts: members of a group would all have the same');
  if (parsed.useHostDeclName === true) refuse("statement 'use-host-decl-names': only for hosts");
  if (parsed.cases !== undefined) refuse("statement 'if': only for hosts, or write a client class with a test");
  return parsed;
}
