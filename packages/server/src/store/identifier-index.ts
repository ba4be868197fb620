/**
 * From the hash of an identifier to the leases that have it: hash buckets of doubly linked chains through words of the
 * lease rows themselves. Several leases may share an identifier.
 *
 * Linear hashing (Litwin 1980): each insertion beyond one lease a bucket splits one bucket, so the index grows without
 * ever rehashing itself as a whole. Chains are doubly linked so that a lease leaves in constant time even if somebody
 * has taken ten thousand leases with one hardware address.
 */

import type { NodePool } from './node-pool.js';

const SEGMENT_SHIFT = 14;
const SEGMENT_SIZE = 1 << SEGMENT_SHIFT;
const INITIAL_BUCKETS = 16;

/** Which words of a row an index uses. */
export interface ChainWords {
  readonly hash: number;
  readonly next: number;
  readonly previous: number;
}

/** See the head of this file. Slots are node numbers of `rows`; 0 ends a chain. */
export class IdentifierIndex {
  readonly #rows: NodePool;
  readonly #words: ChainWords;
  readonly #heads: Uint32Array[] = [new Uint32Array(SEGMENT_SIZE)];
  /** Buckets before `split` have been split in this round and use one hash bit more. */
  #mask = INITIAL_BUCKETS - 1;
  #split = 0;
  #count = 0;

  constructor(rows: NodePool, words: ChainWords) {
    this.#rows = rows;
    this.#words = words;
  }

  /** Makes buckets for about `count` leases at once; to be called while the index is empty. */
  expect(count: number): void {
    while (this.#mask + 1 < count) this.#mask = this.#mask * 2 + 1;
    while (this.#heads.length * SEGMENT_SIZE <= this.#mask) this.#heads.push(new Uint32Array(SEGMENT_SIZE));
  }

  /** The first slot whose hash may be this one, or 0. */
  first(hash: number): number {
    return this.#head(this.#bucketOf(hash));
  }

  /** The next slot in the same chain, or 0. */
  next(slot: number): number {
    return this.#rows.get(slot, this.#words.next);
  }

  /** Adds a slot. Slots of one chain come in no particular order. */
  insert(slot: number, hash: number): void {
    this.#rows.set(slot, this.#words.hash, hash);
    this.#link(slot, this.#bucketOf(hash));
    this.#count++;
    if (this.#count > this.#mask + 1 + this.#split) this.#splitOne();
  }

  /** Takes a slot out that is in. */
  remove(slot: number): void {
    this.#unlink(slot, this.#bucketOf(this.#rows.get(slot, this.#words.hash)));
    this.#count--;
  }

  /** Octets taken from the system. */
  get memoryOctets(): number {
    return this.#heads.length * SEGMENT_SIZE * 4;
  }

  #bucketOf(hash: number): number {
    const bucket = (hash & this.#mask) >>> 0;
    return bucket < this.#split ? (hash & (this.#mask * 2 + 1)) >>> 0 : bucket;
  }

  #head(bucket: number): number {
    return this.#heads[bucket >>> SEGMENT_SHIFT]![bucket & (SEGMENT_SIZE - 1)]!;
  }

  #setHead(bucket: number, slot: number): void {
    this.#heads[bucket >>> SEGMENT_SHIFT]![bucket & (SEGMENT_SIZE - 1)] = slot;
  }

  #link(slot: number, bucket: number): void {
    const { next, previous } = this.#words;
    const head = this.#head(bucket);
    this.#rows.set(slot, next, head);
    this.#rows.set(slot, previous, 0);
    if (head !== 0) this.#rows.set(head, previous, slot);
    this.#setHead(bucket, slot);
  }

  #unlink(slot: number, bucket: number): void {
    const { next, previous } = this.#words;
    const after = this.#rows.get(slot, next);
    const before = this.#rows.get(slot, previous);
    if (before === 0) this.#setHead(bucket, after);
    else this.#rows.set(before, next, after);
    if (after !== 0) this.#rows.set(after, previous, before);
  }

  #splitOne(): void {
    const bucket = this.#split;
    const sibling = this.#mask + 1 + bucket;
    if (sibling >>> SEGMENT_SHIFT >= this.#heads.length) this.#heads.push(new Uint32Array(SEGMENT_SIZE));
    const wideMask = this.#mask * 2 + 1;
    for (let slot = this.#head(bucket), after = 0; slot !== 0; slot = after) {
      after = this.#rows.get(slot, this.#words.next);
      if ((this.#rows.get(slot, this.#words.hash) & wideMask) >>> 0 === bucket) continue;
      this.#unlink(slot, bucket);
      this.#link(slot, sibling);
    }
    this.#split++;
    if (this.#split > this.#mask) {
      this.#mask = wideMask;
      this.#split = 0;
    }
  }
}
