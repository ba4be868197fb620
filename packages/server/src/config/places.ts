/** Where subnets, networks, classes and reservations are in a `Dhcp4` map as it was written. */

import type { Json, JsonMap, Reservation } from '../domain/snapshot.js';
import type { SubnetId } from '../domain/values.js';
import { type Place, valueAt } from './edit.js';
import { formatIdentifier } from './identifiers.js';
import { isList } from './tree.js';
import { parseOctets } from './values.js';

/** The maps in a list that is a member of `map`; none if it has no such list. */
export function mapsIn(map: JsonMap, member: string): readonly JsonMap[] {
  const list = valueAt(map, [member]);
  return list !== undefined && isList(list) ? (list as readonly JsonMap[]) : [];
}

/** For each scope its reservations as they stand in a `Dhcp4` map; a subnet of a shared network like any other. */
export function reservationsByScope(tree: JsonMap): Map<SubnetId, readonly JsonMap[]> {
  const lists = new Map<SubnetId, readonly JsonMap[]>([[0, mapsIn(tree, 'reservations')]]);
  for (const map of [tree, ...mapsIn(tree, 'shared-networks')]) {
    for (const subnet of mapsIn(map, 'subnet4')) lists.set(Number(subnet.id), mapsIn(subnet, 'reservations'));
  }
  return lists;
}

/** The place of a subnet, undefined if there is none with this id. */
export function placeOfSubnet(source: JsonMap, id: SubnetId): Place | undefined {
  const plain = indexById(source, id);
  if (plain !== -1) return ['subnet4', plain];
  for (const [i, network] of mapsIn(source, 'shared-networks').entries()) {
    const index = indexById(network, id);
    if (index !== -1) return ['shared-networks', i, 'subnet4', index];
  }
  return undefined;
}

/** The place of a shared network. */
export function placeOfNetwork(source: JsonMap, name: string): Place | undefined {
  return placeByName(source, 'shared-networks', name);
}

/** The place of a client class. */
export function placeOfClass(source: JsonMap, name: string): Place | undefined {
  return placeByName(source, 'client-classes', name);
}

/** The place of the list of reservations of a scope, whether there is one or not; undefined if there is no such subnet. */
export function placeOfReservations(source: JsonMap, subnetId: SubnetId): Place | undefined {
  if (subnetId === 0) return ['reservations'];
  const subnet = placeOfSubnet(source, subnetId);
  return subnet && [...subnet, 'reservations'];
}

/** The place of a reservation. */
export function placeOfReservation(source: JsonMap, reservation: Reservation): Place | undefined {
  const list = placeOfReservations(source, reservation.subnetId);
  if (list === undefined) return undefined;
  const index = indexOfReservation(valueAt(source, list), reservation);
  return index === -1 ? undefined : [...list, index];
}

function indexById(map: JsonMap, id: SubnetId): number {
  return mapsIn(map, 'subnet4').findIndex((subnet) => subnet.id === id);
}

function placeByName(source: JsonMap, member: string, name: string): Place | undefined {
  const index = mapsIn(source, member).findIndex((item) => item.name === name);
  return index === -1 ? undefined : [member, index];
}

function indexOfReservation(list: Json | undefined, { identifierType, identifier }: Reservation): number {
  if (list === undefined || !isList(list)) return -1;
  const items = list as readonly JsonMap[];
  // Most are written in the usual form: comparing texts is ten times as quick as reading every one.
  const usual = formatIdentifier(identifierType, identifier);
  const quick = items.findIndex((item) => item[identifierType] === usual);
  if (quick !== -1) return quick;
  return items.findIndex((item) => {
    const text = item[identifierType];
    return typeof text === 'string' && parseOctets(text) === identifier;
  });
}
