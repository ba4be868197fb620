/** The eight octets with which both sides open a connection. Neither waits for the other's. */

import { uint32At, Writer } from './bytes.js';
import { DecodeError } from './errors.js';
import { HEADER_OCTETS } from './message.js';

/** The only version of the protocol there has ever been. */
export const PROTOCOL_VERSION = 100;

/** Octets of a start-up. */
export const STARTUP_OCTETS = 8;

/** Longer headers than this are not believed: nobody has ever sent more than 24 octets. */
export const MAX_HEADER_OCTETS = 1024;

/** What a side says of itself. */
export interface Startup {
  readonly version: number;
  /** Octets of every header that this side will send, 24 or more. */
  readonly headerOctets: number;
}

/** The octets of a start-up; by default the ones that clients such as pypureomapi insist on. */
export function encodeStartup(
  startup: Startup = { version: PROTOCOL_VERSION, headerOctets: HEADER_OCTETS },
): Uint8Array {
  const octets = new Uint8Array(STARTUP_OCTETS);
  const writer = new Writer(octets);
  writer.uint32(startup.version);
  writer.uint32(startup.headerOctets);
  return octets;
}

/**
 * Reads the first eight octets.
 * @throws DecodeError for fewer octets, another version, or a header size that can not be
 */
export function decodeStartup(octets: Uint8Array): Startup {
  if (octets.length < STARTUP_OCTETS) throw new DecodeError('start-up', octets.length, 'ends early');
  const version = uint32At(octets, 0);
  if (version !== PROTOCOL_VERSION) {
    throw new DecodeError('version', 0, `${version} instead of ${PROTOCOL_VERSION}: this is no OMAPI`);
  }
  const headerOctets = uint32At(octets, 4);
  if (headerOctets < HEADER_OCTETS || headerOctets > MAX_HEADER_OCTETS) {
    throw new DecodeError('header size', 4, `${headerOctets} is not between ${HEADER_OCTETS} and ${MAX_HEADER_OCTETS}`);
  }
  return { version, headerOctets };
}
