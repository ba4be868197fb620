/** Arguments of the lease commands: which lease is meant, and leases as they are written. */

import { isIPv6 } from 'node:net';
import { formatJson, jsonTypeOf } from '@lessor/kea';
import { type Lease, LeaseState } from '../domain/lease.js';
import type { ConfigSnapshot, Json, JsonMap, Subnet } from '../domain/snapshot.js';
import { contains, passesGuard } from '../domain/topology.js';
import { formatIpv4, type Ipv4, lowerCase, type Octets, parseIpv4, type SubnetId } from '../domain/values.js';
import { CommandError } from '../errors.js';
import type { LeaseReader } from '../services/ports.js';
import { integer, invalid, memberOf } from './arguments.js';
import { type ControlCommand, Result } from './command.js';
import { parseClientId, parseDuid, parseHwAddress } from './hex.js';
import { jsonBoolean, jsonInteger, jsonText, jsonUnsigned, outOfRange } from './json-members.js';

/** How lease4-get names a lease. */
export type LeaseKey =
  | { readonly by: 'address'; readonly address: Ipv4 }
  | { readonly by: 'hw-address' | 'client-id'; readonly subnetId: SubnetId; readonly identifier: Octets };

/**
 * Reads the two argument forms of lease4-get and lease4-del, in Kea's order of complaints.
 * @param verb what Kea calls it in the complaint about a DUID
 * @throws CommandError `command-invalid`
 */
export function readLeaseKey(command: ControlCommand, verb: 'Query' | 'Delete'): LeaseKey {
  if (command.args === undefined || jsonTypeOf(command.args) !== 'map') {
    throw invalid('Parameters missing or are not a map.');
  }
  const args = command.args as JsonMap;
  const address = memberOf(args, 'ip-address');
  if (address !== undefined) return { by: 'address', address: readAddress(address) };

  const subnetId = memberOf(args, 'subnet-id');
  if (subnetId === undefined) throw invalid("Mandatory 'subnet-id' parameter missing.");
  const id = integer.accept(subnetId);
  if (id === undefined) throw invalid("'subnet-id' parameter is not integer.");
  if (id < 0 || id > 0xffff_ffff) throw invalid("'subnet-id' parameter is not a 32 bit unsigned integer.");

  const [type, identifier] = ['identifier-type', 'identifier'].map((name) => {
    const value = memberOf(args, name);
    if (typeof value === 'string') return value;
    throw invalid(`No 'ip-address' provided and '${name}' is either missing or not a string.`);
  }) as [string, string];
  if (type !== 'hw-address' && type !== 'client-id' && type !== 'duid') {
    throw invalid(`Incorrect identifier type: ${type}, the only supported values are: hw-address, duid, client-id`);
  }
  const octets = readIdentifier(type, identifier);
  if (type === 'duid') throw invalid(`${verb} by duid is not allowed in v4.`);
  return { by: type, subnetId: id, identifier: octets };
}

function readAddress(value: Json): Ipv4 {
  if (typeof value !== 'string') throw invalid("'ip-address' is not a string.");
  const address = parseIpv4(value);
  if (address !== undefined) return address;
  throw invalid(
    isIPv6(value)
      ? `Invalid IPv4 address specified: ${value}`
      : `Failed to convert string to address '${value}': Invalid argument`,
  );
}

const PARSERS = { 'hw-address': parseHwAddress, 'client-id': parseClientId, duid: parseDuid } as const;

function readIdentifier(type: keyof typeof PARSERS, identifier: string): Octets {
  try {
    return PARSERS[type](identifier);
  } catch (error) {
    throw invalid(`Bad '${type}' identifier: ${(error as Error).message}`);
  }
}

/** The lease a key names. */
export function findLease(leases: LeaseReader, key: LeaseKey): Lease | undefined {
  switch (key.by) {
    case 'address':
      return leases.getByAddress(key.address);
    case 'hw-address':
      return leases.findByHwAddress(key.identifier, (id) => id === key.subnetId);
    case 'client-id':
      return leases.findByClientId(key.identifier, (id) => id === key.subnetId);
  }
}

/** Lease states by their number, as Kea words them. */
export const STATE_NAMES: readonly string[] = ['default', 'declined', 'expired-reclaimed', 'released', 'registered'];

const U32_MAX = 0xffff_ffff;

/** A lease as lease4-add and lease4-update are given it. */
export interface WrittenLease {
  readonly lease: Lease;
  /** lease4-update: the lease is created if there is none. */
  readonly forceCreate: boolean;
}

/**
 * Reads a lease (Kea: lease_parser.cc, in its order of complaints). What is not given comes from the subnet.
 * @throws CommandError: `command-invalid`, or `command-conflict` where it does not fit the configuration
 */
export function readLease(args: JsonMap, config: ConfigSnapshot, nowSec: number): WrittenLease {
  const address = readLeaseAddress(args);
  const hwAddress = readOctets(parseHwAddress, jsonText(args, 'hw-address'));
  const subnetId = jsonUnsigned(args, 'subnet-id', 32, 0);
  const poolId = jsonUnsigned(args, 'pool-id', 32, 0);
  const subnet = subnetId === 0 ? subnetOf(address, config) : subnetWith(subnetId, address, config);
  const clientId = readClientId(args);
  const validLifetimeSec = jsonUnsigned(args, 'valid-lft', 32, subnet.lifetime.defaultSec);
  const clttSec = readClientTime(args, address, validLifetimeSec, nowSec);
  const fqdnFwd = jsonBoolean(args, 'fqdn-fwd', false);
  const fqdnRev = jsonBoolean(args, 'fqdn-rev', false);
  const hostname = lowerCase(jsonText(args, 'hostname', ''));
  if (hostname === '' && (fqdnFwd || fqdnRev)) {
    throw invalid('No hostname specified and either forward or reverse fqdn was set to true.');
  }
  const state = readState(args);
  const userContext = readContext(args);
  const forceCreate = jsonBoolean(args, 'force-create', false);
  const names = { fqdnFwd, fqdnRev, hostname };
  const times = { validLifetimeSec, clttSec };
  const lease = { address, hwAddress, clientId, ...times, subnetId: subnet.id, poolId, ...names, state, userContext };
  return { lease, forceCreate };
}

/** Only a declined lease may be nobody's. @throws CommandError `command-invalid`, which Kea has after every other */
export function checkHolder({ address, hwAddress, clientId, state }: Lease): void {
  if (hwAddress !== '' || clientId !== '' || state === LeaseState.declined) return;
  const which = `Lease4: ${formatIpv4(address)}, state: ${STATE_NAMES[state]}`;
  throw invalid(`${which} has neither hardware address or client id`);
}

function readLeaseAddress(args: JsonMap): Ipv4 {
  const written = jsonText(args, 'ip-address');
  const address = parseIpv4(written);
  if (address !== undefined) return address;
  throw invalid(
    isIPv6(written)
      ? `Non-IPv4 address specified: ${written}`
      : `Failed to convert '${written}' to address: Failed to convert string to address '${written}': Invalid argument`,
  );
}

function subnetWith(id: SubnetId, address: Ipv4, { subnetById }: ConfigSnapshot): Subnet {
  const subnet = subnetById.get(id);
  if (subnet === undefined) {
    throw conflict(`Invalid subnet-id: No IPv4 subnet with subnet-id=${id} currently configured.`);
  }
  if (contains(subnet, address)) return subnet;
  const prefix = `${formatIpv4(subnet.prefix)}/${subnet.prefixLength}`;
  throw conflict(`The address ${formatIpv4(address)} does not belong to subnet ${prefix}, subnet-id=${id}`);
}

/** The first subnet that has the address and is open to everybody (Kea: selectSubnet). */
function subnetOf(address: Ipv4, { subnets }: ConfigSnapshot): Subnet {
  const nobody = () => false;
  const subnet = subnets.find(
    (one) =>
      contains(one, address) &&
      passesGuard(one.clientClasses, nobody) &&
      passesGuard(one.sharedNetwork?.clientClasses ?? [], nobody),
  );
  if (subnet !== undefined) return subnet;
  throw conflict(`subnet-id not specified and failed to find a subnet for address ${formatIpv4(address)}`);
}

function readClientId(args: JsonMap): Octets {
  return memberOf(args, 'client-id') === undefined ? '' : readOctets(parseClientId, jsonText(args, 'client-id'));
}

function readOctets(parse: (written: string) => Octets, written: string): Octets {
  try {
    return parse(written);
  } catch (error) {
    throw invalid((error as Error).message);
  }
}

function readClientTime(args: JsonMap, address: Ipv4, validLifetimeSec: number, nowSec: number): number {
  if (memberOf(args, 'expire') === undefined) return nowSec;
  const expire = jsonInteger(args, 'expire', Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
  if (expire <= 0) throw invalid(`expiration time must be positive for address ${formatIpv4(address)}`);
  if (expire < validLifetimeSec) {
    throw invalid(`expiration time must be greater than valid lifetime for address ${formatIpv4(address)}`);
  }
  // The time of the client is kept in 32 bit: until 2106, and a lease without end beyond that.
  if (expire - validLifetimeSec > U32_MAX) throw outOfRange(args, 'expire');
  return expire - validLifetimeSec;
}

function readState(args: JsonMap): LeaseState {
  const state = jsonUnsigned(args, 'state', 8, LeaseState.default);
  if (state >= STATE_NAMES.length) {
    throw invalid(
      `Invalid state value: ${state}, supported values are: ` +
        '0 (default), 1 (declined), 2 (expired-reclaimed), 3 (released) and 4 (registered)',
    );
  }
  if (state > LeaseState.released) throw invalid('DHCPv4 leases do not support registered state');
  return state as LeaseState;
}

/** `user-context`, with `comment` as a member of it. */
function readContext(args: JsonMap): string {
  const context = memberOf(args, 'user-context');
  const comment = memberOf(args, 'comment');
  if (context !== undefined && jsonTypeOf(context) !== 'map') {
    throw invalid(`Invalid user context '${formatJson(context)}' is not a JSON map.`);
  }
  const members = (context ?? {}) as JsonMap;
  if (comment === undefined) return context === undefined ? '' : formatJson(members);
  if (memberOf(members, 'comment') !== undefined) {
    throw invalid(`Duplicated comment entry '${formatJson(comment)}' in user context '${formatJson(members)}'`);
  }
  return formatJson({ ...members, comment });
}

function conflict(message: string): CommandError {
  return new CommandError('command-conflict', message, Result.conflict);
}
