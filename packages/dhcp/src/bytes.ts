/** Cursors over octets. Everything is in network order; only the message index and the header table handle offsets. */

import { DecodeError, EncodeError } from './errors.js';

/** Reads forward and never past the end. */
export class Reader {
  /** Offset of the next octet, from 0. */
  offset = 0;

  constructor(readonly octets: Uint8Array) {}

  /** How many octets are left. */
  get remaining(): number {
    return this.octets.length - this.offset;
  }

  /** Next octet. @throws DecodeError at the end */
  uint8(field: string): number {
    return this.octets[this.advance(1, field)]!;
  }

  /** Next two octets. @throws DecodeError at the end */
  uint16(field: string): number {
    const start = this.advance(2, field);
    return (this.octets[start]! << 8) | this.octets[start + 1]!;
  }

  /** Next four octets, unsigned. @throws DecodeError at the end */
  uint32(field: string): number {
    const start = this.advance(4, field);
    const { octets } = this;
    return ((octets[start]! << 24) | (octets[start + 1]! << 16) | (octets[start + 2]! << 8) | octets[start + 3]!) >>> 0;
  }

  /** A view of the next octets. @throws DecodeError if there are fewer */
  take(count: number, field: string): Uint8Array {
    const start = this.advance(count, field);
    return this.octets.subarray(start, start + count);
  }

  /** A view of all that is left. */
  rest(): Uint8Array {
    return this.take(this.remaining, 'rest');
  }

  /** Moves on and returns where it was. */
  private advance(count: number, field: string): number {
    const start = this.offset;
    if (count > this.remaining) {
      throw new DecodeError(start, field, `needs ${count} octet${count === 1 ? '' : 's'}, ${this.remaining} left`);
    }
    this.offset = start + count;
    return start;
  }
}

/** Appends to a buffer that grows. */
export class Writer {
  private buffer: Uint8Array;
  private used = 0;

  constructor(expectedOctets = 64) {
    this.buffer = new Uint8Array(expectedOctets);
  }

  /** Octets written so far. */
  get length(): number {
    return this.used;
  }

  /** Appends the low octet of a number. */
  uint8(value: number): void {
    this.reserve(1);
    this.buffer[this.used++] = value;
  }

  /** Appends the low two octets. */
  uint16(value: number): void {
    this.uint8(value >>> 8);
    this.uint8(value);
  }

  /** Appends four octets. */
  uint32(value: number): void {
    this.uint16(value >>> 16);
    this.uint16(value);
  }

  /** Appends octets. */
  bytes(octets: ArrayLike<number>): void {
    this.reserve(octets.length);
    this.buffer.set(octets, this.used);
    this.used += octets.length;
  }

  /** Appends octets preceded by their count in one octet or two. @throws EncodeError if the count does not fit */
  counted(octets: Uint8Array, countOctets: 1 | 2, field: string): void {
    const limit = countOctets === 1 ? 0xff : 0xffff;
    if (octets.length > limit) throw new EncodeError(field, `has ${octets.length} octets, at most ${limit} fit`);
    if (countOctets === 1) this.uint8(octets.length);
    else this.uint16(octets.length);
    this.bytes(octets);
  }

  /** What was written, as a view: do not write on after this. */
  finish(): Uint8Array {
    return this.buffer.subarray(0, this.used);
  }

  private reserve(count: number): void {
    if (this.used + count <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(this.used + count, this.buffer.length * 2));
    larger.set(this.buffer.subarray(0, this.used));
    this.buffer = larger;
  }
}
