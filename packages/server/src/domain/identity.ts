/** Who a client is: the identifiers a packet carries, and whether a lease is the client's own. */

import type { Message4 } from '@lessor/dhcp';
import type { Lease } from './lease.js';
import type { IdentifierType } from './snapshot.js';
import type { Octets } from './values.js';

/** Code of option 61. */
const CLIENT_ID = 61;
/** Code of sub-option 1 of option 82 (RFC 3046 §3.1). */
const CIRCUIT_ID = 1;
/** Type octet of a client identifier that holds IAID and DUID (RFC 4361 §6.1), and the octets before the DUID. */
const RFC4361_TYPE = 255;
const RFC4361_HEADER_OCTETS = 5;

/** What of a packet identifies its client. */
export interface ClientIdentity {
  /** chaddr cut to hlen, '' if none. */
  readonly hwAddress: Octets;
  /** Option 61 as sent, '' if none or useless (fewer than two octets, RFC 2132 §9.14). */
  readonly clientId: Octets;
}

/** Reads the identity that leases are kept by. */
export function identifyClient(message: Message4): ClientIdentity {
  const clientId = message.octets(CLIENT_ID) ?? '';
  return {
    hwAddress: message.chaddrOctets,
    clientId: clientId.length < 2 ? '' : clientId,
  };
}

/** Something a host identifier can be read from. */
export interface IdentifierSource {
  readonly identity: ClientIdentity;
  relaySubOption(code: number): Octets | undefined;
  /** Value of the flexible identifier, '' if none is configured or it is empty. */
  readonly flexId: Octets;
}

/** Each host identifier type, and how a packet's value of it is found; '' = the packet has none (Kea: same order of meaning). */
export const HOST_IDENTIFIERS: Readonly<Record<IdentifierType, (source: IdentifierSource) => Octets>> = {
  'hw-address': (source) => source.identity.hwAddress,
  duid: (source) => duidOf(source.identity.clientId),
  'circuit-id': (source) => source.relaySubOption(CIRCUIT_ID) ?? '',
  'client-id': (source) => source.identity.clientId,
  'flex-id': (source) => source.flexId,
};

/** The DUID inside a client identifier of RFC 4361 §6.1, '' if it is none. */
export function duidOf(clientId: Octets): Octets {
  return clientId.length > RFC4361_HEADER_OCTETS && clientId.charCodeAt(0) === RFC4361_TYPE
    ? clientId.slice(RFC4361_HEADER_OCTETS)
    : '';
}

/**
 * True if the lease is this client's (as Kea decides it): equal client identifiers settle it, and the hardware address
 * counts only if one of the two sides has no client identifier. Pass '' as `clientId` where match-client-id is off.
 */
export function belongsTo(lease: Pick<Lease, 'clientId' | 'hwAddress'>, hwAddress: Octets, clientId: Octets): boolean {
  if (clientId !== '' && lease.clientId !== '') return clientId === lease.clientId;
  return hwAddress !== '' && hwAddress === lease.hwAddress;
}
