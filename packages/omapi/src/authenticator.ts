/**
 * Keys, and what they make of a message. The signature is the HMAC of everything after the authid up to the signature
 * itself, the announced length of the signature included; octets of a header beyond the first 24 are left out.
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import { noOctets } from './bytes.js';
import { KeyError } from './errors.js';
import type { Frame } from './framing.js';
import { encodeMessage, HEADER_OCTETS, type OmapiMessage } from './message.js';

/** One HMAC. */
export interface Algorithm {
  /** As dhcpd.conf and omshell's key-algorithm have it. */
  readonly name: string;
  /** Node's name of the hash. */
  readonly hash: string;
  /** Length of a signature. None is ever truncated. */
  readonly signatureOctets: number;
}

/** THE algorithms: all that dhcpd 4.4.3 and omshell know. */
export const ALGORITHMS: readonly Algorithm[] = [
  { name: 'hmac-md5', hash: 'md5', signatureOctets: 16 },
  { name: 'hmac-sha1', hash: 'sha1', signatureOctets: 20 },
  { name: 'hmac-sha224', hash: 'sha224', signatureOctets: 28 },
  { name: 'hmac-sha256', hash: 'sha256', signatureOctets: 32 },
  { name: 'hmac-sha384', hash: 'sha384', signatureOctets: 48 },
  { name: 'hmac-sha512', hash: 'sha512', signatureOctets: 64 },
];

/** What names on the wire end with, SHA included: these are not the names of DNS TSIG. */
const WIRE_SUFFIX = '.SIG-ALG.REG.INT.';

/** The name by which an algorithm is asked for on the wire. */
export function wireName(algorithm: Algorithm): string {
  return algorithm.name + WIRE_SUFFIX;
}

/** The algorithm of a name in either form; case is ignored, as dhcpd does. */
export function findAlgorithm(name: string): Algorithm | undefined {
  const wanted = name.toLowerCase();
  return ALGORITHMS.find((row) => wanted === row.name || wanted === wireName(row).toLowerCase());
}

/** A key as it stands in a configuration. */
export interface KeyOptions {
  readonly name: string;
  /** `hmac-sha256` and the like. */
  readonly algorithm: string;
  /** Base64, as in dhcpd.conf, or the octets themselves. Of any length. */
  readonly secret: string | Uint8Array;
}

/** A key that can sign and verify. The secret can not be read back from it. */
export class Authenticator {
  readonly name: string;
  readonly algorithm: Algorithm;
  readonly #secret: Uint8Array;

  /** @throws KeyError */
  constructor({ name, algorithm, secret }: KeyOptions) {
    const row = findAlgorithm(algorithm);
    if (row === undefined) {
      throw new KeyError(
        `unknown algorithm '${algorithm}', there are ${ALGORITHMS.map((known) => known.name).join(', ')}`,
      );
    }
    this.name = name;
    this.algorithm = row;
    this.#secret = typeof secret === 'string' ? decodeBase64(secret) : Uint8Array.from(secret);
  }

  /** The signature over parts laid end to end. */
  sign(...parts: readonly Uint8Array[]): Uint8Array {
    const hmac = createHmac(this.algorithm.hash, this.#secret);
    for (const part of parts) hmac.update(part);
    return hmac.digest();
  }

  /** True if a message carries this key's signature. Takes the same time wherever the signatures differ. */
  verify({ octets, headerOctets, message }: Frame): boolean {
    if (message.signature.length !== this.algorithm.signatureOctets) return false;
    const body = octets.subarray(headerOctets, octets.length - message.signature.length);
    return timingSafeEqual(this.sign(octets.subarray(AUTHID_OCTETS, HEADER_OCTETS), body), message.signature);
  }
}

/** The authid in front is not signed. */
const AUTHID_OCTETS = 4;

/**
 * The octets of a message signed with a key.
 * @param message with the authid that the server gave to the key on this connection
 * @throws EncodeError
 */
export function encodeSigned(message: OmapiMessage, authenticator: Authenticator): Uint8Array {
  const room = new Uint8Array(authenticator.algorithm.signatureOctets);
  const octets = encodeMessage({ ...message, signature: room, headerExtra: noOctets() });
  const end = octets.length - room.length;
  octets.set(authenticator.sign(octets.subarray(AUTHID_OCTETS, end)), end);
  return octets;
}

/** @throws KeyError for anything that is not base64 with or without its padding */
function decodeBase64(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, '');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(digits) || digits.replace(/=+$/, '').length % 4 === 1) {
    throw new KeyError('the secret is not base64');
  }
  const secret = Buffer.from(digits, 'base64');
  if (secret.length === 0) throw new KeyError('the secret is empty');
  return secret;
}
