/** Domain names: labels on the wire (RFC 1035 §3.1), with compression pointers on reading (RFC 3397 §2). */

import { Reader, type Writer } from '../bytes.js';
import { DecodeError, EncodeError, OptionTextError } from '../errors.js';
import { latin1 } from '../text.js';
import type { OptionType } from './option-type.js';

const MAX_LABEL_OCTETS = 63;
const MAX_NAME_OCTETS = 255;
/** Two high bits that make a length octet a pointer (RFC 1035 §4.1.4). */
const POINTER = 0xc0;
/** Characters master files give a meaning to; they are written with a backslash. */
const SPECIAL = new Set([...'.";@$()\\']);

/** Labels of a name as binary strings, without the root. Follows pointers, which must lead back. @throws DecodeError */
export function decodeLabels(reader: Reader): string[] {
  const labels: string[] = [];
  let octets = 1;
  let cursor = reader;
  for (;;) {
    const start = cursor.offset;
    const length = cursor.uint8('domain name');
    if (length === 0) return labels;
    if (length >= POINTER) {
      const target = ((length & ~POINTER) << 8) | cursor.uint8('domain name pointer');
      if (target >= start) throw new DecodeError(start, 'domain name pointer', 'does not point back');
      cursor = new Reader(reader.octets);
      cursor.offset = target;
      continue;
    }
    if (length > MAX_LABEL_OCTETS) throw new DecodeError(start, 'domain name', `has a label type ${length >> 6}`);
    octets += length + 1;
    if (octets > MAX_NAME_OCTETS)
      throw new DecodeError(start, 'domain name', `is longer than ${MAX_NAME_OCTETS} octets`);
    labels.push(latin1(cursor.take(length, 'label')));
  }
}

/** Writes labels and, unless the name is partial, the root. */
export function encodeLabels(writer: Writer, labels: readonly string[], partial = false): void {
  for (const label of labels) writer.counted(Buffer.from(label, 'latin1'), 1, 'label');
  if (!partial) writer.uint8(0);
}

/**
 * Splits the text of a name into labels. `\.` is a dot inside a label, `\DDD` the octet of that decimal value
 * (RFC 1035 §5.1); a final dot changes nothing, every name is taken as absolute.
 * @throws OptionTextError
 */
export function parseLabels(text: string): string[] {
  if (text === '.') return [];
  const labels: string[] = [''];
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '.') {
      labels.push('');
      continue;
    }
    const [character, consumed] = readCharacter(text, i);
    labels[labels.length - 1] += character;
    i += consumed - 1;
  }
  if (labels.at(-1) === '' && labels.length > 1) labels.pop();
  checkLabels(labels, text);
  return labels;
}

/** The octet at a position of a name's text and how many characters it takes there. */
function readCharacter(text: string, position: number): [character: string, consumed: number] {
  const character = text[position]!;
  if (character > '~') throw new OptionTextError(`"${text}" is not ASCII; write the name in its xn-- form`);
  if (character !== '\\') return [character, 1];
  const sequence = /^\\(?:(\d{3})|([^\d]))/.exec(text.slice(position, position + 4));
  if (sequence === null || Number(sequence[1] ?? 0) > 255) {
    throw new OptionTextError(`"${text}" has a backslash before neither a character nor three digits up to 255`);
  }
  return [sequence[2] ?? String.fromCharCode(Number(sequence[1])), sequence[0].length];
}

function checkLabels(labels: readonly string[], text: string): void {
  if (labels.includes('')) throw new OptionTextError(`"${text}" is not a domain name: a label is empty`);
  const long = labels.find((label) => label.length > MAX_LABEL_OCTETS);
  if (long !== undefined) throw new OptionTextError(`"${text}" has a label of more than ${MAX_LABEL_OCTETS} octets`);
  const octets = labels.reduce((sum, label) => sum + label.length + 1, 1);
  if (octets > MAX_NAME_OCTETS) throw new OptionTextError(`"${text}" is longer than ${MAX_NAME_OCTETS} octets`);
}

/** Text of labels, without a final dot. */
export function formatLabels(labels: readonly string[]): string {
  return labels.map((label) => [...label].map(formatCharacter).join('')).join('.');
}

function formatCharacter(character: string): string {
  const octet = character.charCodeAt(0);
  if (octet <= 0x20 || octet >= 0x7f) return `\\${octet.toString().padStart(3, '0')}`;
  return SPECIAL.has(character) ? `\\${character}` : character;
}

/** A domain name. Its value is its text with the final dot. */
export const fqdn: OptionType<string> = {
  name: 'fqdn',
  decode: (reader) => `${formatLabels(decodeLabels(reader))}.`,
  encode: (writer, value) => {
    try {
      encodeLabels(writer, parseLabels(value));
    } catch (error) {
      if (error instanceof OptionTextError) throw new EncodeError('fqdn', error.message);
      throw error;
    }
  },
  parseText: (text) => `${formatLabels(parseLabels(text))}.`,
  formatText: (value) => value,
  toJson: (value) => value,
};
