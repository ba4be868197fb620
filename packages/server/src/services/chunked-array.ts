/** A Uint32Array that grows without being copied. */

const CHUNK_BITS = 14;
const CHUNK_SIZE = 1 << CHUNK_BITS;

/** Unsigned 32-bit numbers by index, 0 where nothing was set; comes in pieces of 64 KB. */
export class ChunkedUint32Array {
  private readonly chunks: Uint32Array[] = [];

  /** Makes room for the indexes below `length`. */
  grow(length: number): void {
    while (this.chunks.length << CHUNK_BITS < length) this.chunks.push(new Uint32Array(CHUNK_SIZE));
  }

  /** @throws TypeError for an index there is no room for */
  get(index: number): number {
    return this.chunks[index >>> CHUNK_BITS]![index & (CHUNK_SIZE - 1)]!;
  }

  /** @throws TypeError for an index there is no room for */
  set(index: number, value: number): void {
    this.chunks[index >>> CHUNK_BITS]![index & (CHUNK_SIZE - 1)] = value;
  }
}
