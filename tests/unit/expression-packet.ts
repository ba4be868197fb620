/** A packet for tests of class expressions: the one the recorded values of Kea were computed from, or a variation. */

import type { EvaluationContext } from 'lessor/internal/domain/classes/expression.js';

const octets = (hex: string): string => Buffer.from(hex, 'hex').toString('latin1');

/** Options of the DISCOVER that was sent to Kea (meta.packet of kea3.3-expressions.json). */
const OPTIONS: Readonly<Record<number, string>> = {
  12: 'myhost',
  53: octets('01'),
  55: octets('e0e1e2e3e4'),
  57: octets('0400'),
  60: 'MyVendor',
  61: octets('01020000000901'),
  82: octets('0105706f72743102026162'),
  124: octets('0000118b050461626364'),
  125: octets('0000118b0401027879'),
};

/** What of the packet a test wants otherwise. */
export interface PacketChanges {
  readonly options?: Readonly<Record<number, string | undefined>>;
  readonly fields?: Partial<Pick<EvaluationContext, 'interfaceName' | 'messageType' | 'chaddr' | 'giaddr' | 'length'>>;
  readonly classes?: { has(name: string): boolean };
}

/** The recorded packet with changes; `undefined` takes an option away. */
export function recordedPacket(changes: PacketChanges = {}): EvaluationContext {
  const options: Readonly<Record<number, string | undefined>> = { ...OPTIONS, ...changes.options };
  const classes = changes.classes ?? new Set(['ALL']);
  return {
    option: (code) => options[code],
    relaySubOption: (code) => subOption(options[82] ?? '', code),
    isMember: (name) => classes.has(name),
    interfaceName: 'krd0',
    source: 0xc00002fe,
    destination: 0xc0000201,
    length: 313,
    chaddr: octets('020000000901'),
    hlen: 6,
    htype: 1,
    ciaddr: 0,
    giaddr: 0xc00002fe,
    yiaddr: 0,
    siaddr: 0,
    messageType: 1,
    xid: 0x12345678,
    ...changes.fields,
  };
}

function subOption(data: string, code: number): string | undefined {
  for (let i = 0; i + 1 < data.length; i += 2 + data.charCodeAt(i + 1)) {
    if (data.charCodeAt(i) === code) return data.slice(i + 2, i + 2 + data.charCodeAt(i + 1));
  }
  return undefined;
}
