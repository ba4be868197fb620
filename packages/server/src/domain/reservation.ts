/** Which host reservation applies to a client, and which addresses are spoken for. */

import { HOST_IDENTIFIERS, type IdentifierSource } from './identity.js';
import type { ClientKey, IdentifierType, Reservation, Subnet } from './snapshot.js';
import type { Ipv4, Octets, SubnetId } from './values.js';

/** Scope number of global reservations. */
export const GLOBAL_SCOPE: SubnetId = 0;

/** Every identifier that finds a reservation, its own first. */
export function clientKeys(reservation: Reservation): readonly ClientKey[] {
  return reservation.aliases === undefined ? [reservation] : [reservation, ...reservation.aliases];
}

/** Reservations indexed the ways the packet path asks for them. Lookups cost one Map access per identifier type in use. */
export class ReservationIndex {
  readonly #byIdentifier = new Map<IdentifierType, Map<Octets, Reservation[]>>();
  readonly #byAddress = new Map<Ipv4, Reservation[]>();
  readonly #order: readonly IdentifierType[];
  #types: readonly IdentifierType[] = [];
  #size = 0;

  /** `order` is host-reservation-identifiers: the first type that finds something wins. */
  constructor(reservations: Iterable<Reservation>, order: readonly IdentifierType[]) {
    this.#order = order;
    for (const reservation of reservations) this.add(reservation);
  }

  /** Number of reservations. */
  get size(): number {
    return this.#size;
  }

  /** Adds one. It counts from the next lookup on. */
  add(reservation: Reservation): void {
    for (const { identifierType, identifier } of clientKeys(reservation)) {
      append(this.#valuesOf(identifierType), identifier, reservation);
    }
    if (reservation.address !== undefined) append(this.#byAddress, reservation.address, reservation);
    this.#size++;
  }

  /** Takes one away; harmless if it is not here. */
  remove(reservation: Reservation): void {
    const byValue = this.#byIdentifier.get(reservation.identifierType);
    if (byValue === undefined || !withdraw(byValue, reservation.identifier, reservation)) return;
    for (const { identifierType, identifier } of reservation.aliases ?? []) {
      withdraw(this.#valuesOf(identifierType), identifier, reservation);
    }
    if (reservation.address !== undefined) withdraw(this.#byAddress, reservation.address, reservation);
    this.#size--;
  }

  /** The client's reservation in one scope (a subnet's id or {@link GLOBAL_SCOPE}). */
  find(scope: SubnetId, client: IdentifierSource): Reservation | undefined {
    for (const type of this.#types) {
      const value = HOST_IDENTIFIERS[type](client);
      if (value === '') continue;
      const found = this.#byIdentifier
        .get(type)
        ?.get(value)
        ?.find((reservation) => reservation.subnetId === scope);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The reservation in force for the client in a subnet: the subnet's own, else a global one, as its modes allow. */
  inForce(subnet: Subnet, client: IdentifierSource): Reservation | undefined {
    if (this.size === 0) return undefined;
    const own = subnet.reservationsInSubnet ? this.find(subnet.id, client) : undefined;
    return own ?? (subnet.reservationsGlobal ? this.find(GLOBAL_SCOPE, client) : undefined);
  }

  /** Every reservation of an address, whatever its scope. */
  holdersOf(address: Ipv4): readonly Reservation[] {
    return this.#byAddress.get(address) ?? NONE;
  }

  /** Reservations of an address that count in a subnet. */
  ofAddress(address: Ipv4, subnet: Subnet): readonly Reservation[] {
    const all = this.#byAddress.get(address);
    if (all === undefined) return NONE;
    return all.filter(
      (reservation) =>
        (reservation.subnetId === subnet.id && subnet.reservationsInSubnet) ||
        (reservation.subnetId === GLOBAL_SCOPE && subnet.reservationsGlobal),
    );
  }

  /** True if the address is reserved in the subnet, and not for this client under any of its identifiers. */
  isReservedForOther(address: Ipv4, subnet: Subnet, client: IdentifierSource): boolean {
    if (this.size === 0) return false;
    const holders = this.ofAddress(address, subnet);
    return (
      holders.length > 0 &&
      !holders.some((holder) =>
        clientKeys(holder).some(
          ({ identifierType, identifier }) => HOST_IDENTIFIERS[identifierType](client) === identifier,
        ),
      )
    );
  }

  #valuesOf(type: IdentifierType): Map<Octets, Reservation[]> {
    let byValue = this.#byIdentifier.get(type);
    if (byValue === undefined) {
      byValue = new Map();
      this.#byIdentifier.set(type, byValue);
      this.#types = this.#order.filter((one) => this.#byIdentifier.has(one));
    }
    return byValue;
  }

  /** Every reserved address with its scope. */
  *addresses(): Iterable<{ readonly scope: SubnetId; readonly address: Ipv4 }> {
    for (const [address, holders] of this.#byAddress)
      for (const holder of holders) yield { scope: holder.subnetId, address };
  }
}

const NONE: readonly Reservation[] = [];

function append<Key>(map: Map<Key, Reservation[]>, key: Key, reservation: Reservation): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [reservation]);
  else list.push(reservation);
}

function withdraw<Key>(map: Map<Key, Reservation[]>, key: Key, reservation: Reservation): boolean {
  const list = map.get(key);
  const at = list?.indexOf(reservation) ?? -1;
  if (list === undefined || at === -1) return false;
  if (list.length === 1) map.delete(key);
  else list.splice(at, 1);
  return true;
}
