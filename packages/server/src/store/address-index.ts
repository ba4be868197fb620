/**
 * From an IPv4 address to a slot number, in address order: a radix tree of 16, 10 and 6 bits. Pools are dense, so a
 * lease costs little more than the four octets of its slot; nothing is ever rehashed or sorted, and the next address in
 * order is found by looking at a few words.
 */

import type { Ipv4 } from '../domain/values.js';
import { NodePool } from './node-pool.js';

const MIDDLE_BITS = 10;
const LEAF_BITS = 6;
const MIDDLE_SIZE = 1 << MIDDLE_BITS;
const LEAF_SIZE = 1 << LEAF_BITS;
const TOP_SIZE = 1 << 16;
/** After its slots a leaf has two words of bitmap: which of them are taken. */
const BITMAP = LEAF_SIZE;

/** See the head of this file. Slots are numbers from 1; 0 means "none". */
export class AddressIndex {
  readonly #top = new Uint32Array(TOP_SIZE);
  /** One bit for each entry of #top that is taken, so that the walk passes over empty regions quickly. */
  readonly #topTaken = new Uint32Array(TOP_SIZE / 32);
  readonly #middles = new NodePool(MIDDLE_SIZE, 2);
  readonly #leaves = new NodePool(LEAF_SIZE + 2, 7);

  /** The slot of an address, or 0. */
  get(address: Ipv4): number {
    const leaf = this.#leafOf(address);
    return leaf === 0 ? 0 : this.#leaves.get(leaf, address & (LEAF_SIZE - 1));
  }

  /** Sets the slot of an address. */
  set(address: Ipv4, slot: number): void {
    let middle = this.#top[address >>> 16]!;
    if (middle === 0) {
      middle = this.#middles.allocate();
      this.#top[address >>> 16] = middle;
      this.#topTaken[address >>> 21]! |= 1 << ((address >>> 16) & 31);
    }
    const branch = (address >>> LEAF_BITS) & (MIDDLE_SIZE - 1);
    let leaf = this.#middles.get(middle, branch);
    if (leaf === 0) {
      leaf = this.#leaves.allocate();
      this.#middles.set(middle, branch, leaf);
    }
    const entry = address & (LEAF_SIZE - 1);
    const bitmap = BITMAP + (entry >>> 5);
    this.#leaves.set(leaf, entry, slot);
    this.#leaves.set(leaf, bitmap, this.#leaves.get(leaf, bitmap) | (1 << (entry & 31)));
  }

  /** Forgets an address; harmless if it is absent. */
  delete(address: Ipv4): void {
    const leaf = this.#leafOf(address);
    if (leaf === 0) return;
    const entry = address & (LEAF_SIZE - 1);
    const bitmap = BITMAP + (entry >>> 5);
    this.#leaves.set(leaf, entry, 0);
    this.#leaves.set(leaf, bitmap, this.#leaves.get(leaf, bitmap) & ~(1 << (entry & 31)));
    if (this.#leaves.get(leaf, BITMAP) !== 0 || this.#leaves.get(leaf, BITMAP + 1) !== 0) return;
    // An empty leaf would cost the ordered walk as much as a full one.
    this.#leaves.release(leaf);
    this.#middles.set(this.#top[address >>> 16]!, (address >>> LEAF_BITS) & (MIDDLE_SIZE - 1), 0);
  }

  /** The slot of the lowest address at or above `from`, or 0. */
  atOrAbove(from: Ipv4): number {
    const inLeaf = this.#inLeaf(this.#leafOf(from), from & (LEAF_SIZE - 1));
    if (inLeaf !== 0) return inLeaf;
    let branch = ((from >>> LEAF_BITS) & (MIDDLE_SIZE - 1)) + 1;
    for (let top = this.#topAtOrAbove(from >>> 16); top < TOP_SIZE; top = this.#topAtOrAbove(top + 1)) {
      if (top !== from >>> 16) branch = 0;
      const middle = this.#top[top]!;
      const words = this.#middles.segmentOf(middle);
      const base = this.#middles.baseOf(middle);
      for (; branch < MIDDLE_SIZE; branch++) {
        const leaf = words[base + branch]!;
        if (leaf !== 0) return this.#inLeaf(leaf, 0);
      }
    }
    return 0;
  }

  /** Octets taken from the system. */
  get memoryOctets(): number {
    return this.#top.byteLength + this.#middles.memoryOctets + this.#leaves.memoryOctets;
  }

  #leafOf(address: Ipv4): number {
    const middle = this.#top[address >>> 16]!;
    return middle === 0 ? 0 : this.#middles.get(middle, (address >>> LEAF_BITS) & (MIDDLE_SIZE - 1));
  }

  /** The first entry of #top that is taken, from `top` on; TOP_SIZE if there is none. */
  #topAtOrAbove(top: number): number {
    for (let word = top >>> 5; word < this.#topTaken.length; word++) {
      const shift = word === top >>> 5 ? top & 31 : 0;
      const bits = (this.#topTaken[word]! >>> shift) << shift;
      if (bits !== 0) return (word << 5) + lowestBit(bits);
    }
    return TOP_SIZE;
  }

  #inLeaf(leaf: number, from: number): number {
    if (leaf === 0) return 0;
    for (let word = from >>> 5; word < 2; word++) {
      const shift = word === from >>> 5 ? from & 31 : 0;
      const bits = (this.#leaves.get(leaf, BITMAP + word) >>> shift) << shift;
      if (bits !== 0) return this.#leaves.get(leaf, (word << 5) + lowestBit(bits));
    }
    return 0;
  }
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
