/**
 * Which addresses of a pool are free: a bitmap with summaries above it, each bit of a summary saying whether a word of
 * 32 bits below has any set. The next free address is found in as many steps as there are levels (five for a /8),
 * empty or full. The lowest level comes in chunks that are made when their first address is taken: an idle /8 costs
 * 70 KB, a full one 2 MB.
 */

import type { Ipv4 } from '../values.js';

/** Addresses in one chunk of the lowest level: 1024 words. */
const CHUNK_BITS = 15;
const CHUNK_WORDS = 1 << (CHUNK_BITS - 5);
const ALL = 0xffff_ffff;

/** The free addresses of one range. All are free at first. */
export class FreeMap {
  /** Number of addresses of the range. */
  readonly total: number;
  private freeCount: number;
  /** Lowest level; a chunk not there is all free. */
  private readonly chunks: (Uint32Array | undefined)[];
  /** Free addresses of each chunk. */
  private readonly chunkFree: Uint16Array;
  /** summaries[0] has a bit for each word of the lowest level, summaries[1] for each word of summaries[0], ... */
  private readonly summaries: Uint32Array[];

  /** The range first..last, both included. */
  constructor(
    readonly first: Ipv4,
    readonly last: Ipv4,
  ) {
    this.total = last - first + 1;
    this.freeCount = this.total;
    const chunkCount = Math.ceil(this.total / 2 ** CHUNK_BITS);
    this.chunks = new Array<Uint32Array | undefined>(chunkCount).fill(undefined);
    this.chunkFree = new Uint16Array(chunkCount).fill(2 ** CHUNK_BITS);
    this.chunkFree[chunkCount - 1] = this.total - (chunkCount - 1) * 2 ** CHUNK_BITS;
    this.summaries = summariesOf(this.total);
  }

  /** How many addresses are free. */
  get free(): number {
    return this.freeCount;
  }

  /** A copy that changes on its own. */
  clone(): FreeMap {
    const copy = new FreeMap(this.first, this.last);
    copy.freeCount = this.freeCount;
    this.chunks.forEach((chunk, i) => {
      copy.chunks[i] = chunk?.slice();
    });
    copy.chunkFree.set(this.chunkFree);
    this.summaries.forEach((summary, i) => {
      copy.summaries[i]!.set(summary);
    });
    return copy;
  }

  /** False for addresses outside the range. */
  isFree(address: Ipv4): boolean {
    const bit = address - this.first;
    return bit >= 0 && bit < this.total && ((this.word(bit >>> 5) >>> (bit & 31)) & 1) === 1;
  }

  /** Marks an address of the range; true if that changed something. Addresses outside are ignored. */
  setFree(address: Ipv4, free: boolean): boolean {
    const bit = address - this.first;
    if (bit < 0 || bit >= this.total) return false;
    const index = bit >>> 5;
    const before = this.word(index);
    const mask = 1 << (bit & 31);
    const after = (free ? before | mask : before & ~mask) >>> 0;
    if (after === before) return false;
    const chunk = bit >>> CHUNK_BITS;
    this.ownChunk(chunk)[index & (CHUNK_WORDS - 1)] = after;
    this.freeCount += free ? 1 : -1;
    this.chunkFree[chunk]! += free ? 1 : -1;
    if (before === 0 || after === 0) this.summarize(index, free);
    return true;
  }

  /** The first free address at or after `from`, going on at the start of the range after its end. */
  nextFree(from: Ipv4): Ipv4 | undefined {
    return this.nextFreeForward(from) ?? this.nextFreeForward(this.first);
  }

  /** The first free address at or after `from`, undefined if there is none up to the end of the range. */
  nextFreeForward(from: Ipv4): Ipv4 | undefined {
    const start = Math.max(0, from - this.first);
    if (start >= this.total) return undefined;
    const index = start >>> 5;
    const here = this.word(index) & (ALL << (start & 31));
    if (here !== 0) return this.first + index * 32 + lowestBit(here);
    const next = this.nextWord(index + 1);
    return next === undefined ? undefined : this.first + next * 32 + lowestBit(this.word(next));
  }

  /**
   * The free address that has `rank` free ones before it, 0 <= rank < free. Walks the counts of the chunks and one
   * chunk: a few microseconds for a /8.
   */
  select(rank: number): Ipv4 {
    let left = rank;
    let chunk = 0;
    while (left >= this.chunkFree[chunk]!) left -= this.chunkFree[chunk++]!;
    let index = chunk * CHUNK_WORDS;
    let word = this.word(index);
    for (let count = onesIn(word); left >= count; count = onesIn(word)) {
      left -= count;
      word = this.word(++index);
    }
    for (; left > 0; left--) word &= word - 1;
    return this.first + index * 32 + lowestBit(word);
  }

  /** Index of the first word at or after `index` with a free address: up the summaries, then down again. */
  private nextWord(index: number): number | undefined {
    let bit = index;
    for (let level = 0; level < this.summaries.length; level++) {
      const place = bit >>> 5;
      const word = (this.summaries[level]![place] ?? 0) & (ALL << (bit & 31));
      if (word !== 0) return this.descend(level, place * 32 + lowestBit(word));
      bit = place + 1;
    }
    return undefined;
  }

  private descend(level: number, bit: number): number {
    let found = bit;
    for (let below = level - 1; below >= 0; below--) found = found * 32 + lowestBit(this.summaries[below]![found]!);
    return found;
  }

  private word(index: number): number {
    const chunk = this.chunks[index >>> (CHUNK_BITS - 5)];
    if (chunk !== undefined) return chunk[index & (CHUNK_WORDS - 1)]!;
    return (index + 1) * 32 <= this.total ? ALL : lowBits(this.total % 32);
  }

  private ownChunk(chunk: number): Uint32Array {
    let words = this.chunks[chunk];
    if (words === undefined) {
      const start = chunk * CHUNK_WORDS;
      const length = Math.min(CHUNK_WORDS, Math.ceil(this.total / 32) - start);
      words = new Uint32Array(length).fill(ALL);
      words[length - 1] = this.word(start + length - 1);
      this.chunks[chunk] = words;
    }
    return words;
  }

  /** Word `index` of the lowest level became all taken, or has its first free address: says so above. */
  private summarize(index: number, free: boolean): void {
    let bit = index;
    for (const summary of this.summaries) {
      const place = bit >>> 5;
      const before = summary[place]!;
      const mask = 1 << (bit & 31);
      const after = (free ? before | mask : before & ~mask) >>> 0;
      summary[place] = after;
      if (before !== 0 && after !== 0) return;
      bit = place;
    }
  }
}

function summariesOf(total: number): Uint32Array[] {
  const summaries: Uint32Array[] = [];
  let bits = Math.ceil(total / 32);
  do {
    const words = Math.ceil(bits / 32);
    const summary = new Uint32Array(words).fill(ALL);
    if (bits % 32 !== 0) summary[words - 1] = lowBits(bits % 32);
    summaries.push(summary);
    bits = words;
  } while (bits > 1);
  return summaries;
}

/** A word with its lowest `count` bits set, 1 <= count <= 31. */
function lowBits(count: number): number {
  return 2 ** count - 1;
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}

function onesIn(word: number): number {
  let ones = word - ((word >>> 1) & 0x5555_5555);
  ones = (ones & 0x3333_3333) + ((ones >>> 2) & 0x3333_3333);
  return Math.imul((ones + (ones >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
