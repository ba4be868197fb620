/** Subnets (Kea: libdhcp_subnet_cmds). Changes are durable before the answer leaves. */

import { checkSection } from '../../config/check.js';
import { additions, removals } from '../../config/delta.js';
import { type Place, type TreeEdit, valueAt } from '../../config/edit.js';
import { IssueList } from '../../config/issues.js';
import { patchNetworks } from '../../config/patch-networks.js';
import { mapsIn, placeOfSubnet } from '../../config/places.js';
import { fromJson, type MapNode } from '../../config/tree.js';
import { parsePrefix } from '../../config/values.js';
import type { ConfigSnapshot, Subnet } from '../../domain/snapshot.js';
import { formatIpv4, type SubnetId } from '../../domain/values.js';
import { CommandError, ConfigError } from '../../errors.js';
import { integer, invalid, memberOf } from '../arguments.js';
import {
  type CommandResult,
  type CommandRow,
  type ControlCommand,
  type Json,
  type JsonMap,
  Result,
} from '../command.js';
import { changeText, wordedForSender } from '../config-words.js';
import { jsonInteger } from '../json-members.js';
import type { ControlServices } from '../services.js';
import { describeCount, mandatoryArguments, onlyItem } from './network-arguments.js';

const MAX_SUBNET_ID = 0xffff_fffe;
const hook = 'subnet_cmds';
const SUBNET_LIST = { subnet4: { type: 'a list of one subnet', optional: false } };

/** How a subnet command changes a subnet that is there. */
type SubnetEdits = (at: Place, subnet: JsonMap, written: JsonMap, config: ConfigSnapshot) => readonly TreeEdit[];

/** The rows. */
export const SUBNET_COMMANDS: readonly CommandRow<ControlServices>[] = [
  {
    name: 'subnet4-list',
    access: 'read',
    hook,
    summary: 'ids and prefixes of all subnets, and the shared networks they are in',
    run(_, { config }) {
      const subnets = config.current.subnets.map((subnet) => ({
        ...identityOf(subnet),
        'shared-network-name': subnet.sharedNetwork?.name || null,
      }));
      return {
        result: subnets.length === 0 ? Result.empty : Result.success,
        text: `${describeCount(subnets.length, 'subnet')} found`,
        arguments: { subnets },
      };
    },
  },
  {
    name: 'subnet4-get',
    access: 'read',
    hook,
    summary: 'one subnet with all its parameters, by id or by subnet (its prefix)',
    args: { id: { type: 'an integer', optional: true }, subnet: { type: 'a string', optional: true } },
    run: (command, { config }) => get(command, config.current),
  },
  {
    name: 'subnet4-add',
    access: 'write',
    hook,
    summary: 'adds a subnet',
    args: SUBNET_LIST,
    async run(command, { config }) {
      const written = readSubnet(command, ". Use 'reservation-add' to add a reservation to a subnet");
      const edits: TreeEdit[] = [{ op: 'append', to: ['subnet4'], value: written }];
      const outcome = await wordedForSender(() =>
        config.edit((state, environment) => patchNetworks(state, edits, environment)),
      );
      return changed(changeText('IPv4 subnet added', outcome), written);
    },
  },
  {
    name: 'subnet4-update',
    access: 'write',
    hook,
    summary: 'replaces a subnet; it keeps its reservations',
    args: SUBNET_LIST,
    run: (command, { config }) => change(command, config, replacements),
  },
  {
    name: 'subnet4-delta-add',
    access: 'write',
    hook,
    summary: 'puts parameters, pools and options into a subnet, over those it has',
    args: SUBNET_LIST,
    run: (command, { config }) =>
      change(command, config, (at, subnet, written, { registry }) => additions(at, subnet, written, registry)),
  },
  {
    name: 'subnet4-delta-del',
    access: 'write',
    hook,
    summary: 'takes parameters, pools and options out of a subnet',
    args: SUBNET_LIST,
    run: (command, { config }) =>
      change(command, config, (at, subnet, written, { registry }) => removals(at, subnet, written, registry)),
  },
  {
    name: 'subnet4-del',
    access: 'write',
    hook,
    summary: 'removes a subnet and its reservations; leases stay until they run out',
    args: { id: { type: 'an integer', optional: false } },
    run: (command, { config }) => remove(command, config),
  },
];

function get(command: ControlCommand, { subnetById, subnets, tree }: ConfigSnapshot): CommandResult {
  const args = mandatoryArguments(command);
  const count = Object.keys(args).length;
  if (count !== 1) {
    throw invalid(`invalid number of arguments ${count} for the '${command.name}' command. Expecting 'id' or 'subnet'`);
  }
  const [prefix, writtenId] = [memberOf(args, 'subnet'), memberOf(args, 'id')];
  if (prefix !== undefined && typeof prefix !== 'string') throw invalid("'subnet' parameter must be a string");
  if (prefix === undefined && writtenId === undefined) throw invalid("'id' or 'subnet' parameter required");
  const id = writtenId === undefined ? undefined : integer.accept(writtenId);
  if (prefix === undefined && id === undefined) throw invalid("'id' parameter must be an integer");
  const subnet = prefix === undefined ? subnetById.get(id!) : subnets.find((one) => identityOf(one).subnet === prefix);
  if (subnet === undefined) {
    const none = prefix === undefined ? `No subnet with id ${id} found` : `No ${prefix} subnet found`;
    return { result: Result.empty, text: none };
  }
  return {
    result: Result.success,
    text: `Info about IPv4 subnet ${describe(subnet)} returned`,
    arguments: { subnet4: [subnetJson(tree, subnet)] },
  };
}

/** A subnet as subnet4-get shows it: as config-get does, but without reservations, which have their own commands. */
function subnetJson(tree: JsonMap, { id, sharedNetwork }: Subnet): JsonMap {
  const map =
    sharedNetwork === undefined
      ? tree
      : mapsIn(tree, 'shared-networks').find(({ name }) => name === sharedNetwork.name)!;
  return withoutReservations(mapsIn(map, 'subnet4').find((subnet) => subnet.id === id)!);
}

/** See {@link subnetJson}. */
export function withoutReservations({ reservations: _, ...others }: JsonMap): JsonMap {
  return others as JsonMap;
}

async function change(
  command: ControlCommand,
  config: ControlServices['config'],
  editsOf: SubnetEdits,
): Promise<CommandResult> {
  const written = readSubnet(command, '.');
  if (memberOf(written, 'id') === undefined) throw invalid(`must specify subnet id with '${command.name}' command.`);
  const id = jsonInteger(written, 'id', 1, MAX_SUBNET_ID);
  let after: Subnet | undefined;
  const outcome = await wordedForSender(() =>
    config.edit(function* (state, environment) {
      const at = placeOfSubnet(state.source, id);
      if (at === undefined) throw new CommandError('command-invalid', `Can't find subnet '${id}' to update`);
      checkWords(written);
      const edits = editsOf(at, valueAt(state.source, at) as JsonMap, written, state.snapshot);
      const patch = yield* patchNetworks(state, edits, environment);
      after = patch.snapshot.subnetById.get(id);
      return patch;
    }),
  );
  return changed(changeText('IPv4 subnet updated', outcome), identityOf(after!));
}

/** A partial subnet must be one as far as it goes, also where only its names are used. @throws ConfigError */
function checkWords(written: JsonMap): void {
  const issues = new IssueList();
  checkSection(fromJson(written) as MapNode, 'subnet4', 'subnet4[0]', issues);
  const errors = issues.sorted('error').filter(({ code }) => code !== 'config-missing');
  if (errors.length > 0) throw new ConfigError(errors);
}

/** Every member as written; what is not written goes, reservations stay. Members that are the same are left alone. */
function replacements(at: Place, subnet: JsonMap, written: JsonMap): TreeEdit[] {
  const gone = Object.keys(subnet).filter((name) => name !== 'reservations' && !Object.hasOwn(written, name));
  return [
    ...gone.map((name): TreeEdit => ({ op: 'remove', at: [...at, name] })),
    ...Object.entries(written).map(([name, value]): TreeEdit => ({ op: 'set', at: [...at, name], value })),
  ];
}

async function remove(command: ControlCommand, config: ControlServices['config']): Promise<CommandResult> {
  const id = readSubnetId(command);
  let gone: Subnet | undefined;
  const outcome = await wordedForSender(() =>
    config.edit((state, environment) => {
      gone = state.snapshot.subnetById.get(id);
      const at = placeOfSubnet(state.source, id);
      if (gone === undefined || at === undefined) throw notFound(`no subnet with id ${id} found`);
      return patchNetworks(state, [{ op: 'remove', at }], environment);
    }),
  );
  return {
    result: Result.success,
    text: changeText(`IPv4 subnet ${describe(gone!)} deleted`, outcome),
    arguments: { subnets: [identityOf(gone!)] },
  };
}

function readSubnetId(command: ControlCommand): SubnetId {
  const args = mandatoryArguments(command);
  if (Object.keys(args).length !== 1) {
    // The quotation mark Kea forgets is missing here too: clients compare.
    throw invalid(`invalid number of arguments specified for the '${command.name} command. Expected subnet identifier`);
  }
  const written = memberOf(args, 'id');
  if (written === undefined) throw invalid(`subnet identifier is required for the '${command.name}' command`);
  const id = integer.accept(written);
  if (id === undefined) throw invalid(`subnet identifier specified for the '${command.name}' is not a number`);
  return id;
}

function readSubnet(command: ControlCommand, instead: string): JsonMap {
  const written = onlyItem(command, 'subnet4', 'subnet');
  if (memberOf(written, 'reservations') !== undefined) {
    throw invalid(`must not specify host reservations with '${command.name}'${instead}`);
  }
  return written;
}

/** What nothing was found for: result 3. */
export function notFound(message: string): CommandError {
  return new CommandError('command-invalid', message, Result.empty);
}

/** `id` and `subnet` of an answer; a prefix as written is shown with its host bits cut off. */
function changed(message: string, { id, subnet }: JsonMap): CommandResult {
  const prefix = parsePrefix(String(subnet));
  const shown: Json = typeof prefix === 'string' ? String(subnet) : `${formatIpv4(prefix.address)}/${prefix.length}`;
  return { result: Result.success, text: message, arguments: { subnets: [{ id: id ?? null, subnet: shown }] } };
}

function identityOf({ id, prefix, prefixLength }: Subnet): { readonly id: SubnetId; readonly subnet: string } {
  return { id, subnet: `${formatIpv4(prefix)}/${prefixLength}` };
}

/** `192.0.2.0/24 (id 1)`. */
export function describe(subnet: Subnet): string {
  return `${identityOf(subnet).subnet} (id ${subnet.id})`;
}
