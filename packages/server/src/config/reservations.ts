/** Host reservations, global and of subnets. */

import { clientKeys } from '../domain/reservation.js';
import type { Sliced } from '../domain/slices.js';
import type { ClientKey, IdentifierType, Reservation } from '../domain/snapshot.js';
import { formatIpv4, type Ipv4, type Octets, parseIpv4, type SubnetId } from '../domain/values.js';
import type { BuildContext } from './context.js';
import { extendReservation } from './host-extension.js';
import { formatIdentifier, IDENTIFIER_TYPES, IDENTIFIERS } from './identifiers.js';
import { bootFields } from './inherit.js';
import { buildOptions } from './options.js';
import { classNames } from './pools.js';
import type { Section } from './section.js';
import { formatPrefix, inPrefix, type Prefix, parseOctets } from './values.js';

/** A reservation and the section it was made from. */
export interface BuiltReservation {
  readonly section: Section;
  readonly reservation: Reservation;
}

/**
 * The reservations of a subnet (or of the global scope: id 0, no prefix), in the order of their identifiers, as Kea
 * gives them back. What is wrong is reported and left out.
 */
export function* buildReservations(
  scope: Section,
  subnetId: SubnetId,
  prefix: Prefix | undefined,
  context: BuildContext,
): Sliced<BuiltReservation[]> {
  const built: BuiltReservation[] = [];
  const seen: Seen = { clients: new Map(), addresses: new Map() };
  for (const section of scope.sections('reservations')) {
    yield;
    const reservation = buildReservation(section, subnetId, prefix, context);
    if (reservation !== undefined && isFirst(section, reservation, seen, context)) built.push({ section, reservation });
  }
  return built.sort((a, b) => compareByIdentifier(a.reservation, b.reservation));
}

/**
 * One reservation of a subnet (of the global scope: id 0, no prefix); undefined if there is an error (reported). That
 * its client and its address have no other reservation is for the caller to check.
 */
export function buildReservation(
  section: Section,
  subnetId: SubnetId,
  prefix: Prefix | undefined,
  context: BuildContext,
): Reservation | undefined {
  const options = buildOptions(section, context);
  const boot = bootFields(section, context.issues);
  const identifier = reservationIdentifier(section, context);
  const address = reservationAddress(section, prefix, context);
  if (identifier === undefined) return undefined;
  const plain: Reservation = {
    subnetId,
    identifierType: identifier.type,
    identifier: identifier.octets,
    ...(address === undefined ? {} : { address }),
    hostname: section.string('hostname') ?? '',
    clientClasses: classNames(section, 'client-classes'),
    options,
    ...boot,
    ...(section.userContext === undefined ? {} : { userContext: section.userContext }),
    origin: 'config',
  };
  return extendReservation(plain, section, context);
}

function reservationIdentifier(
  section: Section,
  { issues }: BuildContext,
): { type: IdentifierType; octets: Octets } | undefined {
  const given = IDENTIFIERS.filter(([type]) => section.mentions(type));
  const [first, second] = given;
  if (first === undefined) {
    const message = `a reservation names its client by one of ${IDENTIFIER_TYPES.join(', ')}`;
    issues.error('config-missing', section.position, message);
    return undefined;
  }
  const [type, maxOctets] = first;
  if (second !== undefined) {
    const message = `"${type}" and "${second[0]}" exclude each other: write two reservations`;
    issues.error('config-conflict', section.positionOf(second[0]), message);
    return undefined;
  }
  const text = section.string(type);
  if (text === undefined) return undefined;
  const octets = parseOctets(text);
  if (octets === undefined) {
    const message = `"${text}" is neither hexadecimal digits (1a:1b:1c:1d:1e:1f) nor 'text' in single quotes`;
    issues.error('config-range', section.positionOf(type), message);
    return undefined;
  }
  if (octets.length > maxOctets) {
    const message = `"${type}" has ${octets.length} octets, at most ${maxOctets} are possible`;
    issues.error('config-range', section.positionOf(type), message);
    return undefined;
  }
  return { type, octets };
}

function reservationAddress(section: Section, prefix: Prefix | undefined, { issues }: BuildContext): Ipv4 | undefined {
  const text = section.string('ip-address');
  if (text === undefined) return undefined;
  const position = section.positionOf('ip-address');
  const address = parseIpv4(text);
  if (address === undefined || address === 0 || address === 0xffff_ffff) {
    issues.error('config-range', position, `"${text}" is not an IPv4 address a client can have`);
    return undefined;
  }
  if (prefix !== undefined && !inPrefix(address, prefix)) {
    issues.error('config-range', position, `${text} is outside the subnet ${formatPrefix(prefix)}`);
    return undefined;
  }
  return address;
}

/** Clients and addresses of a scope that have a reservation already. */
interface Seen {
  readonly clients: Map<string, Section>;
  readonly addresses: Map<Ipv4, Section>;
}

function isFirst(section: Section, reservation: Reservation, seen: Seen, context: BuildContext): boolean {
  const { issues, ipReservationsUnique } = context;
  const { address } = reservation;
  const clients = clientKeys(reservation).map(
    ({ identifierType, identifier }) => `${identifierType} ${formatIdentifier(identifierType, identifier)}`,
  );
  const taken = clients.find((client) => seen.clients.has(client));
  if (taken !== undefined) {
    const message = `${taken} has a reservation already (${seen.clients.get(taken)!.path})`;
    issues.error('config-duplicate', section.positionOf(reservation.identifierType), message);
    return false;
  }
  const sameAddress = address === undefined ? undefined : seen.addresses.get(address);
  if (sameAddress !== undefined && ipReservationsUnique) {
    const message = `${formatIpv4(address!)} is already reserved (${sameAddress.path}); set "ip-reservations-unique" to false to allow that`;
    issues.error('config-duplicate', section.positionOf('ip-address'), message);
    return false;
  }
  for (const client of clients) seen.clients.set(client, section);
  if (address !== undefined) seen.addresses.set(address, section);
  return true;
}

/** By octets, then by kind (Kea's index of hosts). */
export function compareByIdentifier(a: ClientKey, b: ClientKey): number {
  if (a.identifier !== b.identifier) return a.identifier < b.identifier ? -1 : 1;
  return IDENTIFIER_TYPES.indexOf(a.identifierType) - IDENTIFIER_TYPES.indexOf(b.identifierType);
}
