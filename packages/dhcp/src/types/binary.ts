/** Octets without structure, and the option without any. */

import { OptionTextError } from '../errors.js';
import { formatHex, parseHex } from '../text.js';
import type { OptionType } from './option-type.js';

/** All octets left. Hexadecimal in text, in every form Kea takes ({@link parseHex}). */
export const binary: OptionType<Uint8Array> = {
  name: 'binary',
  decode: (reader) => reader.rest(),
  encode: (writer, value) => writer.bytes(value),
  parseText: parseHex,
  formatText: (value) => formatHex(value),
  toJson: (value) => formatHex(value),
};

/** No value: the option's presence, or its sub-options, say everything. */
export const empty: OptionType<null> = {
  name: 'empty',
  octets: 0,
  decode: () => null,
  encode: () => {},
  parseText: (text) => {
    throw new OptionTextError(`takes no value, "${text}" is given`);
  },
  formatText: () => '',
  toJson: () => '',
};
