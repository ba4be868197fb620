/** Rows of Kea's lease file (see lease-file.ts), written from records without making strings. */

import { LEASE_FILE_HEADER } from './lease-file.js';
import { BLOB_HEADER_OCTETS, FQDN_FWD, FQDN_REV, type LeaseRecord } from './lease-record.js';

const COMMA = 0x2c;
const COLON = 0x3a;
const DOT = 0x2e;
const AMPERSAND = 0x26;
const ZERO = 0x30;
const NEWLINE = 0x0a;
/** `&#xHH`. */
const ESCAPE_OCTETS = 5;
const HEX_DIGIT: Uint8Array = Buffer.from('0123456789abcdef', 'latin1');

/** Rows waiting to be written: a growing buffer that is used again after {@link LeaseRowBuffer.clear}. */
export class LeaseRowBuffer {
  #octets: Buffer = Buffer.allocUnsafeSlow(1 << 16);
  #length = 0;

  /** Octets waiting. */
  get length(): number {
    return this.#length;
  }

  /** The octets waiting; valid until the next append. */
  get view(): Buffer {
    return this.#octets.subarray(0, this.#length);
  }

  /** Forgets everything, or everything from `length` on. */
  clear(length = 0): void {
    this.#length = length;
  }

  /** Appends the header line. */
  appendHeader(): void {
    this.#reserve(LEASE_FILE_HEADER.length);
    this.#length += this.#octets.write(LEASE_FILE_HEADER, this.#length, 'latin1');
  }

  /** Appends the row of a lease; with `removed`, the row that removes it (valid_lifetime 0, as Kea writes it). */
  append(record: LeaseRecord, removed = false): void {
    const { hwAddress, clientId, hostname, userContext } = record.layout();
    this.#reserve(160 + 3 * (hwAddress + clientId) + ESCAPE_OCTETS * (hostname + userContext));
    const valid = removed ? 0 : record.validLifetimeSec;
    const address = record.address;
    this.#number(address >>> 24);
    this.#octet(DOT);
    this.#number((address >>> 16) & 255);
    this.#octet(DOT);
    this.#number((address >>> 8) & 255);
    this.#octet(DOT);
    this.#number(address & 255);
    this.#octet(COMMA);
    let at = BLOB_HEADER_OCTETS;
    this.#hex(record.blob, at, hwAddress);
    this.#octet(COMMA);
    at += hwAddress;
    this.#hex(record.blob, at, clientId);
    this.#octet(COMMA);
    at += clientId;
    this.#number(valid);
    this.#octet(COMMA);
    // An infinite lifetime is written as any other: expire lies beyond 2^32.
    this.#number(record.clttSec + valid);
    this.#octet(COMMA);
    this.#number(record.subnetId);
    this.#octet(COMMA);
    this.#octet(record.flags & FQDN_FWD ? ZERO + 1 : ZERO);
    this.#octet(COMMA);
    this.#octet(record.flags & FQDN_REV ? ZERO + 1 : ZERO);
    this.#octet(COMMA);
    this.#text(record.blob, at, hostname);
    this.#octet(COMMA);
    at += hostname;
    this.#octet(ZERO + record.state);
    this.#octet(COMMA);
    this.#text(record.blob, at + 4, userContext);
    this.#octet(COMMA);
    this.#number(record.poolId);
    this.#octet(NEWLINE);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#octets.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#length + more, this.#octets.length * 2));
    this.#octets.copy(larger, 0, 0, this.#length);
    this.#octets = larger;
  }

  #octet(octet: number): void {
    this.#octets[this.#length++] = octet;
  }

  #number(value: number): void {
    let digits = 1;
    for (let bound = 10; value >= bound; bound *= 10) digits++;
    let rest = value;
    for (let at = this.#length + digits - 1; at >= this.#length; at--) {
      const tenth = Math.floor(rest / 10);
      this.#octets[at] = ZERO + (rest - tenth * 10);
      rest = tenth;
    }
    this.#length += digits;
  }

  #hex(source: Uint8Array, start: number, length: number): void {
    const octets = this.#octets;
    let at = this.#length;
    for (let i = start; i < start + length; i++) {
      if (i > start) octets[at++] = COLON;
      octets[at++] = HEX_DIGIT[source[i]! >>> 4]!;
      octets[at++] = HEX_DIGIT[source[i]! & 15]!;
    }
    this.#length = at;
  }

  #text(source: Uint8Array, start: number, length: number): void {
    for (let i = start; i < start + length; i++) {
      const octet = source[i]!;
      if (octet >= 0x20 && octet <= 0x7e && octet !== COMMA && octet !== AMPERSAND) {
        this.#octet(octet);
        continue;
      }
      this.#octet(AMPERSAND);
      this.#octet(0x23);
      this.#octet(0x78);
      this.#octet(HEX_DIGIT[octet >>> 4]!);
      this.#octet(HEX_DIGIT[octet & 15]!);
    }
  }
}
