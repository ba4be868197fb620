/**
 * A host as reservations and back. A host of dhcpd may have several addresses and two identifiers; a reservation of Kea
 * has one of each. So a host is one reservation in every subnet it has an address in, all with the same name in their
 * marks; a second identifier is in their user-context.
 */

import { markOf } from '../../config/omapi-mark.js';
import { clientKeys } from '../../domain/reservation.js';
import type { ClientKey, ConfigSnapshot, IdentifierType, Reservation } from '../../domain/snapshot.js';
import { contains } from '../../domain/topology.js';
import { formatHex, formatIpv4, type Ipv4, type Octets, parseIpv4, type SubnetId } from '../../domain/values.js';
import type { DirectoryEntry, ReservationDirectory } from '../../services/reservation-directory.js';
import { invalidArgument } from './object.js';

/** A host that was found: its reservations by subnet id; there is at least one. */
export type FoundHost = readonly [DirectoryEntry, ...DirectoryEntry[]];

/** The host that a reservation is, or is a part of. */
export function hostOfEntry(entry: DirectoryEntry, directory: ReservationDirectory): FoundHost {
  const { name } = markOf(entry.reservation.userContext);
  if (name === undefined) return [entry];
  const { identifierType, identifier } = entry.reservation;
  const [first, ...others] = directory
    .ofName(name)
    .filter(
      ({ reservation: other }) =>
        markOf(other.userContext).name === name &&
        other.identifierType === identifierType &&
        other.identifier === identifier,
    )
    .toSorted((a, b) => a.reservation.subnetId - b.reservation.subnetId);
  return first === undefined ? [entry] : [first, ...others];
}

/** The identifier of a type that a host has, '' if none. */
export function identifierOf(host: FoundHost, type: IdentifierType): Octets {
  return clientKeys(host[0].reservation).find(({ identifierType }) => identifierType === type)?.identifier ?? '';
}

/** The addresses of a host in the order they were given; those that Kea's side has changed come as they are. */
export function addressesOf(host: FoundHost): readonly Ipv4[] {
  const reserved = host.flatMap(({ reservation: { address } }) => (address === undefined ? [] : [address]));
  const { addresses = '' } = markOf(host[0].reservation.userContext);
  const kept = addresses.split(' ').flatMap((text) => parseIpv4(text) ?? []);
  return reserved.length > 0 && reserved.every((address) => kept.includes(address)) ? kept : reserved;
}

/** All identifiers of a host, the hardware address first: that is the one reservations are found by in Kea. */
export function keysOf(host: {
  readonly hardwareAddress: Octets;
  readonly clientIdentifier: Octets;
  /** Those that OMAPI has no attribute for: made by Kea's commands. */
  readonly others: readonly ClientKey[];
}): readonly ClientKey[] {
  const key = (identifierType: IdentifierType, identifier: Octets): ClientKey[] =>
    identifier === '' ? [] : [{ identifierType, identifier }];
  return [...key('hw-address', host.hardwareAddress), ...key('client-id', host.clientIdentifier), ...host.others];
}

/** Where a reservation of a host is to be, and with which address. */
export interface HostPlace {
  readonly subnetId: SubnetId;
  readonly address: Ipv4 | undefined;
}

/**
 * Where a host is reserved: in the subnet of each of its addresses. Of several in one subnet the first counts, as with
 * dhcpd. Without an address it is global, if clients are looked for there, or in the only subnet there is.
 * @param now where it is already: it stays there if it can
 * @throws OmapiRefusal INVALIDARG for a host that no packet would ever find
 */
export function placesOf(
  addresses: readonly Ipv4[],
  now: readonly SubnetId[],
  snapshot: ConfigSnapshot,
): readonly HostPlace[] {
  if (addresses.length === 0) return [{ subnetId: now[0] ?? scopeWithoutAddress(snapshot), address: undefined }];
  const places = new Map<SubnetId, Ipv4>();
  for (const address of addresses) {
    const subnetId = scopeOfAddress(address, now, snapshot);
    if (!places.has(subnetId)) places.set(subnetId, address);
  }
  return [...places].map(([subnetId, address]) => ({ subnetId, address })).sort((a, b) => a.subnetId - b.subnetId);
}

function scopeWithoutAddress({ subnets }: ConfigSnapshot): SubnetId {
  if (subnets.some(({ reservationsGlobal }) => reservationsGlobal)) return 0;
  const [only, ...others] = subnets;
  if (only !== undefined && others.length === 0 && only.reservationsInSubnet) return only.id;
  throw invalidArgument('a host without ip-address needs "reservations-global": true, as there are several subnets');
}

function scopeOfAddress(address: Ipv4, now: readonly SubnetId[], { subnets }: ConfigSnapshot): SubnetId {
  const having = subnets.filter((subnet) => contains(subnet, address));
  const reserving = having.filter(({ reservationsInSubnet }) => reservationsInSubnet);
  const chosen =
    reserving.find(({ id }) => now.includes(id)) ??
    reserving.find(({ clientClasses }) => clientClasses.length === 0) ??
    reserving[0];
  if (chosen !== undefined) return chosen.id;
  if (having.some(({ reservationsGlobal }) => reservationsGlobal)) return 0;
  throw invalidArgument(`${formatIpv4(address)} is in no subnet that has reservations`);
}

/** An identifier as a member of a reservation. */
export function identifierMember({ identifierType, identifier }: ClientKey): Record<string, string> {
  return { [identifierType]: formatHex(identifier) };
}

/** True if a reservation says more than a text of statements can say: options for certain classes only, and the like. */
export function exceedsStatements({ options }: Reservation): boolean {
  return options.some(
    ({ clientClasses, alwaysSend, neverSend }) => clientClasses.length > 0 || alwaysSend || neverSend,
  );
}
