/** What an option is: its number and name in a space, and the type of its value. */

/** Names of data types, as Kea's `option-def.type` has them. */
export const OPTION_TYPE_NAMES = [
  'empty',
  'binary',
  'boolean',
  'int8',
  'int16',
  'int32',
  'uint8',
  'uint16',
  'uint32',
  'ipv4-address',
  'ipv6-address',
  'ipv6-prefix',
  'psid',
  'string',
  'tuple',
  'fqdn',
  'record',
  'internal',
] as const;

/** One of {@link OPTION_TYPE_NAMES}. */
export type OptionTypeName = (typeof OPTION_TYPE_NAMES)[number];

/** One option definition: a standard row, or one `option-def` of a configuration. */
export interface OptionDefinition {
  /** Option space: `dhcp4`, `dhcp-agent-options-space`, `vendor-4491`, ... */
  readonly space: string;
  readonly code: number;
  readonly name: string;
  readonly type: OptionTypeName;
  /** True if the value (for a record: its last field) repeats to the end of the option. */
  readonly array: boolean;
  /** Types of the fields of a `record`; empty otherwise. */
  readonly recordTypes: readonly OptionTypeName[];
  /** Space whose options follow the value as sub-options. */
  readonly encapsulates?: string;
  /** Where the option is specified: `RFC 2132 §9.2`. */
  readonly rfc?: string;
  /** Unit of the value, where it has one: `s`, `octets`. */
  readonly unit?: string;
}
