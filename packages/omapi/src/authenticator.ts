/**
 * Keys, and what they make of a message. The signature is the HMAC of everything after the authid up to the signature
 * itself, the announced length of the signature included; octets of a header beyond the first 24 are left out.
 */

import { timingSafeEqual } from 'node:crypto';
import { noOctets } from './bytes.js';
import { KeyError } from './errors.js';
import type { Frame } from './framing.js';
import { Hmac } from './hmac.js';
import { encodeUnsigned, HEADER_OCTETS, type OutgoingMessage } from './message.js';

/** One HMAC. */
export interface Algorithm {
  /** As dhcpd.conf and omshell's key-algorithm have it. */
  readonly name: string;
  /** Node's name of the hash. */
  readonly hash: string;
  /** Length of a block of the hash. */
  readonly blockOctets: number;
  /** Length of a signature. None is ever truncated. */
  readonly signatureOctets: number;
}

/** THE algorithms: all that dhcpd 4.4.3 and omshell know. */
export const ALGORITHMS: readonly Algorithm[] = [
  { name: 'hmac-md5', hash: 'md5', blockOctets: 64, signatureOctets: 16 },
  { name: 'hmac-sha1', hash: 'sha1', blockOctets: 64, signatureOctets: 20 },
  { name: 'hmac-sha224', hash: 'sha224', blockOctets: 64, signatureOctets: 28 },
  { name: 'hmac-sha256', hash: 'sha256', blockOctets: 64, signatureOctets: 32 },
  { name: 'hmac-sha384', hash: 'sha384', blockOctets: 128, signatureOctets: 48 },
  { name: 'hmac-sha512', hash: 'sha512', blockOctets: 128, signatureOctets: 64 },
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
  readonly #hmac: Hmac;
  /** Where the signature a message should have is put together. */
  readonly #expected: Buffer;

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
    this.#hmac = new Hmac(row, typeof secret === 'string' ? decodeBase64(secret) : Uint8Array.from(secret));
    this.#expected = Buffer.alloc(row.signatureOctets);
  }

  /** The signature over octets. */
  sign(octets: Uint8Array): Uint8Array {
    const signature = Buffer.alloc(this.algorithm.signatureOctets);
    this.#hmac.write(octets, noOctets(), signature, 0);
    return signature;
  }

  /** Signs a message whose signature is the last of its octets, in place. */
  signInPlace(octets: Buffer): void {
    const end = octets.length - this.algorithm.signatureOctets;
    this.#hmac.write(octets.subarray(AUTHID_OCTETS, end), noOctets(), octets, end);
  }

  /** True if a message carries this key's signature. Takes the same time wherever the signatures differ. */
  verify({ octets, headerOctets, message }: Frame): boolean {
    const { signature } = message;
    if (signature.length !== this.algorithm.signatureOctets) return false;
    const end = octets.length - signature.length;
    if (headerOctets === HEADER_OCTETS) {
      this.#hmac.write(octets.subarray(AUTHID_OCTETS, end), noOctets(), this.#expected, 0);
    } else {
      const [header, body] = [octets.subarray(AUTHID_OCTETS, HEADER_OCTETS), octets.subarray(headerOctets, end)];
      this.#hmac.write(header, body, this.#expected, 0);
    }
    return timingSafeEqual(this.#expected, signature);
  }
}

/** The authid in front is not signed. */
const AUTHID_OCTETS = 4;

/**
 * The octets of a message signed with a key.
 * @param message with the authid that the server gave to the key on this connection
 * @throws EncodeError
 */
export function encodeSigned(message: OutgoingMessage, authenticator: Authenticator): Uint8Array {
  const octets = encodeUnsigned(message, authenticator.algorithm.signatureOctets);
  authenticator.signInPlace(octets);
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
