/**
 * Where each client was last: what R3 and R5 are about. A table of fixed size in typed arrays, four ways to a set: what
 * is not seen for the longest gives way, nothing is allocated for a packet, and no flood of addresses makes it grow. The
 * sets are keyed by chance, so nobody can choose addresses that push out a certain other.
 */

import type { SubnetId } from '../values.js';
import type { Mac } from './mac.js';

const WAYS = 4;

/** What is noted of a client beside its place. */
export const SightingFlag = { bmc: 1, host: 2 } as const;

/** A place in the table; only valid until the next {@link Sightings.see}. */
export type SightingIndex = number;

/** See the head of this file. */
export class Sightings {
  readonly #sets: number;
  readonly #seed: readonly [number, number];
  readonly #macs: Float64Array;
  readonly #seenSec: Uint32Array;
  readonly #port: Int32Array;
  readonly #subnet: Uint32Array;
  readonly #sinceSec: Uint32Array;
  readonly #previousSubnet: Uint32Array;
  readonly #previousStaySec: Uint32Array;
  readonly #flags: Uint8Array;
  #evicted = 0;

  /** @param capacity rounded up to a power of two  @param seed two random 32-bit numbers */
  constructor(capacity: number, seed: readonly [number, number]) {
    let sets = 1;
    while (sets * WAYS < capacity) sets *= 2;
    this.#sets = sets;
    this.#seed = seed;
    const size = sets * WAYS;
    this.#macs = new Float64Array(size);
    this.#seenSec = new Uint32Array(size);
    this.#port = new Int32Array(size);
    this.#subnet = new Uint32Array(size);
    this.#sinceSec = new Uint32Array(size);
    this.#previousSubnet = new Uint32Array(size);
    this.#previousStaySec = new Uint32Array(size);
    this.#flags = new Uint8Array(size);
  }

  /** Places there are. */
  get capacity(): number {
    return this.#macs.length;
  }

  /** Clients that were forgotten for want of room. */
  get evicted(): number {
    return this.#evicted;
  }

  /** Where a client is noted, -1 if it is not. */
  find(mac: Mac): SightingIndex {
    const first = this.#firstOf(mac);
    for (let at = first; at < first + WAYS; at++) if (this.#macs[at] === mac) return at;
    return -1;
  }

  /**
   * Notes a client.
   * @returns its place; `isNew(place)` tells whether it is a new one
   */
  see(mac: Mac, port: number, subnet: SubnetId, flags: number, nowSec: number): SightingIndex {
    const known = this.find(mac);
    if (known < 0) return this.#add(mac, port, subnet, flags, nowSec);
    if (this.#subnet[known] !== subnet) {
      this.#previousSubnet[known] = this.#subnet[known]!;
      this.#previousStaySec[known] = nowSec - this.#sinceSec[known]!;
      this.#subnet[known] = subnet;
      this.#sinceSec[known] = nowSec;
    }
    this.#seenSec[known] = nowSec;
    this.#port[known] = port;
    this.#flags[known]! |= flags;
    return known;
  }

  /** When it was last seen, in seconds. */
  seenSec(at: SightingIndex): number {
    return this.#seenSec[at]!;
  }

  /** The number of the port it was seen at. */
  port(at: SightingIndex): number {
    return this.#port[at]!;
  }

  /** The subnet it is in. */
  subnet(at: SightingIndex): SubnetId {
    return this.#subnet[at]!;
  }

  /** Since when it is there, in seconds. */
  sinceSec(at: SightingIndex): number {
    return this.#sinceSec[at]!;
  }

  /** The subnet it was in before, 0 if in none, and how long it stayed there. */
  before(at: SightingIndex): { readonly subnet: SubnetId; readonly staySec: number } {
    return { subnet: this.#previousSubnet[at]!, staySec: this.#previousStaySec[at]! };
  }

  /** Bits of {@link SightingFlag}. */
  flags(at: SightingIndex): number {
    return this.#flags[at]!;
  }

  #firstOf(mac: Mac): number {
    const high = Math.floor(mac / 0x1_0000_0000);
    const low = mac >>> 0;
    let hash = Math.imul(low ^ this.#seed[0], 0x9e37_79b1) ^ Math.imul(high ^ this.#seed[1], 0x85eb_ca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2_ae35);
    return ((hash ^ (hash >>> 13)) & (this.#sets - 1)) * WAYS;
  }

  #add(mac: Mac, port: number, subnet: SubnetId, flags: number, nowSec: number): SightingIndex {
    const first = this.#firstOf(mac);
    let place = first;
    for (let at = first; at < first + WAYS; at++) {
      if (this.#macs[at] === 0) {
        place = at;
        break;
      }
      if (this.#seenSec[at]! < this.#seenSec[place]!) place = at;
    }
    if (this.#macs[place] !== 0) this.#evicted++;
    this.#macs[place] = mac;
    this.#port[place] = port;
    this.#subnet[place] = subnet;
    this.#sinceSec[place] = nowSec;
    this.#seenSec[place] = nowSec;
    this.#previousSubnet[place] = 0;
    this.#previousStaySec[place] = 0;
    this.#flags[place] = flags;
    return place;
  }
}
