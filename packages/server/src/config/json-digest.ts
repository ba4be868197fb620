/** SHA-256 over Kea's text of a JSON value, in slices: of a big configuration it takes a second. */

import { createHash } from 'node:crypto';
import { formatJsonPieces, type JsonValue } from '@lessor/kea';
import type { Sliced } from '../domain/slices.js';

/** Down to a reservation of a subnet of a shared network: root, Dhcp4, networks, network, subnets, subnet, list. */
const PIECEWISE_DEPTH = 7;
/** A digest costs a call into the library for every update: a few kilobytes are worth one. */
const OCTETS_PER_UPDATE = 4096;

/** The digest as lower-case hex. */
export function* jsonDigest(value: JsonValue): Sliced<string> {
  const digest = createHash('sha256');
  let pending = '';
  for (const piece of formatJsonPieces(value, PIECEWISE_DEPTH)) {
    pending += piece;
    if (pending.length < OCTETS_PER_UPDATE) continue;
    digest.update(pending, 'latin1');
    pending = '';
    yield;
  }
  return digest.update(pending, 'latin1').digest('hex');
}

/** Nothing nested, as the arguments of most commands and the answer of lease4-get: not worth taking apart in slices. */
export function isFlat(value: JsonValue): boolean {
  if (value === null || typeof value !== 'object') return true;
  for (const member of Object.values(value)) if (typeof member === 'object') return false;
  return true;
}
