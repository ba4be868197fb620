/** The contract of a data type. One value of this kind says everything about one type of option field. */

import type { Reader, Writer } from '../bytes.js';

/** JSON a value can be shown as. */
export type ValueJson = boolean | number | string | readonly ValueJson[] | { readonly [key: string]: ValueJson };

/** A data type of option fields: both directions of octets and of text. */
export interface OptionType<Value> {
  /** Kea's name of the type. */
  readonly name: string;
  /** Octets on the wire if always the same, else undefined. */
  readonly octets?: number;
  /** Reads one value. @throws DecodeError */
  decode(reader: Reader): Value;
  /** Writes one value. @throws EncodeError */
  encode(writer: Writer, value: Value): void;
  /** Reads one field of `option-data.data`, already trimmed and unescaped. @throws OptionTextError */
  parseText(text: string): Value;
  /** Inverse of `parseText`. */
  formatText(value: Value): string;
  /** The value for an API or a page: numbers and booleans as such, addresses and names as text, octets as hex. */
  toJson(value: Value): ValueJson;
}
