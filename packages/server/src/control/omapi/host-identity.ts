/** What of a reservation makes it an OMAPI host: its identity, its name, and what is kept for OMAPI beside it. */

import { valueAt } from '../../config/edit.js';
import type { Json, JsonMap, Reservation } from '../../domain/snapshot.js';
import { formatHex, type Octets } from '../../domain/values.js';

/** What stays the same of a host: scope and client. */
export function hostIdentity({ subnetId, identifierType, identifier }: Reservation): string {
  return `${subnetId} ${identifierType} ${formatHex(identifier, '')}`;
}

/** What a reservation made through OMAPI keeps in its user-context, under `lessor`, `omapi`. Texts are octets. */
export interface OmapiMark {
  readonly name?: Octets;
  readonly group?: Octets;
  readonly statements?: Octets;
}

/** The mark of a host or group; empty for what was made otherwise. */
export function markOf(userContext: JsonMap | undefined): OmapiMark {
  const mark = valueAt(userContext ?? {}, ['lessor', 'omapi']);
  const text = (name: string): Record<string, Octets> => {
    const value = isMap(mark) && Object.hasOwn(mark, name) ? mark[name] : undefined;
    return typeof value === 'string' ? { [name]: value } : {};
  };
  return { ...text('name'), ...text('group'), ...text('statements') };
}

/** The user-context with another mark in it. */
export function withMark(userContext: JsonMap | undefined, mark: OmapiMark): JsonMap {
  const lessor = userContext?.lessor;
  return { ...userContext, lessor: { ...(isMap(lessor) ? lessor : {}), omapi: { ...mark } } };
}

/** The name of a host. A reservation made otherwise goes by its host name, or, without one, by its client. */
export function hostName(reservation: Reservation): Octets {
  const { hostname, subnetId, identifierType, identifier, userContext } = reservation;
  const given = markOf(userContext).name ?? hostname;
  return given === '' ? `${identifierType}-${formatHex(identifier, '')}-${subnetId}` : given;
}

function isMap(value: Json | undefined): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
