/** How `lessor client` shows messages and leases to people, and to programs as JSON. */

import { decodeSubOptions, formatOptionText, type Message4, OptionRegistry } from '@lessor/dhcp';
import { formatHex, formatIpv4, octetsOf } from '../domain/values.js';

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
export function readableOptions(message: Message4): ReadableOption[] {
  return message.optionCodes().map((code) => {
    const definition = OptionRegistry.standard().find('dhcp4', code);
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

/** Every field and option of a message, a line each, indented. */
export function formatMessage(message: Message4): string {
  const text = (octets: Uint8Array): string => Buffer.from(octets).toString('latin1').replace(/\0.*$/s, '');
  const fields: [string, string][] = [
    ['op', message.op === 1 ? 'request' : 'reply'],
    ['xid', hex32(message.xid)],
    ['secs', String(message.secs)],
    ['flags', (message.flags & 0x8000) !== 0 ? 'broadcast' : 'none'],
    ['hops', String(message.hops)],
    ['ciaddr', formatIpv4(message.ciaddr)],
    ['yiaddr', formatIpv4(message.yiaddr)],
    ['siaddr', formatIpv4(message.siaddr)],
    ['giaddr', formatIpv4(message.giaddr)],
    ['chaddr', formatHex(octetsOf(message.chaddr))],
    ...(message.has(52)
      ? []
      : ([
          ['sname', text(message.sname)],
          ['file', text(message.file)],
        ] as [string, string][])),
  ];
  const shown = fields.filter(([name, value]) => !UNINTERESTING[name]?.includes(value));
  return [
    ...shown.map(([name, value]) => `     ${name.padEnd(8)} ${value}`),
    ...readableOptions(message).map(({ code, name, value }) => `     ${String(code).padStart(3)} ${name}: ${value}`),
  ].join('\n');
}

/** Values of header fields that say nothing. */
const UNINTERESTING: Readonly<Record<string, readonly string[]>> = {
  secs: ['0'],
  flags: ['none'],
  hops: ['0'],
  ciaddr: ['0.0.0.0'],
  yiaddr: ['0.0.0.0'],
  siaddr: ['0.0.0.0'],
  giaddr: ['0.0.0.0'],
  sname: [''],
  file: [''],
};

/** A transaction identifier as 0x0012abcd. */
export function hex32(number: number): string {
  return `0x${number.toString(16).padStart(8, '0')}`;
}

/** A lease as text: the address first, then what came with it. */
export function formatLease(message: Message4): string {
  const relevant = readableOptions(message).filter(({ code }) => ![52, 53, 61, 82].includes(code));
  const lines = [
    `address ${formatIpv4(message.yiaddr === 0 ? message.ciaddr : message.yiaddr)}`,
    ...(message.siaddr === 0 ? [] : [`next-server ${formatIpv4(message.siaddr)}`]),
    ...relevant.map(({ name, value }) => `${name} ${value}`),
  ];
  return lines.map((line) => `  ${line}`).join('\n');
}

/** A message as JSON has it. */
export function messageJson(message: Message4): Record<string, unknown> {
  return {
    type: typeName(message),
    xid: hex32(message.xid),
    ciaddr: formatIpv4(message.ciaddr),
    yiaddr: formatIpv4(message.yiaddr),
    siaddr: formatIpv4(message.siaddr),
    giaddr: formatIpv4(message.giaddr),
    chaddr: formatHex(octetsOf(message.chaddr)),
    options: readableOptions(message),
  };
}
