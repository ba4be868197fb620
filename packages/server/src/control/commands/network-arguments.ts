/** What the arguments of the subnet and network commands have in common, and how they complain (Kea: subnet_cmds.cc). */

import { jsonTypeOf } from '@lessor/kea';
import { invalid, memberOf } from '../arguments.js';
import type { ControlCommand, Json, JsonMap } from '../command.js';

/** `arguments`, which must be there and a map. @throws CommandError */
export function mandatoryArguments({ name, args }: ControlCommand): JsonMap {
  if (args === undefined) throw invalid(`no arguments specified for the '${name}' command`);
  if (jsonTypeOf(args) !== 'map') throw invalid(`arguments specified for the '${name}' command are not a map`);
  return args as JsonMap;
}

/**
 * The one map in the one list a command is given.
 * @param what 'subnet' or 'network'
 * @throws CommandError
 */
export function onlyItem(command: ControlCommand, member: string, what: string): JsonMap {
  const { name } = command;
  const args = mandatoryArguments(command);
  const count = Object.keys(args).length;
  if (count !== 1)
    throw invalid(`invalid number of arguments ${count} for the '${name}' command. Expecting '${member}' list`);
  const list = memberOf(args, member);
  if (list === undefined) throw invalid(`missing '${member}' argument for the '${name}' command`);
  if (jsonTypeOf(list) !== 'list')
    throw invalid(`'${member}' argument specified for the '${name}' command is not a list`);
  const items = list as readonly Json[];
  const [item] = items;
  if (item === undefined || items.length !== 1) {
    throw invalid(`invalid number of ${what}s specified for the '${name}' command. Expected one ${what}`);
  }
  if (jsonTypeOf(item) !== 'map') {
    throw invalid(`invalid ${what} information specified for the '${name}' command. Expected a map`);
  }
  return item as JsonMap;
}

/** `2 IPv4 subnets`. */
export function describeCount(count: number, what: string): string {
  return `${count} IPv4 ${what}${count === 1 ? '' : 's'}`;
}
