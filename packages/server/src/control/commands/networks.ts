/** Shared networks (Kea: libdhcp_subnet_cmds). Changes are durable before the answer leaves. */

import { type TreeEdit, valueAt } from '../../config/edit.js';
import { patchNetworks } from '../../config/patch-networks.js';
import { mapsIn, placeOfNetwork, placeOfSubnet } from '../../config/places.js';
import type { ConfigSnapshot, JsonMap, SharedNetwork, Subnet } from '../../domain/snapshot.js';
import { LessorError } from '../../errors.js';
import { integer, invalid, memberOf } from '../arguments.js';
import { type CommandResult, type CommandRow, type ControlCommand, Result } from '../command.js';
import { changeText, wordedForSender } from '../config-words.js';
import type { ControlServices } from '../services.js';
import { describeCount, mandatoryArguments, onlyItem } from './network-arguments.js';
import { describe, notFound, withoutReservations } from './subnets.js';

const hook = 'subnet_cmds';
const NAME = { name: { type: 'a string', optional: false } };
const MEMBERSHIP = { ...NAME, id: { type: 'an integer', optional: false } };

/** The rows. */
export const NETWORK_COMMANDS: readonly CommandRow<ControlServices>[] = [
  {
    name: 'network4-list',
    access: 'read',
    hook,
    summary: 'the names of all shared networks',
    run(_, { config }) {
      const networks = config.current.sharedNetworks.map(({ name }) => ({ name }));
      return {
        result: networks.length === 0 ? Result.empty : Result.success,
        text: `${describeCount(networks.length, 'network')} found`,
        arguments: { 'shared-networks': networks },
      };
    },
  },
  {
    name: 'network4-get',
    access: 'read',
    hook,
    summary: 'one shared network with its subnets',
    args: NAME,
    run: (command, { config }) => get(command, config.current),
  },
  {
    name: 'network4-add',
    access: 'write',
    hook,
    summary: 'adds a shared network, with subnets or without',
    args: { 'shared-networks': { type: 'a list of one shared network', optional: false } },
    async run(command, { config }) {
      const written = onlyItem(command, 'shared-networks', 'network');
      const edits: TreeEdit[] = [{ op: 'append', to: ['shared-networks'], value: written }];
      const outcome = await wordedForSender(() =>
        config.edit((state, environment) => patchNetworks(state, edits, environment)),
      );
      const name = String(written.name);
      return named(changeText(`A new IPv4 shared network '${name}' added`, outcome), name);
    },
  },
  {
    name: 'network4-del',
    access: 'write',
    hook,
    summary: 'removes a shared network; subnets-action says whether its subnets stay ("keep") or go too ("delete")',
    args: { ...NAME, 'subnets-action': { type: 'a string', optional: true } },
    run: (command, { config }) => remove(command, config),
  },
  {
    name: 'network4-subnet-add',
    access: 'write',
    hook,
    summary: 'puts a subnet into a shared network',
    args: MEMBERSHIP,
    async run(command, { config }) {
      const { name, id } = readMembership(command);
      let subnet: Subnet | undefined;
      const outcome = await wordedForSender(() =>
        config.edit((state, environment) => {
          subnet = state.snapshot.subnetById.get(id);
          const network = networkNamed(state.snapshot, name);
          const [to, from] = [placeOfNetwork(state.source, name), placeOfSubnet(state.source, id)];
          if (network === undefined || to === undefined) throw noNetwork(name);
          if (subnet === undefined || from === undefined) throw notFound(`no IPv4 subnet with id '${id}' found`);
          refuseMember(subnet, network);
          return patchNetworks(state, [{ op: 'move', from, to: [...to, 'subnet4'] }], environment);
        }),
      );
      const message = `IPv4 subnet ${describe(subnet!)} is now part of shared network '${name}'`;
      return { result: Result.success, text: changeText(message, outcome) };
    },
  },
  {
    name: 'network4-subnet-del',
    access: 'write',
    hook,
    summary: 'takes a subnet out of a shared network; it stays as one of its own',
    args: MEMBERSHIP,
    async run(command, { config }) {
      const { name, id } = readMembership(command);
      let subnet: Subnet | undefined;
      const outcome = await wordedForSender(() =>
        config.edit((state, environment) => {
          if (networkNamed(state.snapshot, name) === undefined) throw noNetwork(name);
          subnet = state.snapshot.subnetById.get(id);
          const from = placeOfSubnet(state.source, id);
          if (subnet?.sharedNetwork?.name !== name || from === undefined) {
            throw notFound(`The IPv4 subnet with id ${id} is not part of the shared network with name '${name}' found`);
          }
          return patchNetworks(state, [{ op: 'move', from, to: ['subnet4'] }], environment);
        }),
      );
      const message = `IPv4 subnet ${describe(subnet!)} is now removed from shared network '${name}'`;
      return { result: Result.success, text: changeText(message, outcome) };
    },
  },
];

function get(command: ControlCommand, { tree }: ConfigSnapshot): CommandResult {
  const name = memberOf(mandatoryArguments(command), 'name');
  if (name === undefined) throw invalid(`invalid '${command.name}': missing mandatory 'name' parameter`);
  if (typeof name !== 'string') throw invalid("'name' parameter must be a string");
  const network = mapsIn(tree, 'shared-networks').find((one) => one.name === name);
  if (network === undefined) return { result: Result.empty, text: `No '${name}' shared network found` };
  const shown = { ...network, subnet4: mapsIn(network, 'subnet4').map(withoutReservations) };
  return {
    result: Result.success,
    text: `Info about IPv4 shared network '${name}' returned`,
    arguments: { 'shared-networks': [shown] },
  };
}

async function remove(command: ControlCommand, config: ControlServices['config']): Promise<CommandResult> {
  const { name, withSubnets } = readRemoval(command);
  const outcome = await wordedForSender(() =>
    config.edit((state, environment) => {
      const at = placeOfNetwork(state.source, name);
      if (at === undefined) throw notFound(`no shared network with name '${name}' found`);
      const members = withSubnets ? [] : mapsIn(valueAt(state.source, at) as JsonMap, 'subnet4');
      // Each move leaves the next one first.
      const moves = members.map((): TreeEdit => ({ op: 'move', from: [...at, 'subnet4', 0], to: ['subnet4'] }));
      return patchNetworks(state, [...moves, { op: 'remove', at }], environment);
    }),
  );
  return named(changeText(`IPv4 shared network '${name}' deleted`, outcome), name);
}

function readRemoval(command: ControlCommand): { readonly name: string; readonly withSubnets: boolean } {
  const args = mandatoryArguments(command);
  const name = memberOf(args, 'name');
  if (name === undefined) throw invalid(`network name ('name') is required for the '${command.name}' command`);
  if (typeof name !== 'string')
    throw invalid(`network name ('name') specified for the '${command.name}' is not a string`);
  const action = memberOf(args, 'subnets-action') ?? 'keep';
  if (typeof action !== 'string') {
    throw invalid(
      `subnets-action parameter for ${command.name} command must be a string. Supported values are: 'keep' and 'delete'.`,
    );
  }
  if (action !== 'keep' && action !== 'delete') {
    throw invalid(`Invalid value for subnets-action parameter: ${action}, Supported values: 'keep' and 'delete'.`);
  }
  return { name, withSubnets: action === 'delete' };
}

function readMembership(command: ControlCommand): { readonly name: string; readonly id: number } {
  const args = mandatoryArguments(command);
  const [name, written] = [memberOf(args, 'name'), memberOf(args, 'id')];
  if (name === undefined) throw invalid(`missing 'name' argument for the '${command.name}' command`);
  if (typeof name !== 'string')
    throw invalid(`'name' argument specified for the '${command.name}' command is not a string`);
  if (written === undefined) throw invalid(`missing 'id' argument for the '${command.name}' command`);
  const id = integer.accept(written);
  if (id === undefined) throw invalid(`'id' argument specified for the '${command.name}' command is not an integer`);
  return { name, id };
}

function networkNamed({ sharedNetworks }: ConfigSnapshot, name: string): SharedNetwork | undefined {
  return sharedNetworks.find((network) => network.name === name);
}

function noNetwork(name: string) {
  return notFound(`no IPv4 shared network with name '${name}' found`);
}

/** @throws LessorError if the subnet is in this or another network already */
function refuseMember({ id, sharedNetwork }: Subnet, network: SharedNetwork): void {
  if (sharedNetwork === undefined) return;
  throw new LessorError(
    'config-conflict',
    sharedNetwork === network
      ? `attempted to add subnet with a duplicated subnet identifier ${id}`
      : `subnet ${id} being added to a shared network already belongs to a shared network`,
  );
}

function named(message: string, name: string): CommandResult {
  return { result: Result.success, text: message, arguments: { 'shared-networks': [{ name }] } };
}
