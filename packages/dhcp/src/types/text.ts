/** Text that fills the rest of an option, and tuples: octets counted by a length in front. UTF-8 both ways. */

import { OptionTextError } from '../errors.js';
import { utf8Decode, utf8Encode, withoutTrailingNuls } from '../text.js';
import type { OptionType } from './option-type.js';

/** All octets left, as UTF-8; trailing NULs are dropped on reading (RFC 2132 §2). */
export const string: OptionType<string> = {
  name: 'string',
  decode: (reader) => utf8Decode(withoutTrailingNuls(reader.rest()), 'string'),
  encode: (writer, value) => writer.bytes(utf8Encode(value)),
  parseText: (text) => text,
  formatText: (value) => value,
  toJson: (value) => value,
};

function tupleOf(countOctets: 1 | 2): OptionType<string> {
  const limit = countOctets === 1 ? 0xff : 0xffff;
  return {
    name: 'tuple',
    decode: (reader) => {
      const count = countOctets === 1 ? reader.uint8('tuple length') : reader.uint16('tuple length');
      return utf8Decode(reader.take(count, 'tuple'), 'tuple');
    },
    encode: (writer, value) => writer.counted(utf8Encode(value), countOctets, 'tuple'),
    parseText: (text) => {
      const octets = utf8Encode(text).length;
      if (octets > limit) throw new OptionTextError(`text has ${octets} octets, a tuple holds at most ${limit}`);
      return text;
    },
    formatText: (value) => value,
    toJson: (value) => value,
  };
}

/** Octets after a one-octet count: DHCPv4's tuple. */
export const tuple: OptionType<string> = tupleOf(1);

/** Octets after a two-octet count: the URIs of option 143 (RFC 8572 §8.1), the one exception in DHCPv4. */
export const longTuple: OptionType<string> = tupleOf(2);
