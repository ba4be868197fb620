/**
 * Decoding of DHCPv4 and BOOTP messages. Lazy: decoding only walks the options and notes where they are; every field and
 * value is read when asked for, as a view of the datagram. Under load this runs for each packet, so it allocates one
 * object and one small array of integers, and nothing else.
 */

import { binaryString } from '../binary-string.js';
import type { OptionDefinition } from '../definition.js';
import { DecodeError } from '../errors.js';
import { OPTION_TYPES } from '../types/table.js';
import {
  HEADER4,
  HEADER4_OCTETS,
  type Header4,
  MAGIC_COOKIE,
  OPTIONS_OFFSET,
  readUint16,
  readUint32,
} from './header.js';
import { STANDARD_OPTIONS } from './options.js';

const PAD = 0;
const END = 255;
const OVERLOAD = 52;
const MESSAGE_TYPE = 53;
/** Bits of option 52 (RFC 2132 §9.3). */
const OVERLOADS_FILE = 1;
const OVERLOADS_SNAME = 2;

function forEachStandard(use: (definition: OptionDefinition) => void): void {
  for (const definition of STANDARD_OPTIONS) if (definition.space === 'dhcp4') use(definition);
}

/** Octets a single value of fixed size has, by option code; 0 = any number. */
const FIXED_OCTETS = new Uint8Array(256);
/** 1 for options that hold text, whose trailing NULs do not count (RFC 2132 §2). */
const IS_TEXT = new Uint8Array(256);
forEachStandard(({ code, type, array, encapsulates }) => {
  if (!array && encapsulates === undefined && code !== 125) FIXED_OCTETS[code] = OPTION_TYPES[type].octets ?? 0;
  if (type === 'string') IS_TEXT[code] = 1;
});

/** A value where it lies: octets[start..end). Unlike a view it costs nothing to make. */
export interface OctetSpan {
  readonly octets: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** A decoded message. Values are views: they are valid as long as the octets it was decoded from. */
export class Message4 implements Header4 {
  /** Option 53, or 0 if there is none (BOOTP). */
  readonly messageType: number = 0;
  /** Where options begin: `offset of the data << 8 | code` each, in the order of RFC 3396 (options, file, sname). */
  private readonly index: number[] = [];

  /** Use {@link decodeMessage4}. */
  constructor(
    /** The whole message as it was received. */
    readonly datagram: Uint8Array,
    lenient: boolean,
  ) {
    checkHeader(datagram);
    if (!this.hasCookie) return;
    const misfit = this.walk(OPTIONS_OFFSET, datagram.length, lenient);
    const overload = this.number(OVERLOAD) ?? 0;
    let misfitElsewhere = false;
    if (overload & OVERLOADS_FILE) misfitElsewhere = this.walkField(HEADER4.file, lenient);
    if (overload & OVERLOADS_SNAME) misfitElsewhere = this.walkField(HEADER4.sname, lenient) || misfitElsewhere;
    if (misfit || misfitElsewhere) this.checkJoinedLengths(lenient);
    this.messageType = this.number(MESSAGE_TYPE) ?? 0;
  }

  /** 1 request, 2 reply. */
  get op(): number {
    return this.datagram[HEADER4.op.offset]!;
  }
  /** Hardware type (IANA ARP). */
  get htype(): number {
    return this.datagram[HEADER4.htype.offset]!;
  }
  /** Octets of chaddr in use, 0..16. */
  get hlen(): number {
    return this.datagram[HEADER4.hlen.offset]!;
  }
  /** Relays passed. */
  get hops(): number {
    return this.datagram[HEADER4.hops.offset]!;
  }
  /** Transaction id, unsigned 32 bits. */
  get xid(): number {
    return readUint32(this.datagram, HEADER4.xid.offset);
  }
  /** Seconds since the client began. */
  get secs(): number {
    return readUint16(this.datagram, HEADER4.secs.offset);
  }
  /** Flags; bit 15 asks for broadcast. */
  get flags(): number {
    return readUint16(this.datagram, HEADER4.flags.offset);
  }
  /** Client address, unsigned 32 bits. */
  get ciaddr(): number {
    return readUint32(this.datagram, HEADER4.ciaddr.offset);
  }
  /** "Your" address, unsigned 32 bits. */
  get yiaddr(): number {
    return readUint32(this.datagram, HEADER4.yiaddr.offset);
  }
  /** Address of the next server, unsigned 32 bits. */
  get siaddr(): number {
    return readUint32(this.datagram, HEADER4.siaddr.offset);
  }
  /** Address of the relay, unsigned 32 bits. */
  get giaddr(): number {
    return readUint32(this.datagram, HEADER4.giaddr.offset);
  }
  /** Hardware address, `hlen` octets. */
  get chaddr(): Uint8Array {
    return this.datagram.subarray(HEADER4.chaddr.offset, HEADER4.chaddr.offset + this.hlen);
  }
  /** Hardware address as a binary string. */
  get chaddrOctets(): string {
    const at = HEADER4.chaddr.offset;
    return binaryString(this.datagram, at, at + this.hlen);
  }
  /** The sname field, all 64 octets. */
  get sname(): Uint8Array {
    return field(this.datagram, HEADER4.sname);
  }
  /** The file field, all 128 octets. */
  get file(): Uint8Array {
    return field(this.datagram, HEADER4.file);
  }
  /** Octets of the whole message (Kea's pkt.len). */
  get length(): number {
    return this.datagram.length;
  }
  /** False for a plain BOOTP message (RFC 951): no magic cookie, so no options. */
  get hasCookie(): boolean {
    return this.datagram.length >= OPTIONS_OFFSET && readUint32(this.datagram, HEADER4.cookie.offset) === MAGIC_COOKIE;
  }

  /** True if the option is there. Text that is empty but for NULs counts as absent, as in Kea. */
  has(code: number): boolean {
    const at = this.find(code, 0);
    if (at < 0) return false;
    return IS_TEXT[code] === 0 || this.span(code) !== undefined;
  }

  /**
   * Value of an option, a view; pieces of the same code are joined (RFC 3396 §7), which copies. A value of fixed size has
   * exactly that size, whatever was sent. Text comes without trailing NULs. Undefined if the option is absent, or is text
   * that is empty.
   */
  option(code: number): Uint8Array | undefined {
    const span = this.span(code);
    return span?.octets.subarray(span.start, span.end);
  }

  /** As {@link option}, as a binary string: for keys and comparisons. */
  octets(code: number): string | undefined {
    const span = this.span(code);
    return span && binaryString(span.octets, span.start, span.end);
  }

  /** As {@link option}, without the view: for who reads a value of every packet. */
  span(code: number): OctetSpan | undefined {
    const at = this.find(code, 0);
    if (at < 0) return undefined;
    if (this.find(code, at + 1) >= 0) return valueSpan(code, this.joined(code), 0);
    return valueSpan(code, this.datagram, this.index[at]! >>> 8, this.datagram[(this.index[at]! >>> 8) - 1]!);
  }

  /** Unsigned number an option of fixed size holds (types, addresses, times); undefined if absent, or of no fixed size. */
  number(code: number): number | undefined {
    const at = this.find(code, 0);
    const octets = FIXED_OCTETS[code]!;
    if (at < 0 || octets === 0 || octets > 4) return undefined;
    const start = this.index[at]! >>> 8;
    if (this.datagram[start - 1]! >= octets) return readNumber(this.datagram, start, octets);
    return readNumber(this.joined(code), 0, octets);
  }

  /** Codes in the order of their first piece, each once. */
  optionCodes(): number[] {
    const codes: number[] = [];
    for (const entry of this.index) if (!codes.includes(entry & 255)) codes.push(entry & 255);
    return codes;
  }

  /** Position in the index of the first piece of an option, from a position on; -1 if none. */
  private find(code: number, from: number): number {
    const { index } = this;
    for (let i = from; i < index.length; i++) if ((index[i]! & 255) === code) return i;
    return -1;
  }

  private joined(code: number): Uint8Array {
    const pieces = this.index.filter((entry) => (entry & 255) === code).map((entry) => entry >>> 8);
    const octets = new Uint8Array(pieces.reduce((sum, start) => sum + this.datagram[start - 1]!, 0));
    let offset = 0;
    for (const start of pieces) {
      const length = this.datagram[start - 1]!;
      octets.set(this.datagram.subarray(start, start + length), offset);
      offset += length;
    }
    return octets;
  }

  private walkField({ offset, octets }: { offset: number; octets: number }, lenient: boolean): boolean {
    return this.walk(offset, offset + octets, lenient);
  }

  /** Notes every option of an area. True if one has not the length its type has, which may be a piece of a longer one. */
  private walk(from: number, limit: number, lenient: boolean): boolean {
    const { datagram, index } = this;
    let misfit = false;
    let offset = from;
    while (offset < limit) {
      const code = datagram[offset]!;
      if (code === PAD) {
        offset++;
        continue;
      }
      if (code === END) break;
      const start = offset + 2;
      const end = start > limit ? start : start + datagram[offset + 1]!;
      if (end > limit) {
        if (lenient) break;
        throw new DecodeError(offset, `option ${code}`, `is cut off: ends at ${end}, its area at ${limit}`);
      }
      index.push((start << 8) | code);
      if (end - start !== FIXED_OCTETS[code] && FIXED_OCTETS[code] !== 0) misfit = true;
      offset = end;
    }
    return misfit;
  }

  /** Refuses fixed-size options whose pieces together are too short, or (unless lenient) too long, as Kea does. */
  private checkJoinedLengths(lenient: boolean): void {
    for (const entry of this.index) {
      const code = entry & 255;
      const expected = FIXED_OCTETS[code]!;
      if (expected === 0) continue;
      const { length } = this.joined(code);
      if (length === expected || (lenient && length > expected)) continue;
      throw new DecodeError(entry >>> 8, `option ${code}`, `has ${length} octets, its type has ${expected}`);
    }
  }
}

/** Things about the fixed part that make a message unreadable. */
function checkHeader(datagram: Uint8Array): void {
  if (datagram.length < HEADER4_OCTETS) {
    throw new DecodeError(datagram.length, 'message', `has ${datagram.length} octets, fewer than ${HEADER4_OCTETS}`);
  }
  const hlen = datagram[HEADER4.hlen.offset]!;
  if (hlen > HEADER4.chaddr.octets) {
    throw new DecodeError(HEADER4.hlen.offset, 'hlen', `is ${hlen}, more than chaddr can hold`);
  }
  const cookie = HEADER4.cookie.offset;
  if (datagram.length >= OPTIONS_OFFSET && readUint32(datagram, cookie) === MAGIC_COOKIE) return;
  // RFC 951 knows no cookie: a vendor area that is absent or blank is that of a BOOTP client without vendor data.
  for (let i = cookie; i < Math.min(datagram.length, OPTIONS_OFFSET); i++) {
    if (datagram[i] !== 0) throw new DecodeError(cookie, 'magic cookie', 'is neither 99.130.83.99 nor blank (BOOTP)');
  }
}

function field(datagram: Uint8Array, { offset, octets }: { offset: number; octets: number }): Uint8Array {
  return datagram.subarray(offset, offset + octets);
}

/** Unsigned number of 1 to 4 octets. */
function readNumber(octets: Uint8Array, start: number, count: number): number {
  let number = 0;
  for (let i = start; i < start + count; i++) number = number * 256 + octets[i]!;
  return number;
}

/** End of a value: of text without its trailing NULs, of a fixed-size value without what is too much (repeats, lenient). */
function valueEnd(code: number, octets: Uint8Array, start: number, end: number): number {
  const fixed = FIXED_OCTETS[code]!;
  if (fixed !== 0) return Math.min(end, start + fixed);
  if (IS_TEXT[code] === 0) return end;
  let trimmed = end;
  while (trimmed > start && octets[trimmed - 1] === 0) trimmed--;
  return trimmed;
}

/** The value that begins at `start`, undefined if it is text and empty. */
function valueSpan(code: number, octets: Uint8Array, start: number, length = octets.length): OctetSpan | undefined {
  const end = valueEnd(code, octets, start, start + length);
  return end === start && IS_TEXT[code] !== 0 ? undefined : { octets, start, end };
}

/**
 * Decodes a message. `lenient` is Kea's `lenient-option-parsing`: options longer than their type are taken, and an option
 * that is cut off ends the options instead of spoiling the message. A missing END, and PAD anywhere, are always taken.
 * @throws DecodeError for fewer than 236 octets, hlen above 16, a wrong magic cookie, an option that is cut off, or a
 *   fixed-size option of another size
 */
export function decodeMessage4(octets: Uint8Array, lenient = false): Message4 {
  return new Message4(octets, lenient);
}
