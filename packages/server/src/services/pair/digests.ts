/**
 * Digests of the lease table by blocks of 256 addresses, kept up to date with every change, so that two servers find out
 * where they differ without sending what they have in common. Only bindings count: what is over is no difference.
 */

import type { Lease } from '../../domain/lease.js';
import { holderOf, isBinding, versionIn } from '../../domain/pair/record.js';
import type { Ipv4 } from '../../domain/values.js';

/** Address of the first address of a block, divided by 256. */
export type Block = number;

/** Two words of 32 bits, xored over the bindings of the block. */
export type BlockDigest = readonly [number, number];

const EMPTY: BlockDigest = [0, 0];

/** See the head of this file. */
export class BlockDigests {
  readonly #blocks = new Map<Block, BlockDigest>();

  /** To be told of every change, staged or undone, in order. */
  changed(address: Ipv4, before: Lease | undefined, after: Lease | undefined): void {
    if (isBinding(before)) this.#toggle(address, before);
    if (isBinding(after)) this.#toggle(address, after);
  }

  /** The digest of a block; of one without bindings [0, 0]. */
  of(block: Block): BlockDigest {
    return this.#blocks.get(block) ?? EMPTY;
  }

  /** All blocks with bindings. */
  entries(): Iterable<readonly [Block, BlockDigest]> {
    return this.#blocks;
  }

  /** Blocks in which the other side has something else. */
  differing(theirs: ReadonlyMap<Block, BlockDigest>): Block[] {
    const blocks = new Set<Block>([...this.#blocks.keys(), ...theirs.keys()]);
    return [...blocks].filter((block) => !equal(this.of(block), theirs.get(block) ?? EMPTY)).sort((a, b) => a - b);
  }

  #toggle(address: Ipv4, lease: Lease): void {
    const block = Math.floor(address / 256);
    const before = this.of(block);
    const [a, b] = versionIn(lease.userContext);
    const salt = a === 0 && b === 0 ? contentSalt(lease) : 0;
    const first = (before[0] ^ mix(address, a, 0x9e3779b1 ^ salt)) >>> 0;
    const second = (before[1] ^ mix(address, b, 0x85ebca77 ^ salt)) >>> 0;
    if (first === 0 && second === 0) this.#blocks.delete(block);
    else this.#blocks.set(block, [first, second]);
  }
}

function equal(a: BlockDigest, b: BlockDigest): boolean {
  return a[0] === b[0] && a[1] === b[1];
}

/** Before the pair touched a lease it has no version: then who has it, and since when, is compared. */
function contentSalt(lease: Lease): number {
  let hash = lease.clttSec ^ lease.state;
  const holder = holderOf(lease);
  for (let i = 0; i < holder.length; i++) hash = Math.imul(hash ^ holder.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/**
 * 32 bits of an address and an event number that change all over when either changes (murmur3). Each is mixed in by itself: xored
 * at once, the address and the event of a lease and those of the next would be the same, and take each other out of the digest.
 */
function mix(address: Ipv4, event: number, seed: number): number {
  let hash = seed;
  for (const word of [address, event % 2 ** 32, Math.floor(event / 2 ** 32)]) {
    const scrambled = Math.imul(word, 0xcc9e2d51);
    hash ^= Math.imul((scrambled << 15) | (scrambled >>> 17), 0x1b873593);
    hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64;
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
