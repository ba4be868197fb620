/** THE table of data types, and from a definition to the codec of its value. */

import type { OptionDefinition, OptionTypeName } from '../definition.js';
import { binary, empty } from './binary.js';
import { boolean } from './boolean.js';
import { encryptedResolver } from './dnr.js';
import { fqdn } from './fqdn.js';
import { int8, int16, int32, uint8, uint16, uint32 } from './integer.js';
import { ipv4 } from './ipv4.js';
import { ipv6, ipv6Prefix } from './ipv6.js';
import { list, listSeparatedBy, type OptionCodec, record, single } from './option-codec.js';
import type { OptionType } from './option-type.js';
import { psid } from './psid.js';
import { staticRoute } from './route.js';
import { longTuple, string, tuple } from './text.js';

/** Data types by Kea's names. `record` and `internal` stand for what their fields, or their option, make of them. */
export const OPTION_TYPES: Readonly<Record<OptionTypeName, OptionType<unknown>>> = {
  empty,
  binary,
  boolean,
  int8,
  int16,
  int32,
  uint8,
  uint16,
  uint32,
  'ipv4-address': ipv4,
  'ipv6-address': ipv6,
  'ipv6-prefix': ipv6Prefix,
  psid,
  string,
  tuple,
  fqdn,
  record: binary,
  internal: binary,
};

/** Options of space dhcp4 whose form no general type describes, where they are of the type that stands for it. */
const SPECIAL: Readonly<Record<number, { readonly type: OptionTypeName; readonly codec: OptionCodec<unknown> }>> = {
  121: { type: 'internal', codec: listSeparatedBy(',', staticRoute) },
  143: { type: 'tuple', codec: list(longTuple) },
  162: { type: 'internal', codec: listSeparatedBy('|', encryptedResolver) },
};

/** The codec of an option's value. Cheap; nothing is kept. */
export function codecOf(definition: OptionDefinition): OptionCodec<unknown> {
  const special = definition.space === 'dhcp4' ? SPECIAL[definition.code] : undefined;
  if (special?.type === definition.type) return special.codec;
  const subOptionsFollow = definition.encapsulates !== undefined;
  if (definition.type === 'record') {
    return record(
      definition.recordTypes.map((name) => OPTION_TYPES[name]),
      definition.array,
      subOptionsFollow,
    );
  }
  const type = OPTION_TYPES[definition.type];
  return definition.array ? list(type) : single(type, subOptionsFollow);
}
