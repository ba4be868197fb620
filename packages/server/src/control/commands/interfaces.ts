/** interface-list, interface-redetect and interface-add (Kea: IfaceMgr::ifacesToElement, CfgIface). */

import type { InterfaceSelector } from '../../domain/snapshot.js';
import { parseIpv4 } from '../../domain/values.js';
import { CORE_WORDING, defineCommand, invalid, list, type Wording } from '../arguments.js';
import { type CommandResult, type CommandRow, type Json, Result } from '../command.js';
import type { ControlServices, InterfaceInfo } from '../services.js';

const ADD_WORDING: Wording = { ...CORE_WORDING, noArguments: () => "Missing mandatory 'arguments' parameter." };

/** The rows. */
export const INTERFACE_COMMANDS: readonly CommandRow<ControlServices>[] = [
  defineCommand({
    name: 'interface-list',
    access: 'read',
    hook: 'core',
    summary: 'the network interfaces of the machine, with flags and addresses',
    args: {},
    wording: CORE_WORDING,
    run: (_, services) => listing(services),
  }),
  defineCommand({
    name: 'interface-redetect',
    access: 'write',
    hook: 'core',
    summary: 'looks for interfaces again, serves those that are new, and lists all',
    args: {},
    wording: CORE_WORDING,
    async run(_, services) {
      await services.interfaces.redetect();
      return listing(services);
    },
  }),
  defineCommand({
    name: 'interface-add',
    access: 'write',
    hook: 'core',
    summary: 'serves on more interfaces ("eth1", or "eth1/192.0.2.1" for one address) until a configuration is set',
    args: { interfaces: list },
    wording: ADD_WORDING,
    async run({ interfaces }, services) {
      await services.interfaces.add(interfaces.map(readSelector));
      return { result: Result.success, text: 'Interface configuration successfully updated.' };
    },
  }),
];

function readSelector(value: Json): InterfaceSelector {
  if (typeof value !== 'string') throw invalid("items of 'interfaces' expected to be strings.");
  const [name = '', addressText, ...more] = value.split('/').map((part) => part.trim());
  if (name === '' || name === '*' || more.length > 0) throw invalid(`'${value}' does not name an interface`);
  if (addressText === undefined) return { name };
  const address = parseIpv4(addressText);
  if (address === undefined) throw invalid(`'${addressText}' is not an IPv4 address`);
  return { name, address };
}

function listing({ interfaces }: ControlServices): CommandResult {
  const list = interfaces.list();
  return {
    result: Result.success,
    text: `${list.length} interfaces detected.`,
    arguments: { interfaces: list.map(interfaceToJson) },
  };
}

function interfaceToJson(info: InterfaceInfo): Json {
  return {
    name: info.name,
    index: info.index,
    mac: info.mac,
    type: info.type,
    addresses: info.addresses,
    'flag-loopback': info.loopback,
    'flag-up': info.up,
    'flag-running': info.running,
    'flag-multicast': info.multicast,
    'flag-broadcast': info.broadcast,
    'in-use': info.inUse,
  };
}
