/** Integers: int8 int16 int32 uint8 uint16 uint32, in network order. Decimal, or hexadecimal, in text. */

import type { Reader, Writer } from '../bytes.js';
import { EncodeError, OptionTextError } from '../errors.js';
import type { OptionType } from './option-type.js';

/** Widths an integer field can have, in octets. */
type Width = 1 | 2 | 4;

const READ: Record<Width, (reader: Reader, field: string) => number> = {
  1: (reader, field) => reader.uint8(field),
  2: (reader, field) => reader.uint16(field),
  4: (reader, field) => reader.uint32(field),
};

const WRITE: Record<Width, (writer: Writer, value: number) => void> = {
  1: (writer, value) => writer.uint8(value),
  2: (writer, value) => writer.uint16(value),
  4: (writer, value) => writer.uint32(value),
};

/**
 * Parses an integer as Kea does: decimal with optional sign, and if it is not decimal, hexadecimal with or without 0x
 * (so `10` is ten and `1f` is thirty-one).
 * @throws OptionTextError outside `minimum`..`maximum`
 */
export function parseInteger(text: string, minimum: number, maximum: number): number {
  const sign = text.startsWith('-') ? -1 : 1;
  const digits = text.replace(/^[+-]/, '');
  const value = /^\d+$/.test(digits)
    ? sign * Number(digits)
    : /^(0x)?[0-9a-f]+$/i.test(digits)
      ? sign * Number.parseInt(digits, 16)
      : Number.NaN;
  if (Number.isNaN(value)) throw new OptionTextError(`"${text}" is not an integer`);
  if (value < minimum || value > maximum) throw new OptionTextError(`${text} is not in ${minimum}..${maximum}`);
  return value + 0; // "-0" is zero
}

function integer(name: string, width: Width, signed: boolean): OptionType<number> {
  const span = 2 ** (width * 8);
  const minimum = signed ? -span / 2 : 0;
  const maximum = minimum + span - 1;
  return {
    name,
    octets: width,
    decode: (reader) => {
      const value = READ[width](reader, name);
      return value > maximum ? value - span : value;
    },
    encode: (writer, value) => {
      if (!Number.isInteger(value) || value < minimum || value > maximum) {
        throw new EncodeError(name, `${value} is not an integer in ${minimum}..${maximum}`);
      }
      WRITE[width](writer, value);
    },
    parseText: (text) => parseInteger(text, minimum, maximum),
    formatText: String,
    toJson: (value) => value,
  };
}

/** One octet, two's complement. */
export const int8: OptionType<number> = integer('int8', 1, true);
/** Two octets, two's complement. */
export const int16: OptionType<number> = integer('int16', 2, true);
/** Four octets, two's complement. */
export const int32: OptionType<number> = integer('int32', 4, true);
/** One octet, unsigned. */
export const uint8: OptionType<number> = integer('uint8', 1, false);
/** Two octets, unsigned. */
export const uint16: OptionType<number> = integer('uint16', 2, false);
/** Four octets, unsigned. */
export const uint32: OptionType<number> = integer('uint32', 4, false);
