/**
 * The reservations of a configuration as the host commands ask for them: in the order in which they came, which is that
 * of their numbers, and with the JSON they are shown as. Made when the first such command comes, then kept up to date
 * change by change.
 */

import type { ConfigChange } from '../config/change.js';
import { hostNameOf } from '../config/omapi-mark.js';
import { reservationsByScope } from '../config/places.js';
import { clientKeys } from '../domain/reservation.js';
import type { ConfigSnapshot, IdentifierType, JsonMap, Reservation } from '../domain/snapshot.js';
import type { Ipv4, Octets, SubnetId } from '../domain/values.js';
import type { PreparedSwap, SwapParticipant } from './config-service.js';

/** A reservation with its number. */
export interface DirectoryEntry {
  /** Counts up from 1 as reservations come (Kea's host id in memory); a configuration loaded anew starts again. */
  readonly number: number;
  readonly reservation: Reservation;
  /** As config-get shows it. */
  readonly json: JsonMap;
}

/** See the head of this file. */
export class ReservationDirectory {
  private readonly all: DirectoryEntry[] = [];
  private readonly byScope = new Map<SubnetId, DirectoryEntry[]>();
  private readonly byClient = new Map<IdentifierType, Map<Octets, DirectoryEntry[]>>();
  private readonly byAddress = new Map<Ipv4, DirectoryEntry[]>();
  private readonly byName = new Map<Octets, DirectoryEntry[]>();
  private last = 0;

  constructor({ reservations, tree }: Pick<ConfigSnapshot, 'reservations' | 'tree'>) {
    // As config-get shows them they are in the order of ConfigSnapshot.reservations.
    const shown = new Map([...reservationsByScope(tree)].map(([scope, list]) => [scope, list.values()]));
    for (const reservation of reservations) this.add(reservation, shown.get(reservation.subnetId)!.next().value!);
  }

  /** Adds one that has come. */
  add(reservation: Reservation, json: JsonMap): void {
    const entry = { number: ++this.last, reservation, json };
    this.all.push(entry);
    this.forEachKey(reservation, (map, key) => append(map, key, entry));
  }

  /** Takes one away. */
  remove(reservation: Reservation): void {
    const { identifierType, identifier } = reservation;
    const entry = this.ofClient(identifierType, identifier).find((one) => one.reservation === reservation);
    if (entry === undefined) return;
    this.all.splice(placeOf(this.all, entry.number), 1);
    this.forEachKey(reservation, (map, key) => withdraw(map, key, entry));
  }

  /** The reservation of a client in a scope (0: the global one). */
  find(scope: SubnetId, identifierType: IdentifierType, identifier: Octets): DirectoryEntry | undefined {
    return this.ofClient(identifierType, identifier).find(({ reservation }) => reservation.subnetId === scope);
  }

  /** Reservations of a client in all scopes. */
  ofClient(identifierType: IdentifierType, identifier: Octets): readonly DirectoryEntry[] {
    return this.byClient.get(identifierType)?.get(identifier) ?? NONE;
  }

  /** Reservations of an address. */
  ofAddress(address: Ipv4): readonly DirectoryEntry[] {
    return this.byAddress.get(address) ?? NONE;
  }

  /** Reservations of a host name, as OMAPI's hosts are called; in several scopes they may be one host. */
  ofName(name: Octets): readonly DirectoryEntry[] {
    return this.byName.get(name) ?? NONE;
  }

  /** Reservations of a scope, or all. */
  of(scope: SubnetId | undefined): readonly DirectoryEntry[] {
    return scope === undefined ? this.all : (this.byScope.get(scope) ?? []);
  }

  /** Up to `limit` of them with numbers above `after`. */
  page(scope: SubnetId | undefined, after: number, limit: number): readonly DirectoryEntry[] {
    const list = this.of(scope);
    const first = placeOf(list, after + 1);
    return list.slice(first, first + limit);
  }

  /** All that a reservation is found by. */
  private forEachKey(reservation: Reservation, visit: <Key>(map: Map<Key, DirectoryEntry[]>, key: Key) => void): void {
    const { address, subnetId } = reservation;
    visit(this.byScope, subnetId);
    visit(this.byName, hostNameOf(reservation));
    for (const { identifierType, identifier } of clientKeys(reservation)) {
      let ofType = this.byClient.get(identifierType);
      if (ofType === undefined) {
        ofType = new Map();
        this.byClient.set(identifierType, ofType);
      }
      visit(ofType, identifier);
    }
    if (address !== undefined) visit(this.byAddress, address);
  }
}

/** The directory of the configuration in force, made when it is asked for and kept from change to change. */
export class ReservationDirectories implements SwapParticipant {
  readonly name = 'reservation-directory';
  private current: { readonly snapshot: ConfigSnapshot; readonly directory: ReservationDirectory } | undefined;

  /** The directory of the configuration in force. */
  of(snapshot: ConfigSnapshot): ReservationDirectory {
    if (this.current?.snapshot !== snapshot) {
      this.current = { snapshot, directory: new ReservationDirectory(snapshot) };
    }
    return this.current.directory;
  }

  /** Another configuration has other reservations: nothing to prepare, `of` sees it. */
  async prepare(): Promise<PreparedSwap> {
    return { commit: () => undefined, abandon: () => undefined };
  }

  /** The directory follows a change. */
  prepareChange(next: ConfigSnapshot, change: ConfigChange): PreparedSwap {
    return { commit: () => this.follow(next, change), abandon: () => undefined };
  }

  private follow(snapshot: ConfigSnapshot, change: ConfigChange): void {
    if (this.current === undefined) return;
    const { directory } = this.current;
    if (change.kind === 'networks') {
      // Numbers stay only as long as the reservations do.
      this.current = change.diff.reservations ? undefined : { snapshot, directory };
      return;
    }
    for (const reservation of change.removed) directory.remove(reservation);
    for (const { reservation, json } of change.added) directory.add(reservation, json);
    this.current = { snapshot, directory };
  }
}

const NONE: readonly DirectoryEntry[] = [];

function append<Key>(map: Map<Key, DirectoryEntry[]>, key: Key, entry: DirectoryEntry): void {
  const list = map.get(key);
  // Most lists have one entry for ever: one that is made empty and pushed to has room for seventeen.
  if (list === undefined) map.set(key, [entry]);
  else list.push(entry);
}

function withdraw<Key>(map: Map<Key, DirectoryEntry[]>, key: Key, { number }: DirectoryEntry): void {
  const list = map.get(key);
  if (list === undefined) return;
  if (list.length === 1) map.delete(key);
  else list.splice(placeOf(list, number), 1);
}

/** Where the entry with this number is, or would be. */
function placeOf(list: readonly DirectoryEntry[], number: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle]!.number < number) low = middle + 1;
    else high = middle;
  }
  return low;
}
