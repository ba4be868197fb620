/**
 * Reading a command's arguments by a schema. Kea words the same complaint differently from one command family to the
 * next, and clients match on it; so the words are a table beside the schema.
 */

import { jsonTypeOf } from '@lessor/kea';
import { CommandError } from '../errors.js';
import type { CommandResult, CommandRow, ControlCommand, Json, JsonMap } from './command.js';
import type { ControlServices } from './services.js';

/** One member of `arguments`. */
export interface Field<T> {
  /** As a message names it: 'a string'. */
  readonly type: string;
  readonly optional: boolean;
  /** The value as T, or undefined if it is of another type. */
  accept(value: Json): T | undefined;
}

/** Members by name. */
export type Schema = Readonly<Record<string, Field<unknown>>>;

/** What a schema's members are once read. */
export type Values<S extends Schema> = { readonly [K in keyof S]: S[K] extends Field<infer T> ? T : never };

/** How a family words its complaints. */
export interface Wording {
  /** `arguments` is absent, and `member` (the first mandatory one) with it. */
  noArguments(command: string, member: string): string;
  /** `arguments` is not a map. */
  noMap(command: string): string;
  missing(member: string): string;
  wrongType(member: string, type: string): string;
}

/** A string. */
export const text: Field<string> = field('a string', (value) => (typeof value === 'string' ? value : undefined));

/** true or false. */
export const boolean: Field<boolean> = field('a boolean', (value) => (typeof value === 'boolean' ? value : undefined));

/** An integer of up to 64 bit; beyond 2^53 it loses its last digits, so check ranges. */
export const integer: Field<number> = field('an integer', (value) =>
  jsonTypeOf(value) === 'integer' ? Number(value) : undefined,
);

/** A list of anything. */
export const list: Field<readonly Json[]> = field('a list', (value) => (Array.isArray(value) ? value : undefined));

/** A string or an integer. */
export const textOrInteger: Field<string | number> = field(
  'a string or a number',
  (value) => text.accept(value) ?? integer.accept(value),
);

/** The same member, but it may be absent. */
export function optional<T>(inner: Field<T>): Field<T | undefined> {
  return { ...inner, optional: true };
}

/**
 * Reads `arguments` by a schema. Members the schema does not name are ignored, as Kea does.
 * @throws CommandError `command-invalid`, worded as the family does
 */
export function readArguments<S extends Schema>(command: ControlCommand, schema: S, wording: Wording): Values<S> {
  const fields = Object.entries(schema);
  const mandatory = fields.find(([, { optional }]) => !optional)?.[0];
  if (command.args === undefined && mandatory !== undefined) {
    throw invalid(wording.noArguments(command.name, mandatory));
  }
  const args = argumentMap(command, wording) ?? {};
  const values: Record<string, unknown> = {};
  for (const [name, member] of fields) {
    const given = memberOf(args, name);
    if (given === undefined) {
      if (!member.optional) throw invalid(wording.missing(name));
      continue;
    }
    const value = member.accept(given);
    if (value === undefined) throw invalid(wording.wrongType(name, member.type));
    values[name] = value;
  }
  return values as Values<S>;
}

/** `arguments` if it is there and a map. @throws CommandError if it is there and something else */
export function argumentMap(command: ControlCommand, wording: Pick<Wording, 'noMap'>): JsonMap | undefined {
  if (command.args === undefined) return undefined;
  if (jsonTypeOf(command.args) !== 'map') throw invalid(wording.noMap(command.name));
  return command.args as JsonMap;
}

/** A member of a map whose names the sender chose. */
export function memberOf(map: JsonMap, name: string): Json | undefined {
  return Object.hasOwn(map, name) ? map[name] : undefined;
}

/** The error of arguments that do not fit. */
export function invalid(message: string): CommandError {
  return new CommandError('command-invalid', message);
}

/** A row as its family writes it: with a schema and typed values. */
export interface TypedRow<S extends Schema, Services>
  extends Pick<CommandRow<Services>, 'name' | 'access' | 'hook' | 'summary' | 'secretArgs'> {
  readonly args: S;
  readonly wording: Wording;
  run(values: Values<S>, services: Services, command: ControlCommand): CommandResult | Promise<CommandResult>;
}

/** Makes a row of the command table from a typed one. With an empty schema `arguments` may be anything (Kea). */
export function defineCommand<S extends Schema, Services = ControlServices>(
  row: TypedRow<S, Services>,
): CommandRow<Services> {
  const { name, access, hook, summary, secretArgs, args, wording } = row;
  const takesNone = Object.keys(args).length === 0;
  return {
    name,
    access,
    hook,
    summary,
    ...(secretArgs === undefined ? {} : { secretArgs }),
    ...(takesNone ? {} : { args: describe(args) }),
    run(command, services) {
      return row.run(takesNone ? ({} as Values<S>) : readArguments(command, args, wording), services, command);
    },
  };
}

function describe(schema: Schema): CommandRow<ControlServices>['args'] {
  return Object.fromEntries(Object.entries(schema).map(([name, { type, optional }]) => [name, { type, optional }]));
}

function field<T>(type: string, accept: (value: Json) => T | undefined): Field<T> {
  return { type, optional: false, accept };
}

/** The wording of the server's own commands and of the statistics. */
export const CORE_WORDING: Wording = {
  noArguments: (_command, member) => `Missing mandatory '${member}' parameter.`,
  noMap: (command) => `arguments for the '${command}' command must be a map`,
  missing: (member) => `Missing mandatory '${member}' parameter.`,
  wrongType: (member, type) => `'${member}' parameter expected to be ${type}.`,
};
