/**
 * What OMAPI keeps in the user-context of reservations and classes, under `lessor`, `omapi`: what dhcpd's hosts, groups
 * and classes have and Kea's reservations and classes have no place for.
 */

import type { Json, JsonMap, Reservation } from '../domain/snapshot.js';
import { formatHex, type Octets } from '../domain/values.js';
import { valueAt } from './edit.js';

/** Members of the mark. All are octets; lists are joined by blanks. */
const MARK_MEMBERS = ['name', 'group', 'statements', 'addresses', 'match', 'subclass', 'reserved'] as const;

/** The mark of a host, group or class. */
export interface OmapiMark {
  /** Name of the host. */
  readonly name?: Octets;
  /** The host's group; the group whose statements a class took over. */
  readonly group?: Octets;
  /** Text of the statements, of a host or group. */
  readonly statements?: Octets;
  /** Addresses of a host that has several, in their order. */
  readonly addresses?: Octets;
  /** Classes: what its subclasses are compared with, `hardware` or nothing. */
  readonly match?: Octets;
  /** Classes of one subclass with statements of its own: the class it belongs to. */
  readonly subclass?: Octets;
  /** Hosts: there because a lease was flagged as reserved. */
  readonly reserved?: Octets;
}

/** Marks by the user-context they are read from, which never changes. */
const marks = new WeakMap<JsonMap, OmapiMark>();
const NO_MARK: OmapiMark = {};

/** The mark in a user-context; empty for what was made otherwise. */
export function markOf(userContext: JsonMap | undefined): OmapiMark {
  if (userContext === undefined) return NO_MARK;
  let mark = marks.get(userContext);
  if (mark === undefined) {
    mark = readMark(userContext);
    marks.set(userContext, mark);
  }
  return mark;
}

function readMark(userContext: JsonMap): OmapiMark {
  const mark = valueAt(userContext, ['lessor', 'omapi']);
  if (!isJsonMap(mark)) return NO_MARK;
  return Object.fromEntries(
    MARK_MEMBERS.flatMap((name) => {
      const value = Object.hasOwn(mark, name) ? mark[name] : undefined;
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
}

/** True for a value that is a map. */
export function isJsonMap(value: Json | undefined): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The name of a host. A reservation made otherwise goes by its host name, or, without one, by its client. */
export function hostNameOf(reservation: Reservation): Octets {
  const { hostname, subnetId, identifierType, identifier, userContext } = reservation;
  const given = markOf(userContext).name ?? hostname;
  return given === '' ? `${identifierType}-${formatHex(identifier, '')}-${subnetId}` : given;
}
