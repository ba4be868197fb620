/**
 * Memory for many small octet strings of different lengths, outside the garbage collector's heap: chunks of 1 MiB cut
 * into blocks of a few dozen sizes, free blocks of each size linked into a list through their first octets.
 *
 * Block sizes grow by at most a third, so a block is rarely a quarter empty, and memory freed in one size but wanted in
 * another stays within a small multiple of what was ever needed at once: there is no compaction, and no pause for it.
 */

/** Blocks are counted in units of 8 octets; references are unit numbers, so 32 bits reach 32 GiB. */
const UNIT_SHIFT = 3;
const CHUNK_UNITS_SHIFT = 17;
const CHUNK_UNITS = 1 << CHUNK_UNITS_SHIFT;
const CHUNK_OCTETS = CHUNK_UNITS << UNIT_SHIFT;

/** The longest string the arena takes, in octets. */
export const MAX_BLOB_OCTETS = CHUNK_OCTETS;

/** Block sizes in units: 1 2 3 4 5 6 8 10 12 16 20 24 ... up to a whole chunk. */
const CLASS_UNITS: readonly number[] = (() => {
  const sizes = [1, 2, 3];
  for (let octave = 4; octave < CHUNK_UNITS; octave *= 2) sizes.push(octave, octave * 1.25, octave * 1.5);
  sizes.push(CHUNK_UNITS);
  return sizes;
})();

/** Size class by units for the small sizes, which are nearly all. */
const SMALL_UNITS = 64;
const SMALL_CLASS: Uint8Array = (() => {
  const table = new Uint8Array(SMALL_UNITS + 1);
  for (let units = 1; units <= SMALL_UNITS; units++) table[units] = CLASS_UNITS.findIndex((size) => size >= units);
  return table;
})();

/** The number of the block size that holds `octets`; two lengths with the same number fit the same block. */
export function blobClass(octets: number): number {
  const units = (octets + 7) >>> UNIT_SHIFT;
  return units <= SMALL_UNITS ? SMALL_CLASS[units]! : CLASS_UNITS.findIndex((size) => size >= units);
}

/** See the head of this file. */
export class BlobArena {
  readonly #chunks: Buffer[] = [];
  readonly #free = new Uint32Array(CLASS_UNITS.length);
  /** First unit never used yet, and the end of its chunk. Unit 0 stays unused: 0 means "no block". */
  #fresh = 0;
  #freshEnd = 0;

  /** The chunk a block lies in. */
  chunkOf(block: number): Buffer {
    return this.#chunks[block >>> CHUNK_UNITS_SHIFT]!;
  }

  /** Where in its chunk a block begins, in octets. */
  offsetOf(block: number): number {
    return (block & (CHUNK_UNITS - 1)) << UNIT_SHIFT;
  }

  /** A block of the size class; never 0. Its content is arbitrary. */
  allocate(sizeClass: number): number {
    const head = this.#free[sizeClass]!;
    if (head !== 0) {
      this.#free[sizeClass] = this.chunkOf(head).readUInt32LE(this.offsetOf(head));
      return head;
    }
    const units = CLASS_UNITS[sizeClass]!;
    if (this.#fresh + units > this.#freshEnd) this.#grow();
    if (this.#fresh + units > this.#freshEnd) this.#grow(); // the very first chunk lacks one unit
    const block = this.#fresh;
    this.#fresh += units;
    return block;
  }

  /** Gives a block back. */
  release(block: number, sizeClass: number): void {
    this.chunkOf(block).writeUInt32LE(this.#free[sizeClass]!, this.offsetOf(block));
    this.#free[sizeClass] = block;
  }

  /** Octets taken from the system. */
  get memoryOctets(): number {
    return this.#chunks.length * CHUNK_OCTETS;
  }

  #grow(): void {
    this.#keepRemainder();
    const start = this.#chunks.length << CHUNK_UNITS_SHIFT;
    // allocUnsafeSlow: a buffer of its own, not cut from Node's pool, and not zeroed before it is written anyway.
    this.#chunks.push(Buffer.allocUnsafeSlow(CHUNK_OCTETS));
    this.#fresh = start === 0 ? 1 : start;
    this.#freshEnd = start + CHUNK_UNITS;
  }

  /** What is left of the current chunk is too short for the block wanted now, but not for others. */
  #keepRemainder(): void {
    for (let sizeClass = CLASS_UNITS.length - 1; sizeClass >= 0; sizeClass--) {
      const units = CLASS_UNITS[sizeClass]!;
      while (this.#fresh + units <= this.#freshEnd) {
        this.release(this.#fresh, sizeClass);
        this.#fresh += units;
      }
    }
  }
}
