/**
 * Leases in a ring of places used again, outside the garbage collector's heap: remembering the last thousands of them as
 * objects made young collections copy each one, and collections of everything frequent.
 */

import { binaryString } from '@lessor/dhcp';
import type { Lease, LeaseState } from '../domain/lease.js';

/** Octets of a place for the two identifiers and the hostname; a lease with more, or with a user context, stays an object. */
const TEXT_OCTETS = 96;
/** Words of a place. */
const ADDRESS = 0;
const SUBNET = 1;
const POOL = 2;
const CLTT = 3;
const VALID = 4;
/** State in the two lowest bits, {@link FORWARD}, {@link REVERSE}. */
const FLAGS = 5;
/** Lengths of hardware address, client-id and hostname, 8 bits each. */
const LENGTHS = 6;
const PLACE_WORDS = 7;

const STATE_MASK = 3;
const FORWARD = 4;
const REVERSE = 8;

/** See the head of this file. */
export class LeaseRing {
  readonly #words: Uint32Array;
  readonly #octets: Buffer;
  /** Leases that fit no place, by place. */
  readonly #large = new Map<number, Lease>();

  /** @param places how many leases it holds */
  constructor(places: number) {
    this.#words = new Uint32Array(places * PLACE_WORDS);
    this.#octets = Buffer.alloc(places * TEXT_OCTETS);
  }

  /** Puts a lease in the place of the one that was there. */
  set(place: number, lease: Lease): void {
    const { hwAddress, clientId, hostname } = lease;
    const length = hwAddress.length + clientId.length + hostname.length;
    if (length > TEXT_OCTETS || lease.userContext !== '' || !this.#write(place, hwAddress, clientId, hostname)) {
      this.#large.set(place, lease);
      return;
    }
    if (this.#large.size > 0) this.#large.delete(place);
    const words = this.#words;
    const base = place * PLACE_WORDS;
    words[base + ADDRESS] = lease.address;
    words[base + SUBNET] = lease.subnetId;
    words[base + POOL] = lease.poolId;
    words[base + CLTT] = lease.clttSec;
    words[base + VALID] = lease.validLifetimeSec;
    words[base + FLAGS] = lease.state | (lease.fqdnFwd ? FORWARD : 0) | (lease.fqdnRev ? REVERSE : 0);
    words[base + LENGTHS] = hwAddress.length | (clientId.length << 8) | (hostname.length << 16);
  }

  /** The lease of a place that was set. */
  get(place: number): Lease {
    const large = this.#large.get(place);
    if (large !== undefined) return large;
    const words = this.#words;
    const base = place * PLACE_WORDS;
    const flags = words[base + FLAGS]!;
    const lengths = words[base + LENGTHS]!;
    const hwAt = place * TEXT_OCTETS;
    const clientAt = hwAt + (lengths & 0xff);
    const hostAt = clientAt + ((lengths >> 8) & 0xff);
    return {
      address: words[base + ADDRESS]!,
      hwAddress: binaryString(this.#octets, hwAt, clientAt),
      clientId: binaryString(this.#octets, clientAt, hostAt),
      validLifetimeSec: words[base + VALID]!,
      clttSec: words[base + CLTT]!,
      subnetId: words[base + SUBNET]!,
      poolId: words[base + POOL]!,
      fqdnFwd: (flags & FORWARD) !== 0,
      fqdnRev: (flags & REVERSE) !== 0,
      hostname: binaryString(this.#octets, hostAt, hostAt + (lengths >> 16)),
      state: (flags & STATE_MASK) as LeaseState,
      userContext: '',
    };
  }

  /** @returns false if a text has characters that are no octets */
  #write(place: number, ...texts: readonly string[]): boolean {
    let at = place * TEXT_OCTETS;
    for (const text of texts) {
      for (let i = 0; i < text.length; i++) {
        const octet = text.charCodeAt(i);
        if (octet > 0xff) return false;
        this.#octets[at++] = octet;
      }
    }
    return true;
  }
}
