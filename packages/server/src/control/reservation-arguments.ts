/** Arguments of the host commands, read in Kea's order of complaints (libdhcp_host_cmds, host_cmds.cc). */

import { isIPv6 } from 'node:net';
import { jsonTypeOf } from '@lessor/kea';
import { IDENTIFIER_TYPES } from '../config/identifiers.js';
import { parseOctets } from '../config/values.js';
import type { ConfigSnapshot, IdentifierType, JsonMap } from '../domain/snapshot.js';
import { contains, passesGuard } from '../domain/topology.js';
import { formatIpv4, type Ipv4, type Octets, parseIpv4, type SubnetId } from '../domain/values.js';
import { integer, invalid, memberOf } from './arguments.js';
import type { ControlCommand, Json } from './command.js';
import { jsonInteger, jsonText } from './json-members.js';

/** The highest subnet id (Kea: SUBNET_ID_MAX). */
export const MAX_SUBNET_ID = 0xffff_fffe;

const TARGETS = ['memory', 'database', 'all', 'default'] as const;
/** Kea's sources of reservations. `default` is memory, because there is no database. */
export type OperationTarget = (typeof TARGETS)[number];

/** Where an operation goes. @throws CommandError */
export function readTarget(args: JsonMap): OperationTarget {
  const written = jsonText(args, 'operation-target', 'default');
  const target = TARGETS.find((one) => one === written);
  if (target !== undefined) return target;
  throw invalid(`The 'operation-target' value (${written}) is not within expected set: (${TARGETS.join(', ')})`);
}

/** `arguments`, which must be there. @throws CommandError */
export function readParameters({ args }: ControlCommand): JsonMap {
  if (args === undefined || jsonTypeOf(args) !== 'map') throw invalid('Parameters missing or are not a map.');
  return args as JsonMap;
}

/** `subnet-id`, 0 for global reservations. @throws CommandError; also if it is absent and there is no `fallback` */
export function readSubnetId(args: JsonMap, fallback?: SubnetId): SubnetId {
  return jsonInteger(args, 'subnet-id', 0, MAX_SUBNET_ID, fallback);
}

/** A client, as commands name it. */
export interface ClientIdentifier {
  readonly type: IdentifierType;
  readonly octets: Octets;
}

/** What reservation-get and reservation-del ask for. */
export interface ReservationKey {
  readonly subnetId: SubnetId;
  /** One of the two. */
  readonly address?: Ipv4;
  readonly client?: ClientIdentifier;
}

/** Reads the two argument forms of reservation-get and -del. @throws CommandError */
export function readReservationKey(args: JsonMap): ReservationKey {
  const [address, type, identifier] = ['ip-address', 'identifier-type', 'identifier'].map((name) =>
    memberOf(args, name),
  );
  const named = address !== undefined || type !== undefined || identifier !== undefined;
  const subnetId = memberOf(args, 'subnet-id') === undefined && named ? undefined : readSubnetId(args);
  readTarget(args);
  if (address !== undefined) {
    if (typeof address !== 'string') throw invalid("'ip-address' is not a string.");
    if (subnetId !== undefined) return { subnetId, address: readIpv4(address) };
    throw invalid(
      `missing parameter 'subnet-id', use 'reservation-get-by-address' with 'ip-address' set to "${address}" to get ` +
        'the list of reservations with this address',
    );
  }
  const missing = (name: string) => `No 'ip-address' provided and '${name}' is either missing or not a string.`;
  const client = readClient(type, identifier, missing);
  if (subnetId !== undefined) return { subnetId, client };
  throw invalid(
    `missing parameter 'subnet-id', use 'reservation-get-by-id' with 'identifier-type' set to "${String(type)}" and ` +
      `'identifier' to "${String(identifier)}" to get the list of reservations with this identifier`,
  );
}

/** `identifier-type` and `identifier`. @param missing words the absence of one of them @throws CommandError */
export function readClient(
  type: Json | undefined,
  identifier: Json | undefined,
  missing: (name: string) => string,
): ClientIdentifier {
  if (typeof type !== 'string') throw invalid(missing('identifier-type'));
  if (typeof identifier !== 'string') throw invalid(missing('identifier'));
  const octets = parseOctets(identifier);
  if (identifier === '' || identifier === "''") throw invalid("Unable to query for empty 'identifier'.");
  if (octets === undefined) throw invalid("Unable to parse 'identifier' value.");
  const known = IDENTIFIER_TYPES.find((one) => one === type);
  if (known === undefined) throw invalid("Value of 'identifier-type' was not recognized.");
  return { type: known, octets };
}

/** An IPv4 address. @throws CommandError */
export function readIpv4(written: string): Ipv4 {
  const address = parseIpv4(written);
  if (address !== undefined) return address;
  throw invalid(
    isIPv6(written)
      ? `'ip-address' ${written} is not an IPv4 address`
      : `Failed to convert string to address '${written}': Invalid argument`,
  );
}

/** A reservation as reservation-add and -update are given it. */
export interface WrittenReservation {
  /** Without its subnet-id: as it stands in a configuration. */
  readonly written: JsonMap;
  /** Undefined if none was given. */
  readonly subnetId: SubnetId | undefined;
}

/** Splits the subnet-id off. @throws CommandError */
export function splitReservation(reservation: Json): WrittenReservation {
  if (jsonTypeOf(reservation) !== 'map') throw invalid("'reservation' must be a map");
  const { 'subnet-id': id, ...written } = reservation as JsonMap;
  if (id === undefined) return { written: written as JsonMap, subnetId: undefined };
  const subnetId = integer.accept(id);
  if (subnetId === undefined) throw invalid("'subnet-id' parameter is not integer.");
  if (subnetId < 0 || subnetId > MAX_SUBNET_ID) {
    throw invalid(`subnet-id: ${subnetId} is invalid, must be between 0 and ${MAX_SUBNET_ID} (inclusive).`);
  }
  return { written: written as JsonMap, subnetId };
}

/**
 * Checks that the subnet is configured and has the reserved address, if there is one.
 * @throws CommandError in the words of Kea
 */
export function checkScope(subnetId: SubnetId, address: Json | undefined, { subnetById }: ConfigSnapshot): void {
  if (subnetId === 0) return;
  const subnet = subnetById.get(subnetId);
  if (subnet === undefined) throw invalid(`IPv4 subnet with ID of '${subnetId}' is not configured`);
  const reserved = typeof address === 'string' ? parseIpv4(address) : undefined;
  if (reserved === undefined || contains(subnet, reserved)) return;
  const prefix = `${formatIpv4(subnet.prefix)}/${subnet.prefixLength}`;
  throw invalid(`specified reservation '${formatIpv4(reserved)}' is not matching the IPv4 subnet prefix '${prefix}'`);
}

/**
 * What is told who forgot the subnet-id of a reservation with an address: the subnet it probably belongs to.
 * A subnet that is open to everybody is a better guess than one with a guard.
 */
export function missingSubnetId(address: Ipv4, { subnets }: ConfigSnapshot): string {
  const nobody = () => false;
  const having = subnets.filter((subnet) => contains(subnet, address));
  const open = having.find((subnet) => passesGuard(subnet.clientClasses, nobody));
  const guess = open ?? having[0];
  const start = `Mandatory 'subnet-id' parameter missing. The address '${formatIpv4(address)}' belongs to`;
  if (guess === undefined) return `${start} no configured subnet.`;
  const which = `${open === undefined ? 'guarded ' : ''}subnet '${formatIpv4(guess.prefix)}/${guess.prefixLength}'`;
  return `${start} ${which} id ${guess.id}${having.length > 1 ? ' and others.' : '.'}`;
}
