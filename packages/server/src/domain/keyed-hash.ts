/**
 * HalfSipHash-1-3 (Aumasson and Bernstein): a keyed hash of octets to 32 bits. Hardware addresses and client-ids are
 * chosen by whoever sends packets; without the key nobody can choose many that fall into one bucket.
 */

/** A 64-bit key in two halves. */
export interface HashKey {
  readonly low: number;
  readonly high: number;
}

/** Makes a key of eight random octets. */
export function hashKeyOf(octets: Uint8Array): HashKey {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  return { low: view.getInt32(0, true), high: view.getInt32(4, true) };
}

/** The hash of `length` octets from `offset` on, 0..2^32-1. */
export function keyedHash(key: HashKey, octets: Uint8Array, offset: number, length: number): number {
  let v0 = key.low;
  let v1 = key.high;
  let v2 = 0x6c796765 ^ key.low;
  let v3 = 0x74656462 ^ key.high;
  const end = offset + length;
  const wholeWordsEnd = end - (length & 3);
  let i = offset;
  let last = false;
  // One compression round per word (the "1"), the last word carrying the length; then three to finish (the "3").
  for (let finishing = 0; finishing < 3; ) {
    let word = 0;
    if (last) {
      if (finishing === 0) v2 ^= 0xff;
      finishing++;
    } else if (i < wholeWordsEnd) {
      word = octets[i]! | (octets[i + 1]! << 8) | (octets[i + 2]! << 16) | (octets[i + 3]! << 24);
      i += 4;
      v3 ^= word;
    } else {
      word = length << 24;
      for (let shift = 0; i < end; i++, shift += 8) word |= octets[i]! << shift;
      last = true;
      v3 ^= word;
    }
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  return (v1 ^ v3) >>> 0;
}
