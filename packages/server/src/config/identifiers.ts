/** What a reservation may name its client by. */

import type { IdentifierType } from '../domain/snapshot.js';
import { formatHex, type Octets } from '../domain/values.js';
import { formatUpperHex } from './values.js';

/** Kinds of identifier in Kea's numbering, with the most octets each can have. */
export const IDENTIFIERS: readonly (readonly [type: IdentifierType, maxOctets: number])[] = [
  ['hw-address', 20],
  ['duid', 130],
  ['circuit-id', 128],
  ['client-id', 255],
  ['flex-id', 128],
];

/** All kinds of identifier, in Kea's numbering. */
export const IDENTIFIER_TYPES: readonly IdentifierType[] = IDENTIFIERS.map(([type]) => type);

/** An identifier the way Kea gives it back. */
export function formatIdentifier(type: IdentifierType, identifier: Octets): string {
  return type === 'hw-address' || type === 'duid' ? formatHex(identifier) : formatUpperHex(identifier);
}
