/**
 * Kea's `flq` allocator: the address that has been free for the longest time goes out first, so a client that returns
 * late still has a good chance of its old address.
 *
 * What is free when the pool is made has no history: Kea shuffles it into a list at every start, minutes and
 * gigabytes for a large pool. Here that part is a bitmap, `untouched`, and an address is drawn from it at random when
 * it is needed, which is the same order. Only addresses that became free since are queued, in a ring of 4 octets an
 * entry. An address leaves the queue by being taken, wherever it stands in it: its entry just goes stale, which its
 * number in `turns` shows, and stale entries are swept out when they are the majority. So every step is O(1),
 * amortized, and memory is one bit for each address and about 12 octets for each address freed lately.
 */

import type { Ipv4 } from '../values.js';
import type { Accept, Allocator, Chance } from './allocator.js';
import type { FreeMap } from './free-map.js';
import { drawFree } from './random.js';

const MIN_CAPACITY = 256;
const PAGE_BITS = 10;
/** Turns are kept in 32 bits; before they run out everything is counted anew. */
const MAX_TURN = 0xffff_ffff;

/** One queue for one pool. */
export class FreeLeaseQueueAllocator implements Allocator {
  private readonly first: Ipv4;
  /** Free ever since this queue was made. */
  private untouched: FreeMap;
  private queue = new Queue();

  /** `map` says what is free now; the queue keeps a copy. */
  constructor(
    map: FreeMap,
    private readonly random: Chance,
  ) {
    this.first = map.first;
    this.untouched = map.clone();
  }

  /** Gives the oldest and puts it at the end, so that one that is not held comes round again. */
  pick(map: FreeMap, accept?: Accept): Ipv4 | undefined {
    for (let left = map.free; left > 0; left--) {
      const address = this.oldest();
      if (address === undefined) return undefined;
      this.freed(address);
      if (accept === undefined || accept(address)) return address;
    }
    return undefined;
  }

  /** Copies the queue: for trying out by hand, not for packets. */
  remember(): () => void {
    const untouched = this.untouched.clone();
    const queue = this.queue.clone();
    return () => {
      this.untouched = untouched;
      this.queue = queue;
    };
  }

  taken(address: Ipv4): void {
    if (!this.untouched.setFree(address, false)) this.queue.remove(address - this.first);
  }

  freed(address: Ipv4): void {
    this.untouched.setFree(address, false);
    this.queue.push(address - this.first);
  }

  private oldest(): Ipv4 | undefined {
    if (this.untouched.free > 0) return drawFree(this.untouched, this.random);
    const offset = this.queue.shift();
    return offset === undefined ? undefined : this.first + offset;
  }
}

/** A queue of offsets, each in it at most once. Removing from the middle is O(1). */
class Queue {
  private ring: Uint32Array = new Uint32Array(MIN_CAPACITY);
  /** Turn of the oldest entry, and of the next to come. Turns count from 1 and stand in the ring modulo its size. */
  private head = 1;
  private tail = 1;
  private live = 0;
  /** Turn of each queued offset, 0 for the others; a page comes when it is first needed. */
  private turns = new Map<number, Uint32Array>();

  clone(): Queue {
    const copy = new Queue();
    copy.ring = this.ring.slice();
    copy.head = this.head;
    copy.tail = this.tail;
    copy.live = this.live;
    copy.turns = new Map([...this.turns].map(([page, turns]) => [page, turns.slice()]));
    return copy;
  }

  push(offset: number): void {
    if (this.turn(offset) !== 0) this.remove(offset);
    if (this.tail - this.head === this.ring.length || this.tail === MAX_TURN) this.makeRoom();
    this.ring[this.tail % this.ring.length] = offset;
    this.setTurn(offset, this.tail++);
    this.live++;
  }

  shift(): number | undefined {
    while (this.head < this.tail) {
      const offset = this.ring[this.head % this.ring.length]!;
      const stale = this.turn(offset) !== this.head;
      this.head++;
      if (stale) continue;
      this.setTurn(offset, 0);
      this.live--;
      return offset;
    }
    return undefined;
  }

  remove(offset: number): void {
    if (this.turn(offset) === 0) return;
    this.setTurn(offset, 0);
    this.live--;
  }

  /** Takes out stale entries, in a larger ring unless they are the majority. */
  private makeRoom(): void {
    const old = this.ring;
    const size = this.live * 2 > old.length ? old.length * 2 : old.length;
    const ring = new Uint32Array(size);
    let turn = 1;
    for (let i = this.head; i < this.tail; i++) {
      const offset = old[i % old.length]!;
      if (this.turn(offset) !== i) continue;
      ring[turn % size] = offset;
      this.setTurn(offset, turn++);
    }
    this.ring = ring;
    this.head = 1;
    this.tail = turn;
  }

  private turn(offset: number): number {
    return this.turns.get(offset >>> PAGE_BITS)?.[offset & (2 ** PAGE_BITS - 1)] ?? 0;
  }

  private setTurn(offset: number, turn: number): void {
    let page = this.turns.get(offset >>> PAGE_BITS);
    if (page === undefined) {
      if (turn === 0) return;
      page = new Uint32Array(2 ** PAGE_BITS);
      this.turns.set(offset >>> PAGE_BITS, page);
    }
    page[offset & (2 ** PAGE_BITS - 1)] = turn;
  }
}
