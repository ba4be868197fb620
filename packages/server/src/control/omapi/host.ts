/**
 * The OMAPI object `host`: a reservation. What reservations have no place for (the name of the declaration, its group,
 * the text of its statements) is in their user-context; all changes go through Kea's reservation commands.
 */

import { type Entry, Result } from '@lessor/omapi';
import type { ConfigSnapshot, Reservation } from '../../domain/snapshot.js';
import { contains } from '../../domain/topology.js';
import { formatHex, formatIpv4, type Ipv4, type Octets, octetsOf, type SubnetId } from '../../domain/values.js';
import type { DirectoryEntry } from '../../services/reservation-directory.js';
import type { Json, JsonMap } from '../command.js';
import { groupOf } from './group.js';
import { hostIdentity, hostName, markOf, withMark } from './host-identity.js';
import {
  type Attributes,
  ETHERNET,
  findByHandle,
  findByKeys,
  invalidArgument,
  type Lookup,
  type ObjectRow,
  type OmapiContext,
  OmapiRefusal,
  octetsEntry,
  readHardwareType,
  readUint32,
  runCommand,
  sameOctets,
  uint32Entry,
} from './object.js';
import { type ParsedStatements, parseStatements, STATEMENT_MEMBERS, statementMembers } from './statements.js';

/** Longest hardware address (Kea and dhcpd). */
const MAX_HARDWARE_OCTETS = 20;
/** Membership that keeps a client from being answered: `deny booting`. */
const DROP = 'DROP';

/** The row. */
export const HOST_OBJECT: ObjectRow<DirectoryEntry> = {
  type: 'host',
  right: 'hosts',
  find: (keys, context) => findByKeys(lookups(keys, context), identity),
  identity,
  byIdentity: findIdentity,
  attributes: ({ reservation }) => attributes(reservation),
  create,
  update,
  remove,
};

function identity({ reservation }: DirectoryEntry): string {
  return hostIdentity(reservation);
}

function findIdentity(text: string, { services, snapshot }: OmapiContext): DirectoryEntry | undefined {
  const [scope, type, hex = ''] = text.split(' ');
  return services.reservations
    .of(snapshot)
    .find(Number(scope), type as Reservation['identifierType'], Buffer.from(hex, 'hex').toString('latin1'));
}

/**
 * Keys in dhcpd's order. An ip-address is the reserved one first, then that of a lease whose client has a host; where
 * the client has been found already it may be one that the host is to have.
 */
function lookups(keys: Attributes, context: OmapiContext): Lookup<DirectoryEntry>[] {
  const { services, snapshot } = context;
  const directory = services.reservations.of(snapshot);
  const list: Lookup<DirectoryEntry>[] = [];
  const add = (name: string, look: (value: Uint8Array, found?: DirectoryEntry) => DirectoryEntry | undefined) => {
    const value = keys.get(name);
    if (value !== undefined) list.push((found) => look(value, found));
  };
  add('handle', (value) => findByHandle(HOST_OBJECT, value, context));
  add('dhcp-client-identifier', (value) => directory.ofClient('client-id', octetsOf(value))[0]);
  add('hardware-address', (value) =>
    readHardwareType(keys) === ETHERNET ? directory.ofClient('hw-address', octetsOf(value))[0] : undefined,
  );
  add('ip-address', (value, found) => {
    if (value.length !== 4) throw invalidArgument(`ip-address has ${value.length} octets, not 4`);
    const address = readUint32(value, 'ip-address');
    const lease = services.leases.getByAddress(address);
    const holder = lease && directory.ofClient('hw-address', lease.hwAddress)[0];
    return directory.ofAddress(address)[0] ?? holder ?? found;
  });
  add('name', (value) => findName(octetsOf(value), context));
  return list;
}

/** Reservations by the names of their hosts, for the configuration asked about last. */
const byName = new WeakMap<readonly Reservation[], ReadonlyMap<Octets, Reservation>>();

function findName(name: Octets, { services, snapshot }: OmapiContext): DirectoryEntry | undefined {
  let names = byName.get(snapshot.reservations);
  if (names === undefined) {
    const made = new Map<Octets, Reservation>();
    for (const reservation of snapshot.reservations) {
      const own = hostName(reservation);
      if (!made.has(own)) made.set(own, reservation);
    }
    names = made;
    byName.set(snapshot.reservations, names);
  }
  const found = names.get(name);
  if (found === undefined) return undefined;
  return services.reservations.of(snapshot).find(found.subnetId, found.identifierType, found.identifier);
}

/** dhcpd's attributes in its order, then what dhcpd does not tell. */
function attributes(reservation: Reservation): Entry[] {
  const { address, identifierType, identifier, userContext } = reservation;
  const { group, statements } = markOf(userContext);
  return [
    ...(address === undefined ? [] : [uint32Entry('ip-address', address)]),
    ...(identifierType === 'client-id' ? [octetsEntry('dhcp-client-identifier', identifier)] : []),
    octetsEntry('name', hostName(reservation)),
    ...(identifierType === 'hw-address'
      ? [octetsEntry('hardware-address', identifier), uint32Entry('hardware-type', ETHERNET)]
      : []),
    ...(group === undefined ? [] : [octetsEntry('group', group)]),
    ...(statements === undefined ? [] : [octetsEntry('statements', statements)]),
  ];
}

/** What a request says of a host; undefined = nothing, an address of null takes it away. */
interface HostInput {
  readonly name?: Octets;
  readonly hardwareAddress?: Octets;
  readonly clientIdentifier?: Octets;
  readonly address?: Ipv4 | null;
  readonly group?: Octets;
  readonly statements?: Octets;
}

/** Reads attributes. @throws OmapiRefusal */
function readInput(given: Attributes): HostInput {
  const input: { -readonly [Name in keyof HostInput]: HostInput[Name] } = {};
  for (const [name, value] of given) {
    switch (name) {
      case 'name':
        input.name = readName(value);
        break;
      case 'hardware-address':
        if (value.length < 1 || value.length > MAX_HARDWARE_OCTETS) {
          throw invalidArgument(
            `hardware-address has ${value.length} octets, at most ${MAX_HARDWARE_OCTETS} are possible`,
          );
        }
        input.hardwareAddress = octetsOf(value);
        break;
      case 'hardware-type':
        // 0 is what dhcpd makes of an absent one.
        if (readHardwareType(given) > ETHERNET) throw invalidArgument('only Ethernet (hardware-type 1) is known');
        break;
      case 'dhcp-client-identifier':
        if (value.length < 1 || value.length > 255) throw invalidArgument(`${name} has ${value.length} octets`);
        input.clientIdentifier = octetsOf(value);
        break;
      case 'ip-address':
        input.address = readAddress(value);
        break;
      case 'group':
        input.group = octetsOf(value);
        break;
      case 'statements':
        input.statements = octetsOf(value);
        break;
      case 'handle':
      case 'known':
        break;
      default:
        throw new OmapiRefusal(Result.UNKNOWNATTRIBUTE, `a host has no attribute ${name}`);
    }
  }
  return input;
}

/** @throws OmapiRefusal for an empty name and for control characters */
function readName(value: Uint8Array): Octets {
  const name = octetsOf(value);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (name === '' || name.length > 255 || /[\u0000-\u001f\u007f]/.test(name)) {
    throw invalidArgument('a name has 1 to 255 octets, none of them a control character');
  }
  return name;
}

function readAddress(value: Uint8Array): Ipv4 | null {
  if (value.length === 0) return null;
  if (value.length === 4) return readUint32(value, 'ip-address');
  const several = value.length % 4 === 0;
  throw invalidArgument(
    several ? 'a host has one ip-address: make a host for each' : `ip-address has ${value.length} octets, not 4`,
  );
}

async function create(given: Attributes, context: OmapiContext): Promise<DirectoryEntry> {
  const { services, snapshot, nowSec } = context;
  const input = readInput(given);
  const { hardwareAddress, clientIdentifier, group, statements } = input;
  const address = input.address ?? undefined;
  if (hardwareAddress === undefined && clientIdentifier === undefined) {
    throw invalidArgument('a host has a hardware-address or a dhcp-client-identifier');
  }
  if (hardwareAddress !== undefined && clientIdentifier !== undefined) {
    throw invalidArgument('a host has a hardware-address or a dhcp-client-identifier, not both: make two hosts');
  }
  const type = hardwareAddress === undefined ? 'client-id' : 'hw-address';
  const identifier = hardwareAddress ?? clientIdentifier!;
  const name = input.name ?? `nh${nowSec.toString(16)}${formatHex(identifier, '')}`;
  if (findName(name, context) !== undefined) throw new OmapiRefusal(Result.EXISTS, 'there is a host of this name');
  const parsed = statements === undefined ? undefined : parseStatements(statements, snapshot.registry);
  if (group !== undefined) requireGroup(group, snapshot);
  const subnetId = scopeFor(address, snapshot);
  await runCommand(
    'reservation-add',
    {
      reservation: {
        'subnet-id': subnetId,
        [type]: formatHex(identifier),
        ...(address === undefined ? {} : { 'ip-address': formatIpv4(address) }),
        ...(parsed === undefined ? {} : parsedMembers(parsed)),
        ...classesMember([], group, parsed?.denyBooting === true),
        'user-context': withMark(undefined, {
          name,
          ...(group === undefined ? {} : { group }),
          ...(statements === undefined ? {} : { statements }),
        }),
      },
    },
    context,
  );
  const made = services.reservations.of(services.config.current).find(subnetId, type, identifier);
  if (made === undefined) throw new OmapiRefusal(Result.NOTFOUND, 'the host was removed again at once');
  return made;
}

async function update(found: DirectoryEntry, given: Attributes, context: OmapiContext): Promise<void> {
  const { snapshot } = context;
  const { reservation, json } = found;
  const input = readInput(given);
  checkClient(input, given, reservation);
  if (input.address != null) checkAddress(input.address, reservation, snapshot);
  const mark = markOf(reservation.userContext);
  if (input.name !== undefined && input.name !== hostName(reservation) && findName(input.name, context) !== undefined) {
    throw new OmapiRefusal(Result.EXISTS, 'there is a host of this name');
  }
  if (input.group !== undefined) requireGroup(input.group, snapshot);
  const parsed = input.statements === undefined ? undefined : parseStatements(input.statements, snapshot.registry);
  if (parsed !== undefined && mark.statements === undefined && hasParameters(reservation)) {
    throw new OmapiRefusal(Result.EXISTS, 'options and boot parameters of this host were set by other means');
  }
  const old = mark.statements === undefined ? undefined : parseStatements(mark.statements, snapshot.registry);
  const denied = (parsed ?? old)?.denyBooting === true;
  const kept = reservation.clientClasses.filter((name) => name !== mark.group && !(old?.denyBooting && name === DROP));
  const members: Record<string, Json> = { ...withoutDefaults(json), 'subnet-id': reservation.subnetId };
  delete members['client-classes'];
  if (input.address !== undefined) delete members['ip-address'];
  if (parsed !== undefined) for (const name of STATEMENT_MEMBERS) delete members[name];
  if (parsed !== undefined && old?.hostname !== undefined) delete members.hostname;
  const next = {
    name: input.name ?? hostName(reservation),
    ...((input.group ?? mark.group) === undefined ? {} : { group: (input.group ?? mark.group)! }),
    ...((input.statements ?? mark.statements) === undefined
      ? {}
      : { statements: (input.statements ?? mark.statements)! }),
  };
  const changed: JsonMap = {
    ...members,
    ...(input.address == null ? {} : { 'ip-address': formatIpv4(input.address) }),
    ...(parsed === undefined ? {} : parsedMembers(parsed)),
    ...classesMember(kept, input.group ?? mark.group, denied),
    'user-context': withMark(reservation.userContext, next),
  };
  await runCommand('reservation-update', { reservation: changed }, context);
}

/** What config-get shows of members that nobody wrote must not be written: it would hide what the subnet has. */
function withoutDefaults(json: JsonMap): JsonMap {
  const isDefault = (value: Json) =>
    value === '' || value === '0.0.0.0' || (Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(json).filter(([, value]) => !isDefault(value)));
}

/** The client is what a host is; it can be told again, and not changed. @throws OmapiRefusal EXISTS (dhcpd) */
function checkClient(input: HostInput, given: Attributes, { identifierType, identifier }: Reservation): void {
  for (const [attribute, type, value] of [
    ['hardware-address', 'hw-address', input.hardwareAddress],
    ['dhcp-client-identifier', 'client-id', input.clientIdentifier],
  ] as const) {
    if (value === undefined) continue;
    if (type !== identifierType || !sameOctets(given.get(attribute)!, identifier)) {
      throw new OmapiRefusal(
        Result.EXISTS,
        `the ${attribute} of a host can not be changed: delete it and make another`,
      );
    }
  }
}

function checkAddress(address: Ipv4, { subnetId }: Reservation, { subnetById }: ConfigSnapshot): void {
  const subnet = subnetById.get(subnetId);
  if (subnet === undefined || contains(subnet, address)) return;
  throw invalidArgument(`${formatIpv4(address)} is in another subnet: delete the host and make another`);
}

function hasParameters({ options, nextServer, serverHostname, bootFileName }: Reservation): boolean {
  return options.length > 0 || Boolean(nextServer) || Boolean(serverHostname) || Boolean(bootFileName);
}

async function remove({ reservation }: DirectoryEntry, context: OmapiContext): Promise<void> {
  const { subnetId, identifierType, identifier } = reservation;
  const args = { 'subnet-id': subnetId, 'identifier-type': identifierType, identifier: formatHex(identifier) };
  await runCommand('reservation-del', args, context);
}

function parsedMembers(parsed: ParsedStatements): Record<string, Json> {
  const { hostname } = parsed;
  return { ...statementMembers(parsed), ...(hostname === undefined ? {} : { hostname }) };
}

function classesMember(kept: readonly Octets[], group: Octets | undefined, denied: boolean): Record<string, Json> {
  const classes = [...kept, ...(group === undefined ? [] : [group]), ...(denied ? [DROP] : [])];
  return classes.length === 0 ? {} : { 'client-classes': [...new Set(classes)] };
}

/** @throws OmapiRefusal NOTFOUND */
function requireGroup(name: Octets, snapshot: ConfigSnapshot): void {
  if (groupOf(name, snapshot) === undefined) throw new OmapiRefusal(Result.NOTFOUND, 'there is no group of this name');
}

/**
 * Where a host is reserved: in the subnet of its address; without one where clients of all subnets are looked for, or
 * in the only subnet there is. A host that no packet would ever find is not made.
 * @throws OmapiRefusal INVALIDARG
 */
function scopeFor(address: Ipv4 | undefined, { subnets }: ConfigSnapshot): SubnetId {
  if (address === undefined) {
    if (subnets.some(({ reservationsGlobal }) => reservationsGlobal)) return 0;
    const [only, ...others] = subnets;
    if (only !== undefined && others.length === 0 && only.reservationsInSubnet) return only.id;
    throw invalidArgument('a host without ip-address needs "reservations-global": true, as there are several subnets');
  }
  const having = subnets.filter((subnet) => contains(subnet, address));
  const reserving = having.filter(({ reservationsInSubnet }) => reservationsInSubnet);
  const chosen = reserving.find(({ clientClasses }) => clientClasses.length === 0) ?? reserving[0];
  if (chosen !== undefined) return chosen.id;
  if (having.some(({ reservationsGlobal }) => reservationsGlobal)) return 0;
  throw invalidArgument(`${formatIpv4(address)} is in no subnet that has reservations`);
}
