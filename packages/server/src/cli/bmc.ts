/** `lessor bmc`: the inventory of BMCs, and what the guard of their networks has to say. */

import type { JsonMap, JsonValue } from '@lessor/kea';
import { formatOptions, type OptionRow, parseOptions, UsageError } from './args.js';
import { ExitCode, type Io, writeLine } from './io.js';
import { askServer, REMOTE_OPTIONS } from './remote.js';
import { formatColumns } from './table.js';

const OPTIONS: readonly OptionRow[] = [
  ...REMOTE_OPTIONS,
  { name: 'subnet', value: 'ID', help: 'devices of this subnet only' },
  { name: 'open', help: 'alarms nobody acknowledged only' },
  { name: 'json', help: 'one JSON object a line' },
];

/** Usage text of `lessor bmc`. */
export const BMC_USAGE = `Usage: lessor bmc [list | alarms | acknowledge ID] (--socket PATH | --url URL) [options]

  list            management processors that were seen, and what their ports look like (default)
  alarms          what the guard found, the newest first
  acknowledge ID  notes that somebody has seen an alarm

${formatOptions(OPTIONS)}

Exit codes: 0 done, 1 the server did not answer or refused, 2 wrong usage.
`;

/** Devices asked for at a time. */
const PAGE = 500;

/** Runs it. */
export async function runBmc(argv: readonly string[], io: Io): Promise<number> {
  const args = parseOptions(argv, OPTIONS);
  const [what = 'list', id, ...rest] = args.positionals;
  if (rest.length > 0 || (what === 'acknowledge') !== (id !== undefined)) {
    throw new UsageError('ask for one of: list, alarms, acknowledge ID');
  }
  const ask = async (name: string, members: object): Promise<JsonMap> =>
    ((await askServer(args, io, name, members)).arguments ?? {}) as JsonMap;
  switch (what) {
    case 'list': {
      const devices: JsonMap[] = [];
      const subnet = args.value('subnet');
      if (subnet !== undefined && !/^[1-9]\d{0,9}$/.test(subnet)) throw new UsageError('--subnet wants the id of one');
      const of = subnet === undefined ? {} : { 'subnet-id': Number(subnet) };
      for (;;) {
        const last = devices.at(-1)?.['hw-address'];
        const from = last === undefined ? {} : { from: last };
        const page = mapsAt(await ask('bmc-list', { ...of, ...from, limit: PAGE }), 'devices');
        devices.push(...page);
        if (page.length < PAGE) break;
      }
      print(devices, deviceRow, ['ADDRESS', 'KIND', 'PRODUCT', 'PORT', 'SUBNET', 'SCORE', 'IP', 'LAST SEEN', 'WHERE']);
      return ExitCode.ok;
    }
    case 'alarms': {
      const alarms = mapsAt(await ask('guard-alarm-list', { open: args.flag('open') }), 'alarms');
      print(alarms, alarmRow, ['ID', 'RULE', 'SEVERITY', 'ADDRESS', 'SUBNET', 'SCORE', 'COUNT', 'LAST', 'WHAT']);
      return ExitCode.ok;
    }
    case 'acknowledge': {
      if (!/^\d{1,15}$/.test(id!)) throw new UsageError('acknowledge wants the number of an alarm');
      await ask('guard-alarm-acknowledge', { id: Number(id) });
      return ExitCode.ok;
    }
    default:
      throw new UsageError(`there is no "${what}" to ask for: list, alarms, acknowledge ID`);
  }

  function print(maps: readonly JsonMap[], row: (map: JsonMap) => string[], heading: readonly string[]): void {
    if (args.flag('json')) for (const map of maps) writeLine(io.stdout, JSON.stringify(map));
    else io.stdout.write(formatColumns([heading, ...maps.map(row)]));
  }
}

function deviceRow(device: JsonMap): string[] {
  const circuit = textOf(device['circuit-id']);
  const relay = textOf(device.relay);
  const where = [textOf(device.interface), relay, circuit === '' ? '' : `port ${readable(circuit)}`];
  return [
    textOf(device['hw-address']),
    textOf(device.kind),
    textOf(device.product) || '-',
    textOf(device['port-mode']),
    `${textOf(device['subnet-id'])}${device.management === true ? ' (management)' : ''}`,
    textOf(device.score),
    textOf(device.address) || '-',
    timeOf(device['last-seen']),
    where.filter((one) => one !== '').join(' '),
  ];
}

function alarmRow(alarm: JsonMap): string[] {
  const seen = alarm.acknowledged === undefined ? '' : ' (acknowledged)';
  return [
    textOf(alarm.id),
    textOf(alarm.rule),
    textOf(alarm.severity),
    textOf(alarm['hw-address']),
    textOf(alarm['subnet-id']),
    textOf(alarm.score),
    textOf(alarm.count),
    timeOf(alarm.last),
    `${textOf(alarm.text)}${seen}`,
  ];
}

/** A circuit-id as text, if it is some. */
function readable(hex: string): string {
  const text = Buffer.from(hex, 'hex').toString('latin1');
  return /^[ -~]+$/.test(text) ? text : hex;
}

function timeOf(value: JsonValue | undefined): string {
  return typeof value === 'number' ? new Date(1000 * value).toISOString().slice(0, 19).replace('T', ' ') : '-';
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function mapsAt(map: JsonMap, name: string): JsonMap[] {
  const list = map[name];
  return Array.isArray(list) ? (list as readonly JsonMap[]).slice() : [];
}
