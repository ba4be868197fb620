/** Small things about octets that several files need. */

const NO_OCTETS: Uint8Array = new Uint8Array(0);

/** Octets as one hexadecimal byte each, with colons between: how ISC's programs print data. */
export function formatHex(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join(':');
}

/** The empty value. */
export function noOctets(): Uint8Array {
  return NO_OCTETS;
}

/** A cursor that writes big-endian fields into octets it was given; the caller has counted them. */
export class Writer {
  at = 0;

  constructor(readonly octets: Uint8Array) {}

  uint16(value: number): void {
    this.octets[this.at++] = value >>> 8;
    this.octets[this.at++] = value;
  }

  uint32(value: number): void {
    this.octets[this.at++] = value >>> 24;
    this.octets[this.at++] = value >>> 16;
    this.octets[this.at++] = value >>> 8;
    this.octets[this.at++] = value;
  }

  put(value: Uint8Array): void {
    const { length } = value;
    if (length > SHORT_OCTETS) this.octets.set(value, this.at);
    else for (let i = 0; i < length; i++) this.octets[this.at + i] = value[i]!;
    this.at += length;
  }

  /** A string of characters below 256, one octet each; false if one is not: what was written then is of no use. */
  latin1(text: string): boolean {
    let all = 0;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      all |= code;
      this.octets[this.at++] = code;
    }
    return all < 256;
  }
}

/** Up to so many octets a loop is quicker than a call. */
const SHORT_OCTETS = 32;

/** Short strings seen lately, by a number made of their octets: names of attributes and types come again and again. */
const seen: string[] = Array.from({ length: 512 }, () => '');
const LONGEST_SEEN = 32;

/** A binary string: one character for each octet. */
export function latin1At(octets: Uint8Array, at: number, length: number): string {
  if (length === 0) return '';
  if (length > LONGEST_SEEN) return Buffer.from(octets.buffer, octets.byteOffset + at, length).toString('latin1');
  const place = (31 * length + 7 * octets[at]! + octets[at + (length >> 1)]! + 3 * octets[at + length - 1]!) & 511;
  const known = seen[place]!;
  if (known.length === length) {
    let i = 0;
    while (i < length && known.charCodeAt(i) === octets[at + i]) i++;
    if (i === length) return known;
  }
  const text = Buffer.from(octets.buffer, octets.byteOffset + at, length).toString('latin1');
  seen[place] = text;
  return text;
}

/** The 32-bit number at an offset. The caller has checked that it is there. */
export function uint32At(octets: Uint8Array, at: number): number {
  return ((octets[at]! << 24) | (octets[at + 1]! << 16) | (octets[at + 2]! << 8) | octets[at + 3]!) >>> 0;
}

/** The 16-bit number at an offset. The caller has checked that it is there. */
export function uint16At(octets: Uint8Array, at: number): number {
  return (octets[at]! << 8) | octets[at + 1]!;
}
