/** Boolean: one octet, 0 or 1. In text `true` or `false` in any case, or an integer that is 0 or 1. */

import { DecodeError, OptionTextError } from '../errors.js';
import { parseInteger } from './integer.js';
import type { OptionType } from './option-type.js';

/** One octet, 0 or 1 and nothing else. */
export const boolean: OptionType<boolean> = {
  name: 'boolean',
  octets: 1,
  decode: (reader) => {
    const octet = reader.uint8('boolean');
    if (octet > 1) throw new DecodeError(reader.offset - 1, 'boolean', `is ${octet}, neither 0 nor 1`);
    return octet === 1;
  },
  encode: (writer, value) => writer.uint8(value ? 1 : 0),
  parseText: (text) => {
    if (/^true$/i.test(text)) return true;
    if (/^false$/i.test(text)) return false;
    if (!/^[+-]?\d+$/.test(text)) throw new OptionTextError(`"${text}" is not a boolean (true, false, 1 or 0)`);
    return parseInteger(text, 0, 1) === 1;
  },
  formatText: String,
  toJson: (value) => value,
};
