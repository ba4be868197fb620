/** The client FQDN option, code 81 (RFC 4702 §2): flags, two obsolete codes, a name that may be partial. */

import { Reader, Writer } from '../bytes.js';
import { DecodeError, EncodeError, OptionTextError } from '../errors.js';
import { latin1 } from '../text.js';
import { decodeLabels, encodeLabels, formatLabels, parseLabels } from '../types/fqdn.js';

/** Bits of the flags octet (RFC 4702 §2.1). */
export const FQDN_FLAG = {
  /** S: the server is to update the A record. */
  serverUpdates: 1,
  /** O: the server has overridden S. */
  overridden: 2,
  /** E: the name is in labels, not in plain ASCII. */
  encoded: 4,
  /** N: the server is to update nothing. */
  noUpdate: 8,
} as const;

/** Value of option 81. */
export interface ClientFqdn {
  /** Bits of {@link FQDN_FLAG}. */
  readonly flags: number;
  readonly rcode1: number;
  readonly rcode2: number;
  /** Lower case, without a final dot; '' if the client leaves the name to the server. */
  readonly name: string;
  /** True if only the first labels are given, the domain being for the server to add. */
  readonly partial: boolean;
}

/** Labels of the name in its deprecated ASCII form. @throws DecodeError */
function asciiLabels(octets: Uint8Array): string[] {
  try {
    return parseLabels(latin1(octets));
  } catch (error) {
    if (error instanceof OptionTextError) throw new DecodeError(3, 'fqdn', error.message);
    throw error;
  }
}

/** Labels on the wire; a partial name lacks the root, which is added for reading. @throws DecodeError */
function wireLabels(octets: Uint8Array, partial: boolean): string[] {
  const reader = new Reader(partial ? Uint8Array.of(...octets, 0) : octets);
  const labels = decodeLabels(reader);
  if (reader.remaining > 0) throw new DecodeError(3 + reader.offset, 'fqdn', 'has octets behind the name');
  return labels;
}

/** Decodes option 81; names become lower case as in Kea. @throws DecodeError */
export function decodeClientFqdn(data: Uint8Array): ClientFqdn {
  const reader = new Reader(data);
  const flags = reader.uint8('fqdn flags');
  const rcode1 = reader.uint8('fqdn rcode1');
  const rcode2 = reader.uint8('fqdn rcode2');
  const octets = reader.rest();
  if (octets.length === 0) return { flags, rcode1, rcode2, name: '', partial: true };
  const encoded = (flags & FQDN_FLAG.encoded) !== 0;
  const partial = octets.at(-1) !== (encoded ? 0 : 0x2e);
  const labels = encoded ? wireLabels(octets, partial) : asciiLabels(octets);
  return { flags, rcode1, rcode2, name: formatLabels(labels).toLowerCase(), partial };
}

/** Encodes option 81, in labels or ASCII as its E flag says. @throws EncodeError */
export function encodeClientFqdn(value: ClientFqdn): Uint8Array {
  const writer = new Writer();
  writer.uint8(value.flags);
  writer.uint8(value.rcode1);
  writer.uint8(value.rcode2);
  if (value.name === '') return writer.finish();
  try {
    const labels = parseLabels(value.name);
    if (value.flags & FQDN_FLAG.encoded) encodeLabels(writer, labels, value.partial);
    else writer.bytes(Buffer.from(`${formatLabels(labels)}${value.partial ? '' : '.'}`, 'latin1'));
  } catch (error) {
    if (error instanceof OptionTextError) throw new EncodeError('fqdn', error.message);
    throw error;
  }
  return writer.finish();
}
