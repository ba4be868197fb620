/**
 * A name change request as a datagram: two octets of length, then JSON. The members are those of Kea 2.2 and of Kea 3.x
 * together, since each release asks for its own and passes over the others.
 */

import { civilDate } from '../civil-date.js';
import { formatIpv4 } from '../values.js';
import type { NameChangeRequest } from './name-change.js';

/** Kea's numbers of changes. */
const CHANGE_TYPES = { add: 0, remove: 1 } as const;

/** The datagram of a request. */
export function encodeNcr(request: NameChangeRequest): Buffer {
  const json = Buffer.from(JSON.stringify(ncrToJson(request)), 'latin1');
  const octets = Buffer.allocUnsafe(2 + json.length);
  octets.writeUInt16BE(json.length, 0);
  json.copy(octets, 2);
  return octets;
}

/** Members in Kea's order. */
export function ncrToJson(request: NameChangeRequest): Readonly<Record<string, string | number | boolean>> {
  return {
    'change-type': CHANGE_TYPES[request.change],
    'forward-change': request.forward,
    'reverse-change': request.reverse,
    fqdn: request.fqdn,
    'ip-address': formatIpv4(request.address),
    dhcid: request.dhcid,
    'lease-expires-on': formatInstant(request.expiresAtSec),
    'lease-length': request.ttlSec,
    'use-conflict-resolution': request.conflictResolution === 'check-with-dhcid',
    'conflict-resolution-mode': request.conflictResolution,
  };
}

/** YYYYMMDDhhmmss in UTC; computed, as the domain has no clock to format with. */
function formatInstant(epochSec: number): string {
  const days = Math.floor(epochSec / 86_400);
  const second = epochSec - days * 86_400;
  const { year, month, day } = civilDate(days);
  const two = (number: number): string => String(number).padStart(2, '0');
  const time = [Math.floor(second / 3600), Math.floor(second / 60) % 60, second % 60].map(two).join('');
  return `${String(year).padStart(4, '0')}${two(month)}${two(day)}${time}`;
}
