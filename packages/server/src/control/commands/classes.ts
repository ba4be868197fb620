/** Client classes (Kea: libdhcp_class_cmds). Changes are durable before the answer leaves. */

import { jsonTypeOf } from '@lessor/kea';
import { type Place, type TreeEdit, valueAt } from '../../config/edit.js';
import { patchNetworks } from '../../config/patch-networks.js';
import { mapsIn, placeOfClass } from '../../config/places.js';
import type { ClientClass, ConfigSnapshot } from '../../domain/snapshot.js';
import type { EditOutcome } from '../../services/edit-batch.js';
import { invalid, memberOf } from '../arguments.js';
import {
  type CommandResult,
  type CommandRow,
  type ControlCommand,
  type Json,
  type JsonMap,
  Result,
} from '../command.js';
import { changeText, wordedForSender } from '../config-words.js';
import type { ControlServices } from '../services.js';
import { notFound } from './subnets.js';

const hook = 'class_cmds';
const NAME = { name: { type: 'a string', optional: false } };
const CLASS_LIST = { 'client-classes': { type: 'a list of one class', optional: false } };

/** The rows. */
export const CLASS_COMMANDS: readonly CommandRow<ControlServices>[] = [
  {
    name: 'class-list',
    access: 'read',
    hook,
    summary: 'the names of all client classes, in the order in which they are evaluated',
    run(_, { config }) {
      const classes = config.current.classes.map(({ name }) => ({ name }));
      return {
        result: classes.length === 0 ? Result.empty : Result.success,
        text: `${classes.length} class${classes.length === 1 ? '' : 'es'} found`,
        arguments: { 'client-classes': classes },
      };
    },
  },
  {
    name: 'class-get',
    access: 'read',
    hook,
    summary: 'one client class',
    args: NAME,
    run(command, { config }): CommandResult {
      const name = readName(command);
      const found = mapsIn(config.current.tree, 'client-classes').find((one) => one.name === name);
      if (found === undefined) return { result: Result.empty, text: `Class '${name}' not found` };
      const text = `Class '${name}' definition returned`;
      return { result: Result.success, text, arguments: { 'client-classes': [found] } };
    },
  },
  {
    name: 'class-add',
    access: 'write',
    hook,
    summary: 'adds a client class behind the others',
    args: CLASS_LIST,
    async run(command, { config }) {
      const written = readClass(command);
      const name = memberOf(written, 'name');
      const outcome = await wordedForSender(() =>
        config.edit((state, environment) => {
          if (typeof name === 'string' && state.snapshot.classByName.has(name)) {
            throw invalid(`Can't add class: Client Class: ${name} has already been defined`);
          }
          return patchNetworks(state, [{ op: 'append', to: ['client-classes'], value: written }], environment);
        }),
      );
      return { result: Result.success, text: changeText(`Class '${String(name)}' added`, outcome) };
    },
  },
  {
    name: 'class-update',
    access: 'write',
    hook,
    summary: 'replaces a client class where it stands',
    args: CLASS_LIST,
    run: (command, { config }) => update(command, config),
  },
  {
    name: 'class-del',
    access: 'write',
    hook,
    summary: 'removes a client class that no other one depends on',
    args: NAME,
    run: (command, { config }) => remove(command, config),
  },
];

async function update(command: ControlCommand, config: ControlServices['config']): Promise<CommandResult> {
  const written = readClass(command);
  const name = memberOf(written, 'name');
  if (name === undefined) throw invalid("the first class definition is missing a mandatory 'name' parameter");
  if (typeof name !== 'string') throw invalid("'name' of a class is not a string");
  const outcome = await wordedForSender(() =>
    config.edit(function* (state, environment) {
      const at = placeOfClass(state.source, name);
      const before = state.snapshot.classByName.get(name);
      if (at === undefined || before === undefined) throw notFound(`Class '${name}' is not found`);
      const edits = replacements(at, valueAt(state.source, at) as JsonMap, written);
      const patch = yield* patchNetworks(state, edits, environment);
      refuseOtherDependency(before, patch.snapshot);
      return patch;
    }),
  );
  return { result: Result.success, text: changeText(`Class '${name}' updated`, outcome) };
}

/**
 * Changes classes by several edits at once: subclasses of OMAPI are in more than one place.
 * @param edits of the source of the configuration in force
 * @throws what class-update answers with; nothing has changed
 */
export function editClasses(
  config: ControlServices['config'],
  edits: (source: JsonMap) => readonly TreeEdit[],
): Promise<EditOutcome> {
  return wordedForSender(() =>
    config.edit((state, environment) => patchNetworks(state, edits(state.source), environment)),
  );
}

/** Every member as written; what is not written goes. A template stays one though its test is not repeated (Kea). */
function replacements(at: Place, old: JsonMap, written: JsonMap): TreeEdit[] {
  const gone = Object.keys(old).filter((name) => name !== 'template-test' && !Object.hasOwn(written, name));
  return [
    ...gone.map((name): TreeEdit => ({ op: 'remove', at: [...at, name] })),
    ...Object.entries(written).map(([name, value]): TreeEdit => ({ op: 'set', at: [...at, name], value })),
  ];
}

/** Classes are evaluated before or after the reservation is looked up, and others may rely on which. */
function refuseOtherDependency({ name, dependsOnKnown }: ClientClass, { classByName }: ConfigSnapshot): void {
  if (classByName.get(name)?.dependsOnKnown === dependsOnKnown) return;
  throw invalid(
    `modification of the class '${name}' would affect its dependency on the KNOWN and/or UNKNOWN built-in classes. ` +
      'Such modification is not allowed because there may be other classes depending on those built-ins via the ' +
      'updated class',
  );
}

async function remove(command: ControlCommand, config: ControlServices['config']): Promise<CommandResult> {
  const name = readName(command);
  const outcome = await wordedForSender(() =>
    config.edit((state, environment) => {
      const at = placeOfClass(state.source, name);
      if (at === undefined) throw notFound(`Class '${name}' not found`);
      const user = state.snapshot.classes.find(({ test, templateTest }) =>
        [test, templateTest].some((expression) => expression?.memberNames.includes(name)),
      );
      if (user !== undefined) throw invalid(`Class '${name}' is used by class '${user.name}'`);
      return patchNetworks(state, [{ op: 'remove', at }], environment);
    }),
  );
  return { result: Result.success, text: changeText(`Class '${name}' deleted`, outcome) };
}

/** `arguments`, which must be there, a map, and not empty. @throws CommandError */
function readArguments({ name, args }: ControlCommand): JsonMap {
  if (args === undefined) throw invalid(`invalid command '${name}': no arguments specified`);
  const type = jsonTypeOf(args);
  if (type !== 'map') throw invalid(`invalid command '${name}': expected 'arguments' to be a map, got ${type} instead`);
  const map = args as JsonMap;
  if (Object.keys(map).length === 0) throw invalid(`invalid command '${name}': 'arguments' is empty`);
  return map;
}

function readOnly(command: ControlCommand, member: string, what: string): Json {
  const args = readArguments(command);
  const count = Object.keys(args).length;
  if (count !== 1) {
    throw invalid(
      `invalid number of arguments ${count} for the '${command.name}' command. Expecting '${member}' ${what}`,
    );
  }
  const value = memberOf(args, member);
  if (value === undefined) throw invalid(`missing '${member}' argument for the '${command.name}' command`);
  return value;
}

function readName(command: ControlCommand): string {
  const name = readOnly(command, 'name', 'string');
  if (typeof name === 'string') return name;
  throw invalid(`'name' argument specified for the '${command.name}' command is not a string`);
}

function readClass(command: ControlCommand): JsonMap {
  const { name } = command;
  const list = readOnly(command, 'client-classes', 'list');
  if (jsonTypeOf(list) !== 'list') {
    throw invalid(`'client-classes' argument specified for the '${name}' command is not a list`);
  }
  const items = list as readonly Json[];
  const [item] = items;
  if (item === undefined || items.length !== 1) {
    throw invalid(`invalid number of classes specified for the '${name}' command. Expected one class`);
  }
  if (jsonTypeOf(item) !== 'map') {
    throw invalid(`invalid class definition specified for the '${name}' command. Expected a map`);
  }
  return item as JsonMap;
}
