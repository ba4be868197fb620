/**
 * Leases in a ring of places used again, outside the garbage collector's heap: remembering the last thousands of them as
 * objects made young collections copy each one, and collections of everything frequent.
 */

import type { Lease } from '../domain/lease.js';
import type { LeasePlaces } from '../services/ports.js';
import { LeaseRecord, leaseOf } from './lease-record.js';

/** Octets of a place for identifiers, hostname and user context, that of a pair or of option 82; more stays an object. */
const BLOB_OCTETS = 256;
/** Words of a place. */
const ADDRESS = 0;
const SUBNET = 1;
const POOL = 2;
const CLTT = 3;
const VALID = 4;
const FLAGS = 5;
const PLACE_WORDS = 6;

/** See the head of this file. */
export class LeaseRing implements LeasePlaces {
  readonly #words: Uint32Array;
  readonly #blobs: Buffer;
  readonly #record = new LeaseRecord();
  /** Leases that fit no place, by place. */
  readonly #large = new Map<number, Lease>();

  /** @param places how many leases it holds */
  constructor(places: number) {
    this.#words = new Uint32Array(places * PLACE_WORDS);
    this.#blobs = Buffer.alloc(places * BLOB_OCTETS);
  }

  set(place: number, lease: Lease): void {
    const record = this.#record;
    record.setLease(lease);
    if (record.blobOctets > BLOB_OCTETS) {
      this.#large.set(place, lease);
      return;
    }
    if (this.#large.size > 0) this.#large.delete(place);
    const words = this.#words;
    const base = place * PLACE_WORDS;
    words[base + ADDRESS] = record.address;
    words[base + SUBNET] = record.subnetId;
    words[base + POOL] = record.poolId;
    words[base + CLTT] = record.clttSec;
    words[base + VALID] = record.validLifetimeSec;
    words[base + FLAGS] = record.flags;
    record.blob.copy(this.#blobs, place * BLOB_OCTETS, 0, record.blobOctets);
  }

  get(place: number): Lease {
    const words = this.#words;
    const base = place * PLACE_WORDS;
    const numbers = {
      address: words[base + ADDRESS]!,
      subnetId: words[base + SUBNET]!,
      poolId: words[base + POOL]!,
      clttSec: words[base + CLTT]!,
      validLifetimeSec: words[base + VALID]!,
      flags: words[base + FLAGS]!,
    };
    return this.#large.get(place) ?? leaseOf(numbers, this.#blobs, place * BLOB_OCTETS);
  }
}
