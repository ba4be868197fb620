/**
 * Kea's printable form of an option, which class expressions see as `option[n].text`:
 * `type=053, len=001: 1 (uint8)`. Kea has a form of its own for several options; they are the tables below.
 * Results are binary strings (one character per octet), since text options come out as they came in.
 */

import { Reader } from './bytes.js';
import type { OptionDefinition, OptionTypeName } from './definition.js';
import { DecodeError } from './errors.js';
import { formatHex, isPrintable, latin1, withoutTrailingNuls } from './text.js';
import { type EncryptedResolver, encryptedResolver, parameterName } from './types/dnr.js';
import { formatIpv4Address } from './types/ipv4.js';
import { type PortSet, psid } from './types/psid.js';
import { staticRoute } from './types/route.js';
import { OPTION_TYPES } from './types/table.js';
import { decodeClientFqdn, FQDN_FLAG } from './v4/client-fqdn.js';
import type { OptionRegistry } from './v4/registry.js';
import { decodeSubOptions } from './v4/relay.js';
import { decodeVendorIdentifying } from './v4/vendor.js';

/** Where and how deep an option is described. */
interface Context {
  readonly code: number;
  readonly data: Uint8Array;
  /** Blanks in front, 2 for each option around this one. */
  readonly indent: string;
  readonly registry: OptionRegistry | undefined;
}

/** `type=053, len=001`. */
function header({ code, data, indent }: Context, length = data.length): string {
  return `${indent}type=${String(code).padStart(3, '0')}, len=${String(length).padStart(3, '0')}`;
}

/** Octets in hex, and as text behind it if they are printable. */
function describeGeneric(context: Context): string {
  const { data } = context;
  if (data.length === 0) return `${header(context)}: ''`;
  return `${header(context)}: ${formatHex(data, ':')}${isPrintable(data) ? ` '${latin1(data)}'` : ''}`;
}

/** Text of fields that is not simply their value. Quoted ones are raw octets, not UTF-8. */
const FIELD_TEXT: Partial<Record<OptionTypeName, (reader: Reader) => string>> = {
  string: (reader) => `"${latin1(withoutTrailingNuls(reader.rest()))}"`,
  tuple: (reader) => `"${latin1(reader.take(reader.uint8('tuple length'), 'tuple'))}"`,
  fqdn: (reader) => `"${OPTION_TYPES.fqdn.decode(reader)}"`,
  'ipv6-prefix': (reader) => {
    OPTION_TYPES['ipv6-prefix'].decode(reader); // Kea prints the name of the type only
    return '';
  },
  psid: (reader) => {
    const value: PortSet = psid.decode(reader);
    return `len=${value.length},psid=${value.psid}`;
  },
  binary: (reader) => {
    const octets = reader.rest();
    if (octets.length === 0) return "''";
    return `${formatHex(octets).toUpperCase()}${isPrintable(octets) ? ` '${latin1(octets)}'` : ''}`;
  },
};

function describeField(name: OptionTypeName, reader: Reader): string {
  const type = OPTION_TYPES[name];
  const text = FIELD_TEXT[name]?.(reader) ?? type.formatText(type.decode(reader));
  return `${text} (${name})`;
}

/** Kea keeps int16 and int32 arrays as unsigned ones. */
const ARRAY_TYPE: Partial<Record<OptionTypeName, OptionTypeName>> = { int16: 'uint16', int32: 'uint32' };

/** Lists of integers and of IPv4 addresses have forms of their own. */
function describeList(context: Context, definition: OptionDefinition): string {
  const name = ARRAY_TYPE[definition.type] ?? definition.type;
  const reader = new Reader(context.data);
  let text = `${header(context)}:`;
  while (reader.remaining > 0) {
    if (name === 'ipv4-address') text += ` ${formatIpv4Address(reader.uint32(name))}`;
    else if (/^u?int/.test(name)) text += ` ${OPTION_TYPES[name].decode(reader)}(${name})`;
    else text += ` ${describeField(name, reader)}`;
  }
  return text;
}

/** `type=143, len=5, data-len0=3, data0='foo'`. */
function describeTuples({ code, data, indent }: Context, countOctets: 1 | 2): string {
  const reader = new Reader(data);
  let text = `${indent}type=${code}, len=${data.length}`;
  for (let i = 0; reader.remaining > 0; i++) {
    const count = countOctets === 1 ? reader.uint8('tuple length') : reader.uint16('tuple length');
    text += `, data-len${i}=${count}, data${i}='${latin1(reader.take(count, 'tuple'))}'`;
  }
  return text;
}

/** A value, or a record of values, and sub-options behind them. */
function describeFields(context: Context, definition: OptionDefinition): string {
  const reader = new Reader(context.data);
  const names = definition.type === 'record' ? definition.recordTypes : [definition.type];
  let text = `${header(context)}:`;
  for (const name of names) if (name !== 'empty') text += ` ${describeField(name, reader)}`;
  while (definition.array && reader.remaining > 0) text += ` ${describeField(names.at(-1)!, reader)}`;
  return definition.encapsulates === undefined
    ? text
    : text + describeSubOptions(context, definition.encapsulates, reader.rest());
}

/** Sub-options in order of code, two blanks deeper. */
function describeSubOptions(context: Context, space: string, octets: Uint8Array): string {
  const list = decodeSubOptions(octets, context.code === 43).sort((a, b) => a.code - b.code);
  if (list.length === 0) return '';
  const indent = `${context.indent}  `;
  const lines = list.map(({ code, data }) =>
    describe({ code, data, indent, registry: context.registry }, context.registry?.find(space, code)),
  );
  return `,\noptions:\n${lines.join('\n')}`;
}

function describeClientFqdn({ code, data, indent }: Context): string {
  const value = decodeClientFqdn(data);
  const flag = (bit: number): string => (value.flags & bit ? '1' : '0');
  const flags = [
    `N=${flag(FQDN_FLAG.noUpdate)}`,
    `E=${flag(FQDN_FLAG.encoded)}`,
    `O=${flag(FQDN_FLAG.overridden)}`,
    `S=${flag(FQDN_FLAG.serverUpdates)}`,
  ].join(', ');
  const name = value.partial ? value.name : `${value.name}.`;
  return `${indent}type=${code} (CLIENT_FQDN), flags: (${flags}), domain-name='${name}' (${value.partial ? 'partial' : 'full'})`;
}

function describeRoutes({ code, data, indent }: Context): string {
  const reader = new Reader(data);
  let text = `${indent}type=${code}(CLASSLESS_STATIC_ROUTE), len=${data.length}`;
  for (let i = 1; reader.remaining > 0; i++) {
    const route = staticRoute.decode(reader);
    const subnet = `${formatIpv4Address(route.destination)}/${route.prefixLength}`;
    text += `, Route ${i} (subnet ${subnet}, router IP ${formatIpv4Address(route.router)})`;
  }
  return text;
}

/** One resolver; `octets` is its instance without the length in front, whose third octet is the length of the name. */
function resolverText(resolver: EncryptedResolver, octets: Uint8Array): string {
  const nameLength = octets[2]!;
  let text = `service_priority=${resolver.priority}, adn_length=${nameLength}, adn='${resolver.name}'`;
  if (resolver.addresses.length === 0) return text;
  text += `, addr_length=${resolver.addresses.length * 4}, address(es): ${resolver.addresses.map(formatIpv4Address).join(' ')}`;
  if (resolver.parameters.length === 0) return text;
  return `${text}, svc_params='${resolver.parameters.map(({ key, value }) => `${parameterName(key)}=${value}`).join(' ')}'`;
}

function describeResolvers({ code, data, indent }: Context): string {
  const reader = new Reader(data);
  let text = `${indent}type=${code}(V4_DNR), len=${data.length}`;
  for (let i = 1; reader.remaining > 0; i++) {
    const start = reader.offset;
    const resolver = encryptedResolver.decode(reader);
    const octets = data.subarray(start + 2, reader.offset);
    text += `, DNR Instance ${i}(Instance len=${octets.length}, ${resolverText(resolver, octets)})`;
  }
  return text;
}

/** Options 124 and 125 are one option per enterprise to Kea; the lowest number is the one `.text` shows. */
function firstEnterprise(data: Uint8Array): { enterprise: number; blocks: Uint8Array[] } | undefined {
  const all = decodeVendorIdentifying(data);
  if (all.length === 0) return undefined;
  const enterprise = Math.min(...all.map((vendor) => vendor.enterprise));
  return { enterprise, blocks: all.filter((vendor) => vendor.enterprise === enterprise).map((vendor) => vendor.data) };
}

function describeVendorClass(context: Context): string {
  const first = firstEnterprise(context.data);
  if (first === undefined) return describeGeneric(context);
  const id = `enterprise id=0x${first.enterprise.toString(16)}`;
  const length = first.blocks.reduce((sum, block) => sum + 5 + block.length, 0);
  const blocks = first.blocks.map(
    (block, i) => `data-len${i}=${block.length}, vendor-class-data${i}='${latin1(block)}'`,
  );
  return `${context.indent}type=${context.code}, len=${length},  ${id}, ${blocks.join(`, ${id}, `)}`;
}

function describeVendorOptions(context: Context): string {
  const first = firstEnterprise(context.data);
  if (first === undefined) return describeGeneric(context);
  const octets = Uint8Array.from(first.blocks.flatMap((block) => [...block]));
  const subOptions = describeSubOptions(context, `vendor-${first.enterprise}`, octets);
  return `${header(context, 5 + octets.length)}: ${first.enterprise} (uint32) ${octets.length} (uint8)${subOptions}`;
}

/** Options of space dhcp4 that Kea prints in a way of their own. */
const SPECIAL: Readonly<Record<number, (context: Context) => string>> = {
  81: describeClientFqdn,
  121: describeRoutes,
  124: describeVendorClass,
  125: describeVendorOptions,
  143: (context) => describeTuples(context, 2),
  162: describeResolvers,
};

/** Chooses the form by definition. @throws DecodeError */
function describe(context: Context, definition: OptionDefinition | undefined): string {
  if (definition === undefined) return describeGeneric(context);
  const special = definition.space === 'dhcp4' ? SPECIAL[definition.code] : undefined;
  if (special !== undefined) return special(context);
  const { type, array, encapsulates } = definition;
  if (type === 'binary' || type === 'internal' || (type === 'empty' && encapsulates === undefined)) {
    return describeGeneric(context);
  }
  if (type === 'string') {
    const text = withoutTrailingNuls(context.data);
    return `${header(context, text.length)}: "${latin1(text)}" (string)`;
  }
  if (type === 'tuple' && array) return describeTuples(context, 1);
  return array && type !== 'record' ? describeList(context, definition) : describeFields(context, definition);
}

/**
 * Kea's text of an option as a binary string. A top-level string option is its text alone. Sub-options appear in the form
 * of their definitions if a registry is given. Octets that do not fit the definition are shown as if there were none
 * (Kea drops such packets before anybody can ask).
 */
export function describeOption(
  definition: OptionDefinition | undefined,
  code: number,
  data: Uint8Array,
  registry?: OptionRegistry,
): string {
  if (definition?.type === 'string') return latin1(withoutTrailingNuls(data));
  const context: Context = { code, data, indent: '', registry };
  try {
    return describe(context, definition);
  } catch (error) {
    if (error instanceof DecodeError) return describeGeneric(context);
    throw error;
  }
}
