import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DestinationRequest, destinationOf } from 'lessor/internal/domain/compose/destination.js';

const GIADDR = 0xc0000201;
const CIADDR = 0xc0000264;
const YIADDR = 0xc0000265;
const SOURCE = 0xc0000299;
const BROADCAST = 0xffffffff;

const base: DestinationRequest = {
  requestType: 1,
  replyType: 2,
  flags: 0,
  ciaddr: 0,
  giaddr: 0,
  yiaddr: YIADDR,
  source: 0,
  sourcePort: 40067,
  relayPort: false,
  loopback: false,
  direct: true,
  serverPort: 67,
  clientPort: 68,
};

/** RFC 2131 §4.1 as rows: what differs from a plain OFFER, and where the reply goes. */
const rows: [string, Partial<DestinationRequest>, { address: number; port: number; linkLevel: boolean }][] = [
  ['an offer goes by link level to the address offered', {}, { address: YIADDR, port: 68, linkLevel: true }],
  ['without raw sockets it is broadcast', { direct: false }, { address: BROADCAST, port: 68, linkLevel: false }],
  ['the broadcast flag is honoured', { flags: 0x8000 }, { address: BROADCAST, port: 68, linkLevel: false }],
  ['a relay gets its answers at the server port', { giaddr: GIADDR }, { address: GIADDR, port: 67, linkLevel: false }],
  [
    'a relay with sub-option 19 at the port it sent from (RFC 8357)',
    { giaddr: GIADDR, relayPort: true },
    { address: GIADDR, port: 40067, linkLevel: false },
  ],
  [
    'a NAK is broadcast even if ciaddr is set',
    { replyType: 6, ciaddr: CIADDR, yiaddr: 0 },
    { address: BROADCAST, port: 68, linkLevel: false },
  ],
  [
    'a NAK through a relay goes to the relay',
    { replyType: 6, giaddr: GIADDR },
    { address: GIADDR, port: 67, linkLevel: false },
  ],
  [
    'a renewal is answered at ciaddr',
    { requestType: 3, replyType: 5, ciaddr: CIADDR },
    { address: CIADDR, port: 68, linkLevel: false },
  ],
  [
    'an INFORM is answered at ciaddr even through a relay',
    { requestType: 8, replyType: 5, ciaddr: CIADDR, giaddr: GIADDR, yiaddr: 0 },
    { address: CIADDR, port: 68, linkLevel: false },
  ],
  [
    'an INFORM without ciaddr is answered at its source',
    { requestType: 8, replyType: 5, source: SOURCE, yiaddr: 0 },
    { address: SOURCE, port: 68, linkLevel: false },
  ],
  [
    'on loopback the answer goes where the question came from',
    { loopback: true, source: 0x7f000001 },
    { address: 0x7f000001, port: 40067, linkLevel: false },
  ],
];

for (const [name, change, expected] of rows) {
  test(name, () => assert.deepEqual(destinationOf({ ...base, ...change }), expected));
}
