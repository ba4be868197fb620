/** A DHCPv4 message as people and programs read it: names instead of numbers, values in their text form. */

import { decodeSubOptions, formatOptionText, type Message4, OptionRegistry } from '@lessor/dhcp';
import { formatHex, octetsOf } from './values.js';

/** Names of option 53's values (RFC 2132 §9.6 and later). */
const TYPE_NAMES: readonly string[] = [
  'BOOTP',
  'DISCOVER',
  'OFFER',
  'REQUEST',
  'DECLINE',
  'ACK',
  'NAK',
  'RELEASE',
  'INFORM',
  'FORCERENEW',
];

/** An option as people read it. */
export interface ReadableOption {
  readonly code: number;
  /** Kea's name, or option-CODE. */
  readonly name: string;
  readonly value: string;
}

/** DISCOVER, OFFER, ... */
export function typeName(message: Message4): string {
  return TYPE_NAMES[message.messageType] ?? `type ${message.messageType}`;
}

/** All options in their order, with names and values. Octets that do not fit their definition are shown in hex. */
export function readableOptions(message: Message4, registry = OptionRegistry.standard()): ReadableOption[] {
  return message.optionCodes().map((code) => {
    const definition = registry.find('dhcp4', code);
    const data = message.option(code) ?? new Uint8Array(0);
    return { code, name: definition?.name ?? `option-${code}`, value: readableValue(definition, code, data) };
  });
}

function readableValue(definition: ReturnType<OptionRegistry['find']>, code: number, data: Uint8Array): string {
  const hex = formatHex(octetsOf(data));
  try {
    if (code === 53) return `${data[0]} ${TYPE_NAMES[data[0] ?? 0] ?? 'unknown'}`;
    if (code === 82) return readableSubOptions('dhcp-agent-options-space', data);
    if (definition === undefined || definition.type === 'binary' || definition.type === 'empty') return hex;
    return formatOptionText(definition, data);
  } catch {
    return `${hex} (malformed)`;
  }
}

/** `circuit-id 65:74:68 "eth", remote-id 01:02`: hex, and text where it is nothing but text. */
function readableSubOptions(space: string, data: Uint8Array): string {
  const list = decodeSubOptions(data).map(({ code, data: value }) => {
    const text = Buffer.from(value).toString('latin1');
    const name = OptionRegistry.standard().find(space, code)?.name ?? `sub-option ${code}`;
    return `${name} ${formatHex(octetsOf(value))}${/^[ -~]+$/.test(text) ? ` "${text}"` : ''}`.trimEnd();
  });
  return list.join(', ');
}

/** A transaction identifier as 0x0012abcd. */
export function hex32(number: number): string {
  return `0x${number.toString(16).padStart(8, '0')}`;
}
