/**
 * One OMAPI message: 24 octets of header, two dictionaries, a signature. No types are on the wire: a value is octets,
 * and what they mean depends on the attribute (objects.ts). All numbers are unsigned and big-endian.
 */

import { latin1At, noOctets, uint16At, uint32At, Writer } from './bytes.js';
import { DecodeError, EncodeError } from './errors.js';

/** What a message asks for, or (update, status) answers. */
export const Op = {
  open: 1,
  refresh: 2,
  update: 3,
  notify: 4,
  status: 5,
  delete: 6,
} as const;

/** The name of an operation, `unknown (N)` for other numbers. */
export function opName(op: number): string {
  return Object.entries(Op).find(([, value]) => value === op)?.[0] ?? `unknown (${op})`;
}

/** One entry of a dictionary. Names are binary strings: one character below 256 for each octet. */
export type Entry = readonly [name: string, value: Uint8Array];

/** A value to be encoded: octets, a number of four octets, or a binary string. */
export type OutgoingValue = Uint8Array | number | string;

/** One entry of a dictionary that is to be encoded; an {@link Entry} is one. */
export type OutgoingEntry = readonly [name: string, value: OutgoingValue];

/** A message, decoded. Entries keep the order and the repetitions they have on the wire. */
export interface OmapiMessage {
  /** Handle of the authenticator that signed it; 0 = none. */
  readonly authid: number;
  /** One of {@link Op}; others can be decoded, and are for the reader to refuse. */
  readonly op: number;
  /** Object the message is about; 0 = none. */
  readonly handle: number;
  /** Transaction id, the sender's choice. */
  readonly tid: number;
  /** The tid of the message that this one answers; 0 in a request. */
  readonly rid: number;
  /** Parameters of the operation: type, create, exclusive, update; result, message. */
  readonly message: readonly Entry[];
  /** Attributes of the object. */
  readonly object: readonly Entry[];
  readonly signature: Uint8Array;
  /** Octets of a header longer than 24; they mean nothing and are not signed. */
  readonly headerExtra: Uint8Array;
}

/** A message that is to be encoded; an {@link OmapiMessage} is one. Fields that are absent are 0 or empty. */
export interface OutgoingMessage
  extends Partial<Omit<OmapiMessage, 'op' | 'message' | 'object'>>,
    Pick<OmapiMessage, 'op'> {
  readonly message?: readonly OutgoingEntry[];
  readonly object?: readonly OutgoingEntry[];
}

/** Octets of a header unless the sender's start-up announced more. */
export const HEADER_OCTETS = 24;

/** How many entries one message may have; the largest object has twenty attributes, leases can carry variables. */
export const MAX_ENTRIES = 1024;

const MAX_NAME_OCTETS = 0xffff;
const MAX_UINT32 = 0xffff_ffff;

/** A message with every field 0 or empty, but those given. */
export function omapiMessage(fields: Partial<OmapiMessage> & Pick<OmapiMessage, 'op'>): OmapiMessage {
  return {
    authid: 0,
    handle: 0,
    tid: 0,
    rid: 0,
    message: [],
    object: [],
    signature: noOctets(),
    headerExtra: noOctets(),
    ...fields,
  };
}

/** The value of a name: of entries given twice the last counts (as in dhcpd). */
export function findEntry(entries: readonly Entry[], name: string): Uint8Array | undefined {
  for (let i = entries.length - 1; i >= 0; i--) if (entries[i]![0] === name) return entries[i]![1];
  return undefined;
}

/** Entries as a map: of those given twice the last value, at the place of the first. */
export function entryMap(entries: readonly Entry[]): ReadonlyMap<string, Uint8Array> {
  return new Map(entries);
}

/**
 * The octets of a message. `signature` goes out as it is; to sign, see {@link encodeSigned} in authenticator.ts.
 * @throws EncodeError
 */
export function encodeMessage(message: OutgoingMessage): Uint8Array {
  const { headerExtra = noOctets(), signature = noOctets() } = message;
  const octets = layOut(message, headerExtra, signature.length);
  octets.set(signature, octets.length - signature.length);
  return octets;
}

/** A message without extra header, with room for a signature at its end. @throws EncodeError */
export function encodeUnsigned(message: OutgoingMessage, signatureOctets: number): Buffer {
  return layOut(message, noOctets(), signatureOctets);
}

function layOut(fields: OutgoingMessage, headerExtra: Uint8Array, signatureOctets: number): Buffer {
  const { message = NO_ENTRIES, object = NO_ENTRIES } = fields;
  // From Node's pool, and every octet is written: ten times as quick as a buffer of its own.
  const octets = Buffer.allocUnsafe(
    HEADER_OCTETS + headerExtra.length + dictionaryOctets(message) + dictionaryOctets(object) + signatureOctets,
  );
  const writer = new Writer(octets);
  writer.uint32(checkUint32(fields.authid ?? 0, 'authid'));
  writer.uint32(signatureOctets);
  writer.uint32(checkUint32(fields.op, 'op'));
  writer.uint32(checkUint32(fields.handle ?? 0, 'handle'));
  writer.uint32(checkUint32(fields.tid ?? 0, 'tid'));
  writer.uint32(checkUint32(fields.rid ?? 0, 'rid'));
  writer.put(headerExtra);
  writeDictionary(writer, message);
  writeDictionary(writer, object);
  return octets;
}

const NO_ENTRIES: readonly OutgoingEntry[] = [];

function checkUint32(value: number, field: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= MAX_UINT32) return value;
  throw new EncodeError(`${field} ${value} is no 32-bit number`);
}

/** A dictionary as octets: objects within an attribute, as lessor's lists have them. @throws EncodeError */
export function encodeDictionary(entries: readonly OutgoingEntry[]): Uint8Array {
  const octets = new Uint8Array(dictionaryOctets(entries));
  writeDictionary(new Writer(octets), entries);
  return octets;
}

/** The entries of {@link encodeDictionary}. @throws DecodeError */
export function decodeDictionary(octets: Uint8Array): Entry[] {
  const [entries, end] = readDictionary(octets, 0, MAX_ENTRIES);
  if (end !== octets.length) throw new DecodeError('dictionary', end, 'octets behind the end');
  return entries;
}

function dictionaryOctets(entries: readonly OutgoingEntry[]): number {
  if (entries.length > MAX_ENTRIES) throw new EncodeError(`${entries.length} entries, ${MAX_ENTRIES} are allowed`);
  let octets = 2;
  for (const [name, value] of entries) octets += 6 + name.length + (typeof value === 'number' ? 4 : value.length);
  return octets;
}

function writeDictionary(writer: Writer, entries: readonly OutgoingEntry[]): void {
  for (const [name, value] of entries) {
    if (name === '') throw new EncodeError('an attribute without a name ends the dictionary');
    if (name.length > MAX_NAME_OCTETS) throw new EncodeError(`a name of ${name.length} octets`);
    writer.uint16(name.length);
    if (!writer.latin1(name)) throw new EncodeError(`'${name}' has characters that are no octets`);
    if (typeof value === 'number') {
      writer.uint32(4);
      writer.uint32(checkUint32(value, name));
      continue;
    }
    writer.uint32(value.length);
    if (typeof value !== 'string') writer.put(value);
    else if (!writer.latin1(value)) throw new EncodeError(`${name} has characters that are no octets`);
  }
  writer.uint16(0);
}

/**
 * Decodes the octets of exactly one message. Values are views of `octets`.
 * @param headerOctets what the sender's start-up announced, at least 24
 * @throws DecodeError if the message is longer or shorter than the octets, or has more than {@link MAX_ENTRIES}
 */
export function decodeMessage(octets: Uint8Array, headerOctets: number = HEADER_OCTETS): OmapiMessage {
  if (octets.length < headerOctets) throw new DecodeError('header', octets.length, 'ends early');
  const [message, afterMessage] = readDictionary(octets, headerOctets, MAX_ENTRIES);
  const [object, afterObject] = readDictionary(octets, afterMessage, MAX_ENTRIES - message.length);
  const signatureOctets = uint32At(octets, 4);
  if (signatureOctets !== octets.length - afterObject) {
    throw new DecodeError(
      'signature',
      afterObject,
      `${octets.length - afterObject} octets instead of ${signatureOctets}`,
    );
  }
  return {
    authid: uint32At(octets, 0),
    op: uint32At(octets, 8),
    handle: uint32At(octets, 12),
    tid: uint32At(octets, 16),
    rid: uint32At(octets, 20),
    message,
    object,
    signature: octets.subarray(afterObject),
    headerExtra: headerOctets === HEADER_OCTETS ? noOctets() : octets.subarray(HEADER_OCTETS, headerOctets),
  };
}

/** Entries from an offset on, and the offset after them. */
function readDictionary(octets: Uint8Array, start: number, maxEntries: number): [entries: Entry[], end: number] {
  const entries: Entry[] = [];
  for (let at = start; ; ) {
    if (at + 2 > octets.length) throw new DecodeError('name length', at, 'ends early');
    const nameOctets = uint16At(octets, at);
    at += 2;
    if (nameOctets === 0) return [entries, at];
    if (entries.length === maxEntries) throw new DecodeError('dictionary', at, `more than ${MAX_ENTRIES} entries`);
    if (at + nameOctets + 4 > octets.length) throw new DecodeError('name', at, 'ends early');
    const name = latin1At(octets, at, nameOctets);
    at += nameOctets;
    const valueOctets = uint32At(octets, at);
    at += 4;
    if (at + valueOctets > octets.length) throw new DecodeError('value', at, `${valueOctets} octets are announced`);
    entries.push([name, octets.subarray(at, at + valueOctets)]);
    at += valueOctets;
  }
}
