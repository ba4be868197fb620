/**
 * HMAC (RFC 2104) of short messages by a key that stays the same. Node's createHmac makes an object for each of them that
 * the collector has to look after; hashing at one go behind the key's own block takes a third of the time and leaves
 * nothing behind. Where Node can not do that (before 20.12), and for long messages, it is createHmac.
 */

import crypto from 'node:crypto';

/** Octets of a message up to which it is copied behind the key. */
const SHORT_OCTETS = 4096;

/** A hash function, as HMAC needs to know it. */
export interface HmacHash {
  /** Node's name of it. */
  readonly hash: string;
  /** Octets of a block of it. */
  readonly blockOctets: number;
  readonly signatureOctets: number;
}

/** See the head of this file. */
export class Hmac {
  readonly #hash: HmacHash;
  readonly #secret: Uint8Array;
  /** The key's block for the inner and the outer hash, and room for what is hashed behind it. */
  readonly #inner: Buffer;
  readonly #outer: Buffer;

  /** @param secret of any length */
  constructor(hash: HmacHash, secret: Uint8Array) {
    this.#hash = hash;
    this.#secret = secret;
    const block = Buffer.alloc(hash.blockOctets);
    block.set(secret.length > hash.blockOctets ? crypto.createHash(hash.hash).update(secret).digest() : secret);
    this.#inner = Buffer.alloc(hash.blockOctets + SHORT_OCTETS);
    this.#outer = Buffer.alloc(hash.blockOctets + hash.signatureOctets);
    for (const [at, octet] of block.entries()) {
      this.#inner[at] = octet ^ 0x36;
      this.#outer[at] = octet ^ 0x5c;
    }
  }

  /** The HMAC of two parts laid end to end, written to `into` from `at` on. */
  write(first: Uint8Array, second: Uint8Array, into: Buffer, at: number): void {
    const { hash, blockOctets } = this.#hash;
    const octets = first.length + second.length;
    if (crypto.hash === undefined || octets > SHORT_OCTETS) {
      into.set(crypto.createHmac(hash, this.#secret).update(first).update(second).digest(), at);
      return;
    }
    this.#inner.set(first, blockOctets);
    this.#inner.set(second, blockOctets + first.length);
    // Digests as strings are cheaper than buffers, which have memory of their own.
    this.#outer.write(
      crypto.hash(hash, this.#inner.subarray(0, blockOctets + octets), 'binary'),
      blockOctets,
      'latin1',
    );
    into.write(crypto.hash(hash, this.#outer, 'binary'), at, 'latin1');
  }
}
