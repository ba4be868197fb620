/** Port set identifiers (RFC 7597 §5.1): a length in bits, then 16 bits that begin with the identifier. */

import type { Reader } from '../bytes.js';
import { DecodeError, EncodeError, OptionTextError } from '../errors.js';
import { parseInteger } from './integer.js';
import type { OptionType } from './option-type.js';

/** A port set identifier. */
export interface PortSet {
  readonly psid: number;
  /** Significant bits, 0..16. */
  readonly length: number;
}

/** What is wrong with the pair, or undefined. Length 0 means "any", so its identifier can only be 0. */
function fault({ psid, length }: PortSet): string | undefined {
  if (length > 16) return `length ${length} is more than 16 bits`;
  return psid >= 2 ** length ? `${psid} does not fit into ${length} bits` : undefined;
}

function decode(reader: Reader): PortSet {
  const start = reader.offset;
  const length = reader.uint8('psid length');
  const field = reader.uint16('psid');
  const value = { psid: length > 16 ? 0 : field >>> (16 - length), length };
  const problem = fault(value) ?? (field & (0xffff >> length) ? 'has bits set beyond its length' : undefined);
  if (problem !== undefined) throw new DecodeError(start, 'psid', problem);
  return value;
}

/** Three octets; `psid/length` in text. */
export const psid: OptionType<PortSet> = {
  name: 'psid',
  octets: 3,
  decode,
  encode: (writer, value) => {
    const problem = fault(value);
    if (problem !== undefined) throw new EncodeError('psid', problem);
    writer.uint8(value.length);
    writer.uint16(value.psid << (16 - value.length));
  },
  parseText: (text) => {
    const [identifier, length, ...rest] = text.replaceAll(/[ \t]/g, '').split('/');
    if (identifier === undefined || length === undefined || rest.length > 0) {
      throw new OptionTextError(`"${text}" is not a port set (psid/length)`);
    }
    const value = { psid: parseInteger(identifier, 0, 0xffff), length: parseInteger(length, 0, 16) };
    const problem = fault(value);
    if (problem !== undefined) throw new OptionTextError(`"${text}": ${problem}`);
    return value;
  },
  formatText: (value) => `${value.psid}/${value.length}`,
  toJson: (value) => ({ psid: value.psid, length: value.length }),
};
