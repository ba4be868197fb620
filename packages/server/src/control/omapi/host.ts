/**
 * The OMAPI object `host`: reservations (host-reservations.ts says how). What reservations have no place for (the name of
 * the declaration, its group, the text of its statements) is in their user-context. A change is checked as Kea's
 * reservation commands are, and is in force and durable before it is answered.
 */

import { type OutgoingEntry, Result } from '@lessor/omapi';
import { hostNameOf, markOf } from '../../config/omapi-mark.js';
import { compareByIdentifier } from '../../config/reservations.js';
import type { ConfigSnapshot, Reservation } from '../../domain/snapshot.js';
import { formatHex, type Ipv4, type Octets, octetsOf } from '../../domain/values.js';
import type { DirectoryEntry } from '../../services/reservation-directory.js';
import { replaceReservations, type ScopedReservation } from '../commands/reservations.js';
import { recordChange } from './audit.js';
import { reachOf, requireChange } from './demands.js';
import { draftOf, groupNameOf, reservationAt } from './host-draft.js';
import { hostIdentity } from './host-identity.js';
import { type HostInput, readHostInput } from './host-input.js';
import { addressesOf, type FoundHost, hostOfEntry, identifierOf, placesOf } from './host-reservations.js';
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
function attributes(host: FoundHost, { snapshot }: OmapiContext): OutgoingEntry[] {
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

/** The text a host was given, else what it was reserved with by other means. */
function statementsOf(reservation: Reservation, { registry }: ConfigSnapshot): Octets {
  return markOf(reservation.userContext).statements ?? formatStatements(reservation, registry);
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

async function replace(
  old: readonly Reservation[],
  next: readonly ScopedReservation[],
  context: OmapiContext,
  command: string,
): Promise<void> {
  const subnets = [...old, ...next].map(({ subnetId }) => subnetId);
  requireChange(context.principal, HOST_OBJECT.type, reachOf(subnets, context.snapshot));
  await performed(command, () => replaceReservations(context.services, old, next), context);
  const told = () => ({
    old: old.map(hostIdentity),
    new: next.map(({ subnetId, written }) => ({ ...written, 'subnet-id': subnetId })),
  });
  recordChange(command, told, context);
}
