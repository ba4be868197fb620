/** Looking reservations up (Kea: libdhcp_host_cmds). All are in memory: asked for those of a database there are none. */

import { lowerCase } from '../../domain/values.js';
import type { DirectoryEntry, ReservationDirectory } from '../../services/reservation-directory.js';
import { integer, invalid, memberOf } from '../arguments.js';
import {
  type CommandResult,
  type CommandRow,
  type ControlCommand,
  type Json,
  type JsonMap,
  Result,
} from '../command.js';
import { jsonInteger, jsonText } from '../json-members.js';
import {
  checkScope,
  readClient,
  readIpv4,
  readParameters,
  readReservationKey,
  readSubnetId,
  readTarget,
} from '../reservation-arguments.js';
import type { ControlServices } from '../services.js';
import { reservationsOf } from './reservations.js';

const hook = 'host_cmds';
const SUBNET = { 'subnet-id': { type: 'an integer', optional: true } } as const;
const TARGET = { 'operation-target': { type: 'a word: memory, database, all or default', optional: true } } as const;

/** The highest source-index (Kea). Sources beyond memory, 0, are databases. */
const MAX_SOURCE_INDEX = 10;

/** The rows. */
export const RESERVATION_QUERY_COMMANDS: readonly CommandRow<ControlServices>[] = [
  {
    name: 'reservation-get',
    access: 'read',
    hook,
    summary: 'one reservation, by subnet-id and ip-address, or subnet-id, identifier-type and identifier',
    args: {
      'subnet-id': { type: 'an integer', optional: false },
      'ip-address': { type: 'a string', optional: true },
      'identifier-type': { type: 'a string', optional: true },
      identifier: { type: 'a string', optional: true },
      ...TARGET,
    },
    run(command, services): CommandResult {
      const args = readParameters(command);
      const key = readReservationKey(args);
      const [entry] = readTarget(args) === 'database' ? [] : reservationsOf(key, directoryOf(services));
      return entry === undefined
        ? { result: Result.empty, text: 'Host not found.' }
        : { result: Result.success, text: 'Host found.', arguments: shown(entry) };
    },
  },
  {
    name: 'reservation-get-all',
    access: 'read',
    hook,
    summary: 'the reservations of a subnet, or the global ones (subnet-id 0)',
    args: { 'subnet-id': { type: 'an integer', optional: false }, ...TARGET },
    run(command, services) {
      const args = readParameters(command);
      const id = readSubnetId(args);
      return list(command, services, (directory) => directory.of(id));
    },
  },
  {
    name: 'reservation-get-page',
    access: 'read',
    hook,
    summary: 'up to "limit" reservations, of a subnet or of all, beginning after "from" of the page before',
    args: {
      limit: { type: 'an integer', optional: false },
      ...SUBNET,
      'source-index': { type: 'an integer', optional: true },
      from: { type: 'an integer', optional: true },
    },
    run: (command, services) => page(command, services),
  },
  {
    name: 'reservation-get-by-address',
    access: 'read',
    hook,
    summary: 'the reservations of an address, in a subnet or in all',
    args: { 'ip-address': { type: 'a string', optional: false }, ...SUBNET, ...TARGET },
    run(command, services) {
      const address = readIpv4(jsonText(readParameters(command), 'ip-address'));
      return list(command, services, (directory) => directory.ofAddress(address));
    },
  },
  {
    name: 'reservation-get-by-hostname',
    access: 'read',
    hook,
    summary: 'the reservations with a host name, whatever its case, in a subnet or in all',
    args: { hostname: { type: 'a string', optional: false }, ...SUBNET, ...TARGET },
    run(command, services) {
      const hostname = lowerCase(jsonText(readParameters(command), 'hostname'));
      if (hostname === '') throw invalid('Empty hostname');
      return list(command, services, (directory) =>
        directory.of(undefined).filter(({ reservation }) => lowerCase(reservation.hostname) === hostname),
      );
    },
  },
  {
    name: 'reservation-get-by-id',
    access: 'read',
    hook,
    summary: 'the reservations of a client in all subnets',
    args: {
      'identifier-type': { type: 'a string', optional: false },
      identifier: { type: 'a string', optional: false },
      ...TARGET,
    },
    run(command, services) {
      const args = readParameters(command);
      if (memberOf(args, 'subnet-id') !== undefined) throw invalid("'subnet-id' is forbidden in reservation-get-by-id");
      const missing = (name: string) => `'${name}' is either missing or not a string.`;
      const { type, octets } = readClient(memberOf(args, 'identifier-type'), memberOf(args, 'identifier'), missing);
      return list(command, services, (directory) => directory.ofClient(type, octets));
    },
  },
];

/** Those of one subnet if the command names one, and none if it asks for those of a database. */
function list(
  command: ControlCommand,
  services: ControlServices,
  find: (directory: ReservationDirectory) => readonly DirectoryEntry[],
): CommandResult {
  const args = readParameters(command);
  const subnetId = memberOf(args, 'subnet-id') === undefined ? undefined : readSubnetId(args);
  const target = readTarget(args);
  if (subnetId !== undefined) checkScope(subnetId, undefined, services.config.current);
  if (target === 'database') return hosts([]);
  const found = find(directoryOf(services));
  return hosts(subnetId === undefined ? found : found.filter(({ reservation }) => reservation.subnetId === subnetId));
}

function page(command: ControlCommand, services: ControlServices): CommandResult {
  const args = readParameters(command);
  const limit = jsonInteger(args, 'limit', 0, 0xffff_ffff);
  const subnetId = memberOf(args, 'subnet-id') === undefined ? undefined : readSubnetId(args);
  const source = jsonInteger(args, 'source-index', 0, MAX_SOURCE_INDEX, 0);
  const from = readFrom(args);
  if (limit === 0) throw invalid('page size of retrieved hosts must not be 0');
  if (subnetId !== undefined) checkScope(subnetId, undefined, services.config.current);
  const entries = source === 0 ? directoryOf(services).page(subnetId, from, limit) : [];
  const last = entries.at(-1);
  const next: JsonMap = last === undefined ? {} : { next: { 'source-index': source, from: last.number } };
  return hosts(entries, { count: entries.length, ...next });
}

function readFrom(args: JsonMap): number {
  const given = memberOf(args, 'from');
  const from = given === undefined ? 0 : integer.accept(given);
  if (from === undefined) throw invalid("invalid type specified for parameter 'from'");
  return Math.max(0, from);
}

function hosts(entries: readonly DirectoryEntry[], more: JsonMap = {}): CommandResult {
  return {
    result: entries.length === 0 ? Result.empty : Result.success,
    text: `${entries.length} IPv4 host(s) found.`,
    arguments: { hosts: entries.map(shown), ...more },
  };
}

function shown({ json, reservation }: DirectoryEntry): Json {
  return { ...json, 'subnet-id': reservation.subnetId };
}

function directoryOf({ reservations, config }: ControlServices): ReservationDirectory {
  return reservations.of(config.current);
}
