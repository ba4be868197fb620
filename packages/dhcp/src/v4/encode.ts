/** Encoding of DHCPv4 messages: long options in pieces (RFC 3396), overload of file and sname (RFC 2132 §9.3). */

import { EncodeError } from '../errors.js';
import { utf8Encode } from '../text.js';
import {
  HEADER4,
  type Header4,
  type HeaderField,
  MAGIC_COOKIE,
  MINIMUM_MESSAGE_OCTETS,
  OPTIONS_OFFSET,
  writeHeader4,
  writeUint32,
} from './header.js';

const END = 255;
const OVERLOAD = 52;
const MESSAGE_TYPE = 53;
const RELAY_AGENT = 82;
/** Octets an option piece has at most behind code and length. */
const MAX_PIECE_OCTETS = 255;
/** Options a reply is worthless without; they are never left out, and never moved out of the options field. */
const INDISPENSABLE: ReadonlySet<number> = new Set([MESSAGE_TYPE, 51, 54, 61, RELAY_AGENT]);

const NO_OCTETS = new Uint8Array(0);

/** One option to send: its code and its whole value, of any length. */
export interface OptionOctets {
  readonly code: number;
  readonly data: Uint8Array;
}

/** A message to send. */
export interface OutgoingMessage4 extends Header4 {
  /** Hardware address, at most 16 octets; `hlen` of them count. */
  readonly chaddr: Uint8Array;
  /** At most 64 octets. Absent or empty: unused, so options may go there. */
  readonly sname?: Uint8Array | string;
  /** At most 128 octets. Absent or empty: unused, so options may go there. */
  readonly file?: Uint8Array | string;
  /** In order of importance: where room is short, later ones give way to earlier ones. */
  readonly options: readonly OptionOctets[];
}

/** An encoded message and what it lacks. */
export interface EncodedMessage4 {
  readonly octets: Uint8Array;
  /** Codes of options that found no room within the size allowed. */
  readonly omitted: number[];
}

/** A field that can take options when it has nothing else to say, and its bit in option 52. */
interface OverloadField extends HeaderField {
  readonly bit: number;
}

/** Fields for overload in the order they are read (RFC 3396 §5: options, file, sname). */
const OVERLOAD_FIELDS = {
  file: { ...HEADER4.file, bit: 1 },
  sname: { ...HEADER4.sname, bit: 2 },
} as const satisfies Readonly<Record<string, OverloadField>>;

/** A place for options: the options field, file or sname. */
interface Area {
  /** Octets still free, room for END not counted. */
  free: number;
  readonly options: OptionOctets[];
  /** Undefined for the options field, which is always the first area. */
  readonly field?: OverloadField;
}

/** Octets an option takes with its codes and lengths. */
function encodedOctets({ data }: OptionOctets): number {
  return data.length + 2 * Math.max(1, Math.ceil(data.length / MAX_PIECE_OCTETS));
}

/** Writes an option at an offset, in as many pieces as it needs (RFC 3396 §5), and returns the offset behind it. */
function writeOption(target: Uint8Array, at: number, { code, data }: OptionOctets): number {
  if (!(code > 0 && code < END)) throw new EncodeError(`option ${code}`, 'is not a code in 1..254');
  let to = at;
  let from = 0;
  do {
    const end = Math.min(data.length, from + MAX_PIECE_OCTETS);
    target[to++] = code;
    target[to++] = end - from;
    while (from < end) target[to++] = data[from++]!;
  } while (from < data.length);
  return to;
}

/** Writes options one after the other and returns the offset behind the last. The room must be there. */
function writeOptions(target: Uint8Array, at: number, options: readonly OptionOctets[]): number {
  let offset = at;
  for (const option of options) offset = writeOption(target, offset, option);
  return offset;
}

function totalOctets(options: readonly OptionOctets[]): number {
  let total = 0;
  for (const option of options) total += encodedOctets(option);
  return total;
}

/** Encodes options one after the other in the order given, without END. @throws EncodeError for a code of PAD or END */
export function encodeOptionArea(options: readonly OptionOctets[]): Uint8Array {
  const octets = new Uint8Array(totalOctets(options));
  writeOptions(octets, 0, options);
  return octets;
}

/** 53 first, for whoever reads captures; 82 last (RFC 3046 §2.1); the rest as given, but 52, which we write ourselves. */
function inSendingOrder(options: readonly OptionOctets[]): OptionOctets[] {
  return [
    ...options.filter(({ code }) => code === MESSAGE_TYPE),
    ...options.filter(({ code }) => code !== MESSAGE_TYPE && code !== RELAY_AGENT && code !== OVERLOAD),
    ...options.filter(({ code }) => code === RELAY_AGENT),
  ];
}

/**
 * Spreads options over areas, in order: each goes to the first area it fits into whole, or is left out if there is none.
 * Room for the indispensable ones is kept free in the first area, whatever comes before them.
 */
function spread(options: readonly OptionOctets[], areas: readonly Area[]): number[] {
  const [main] = areas;
  const omitted: number[] = [];
  for (const option of options) if (INDISPENSABLE.has(option.code)) main!.free -= encodedOctets(option);
  for (const option of options) {
    if (INDISPENSABLE.has(option.code)) {
      main!.options.push(option);
      continue;
    }
    const octets = encodedOctets(option);
    const area = areas.find(({ free }) => free >= octets);
    if (area === undefined) {
      omitted.push(option.code);
    } else {
      area.free -= octets;
      area.options.push(option);
    }
  }
  return omitted;
}

/** Octets of sname or file. @throws EncodeError if there are too many */
function fieldOctets(name: 'sname' | 'file', value: Uint8Array | string | undefined): Uint8Array {
  const octets = typeof value === 'string' ? utf8Encode(value) : (value ?? NO_OCTETS);
  const limit = HEADER4[name].octets;
  if (octets.length > limit) throw new EncodeError(name, `has ${octets.length} octets, at most ${limit} fit`);
  return octets;
}

/** The header with chaddr, sname, file and cookie; the rest zero. */
function writeFixedPart(octets: Uint8Array, message: OutgoingMessage4, sname: Uint8Array, file: Uint8Array): void {
  const { chaddr } = message;
  if (chaddr.length > HEADER4.chaddr.octets) throw new EncodeError('chaddr', `has ${chaddr.length} octets, over 16`);
  writeHeader4(octets, message);
  octets.set(chaddr, HEADER4.chaddr.offset);
  octets.set(sname, HEADER4.sname.offset);
  octets.set(file, HEADER4.file.offset);
  writeUint32(octets, HEADER4.cookie.offset, MAGIC_COOKIE);
}

/** Areas with their options. Overload only if the options field is too small: not every client reads the others. */
function layOut(
  options: OptionOctets[],
  room: number,
  unused: readonly OverloadField[],
): { areas: readonly Area[]; omitted: number[] } {
  const endOctets = 1;
  const overloadOctets = unused.length > 0 ? 3 : 0;
  if (totalOctets(options) + endOctets <= room) return { areas: [{ free: 0, options }], omitted: [] };
  const areas: Area[] = [
    { free: room - endOctets - overloadOctets, options: [] },
    ...unused.map((field) => ({ free: field.octets - endOctets, options: [], field })),
  ];
  return { areas, omitted: spread(options, areas) };
}

/** Options with option 52 behind 53, if there is anything to announce. */
function withOverload(options: readonly OptionOctets[], bits: number): readonly OptionOctets[] {
  if (bits === 0) return options;
  const at = options[0]?.code === MESSAGE_TYPE ? 1 : 0;
  return [...options.slice(0, at), { code: OVERLOAD, data: Uint8Array.of(bits) }, ...options.slice(at)];
}

/**
 * Encodes a message of at most `maxOctets` (the UDP payload; default: no bound) and at least 300 octets.
 *
 * Options go into the options field; if they do not all fit, into `file` and then `sname` as well, where these are
 * unused; one that finds no room beside those before it is left out and named in `omitted`. Options 51, 53, 54, 61 and 82
 * are always in, even if the bound must be exceeded for them.
 * @throws EncodeError for a field that is too long or an option code outside 1..254
 */
export function encodeMessage4(message: OutgoingMessage4, maxOctets = Number.POSITIVE_INFINITY): EncodedMessage4 {
  const sname = fieldOctets('sname', message.sname);
  const file = fieldOctets('file', message.file);
  const unused: OverloadField[] = [];
  if (file.length === 0) unused.push(OVERLOAD_FIELDS.file);
  if (sname.length === 0) unused.push(OVERLOAD_FIELDS.sname);

  const options = inSendingOrder(message.options);
  const { areas, omitted } = layOut(options, maxOctets - OPTIONS_OFFSET, unused);
  const overloaded = areas.filter((area) => area.field !== undefined && area.options.length > 0);
  const bits = overloaded.reduce((sum, area) => sum | area.field!.bit, 0);
  const main = withOverload(areas[0]!.options, bits);

  const octets = new Uint8Array(Math.max(MINIMUM_MESSAGE_OCTETS, OPTIONS_OFFSET + totalOctets(main) + 1));
  writeFixedPart(octets, message, sname, file);
  for (const area of overloaded) octets[writeOptions(octets, area.field!.offset, area.options)] = END;
  octets[writeOptions(octets, OPTIONS_OFFSET, main)] = END;
  return { octets, omitted };
}
