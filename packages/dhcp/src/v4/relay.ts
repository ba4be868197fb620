/**
 * Sub-options: code, length, data, one after the other. The value of option 82 (RFC 3046 §2.0), of option 43
 * (RFC 2132 §8.4), and of the data of one vendor in option 125 (RFC 3925 §4).
 */

import { Reader, Writer } from '../bytes.js';

/** One sub-option. */
export interface SubOption {
  readonly code: number;
  readonly data: Uint8Array;
}

const PAD = 0;
const END = 255;

/**
 * Splits octets into sub-options; their data are views. Option 43 alone may have PAD (0) and END (255) in between
 * (RFC 2132 §8.4): pass `padded` for it.
 * @throws DecodeError if the last one is cut short
 */
export function decodeSubOptions(data: Uint8Array, padded = false): SubOption[] {
  const reader = new Reader(data);
  const list: SubOption[] = [];
  while (reader.remaining > 0) {
    const code = reader.uint8('sub-option');
    if (padded && code === PAD) continue;
    if (padded && code === END) break;
    list.push({ code, data: reader.take(reader.uint8('sub-option length'), `sub-option ${code}`) });
  }
  return list;
}

/** Data of the first sub-option with the code, a view; undefined if there is none before the end or a cut-off one. */
export function findSubOption(data: Uint8Array, code: number): Uint8Array | undefined {
  let offset = 0;
  while (offset + 2 <= data.length) {
    const start = offset + 2;
    const end = start + data[offset + 1]!;
    if (end > data.length) return undefined;
    if (data[offset] === code) return data.subarray(start, end);
    offset = end;
  }
  return undefined;
}

/** Joins sub-options in the order given. @throws EncodeError if one is longer than 255 octets */
export function encodeSubOptions(list: readonly SubOption[]): Uint8Array {
  const writer = new Writer();
  for (const { code, data } of list) {
    writer.uint8(code);
    writer.counted(data, 1, `sub-option ${code}`);
  }
  return writer.finish();
}
