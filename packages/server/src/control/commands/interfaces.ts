/** interface-list and interface-redetect (Kea: IfaceMgr::ifacesToElement). */

import { CORE_WORDING, defineCommand } from '../arguments.js';
import { type CommandResult, type CommandRow, type Json, Result } from '../command.js';
import type { ControlServices, InterfaceInfo } from '../services.js';

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
];

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
