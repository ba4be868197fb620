/** What the guard of BMC networks knows: devices and alarms. */

import { alarmToJson } from '../../domain/guard/alarm-json.js';
import { deviceToJson } from '../../domain/guard/device-json.js';
import { type Mac, parseMac } from '../../domain/guard/mac.js';
import { CommandError } from '../../errors.js';
import { boolean, CORE_WORDING, defineCommand, integer, invalid, optional, text } from '../arguments.js';
import { type CommandRow, Result } from '../command.js';
import type { ControlServices } from '../services.js';

const DEFAULT_LIMIT = 1000;
const MAX_LIMIT = 10_000;

/** The rows. */
export const GUARD_COMMANDS: readonly CommandRow<ControlServices>[] = [
  defineCommand({
    name: 'bmc-list',
    access: 'read',
    hook: 'lessor',
    summary:
      'up to `limit` devices of the inventory of BMCs in the order of hardware addresses, after `from`; all, or those of a subnet',
    args: { 'subnet-id': optional(integer), from: optional(text), limit: optional(integer) },
    wording: CORE_WORDING,
    run({ 'subnet-id': subnetId, from, limit = DEFAULT_LIMIT }, { guard }) {
      const after = from === undefined ? -1 : readMac(from);
      if (limit < 1 || limit > MAX_LIMIT) throw invalid(`'limit' parameter must be 1 to ${MAX_LIMIT}.`);
      const devices = [...guard.inventory.all()]
        .filter((device) => device.mac > after && (subnetId === undefined || device.subnetId === subnetId))
        .sort((a, b) => a.mac - b.mac)
        .slice(0, limit)
        .map(deviceToJson);
      return {
        result: devices.length === 0 ? Result.empty : Result.success,
        text: `${devices.length} device(s) found.`,
        arguments: { devices, count: devices.length },
      };
    },
  }),
  defineCommand({
    name: 'guard-alarm-list',
    access: 'read',
    hook: 'lessor',
    summary: 'alarms of the guard of BMC networks, the newest first; with `open` only those nobody acknowledged',
    args: { open: optional(boolean), limit: optional(integer) },
    wording: CORE_WORDING,
    run({ open = false, limit = DEFAULT_LIMIT }, { guard }) {
      if (limit < 1) throw invalid("'limit' parameter must be at least 1.");
      const alarms = guard.alarms.all
        .filter(({ acknowledged }) => !open || acknowledged === undefined)
        .slice(0, limit)
        .map(alarmToJson);
      return {
        result: alarms.length === 0 ? Result.empty : Result.success,
        text: `${alarms.length} alarm(s) found.`,
        arguments: { alarms, suppressed: guard.alarms.suppressed },
      };
    },
  }),
  defineCommand({
    name: 'guard-alarm-acknowledge',
    access: 'write',
    hook: 'lessor',
    summary: 'notes that somebody has seen an alarm of the guard of BMC networks',
    args: { id: integer },
    wording: CORE_WORDING,
    run({ id }, { guard, clock }, { principal }) {
      const alarm = guard.alarms.acknowledge(id, principal.name, clock.now());
      if (alarm === undefined) throw new CommandError('command-failed', `there is no alarm ${id}`);
      return { result: Result.success, text: 'Alarm acknowledged.', arguments: alarmToJson(alarm) };
    },
  }),
];

function readMac(from: string): Mac {
  const mac = parseMac(from);
  if (mac === undefined) throw invalid(`'from' parameter is no hardware address: ${from}`);
  return mac;
}
