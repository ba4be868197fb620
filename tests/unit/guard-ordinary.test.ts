/** 10 000 ordinary clients, as networks have them: with every rule at its sternest, nobody is alarmed about, nobody refused. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { formatMac } from 'lessor/internal/domain/guard/mac.js';
import { GUARD_RULES } from 'lessor/internal/domain/guard/policy.js';
import { PacketLab, type RequestFields } from '../lib/packet-lab.js';

const CLIENTS = 10_000;
const ascii = (text: string): number[] => [...Buffer.from(text, 'latin1')];

/** What clients of these kinds send; the number of the client makes names and identifiers. */
const KINDS: readonly ((n: number) => NonNullable<RequestFields['options']>)[] = [
  (n) => ({
    60: ascii('MSFT 5.0'),
    12: ascii(`DESKTOP-${n.toString(36)}`),
    55: [1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252],
  }),
  (n) => ({
    60: ascii(`android-dhcp-${9 + (n % 6)}`),
    12: ascii(`Pixel-${n}`),
    55: [1, 3, 6, 15, 26, 28, 51, 58, 59, 43, 114, 108],
  }),
  (n) => ({
    60: ascii('dhcpcd-9.4.1:Linux-6.1.0-18-amd64:x86_64:GenuineIntel'),
    12: ascii(`build${n}`),
    55: [1, 121, 33, 3, 6, 15, 28, 51, 54, 119],
  }),
  (n) => ({ 60: ascii('udhcp 1.30.1'), 12: ascii(`camera-${n}`), 55: [1, 3, 6, 12, 15, 28, 42] }),
  (n) => ({ 60: ascii('udhcp 1.21.1'), 55: [1, 3, 6, 12, 15, 28, 40 + (n % 3)] }),
  (n) => ({
    60: ascii('PXEClient:Arch:00007:UNDI:003016'),
    55: [1, 2, 3, 4, 5, 6, 12, 13, 15, 17, 18, 22, 43, 54, 60, 66, 67, 97, 128, 135],
    93: [0, 7],
    94: [1, 3, 16],
    97: [0, ...new Array<number>(15).fill(1), n & 255],
  }),
  (n) => ({
    60: ascii('HTTPClient:Arch:00016:UNDI:003001'),
    93: [0, 16],
    94: [1, 3, 1],
    55: [1, 3, 6, 12, 15, 66, 67],
    97: [0, n & 255],
  }),
  (n) => ({
    77: ascii('iPXE'),
    93: [0, 0],
    55: [1, 3, 6, 7, 12, 15, 17, 43, 60, 66, 67, 119, 128, 175],
    61: [1, 2, 0, 0, 0, n >> 8, n & 255],
  }),
  (n) => ({ 12: ascii(`macbook-${n}`), 55: [1, 121, 3, 6, 15, 108, 114, 119, 252, 95, 44, 46] }),
  (n) => ({
    61: [255, 0, 0, 0, n & 255, 0, 2, 0, 0, 171, 17],
    12: ascii(`node-${n}`),
    55: [1, 3, 6, 12, 15, 26, 33, 119, 121],
  }),
  () => ({ 55: [1, 28, 2, 3, 15, 6, 12] }),
  () => ({}),
  // Names that only begin like those of management processors.
  (n) => ({ 12: ascii(`ilo-beach-${n}`), 55: [1, 3, 6] }),
  (n) => ({
    12: ascii(`immortal${n}`),
    60: ascii('Cisco Systems, Inc. IP Phone CP-7961G'),
    55: [1, 66, 6, 3, 15, 150, 35],
  }),
  (n) => ({
    12: ascii(`printer${n}`),
    60: ascii('Hewlett-Packard JetDirect'),
    55: [1, 3, 6, 15, 44, 69, 12, 7, 43, 81],
  }),
];

it('a trace of 10 000 ordinary clients raises no alarm, and each gets its address', async () => {
  const policies = Object.fromEntries(GUARD_RULES.map((rule) => [rule, 'deny']));
  const lab = await PacketLab.open({
    'user-context': { lessor: { 'bmc-guard': { policies } } },
    subnet4: [
      { id: 1, subnet: '10.1.0.0/16', pools: [{ pool: '10.1.1.0-10.1.255.254' }] },
      { id: 2, subnet: '10.2.0.0/16', pools: [{ pool: '10.2.1.0-10.2.255.254' }] },
      {
        id: 3,
        subnet: '10.3.0.0/24',
        pools: [{ pool: '10.3.0.10-10.3.0.250' }],
        'user-context': { lessor: { role: 'management' } },
      },
    ],
  });
  let answered = 0;
  for (let n = 0; n < CLIENTS; n++) {
    const kind = KINDS[n % KINDS.length]!(n);
    // Bought together, so addresses follow one another; half of them behind the ports of relays, two at each.
    const relay = n % 2 === 0 ? '10.1.0.1' : '10.2.0.1';
    const port = ascii(`ge-${n >> 9}/0/${(n >> 2) & 127}`);
    const options = n % 4 < 2 ? { ...kind, 82: [1, port.length, ...port] } : kind;
    const fields = {
      mac: formatMac(0x02_42_ac_00_00_00 + n),
      giaddr: relay,
      source: relay,
      destination: '192.0.2.1',
      options,
    };
    const ack = await lab.lease(fields);
    if (ack.message.messageType === 5) answered++;
    // A few machines are carried to another desk.
    if (n % 50 === 0) await lab.lease({ ...fields, giaddr: '10.2.0.1', source: '10.2.0.1' });
    lab.clock.at += 20;
  }
  assert.equal(answered, CLIENTS);
  assert.equal(lab.guard.alarms.open, 0, lab.guard.alarms.all[0]?.text);
  assert.equal(lab.events.last, 0);
  assert.equal(lab.guard.inventory.size, 0, 'and none of them is taken for a device of interest');
  assert.equal(lab.count('lessor-dropped-guard-denied'), 0);
  // The same guard is awake.
  assert.equal(await lab.ask({ type: 1, giaddr: '10.1.0.1', options: { 60: ascii('iDRAC') } }), undefined);
  assert.equal(lab.guard.alarms.all[0]?.rule, 'R1');
});
