/** What of a reservation makes it an OMAPI host: its identity, and what is kept for OMAPI beside it. */

import { isJsonMap, type OmapiMark } from '../../config/omapi-mark.js';
import type { JsonMap, Reservation } from '../../domain/snapshot.js';
import { formatHex } from '../../domain/values.js';

/** What stays the same of a host as long as its client does: scope and client. */
export function hostIdentity({ subnetId, identifierType, identifier }: Reservation): string {
  return `${subnetId} ${identifierType} ${formatHex(identifier, '')}`;
}

/**
 * The user-context with another mark in it.
 * @param members of `lessor`, beside the mark, to be set; those named in `gone` are taken away first
 */
export function withMark(
  userContext: JsonMap | undefined,
  mark: OmapiMark,
  members: JsonMap = {},
  gone: readonly string[] = [],
): JsonMap {
  const old = userContext?.lessor;
  const kept = Object.entries(isJsonMap(old) ? old : {}).filter(([name]) => !gone.includes(name));
  return { ...userContext, lessor: { ...Object.fromEntries(kept), ...members, omapi: { ...mark } } };
}
