/** @lessor/dhcp: DHCPv4 messages and options, as octets and as text. No dependencies but Node itself. */

export { binaryString } from './binary-string.js';
export { Reader, Writer } from './bytes.js';
export { OPTION_TYPE_NAMES, type OptionDefinition, type OptionTypeName } from './definition.js';
export { describeOption } from './describe.js';
export { DecodeError, EncodeError, OptionTextError } from './errors.js';
export { encodeOptionText, formatOptionText } from './option-text.js';
export type { OptionCodec } from './types/option-codec.js';
export type { OptionType, ValueJson } from './types/option-type.js';
export { codecOf, OPTION_TYPES } from './types/table.js';
export { type ClientFqdn, decodeClientFqdn, encodeClientFqdn, FQDN_FLAG } from './v4/client-fqdn.js';
export {
  type EncodedMessage4,
  encodeMessage4,
  encodeOptionArea,
  type OptionOctets,
  type OutgoingMessage4,
} from './v4/encode.js';
export {
  BROADCAST_FLAG,
  HEADER4,
  HEADER4_OCTETS,
  type Header4,
  type HeaderField,
  MAGIC_COOKIE,
  MINIMUM_MESSAGE_OCTETS,
  OPTIONS_OFFSET,
  readUint16,
  readUint32,
  writeHeader4,
  writeUint16,
  writeUint32,
} from './v4/header.js';
export { decodeMessage4, Message4, type OctetSpan } from './v4/message.js';
export { STANDARD_OPTIONS } from './v4/options.js';
export { OptionRegistry } from './v4/registry.js';
export { decodeSubOptions, encodeSubOptions, findSubOption, type SubOption } from './v4/relay.js';
export { decodeVendorIdentifying, encodeVendorIdentifying, type VendorData } from './v4/vendor.js';
