/** What changes of a running configuration by command are made of. */

import type { ConfigSnapshot, JsonMap, Reservation } from '../domain/snapshot.js';
import type { ConfigDiff } from './diff.js';
import type { TreeEdit } from './edit.js';

/** A configuration in force, and the `Dhcp4` map it was written as. */
export interface ConfigState {
  readonly snapshot: ConfigSnapshot;
  readonly source: JsonMap;
}

/** A reservation, and how config-get and reservation-get show it. */
export interface ShownReservation {
  readonly reservation: Reservation;
  readonly json: JsonMap;
}

/** A reservation that is to come. */
export interface MadeReservation extends ShownReservation {
  /** As it was written. */
  readonly written: JsonMap;
}

/** Reservations come, go, or take the place of others. */
export interface ReservationChange {
  readonly added: readonly MadeReservation[];
  readonly removed: readonly Reservation[];
}

/** What of the snapshot changes, for those who can follow without building anew. */
export type ConfigChange =
  | ({ readonly kind: 'reservations' } & ReservationChange)
  /** Subnets, shared networks or classes. */
  | { readonly kind: 'networks'; readonly diff: ConfigDiff };

/** The configuration after a change, ready to be put in force, and how the file says the same. */
export interface ConfigPatch extends ConfigState {
  readonly edits: readonly TreeEdit[];
  readonly change: ConfigChange;
}
