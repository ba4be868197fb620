/**
 * The OMAPI object `host`: reservations (host-reservations.ts says how). What reservations have no place for (the name of
 * the declaration, its group, the text of its statements) is in their user-context. A change is checked as Kea's
 * reservation commands are, and is in force and durable before it is answered.
 */

import { type Entry, Result } from '@lessor/omapi';
import { hostNameOf, markOf, type OmapiMark } from '../../config/omapi-mark.js';
import { compareByIdentifier } from '../../config/reservations.js';
import { clientKeys } from '../../domain/reservation.js';
import type { ClientKey, ConfigSnapshot, Reservation } from '../../domain/snapshot.js';
import { formatHex, formatIpv4, type Ipv4, type Octets, octetsOf } from '../../domain/values.js';
import type { DirectoryEntry } from '../../services/reservation-directory.js';
import type { Json, JsonMap } from '../command.js';
import { replaceReservations, type ScopedReservation } from '../commands/reservations.js';
import { recordChange } from './audit.js';
import { reachOf, requireChange } from './demands.js';
import { groupOf } from './group.js';
import { hostIdentity, withMark } from './host-identity.js';
import { type HostInput, readHostInput } from './host-input.js';
import {
  addressesOf,
  exceedsStatements,
  type FoundHost,
  type HostPlace,
  hostOfEntry,
  identifierMember,
  identifierOf,
  keysOf,
  placesOf,
} from './host-reservations.js';
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
  performed,
  readHardwareType,
  readUint32,
  uint32Entry,
} from './object.js';
import { formatStatements } from './statement-text.js';
import {
  type ParsedStatements,
  parseStatements,
  STATEMENT_EXTENSIONS,
  STATEMENT_MEMBERS,
  statementExtensions,
  statementMembers,
} from './statements.js';

/** Membership that keeps a client from being answered: `deny booting`. */
const DROP = 'DROP';

/** The row. */
export const HOST_OBJECT: ObjectRow<FoundHost> = {
  type: 'host',
  right: 'hosts',
  find: (keys, context) => findByKeys(lookups(keys, context), identity),
  identity,
  byIdentity: findIdentity,
  reach: (host, { snapshot }) =>
    reachOf(
      host.map(({ reservation }) => reservation.subnetId),
      snapshot,
    ),
  attributes,
  create: async (given, context) => {
    const input = readHostInput(given);
    const name =
      input.name ??
      `nh${context.nowSec.toString(16)}${formatHex(input.hardwareAddress ?? input.clientIdentifier ?? '', '')}`;
    return change(undefined, { ...input, name }, context, 'omapi-host-create');
  },
  update: (found, given, context) => change(found, readHostInput(given), context, 'omapi-host-update'),
  remove: async (found, context) => {
    await replace(
      found.map(({ reservation }) => reservation),
      [],
      context,
      'omapi-host-delete',
    );
  },
  *list({ snapshot, services }, after) {
    const directory = services.reservations.of(snapshot);
    for (const reservation of reservationsAfter(after, snapshot)) {
      const { subnetId, identifierType, identifier } = reservation;
      const host = hostOfEntry(directory.find(subnetId, identifierType, identifier)!, directory);
      // Of a host with several reservations the first stands for all.
      if (host[0].reservation === reservation) yield host;
    }
  },
};

function identity([{ reservation }]: FoundHost): string {
  return hostIdentity(reservation);
}

function findIdentity(text: string, { services, snapshot }: OmapiContext): FoundHost | undefined {
  const [scope, type, hex = ''] = text.split(' ');
  const directory = services.reservations.of(snapshot);
  const identifier = Buffer.from(hex, 'hex').toString('latin1');
  const entry = directory.find(Number(scope), type as Reservation['identifierType'], identifier);
  return entry && hostOfEntry(entry, directory);
}

/** Reservations behind one whose identity is given, in an order that stays while others come and go. */
function* reservationsAfter(after: string, { reservations }: ConfigSnapshot): Iterable<Reservation> {
  const [scope, type, hex = ''] = after.split(' ');
  const last = {
    subnetId: Number(scope),
    identifierType: type as Reservation['identifierType'],
    identifier: Buffer.from(hex, 'hex').toString('latin1'),
  };
  let first = 0;
  if (after !== '') {
    let end = reservations.length;
    while (first < end) {
      const middle = (first + end) >>> 1;
      const one = reservations[middle]!;
      if ((one.subnetId - last.subnetId || compareByIdentifier(one, last)) <= 0) first = middle + 1;
      else end = middle;
    }
  }
  for (let i = first; i < reservations.length; i++) yield reservations[i]!;
}

/**
 * Keys in dhcpd's order. An ip-address is the reserved one first, then that of a lease whose client has a host; where
 * the client has been found already it may be one that the host is to have.
 */
function lookups(keys: Attributes, context: OmapiContext): Lookup<FoundHost>[] {
  const { services, snapshot } = context;
  const directory = services.reservations.of(snapshot);
  const list: Lookup<FoundHost>[] = [];
  const add = (
    name: string,
    look: (value: Uint8Array, found?: FoundHost) => readonly DirectoryEntry[] | FoundHost | undefined,
  ) => {
    const value = keys.get(name);
    if (value === undefined) return;
    list.push((found) => {
      const [entry] = look(value, found) ?? [];
      return entry && hostOfEntry(entry, directory);
    });
  };
  add('handle', (value) => findByHandle(HOST_OBJECT, value, context));
  add('dhcp-client-identifier', (value) => directory.ofClient('client-id', octetsOf(value)));
  add('hardware-address', (value) =>
    readHardwareType(keys) === ETHERNET ? directory.ofClient('hw-address', octetsOf(value)) : undefined,
  );
  add('ip-address', (value, found) => {
    if (value.length !== 4) return several(value, found);
    const address = readUint32(value, 'ip-address');
    const [holder] = directory.ofAddress(address);
    if (holder !== undefined) return [holder];
    const lease = services.leases.getByAddress(address);
    const ofLease = lease && directory.ofClient('hw-address', lease.hwAddress)[0];
    return ofLease === undefined ? found : [ofLease];
  });
  add('name', (value) => directory.ofName(octetsOf(value)));
  return list;
}

/** Several addresses are no key; beside another key they are what a host is to have. @throws OmapiRefusal INVALIDARG */
function several({ length }: Uint8Array, found: FoundHost | undefined): FoundHost | undefined {
  if (length % 4 !== 0) throw invalidArgument(`ip-address has ${length} octets, no multiple of 4`);
  return found;
}

/** dhcpd's attributes in its order, then what dhcpd does not tell. */
function attributes(host: FoundHost, { snapshot }: OmapiContext): Entry[] {
  const { reservation } = host[0];
  const [hardwareAddress, clientIdentifier] = (['hw-address', 'client-id'] as const).map((type) =>
    identifierOf(host, type),
  );
  const addresses = addressesOf(host);
  const group = groupNameOf(reservation, snapshot);
  const statements = statementsOf(reservation, snapshot);
  return [
    ...(addresses.length === 0 ? [] : [['ip-address', encodeAddresses(addresses)] as const]),
    ...(clientIdentifier === '' ? [] : [octetsEntry('dhcp-client-identifier', clientIdentifier!)]),
    octetsEntry('name', hostNameOf(reservation)),
    ...(hardwareAddress === ''
      ? []
      : [octetsEntry('hardware-address', hardwareAddress!), uint32Entry('hardware-type', ETHERNET)]),
    ...(group === undefined ? [] : [octetsEntry('group', group)]),
    ...(statements === '' ? [] : [octetsEntry('statements', statements)]),
  ];
}

function encodeAddresses(addresses: readonly Ipv4[]): Uint8Array {
  const octets = Buffer.alloc(addresses.length * 4);
  for (const [i, address] of addresses.entries()) octets.writeUInt32BE(address, i * 4);
  return octets;
}

/** The group of a host: what OMAPI put it in, else the first of its classes that is a group. */
function groupNameOf({ userContext, clientClasses }: Reservation, snapshot: ConfigSnapshot): Octets | undefined {
  return markOf(userContext).group ?? clientClasses.find((name) => groupOf(name, snapshot) !== undefined);
}

/** The text a host was given, else what it was reserved with by other means. */
function statementsOf(reservation: Reservation, { registry }: ConfigSnapshot): Octets {
  return markOf(reservation.userContext).statements ?? formatStatements(reservation, registry);
}

/** What a host is to be. */
interface HostDraft {
  readonly name: Octets;
  readonly keys: readonly ClientKey[];
  readonly addresses: readonly Ipv4[];
  readonly group: Octets | undefined;
  /** Undefined: those it has stay. */
  readonly statements: ParsedStatements | undefined;
  readonly text: Octets | undefined;
}

/** Makes a host, or changes one: all or nothing. @throws OmapiRefusal */
async function change(
  found: FoundHost | undefined,
  input: HostInput,
  context: OmapiContext,
  command: string,
): Promise<FoundHost> {
  const { snapshot } = context;
  const draft = draftOf(found, input, context);
  const entries: readonly DirectoryEntry[] = found ?? [];
  const now = entries.map(({ reservation }) => reservation.subnetId);
  const next = placesOf(draft.addresses, now, snapshot).map((place) => reservationAt(place, draft, found, snapshot));
  await replace(
    entries.map(({ reservation }) => reservation),
    next,
    context,
    command,
  );
  const directory = context.services.reservations.of(context.services.config.current);
  const { identifierType, identifier } = draft.keys[0]!;
  const made = directory.find(next[0]!.subnetId, identifierType, identifier);
  if (made === undefined) throw new OmapiRefusal(Result.NOTFOUND, 'the host was removed again at once');
  return hostOfEntry(made, directory);
}

function draftOf(found: FoundHost | undefined, input: HostInput, context: OmapiContext): HostDraft {
  const { snapshot, services } = context;
  const has = (type: 'hw-address' | 'client-id'): Octets => (found === undefined ? '' : identifierOf(found, type));
  const keys = keysOf({
    hardwareAddress: input.hardwareAddress ?? has('hw-address'),
    clientIdentifier: input.clientIdentifier ?? has('client-id'),
    others: found === undefined ? [] : clientKeys(found[0].reservation).filter(isOtherKey),
  });
  if (keys.length === 0) throw invalidArgument('a host has a hardware-address or a dhcp-client-identifier');
  const name = input.name ?? hostNameOf(found![0].reservation);
  const namesake = services.reservations.of(snapshot).ofName(name);
  if (namesake.some((entry) => found === undefined || !found.includes(entry))) {
    throw new OmapiRefusal(Result.EXISTS, 'there is a host of this name');
  }
  const before = found?.[0].reservation;
  const group = input.group ?? (before && groupNameOf(before, snapshot));
  if (input.group !== undefined && input.group !== '' && groupOf(input.group, snapshot) === undefined) {
    throw new OmapiRefusal(Result.NOTFOUND, 'there is no group of this name');
  }
  if (input.statements !== undefined && found?.some(({ reservation }) => exceedsStatements(reservation))) {
    throw new OmapiRefusal(Result.EXISTS, 'this host has options that statements can not say: use reservation-update');
  }
  return {
    name,
    keys,
    addresses: input.addresses ?? (found === undefined ? [] : addressesOf(found)),
    group: group === '' ? undefined : group,
    statements: input.statements === undefined ? undefined : parseStatements(input.statements, snapshot.registry),
    text: input.statements ?? (before && markOf(before.userContext).statements),
  };
}

function isOtherKey({ identifierType }: ClientKey): boolean {
  return identifierType !== 'hw-address' && identifierType !== 'client-id';
}

/** One reservation of a host. What it has and OMAPI does not know of stays as it is. */
function reservationAt(
  { subnetId, address }: HostPlace,
  draft: HostDraft,
  found: FoundHost | undefined,
  snapshot: ConfigSnapshot,
): ScopedReservation {
  const { name, keys, addresses, group, statements, text } = draft;
  const old = found?.find(({ reservation }) => reservation.subnetId === subnetId) ?? found?.[0];
  const members: Record<string, Json> = old === undefined ? {} : withoutDefaults(old.json);
  for (const { identifierType } of old === undefined ? [] : clientKeys(old.reservation)) delete members[identifierType];
  delete members['ip-address'];
  delete members['client-classes'];
  const before = markOf(old?.reservation.userContext);
  const parsedBefore =
    before.statements === undefined ? undefined : parseStatements(before.statements, snapshot.registry);
  if (statements !== undefined) {
    for (const member of STATEMENT_MEMBERS) delete members[member];
    if (before.statements === undefined || parsedBefore?.hostname !== undefined) delete members.hostname;
  }
  const denied = (statements ?? parsedBefore)?.denyBooting === true;
  const oldGroup = old && groupNameOf(old.reservation, snapshot);
  const kept = (old?.reservation.clientClasses ?? []).filter(
    (one) => one !== oldGroup && !(parsedBefore?.denyBooting === true && one === DROP),
  );
  const classes = [...new Set([...kept, ...(group === undefined ? [] : [group]), ...(denied ? [DROP] : [])])];
  const mark: OmapiMark = {
    name,
    ...(group === undefined ? {} : { group }),
    ...(text === undefined ? {} : { statements: text }),
    ...(addresses.length < 2 ? {} : { addresses: addresses.map(formatIpv4).join(' ') }),
    ...(before.reserved === undefined ? {} : { reserved: before.reserved }),
  };
  const [primary, ...aliases] = keys;
  const context = withMark(
    old?.reservation.userContext,
    mark,
    {
      ...(statements === undefined ? {} : statementExtensions(statements)),
      ...(aliases.length === 0 ? {} : { identifiers: aliases.map(identifierMember) }),
    },
    ['identifiers', ...(statements === undefined ? [] : STATEMENT_EXTENSIONS)],
  );
  return {
    subnetId,
    written: {
      ...identifierMember(primary!),
      ...(address === undefined ? {} : { 'ip-address': formatIpv4(address) }),
      ...members,
      ...(statements === undefined ? {} : parsedMembers(statements)),
      ...(classes.length === 0 ? {} : { 'client-classes': classes }),
      'user-context': context,
    },
  };
}

/** What config-get shows of members that nobody wrote must not be written: it would hide what the subnet has. */
function withoutDefaults(json: JsonMap): Record<string, Json> {
  const isDefault = (value: Json) =>
    value === '' || value === '0.0.0.0' || (Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(json).filter(([, value]) => !isDefault(value)));
}

function parsedMembers(parsed: ParsedStatements): Record<string, Json> {
  const { hostname } = parsed;
  return { ...statementMembers(parsed), ...(hostname === undefined ? {} : { hostname }) };
}

async function replace(
  old: readonly Reservation[],
  next: readonly ScopedReservation[],
  context: OmapiContext,
  command: string,
): Promise<void> {
  const subnets = [...old, ...next].map(({ subnetId }) => subnetId);
  requireChange(context.principal, HOST_OBJECT.type, reachOf(subnets, context.snapshot));
  await performed(command, () => replaceReservations(context.services, old, next), context);
  const told = next.map(({ subnetId, written }) => ({ ...written, 'subnet-id': subnetId }));
  recordChange(command, { old: old.map(hostIdentity), new: told }, context);
}
