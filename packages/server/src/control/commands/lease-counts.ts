/** stat-lease4-get: leases of subnets, as a table (Kea: libdhcp_stat_cmds). */

import { jsonTypeOf } from '@lessor/kea';
import type { SubnetId } from '../../domain/values.js';
import { sampleTimeFormatter, subnetStatistic } from '../../services/statistics.js';
import { argumentMap, integer, invalid, memberOf } from '../arguments.js';
import { type CommandResult, type CommandRow, type ControlCommand, type JsonMap, Result } from '../command.js';
import type { ControlServices } from '../services.js';

const COLUMNS = [
  'subnet-id',
  'total-addresses',
  'cumulative-assigned-addresses',
  'assigned-addresses',
  'declined-addresses',
] as const;

/** Which subnets are asked for. */
interface Selection {
  /** As the text of the answer names it. */
  readonly title: string;
  /** What is said where there is none of them. */
  readonly none: string;
  has(id: SubnetId): boolean;
}

/** The rows. */
export const LEASE_COUNT_COMMANDS: readonly CommandRow<ControlServices>[] = [
  {
    name: 'stat-lease4-get',
    access: 'read',
    hook: 'stat_cmds',
    summary: 'addresses and leases of all subnets, of one, or of a range of subnet ids, as a table',
    args: {
      'subnet-id': { type: 'an integer', optional: true },
      'subnet-range': { type: 'a map of first-subnet-id and last-subnet-id', optional: true },
    },
    run(command, { config, statistics, leaseCounts, clock }): CommandResult {
      const selection = readSelection(command);
      const subnets = config.current.subnets.filter(({ id }) => selection.has(id));
      const heading = `stat-lease4-get[${selection.title}]`;
      if (subnets.length === 0) {
        return { result: Result.empty, text: `${heading}: no matching data, ${selection.none}`, arguments: {} };
      }
      const rows = subnets.map(({ id }) => {
        const counted = (name: string): number => statistics.get(subnetStatistic(id, name))?.value ?? 0;
        const { assigned, declined } = leaseCounts.of(id);
        return [id, counted('total-addresses'), counted('cumulative-assigned-addresses'), assigned, declined];
      });
      return {
        result: Result.success,
        text: `${heading}: ${rows.length} rows found`,
        arguments: { 'result-set': { columns: COLUMNS, rows, timestamp: sampleTimeFormatter()(clock.now()) } },
      };
    },
  },
];

function readSelection(command: ControlCommand): Selection {
  const args = argumentMap(command, { noMap: () => "'arguments' parameter is not a map" }) ?? {};
  const one = memberOf(args, 'subnet-id');
  const range = memberOf(args, 'subnet-range');
  if (one === undefined && range === undefined) {
    return { title: 'all subnets', none: 'selected ID range: 0 through 0 includes no known subnets', has: () => true };
  }
  const id = one === undefined ? undefined : readId(args, 'subnet-id', 'is not integer');
  if (range === undefined) {
    return { title: `subnet-id=${id}`, none: `subnet-id: ${id} does not exist`, has: (other) => other === id };
  }
  if (id !== undefined) throw invalid('cannot specify both subnet-id and subnet-range');
  if (jsonTypeOf(range) !== 'map') throw invalid('subnet-range parameter is not a map');
  const first = readId(range as JsonMap, 'first-subnet-id', 'missing or not an integer');
  const last = readId(range as JsonMap, 'last-subnet-id', 'missing or not an integer');
  if (last < first) throw invalid("'last-subnet-id' must be greater than 'first-subnet-id'");
  return {
    title: `subnets ${first} through ${last}`,
    none: `selected ID range: ${first} through ${last} includes no known subnets`,
    has: (other) => other >= first && other <= last,
  };
}

function readId(map: JsonMap, name: string, complaint: string): SubnetId {
  const given = memberOf(map, name);
  const id = given === undefined ? undefined : integer.accept(given);
  if (id === undefined) throw invalid(`'${name}' parameter ${complaint}`);
  if (id <= 0) throw invalid(`'${name}' parameter must be > 0`);
  return id;
}
