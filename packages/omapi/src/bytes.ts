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
    this.octets.set(value, this.at);
    this.at += value.length;
  }

  /** A string of characters below 256, one octet each. */
  latin1(text: string): void {
    for (let i = 0; i < text.length; i++) this.octets[this.at++] = text.charCodeAt(i);
  }
}

/** The 32-bit number at an offset. The caller has checked that it is there. */
export function uint32At(octets: Uint8Array, at: number): number {
  return ((octets[at]! << 24) | (octets[at + 1]! << 16) | (octets[at + 2]! << 8) | octets[at + 3]!) >>> 0;
}

/** The 16-bit number at an offset. The caller has checked that it is there. */
export function uint16At(octets: Uint8Array, at: number): number {
  return (octets[at]! << 8) | octets[at + 1]!;
}
