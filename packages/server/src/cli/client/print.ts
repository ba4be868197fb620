/** How `lessor client` shows messages and leases to people, and to programs as JSON. */

import type { Message4 } from '@lessor/dhcp';
import { hex32, readableOptions, typeName } from '../../domain/message-text.js';
import { formatHex, formatIpv4, octetsOf } from '../../domain/values.js';

export { hex32, typeName } from '../../domain/message-text.js';

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
