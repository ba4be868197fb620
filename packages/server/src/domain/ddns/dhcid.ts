/**
 * Whose name it is: the DHCID record (RFC 4701), by which a DNS update tells the name of this client from that of another
 * or one entered by hand. And names in the two forms an update needs: labels on the wire, and text for people.
 */

import type { Lease } from '../lease.js';
import { sha256 } from '../sha256.js';
import type { Octets } from '../values.js';

/** Identifier types (RFC 4701 §3.3). */
const FROM_HARDWARE = 0;
const FROM_CLIENT_ID = 1;
const FROM_DUID = 2;
/** Digest type of SHA-256, the only one there is (RFC 4701 §3.4). */
const SHA256_DIGEST = 1;
/** Hardware type Ethernet: a lease does not keep another. */
const ETHERNET = 1;
/** First octet of a client identifier that is a DUID behind an IAID of four octets (RFC 4361 §6.1). */
const RFC4361_TYPE = 255;
const DUID_OFFSET = 5;
/** A DUID has at most 128 octets behind its type (RFC 8415 §11.1). */
const MAX_DUID_OCTETS = 130;

/** Longest label and longest name on the wire (RFC 1035 §2.3.4). */
const MAX_LABEL = 63;
const MAX_NAME = 255;

/** Which client a lease is of, as far as names go: clients are the same if this is. */
export function nameHolder({ clientId, hwAddress }: Pick<Lease, 'clientId' | 'hwAddress'>): Octets {
  return clientId === '' ? `h${hwAddress}` : `c${clientId}`;
}

/**
 * RDATA of the client's DHCID record for a name (RFC 4701 §3.5), as upper-case hex. The client identifier comes before
 * the hardware address, and a DUID in it before itself.
 * @param wireName of {@link wireName}
 * @returns undefined if the client has no identifier a DHCID can be made of
 */
export function dhcidOf(client: Pick<Lease, 'clientId' | 'hwAddress'>, wireName: Uint8Array): string | undefined {
  const source = identifierOf(client);
  if (source === undefined) return undefined;
  const head = Buffer.from([0, source.type, SHA256_DIGEST]).toString('hex');
  return (head + sha256(Buffer.concat([source.octets, wireName]))).toUpperCase();
}

function identifierOf({
  clientId,
  hwAddress,
}: Pick<Lease, 'clientId' | 'hwAddress'>): { readonly type: number; readonly octets: Buffer } | undefined {
  const octets = Buffer.from(clientId, 'latin1');
  if (octets.length === 0) {
    if (hwAddress === '') return undefined;
    return { type: FROM_HARDWARE, octets: Buffer.concat([Buffer.from([ETHERNET]), Buffer.from(hwAddress, 'latin1')]) };
  }
  if (octets[0] !== RFC4361_TYPE) return { type: FROM_CLIENT_ID, octets };
  const duid = octets.subarray(DUID_OFFSET);
  return duid.length === 0 || duid.length > MAX_DUID_OCTETS ? undefined : { type: FROM_DUID, octets: duid };
}

/**
 * A name as labels on the wire, in lower case (RFC 4034 §6.2: the canonical form a DHCID is computed over).
 * @param name with or without a final dot
 * @returns undefined if a label is empty or longer than 63 octets, or the name longer than 255
 */
export function wireName(name: string): Uint8Array | undefined {
  const octets: number[] = [];
  for (const label of labelsOf(name)) {
    if (label.length === 0 || label.length > MAX_LABEL) return undefined;
    octets.push(label.length, ...Buffer.from(label.toLowerCase(), 'latin1'));
  }
  octets.push(0);
  return octets.length > MAX_NAME ? undefined : Uint8Array.from(octets);
}

/** A name as text with a final dot, what has a meaning in zone files escaped (RFC 1035 §5.1). */
export function presentedName(name: string): string {
  return labelsOf(name)
    .map((label) => `${label.replace(/["$().;@\\]|[^!-~]/g, escaped)}.`)
    .join('');
}

function labelsOf(name: string): string[] {
  return (name.endsWith('.') ? name.slice(0, -1) : name).split('.');
}

function escaped(character: string): string {
  return /[!-~]/.test(character) ? `\\${character}` : `\\${String(character.charCodeAt(0)).padStart(3, '0')}`;
}
