/** How an expression reads the packet: header fields, options, sub-options, vendor options. */

import { describeOption, type OptionDefinition, type OptionRegistry, type OptionTypeName } from '@lessor/dhcp';
import { bytesOf, type Octets } from '../values.js';
import type { EvaluationContext } from './expression.js';
import { octetsOfUint32, uint32At } from './string-functions.js';
import type { Place, StringNode } from './syntax-tree.js';

const VENDOR_CLASS_OPTION = 124; // RFC 3925 §3
const VENDOR_OPTION = 125; // RFC 3925 §4
const RELAY_AGENT_OPTION = 82; // RFC 3046
const TOP_SPACE = 'dhcp4';
const RELAY_SPACE = 'dhcp-agent-options-space';

/** Reads something of a packet. */
export type Read<T> = (context: EvaluationContext) => T;

type PacketField = (StringNode & { type: 'pkt' | 'pkt4' })['field'];

/** Fields that are unsigned 32-bit numbers to Kea, however wide they are on the wire. */
const NUMBER_FIELDS: Partial<Record<PacketField, Read<number>>> = {
  src: (context) => context.source,
  dst: (context) => context.destination,
  len: (context) => context.length,
  hlen: (context) => context.hlen,
  htype: (context) => context.htype,
  ciaddr: (context) => context.ciaddr,
  giaddr: (context) => context.giaddr,
  yiaddr: (context) => context.yiaddr,
  siaddr: (context) => context.siaddr,
  msgtype: (context) => context.messageType,
  transid: (context) => context.xid,
};

/** Reads a pkt or pkt4 field as a number; undefined for the two fields that are none. */
export function readNumber(field: PacketField): Read<number> | undefined {
  return NUMBER_FIELDS[field];
}

/** Reads a pkt or pkt4 field as octets. */
export function readField(field: PacketField): Read<Octets> {
  if (field === 'iface') return (context) => context.interfaceName;
  if (field === 'mac') return (context) => context.chaddr;
  const number = NUMBER_FIELDS[field]!;
  return (context) => octetsOfUint32(number(context));
}

/** Value of an option or sub-option, undefined if the packet does not have it (`.hex`, `.exists`). */
export function readPlace(place: Place, registry: OptionRegistry): Read<Octets | undefined> {
  const [code, ...rest] = place.codes as [number, ...number[]];
  // The two that nearly every test is made of go straight to the packet.
  if (rest.length === 0 && place.at === 'packet') return (context) => context.option(code);
  if (rest.length === 0 && place.at === 'relay') return (context) => context.relaySubOption(code);
  const find = findPlace(place, registry);
  return (context) => find(context)?.value;
}

/** Printable form of an option, '' if the packet does not have it (`.text`). */
export function readPlaceText(place: Place, registry: OptionRegistry): Read<Octets> {
  const find = findPlace(place, registry);
  return (context) => {
    const found = find(context);
    if (found === undefined) return '';
    return describeOption(registry.find(found.space, found.code), found.code, bytesOf(found.value));
  };
}

/** Enterprise number in front of option 125 or 124, four octets; '' if there is none. */
export function readEnterprise(of: 'vendor' | 'vendor-class'): Read<Octets> {
  const code = optionOfVendor(of);
  return (context) => {
    const first = firstBlock(context.option(code));
    return first === undefined ? '' : octetsOfUint32(first.enterprise);
  };
}

/** Whether option 125 or 124 has something of the enterprise (0: of any). */
export function readVendorExists(of: 'vendor' | 'vendor-class', enterprise: number): Read<boolean> {
  const code = optionOfVendor(of);
  return (context) => matchingBlock(firstBlock(context.option(code)), enterprise) !== undefined;
}

/** The `index`th vendor class (from 0) of the enterprise (0: of the first there is) in option 124, '' if there is none. */
export function readVendorClass(enterprise: number, index: number): Read<Octets> {
  return (context) => {
    let block = matchingBlock(firstBlock(context.option(VENDOR_CLASS_OPTION)), enterprise);
    const { enterprise: chosen } = block ?? { enterprise };
    for (let i = 0; i < index && block !== undefined; i++) block = matchingBlock(nextBlock(block), chosen);
    return block === undefined ? '' : block.option.slice(block.start, block.end);
  };
}

// --- options inside options ---

interface Found {
  readonly value: Octets;
  readonly space: string;
  readonly code: number;
}

function findPlace(place: Place, registry: OptionRegistry): Read<Found | undefined> {
  const [code, ...rest] = place.codes as [number, ...number[]];
  switch (place.at) {
    case 'relay':
      return within(registry, RELAY_SPACE, place.codes, (context) => context.relaySubOption(code));
    case 'vendor':
      return findVendorSubOption(place.enterprise, place.codes, registry);
    case 'packet':
      if (rest.length > 0 && code === RELAY_AGENT_OPTION) return findPlace({ at: 'relay', codes: rest }, registry);
      if (rest.length > 0 && code === VENDOR_OPTION) return findVendorSubOption(0, rest, registry);
      return within(registry, TOP_SPACE, place.codes, (context) => context.option(code));
  }
}

/** Reads an option with `first` and goes on into its sub-options, as far as the definitions say there are any. */
function within(
  registry: OptionRegistry,
  space: string,
  codes: readonly number[],
  first: Read<Octets | undefined>,
): Read<Found | undefined> {
  const descend = descent(registry, space, codes);
  return (context) => {
    const value = first(context);
    return value === undefined ? undefined : descend(value);
  };
}

/** From the value of option `codes[0]` of the space to that of the last code. */
function descent(
  registry: OptionRegistry,
  space: string,
  codes: readonly number[],
): (value: Octets) => Found | undefined {
  const [code, ...rest] = codes as [number, ...number[]];
  if (rest.length === 0) return (value) => ({ value, space, code });
  const definition = registry.find(space, code);
  const offset = definition === undefined ? undefined : octetsBeforeSubOptions(definition);
  if (definition?.encapsulates === undefined || offset === undefined) return () => undefined;
  const inner = descent(registry, definition.encapsulates, rest);
  const padded = space !== RELAY_SPACE;
  return (value) => {
    const sub = findSubOption(value, offset, value.length, rest[0]!, padded);
    return sub === undefined ? undefined : inner(sub);
  };
}

const FIXED_OCTETS: Partial<Record<OptionTypeName, number>> = {
  empty: 0,
  boolean: 1,
  int8: 1,
  int16: 2,
  int32: 4,
  uint8: 1,
  uint16: 2,
  uint32: 4,
  'ipv4-address': 4,
  'ipv6-address': 16,
};

/** Sub-options follow the option's own fields; undefined if those have no fixed length. */
function octetsBeforeSubOptions(definition: OptionDefinition): number | undefined {
  if (definition.array) return undefined;
  const types = definition.type === 'record' ? definition.recordTypes : [definition.type];
  let octets = 0;
  for (const type of types) {
    const fixed = FIXED_OCTETS[type];
    if (fixed === undefined) return undefined;
    octets += fixed;
  }
  return octets;
}

/** The first sub-option with the code between two offsets. With `padded`, 0 is filling and 255 the end (RFC 2132 §8.4). */
function findSubOption(value: Octets, start: number, end: number, code: number, padded: boolean): Octets | undefined {
  let i = start;
  while (i < end) {
    const found = value.charCodeAt(i++);
    if (padded && found === 0 && code !== 0) continue;
    if (padded && found === 255 && code !== 255) return undefined;
    const length = value.charCodeAt(i++);
    if (Number.isNaN(length) || i + length > end) return undefined;
    if (found === code) return value.slice(i, i + length);
    i += length;
  }
  return undefined;
}

// --- vendor options: blocks of enterprise number, length and data (RFC 3925) ---

interface Block {
  readonly option: Octets;
  readonly enterprise: number;
  readonly start: number;
  readonly end: number;
}

function optionOfVendor(of: 'vendor' | 'vendor-class'): number {
  return of === 'vendor' ? VENDOR_OPTION : VENDOR_CLASS_OPTION;
}

/**
 * Looks through all blocks of the enterprise. Kea looks at one enterprise only, the one with the lowest number:
 * there vendor[E] is blind for the others.
 */
function findVendorSubOption(
  enterprise: number,
  codes: readonly number[],
  registry: OptionRegistry,
): Read<Found | undefined> {
  return (context) => {
    let block = matchingBlock(firstBlock(context.option(VENDOR_OPTION)), enterprise);
    for (; block !== undefined; block = matchingBlock(nextBlock(block), enterprise)) {
      const value = findSubOption(block.option, block.start, block.end, codes[0]!, true);
      if (value !== undefined) return descent(registry, `vendor-${block.enterprise}`, codes)(value);
    }
    return undefined;
  };
}

function firstBlock(option: Octets | undefined): Block | undefined {
  return option === undefined ? undefined : blockAt(option, 0);
}

function nextBlock(block: Block): Block | undefined {
  return blockAt(block.option, block.end);
}

/** The block itself or the next one of the enterprise; 0 is any. */
function matchingBlock(block: Block | undefined, enterprise: number): Block | undefined {
  let found = block;
  while (found !== undefined && enterprise !== 0 && found.enterprise !== enterprise) found = nextBlock(found);
  return found;
}

/** A block that is cut off is none. */
function blockAt(option: Octets, offset: number): Block | undefined {
  const start = offset + 5;
  if (start > option.length) return undefined;
  const end = start + option.charCodeAt(offset + 4);
  return end > option.length ? undefined : { option, enterprise: uint32At(option, offset), start, end };
}
