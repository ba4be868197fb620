/** libdhcp_flex_option: the same rules under Debian's Kea and under lessor give the same clients the same options. */

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Reply, TestClient } from '../lib/dhcp-client.js';
import { Link } from '../lib/link.js';
import { connect, Netns } from '../lib/netns.js';
import { type Dhcp4, Server } from '../lib/server.js';
import { hook, SUBJECTS, type SubjectName } from '../lib/subject.js';
import { option, TYPE, type WireOption } from '../lib/wire.js';

const SERVER = '10.77.0.1';
const DHCP4 = {
  'option-data': [
    { name: 'boot-file-name', data: 'pxelinux.0', 'always-send': true },
    { name: 'domain-name', data: 'example.org' },
    { name: 'routers', data: '10.77.0.254' },
  ],
  'client-classes': [{ name: 'printers', test: "substring(option[60].hex, 0, 7) == 'printer'" }],
  subnet4: [{ id: 1, subnet: '10.77.0.0/24', pools: [{ pool: '10.77.0.10 - 10.77.0.99' }] }],
  'hooks-libraries': [
    hook('flex_option', {
      options: [
        { code: 240, add: 'uint32totext(option[60].hex)' },
        { code: 241, add: "'behind one that fails for who sends no option 60 of four octets'" },
        { name: 'host-name', supersede: "concat('h-', hexstring(pkt4.mac, ''))" },
        { name: 'tftp-server-name', add: "'tftp.example.org'" },
        { name: 'domain-name', add: "'is there already'" },
        { name: 'boot-file-name', remove: "option[60].text == 'noboot'" },
        { name: 'ntp-servers', 'csv-format': true, supersede: "ifelse(option[60].exists, '10.77.0.7, 10.77.0.8', '')" },
        { name: 'routers', 'client-class': 'printers', remove: 'option[60].exists' },
        { name: 'dhcp-lease-time', 'client-class': 'printers', supersede: '0x00000384' },
        { name: 'dhcp-client-identifier', 'client-class': 'printers', remove: 'option[61].exists' },
        { code: 230, supersede: 'option[61].hex' },
      ],
    }),
  ],
};

/** Rules for sub-options: of options that are configured, echoed, of enterprises, and not there at all. */
const SUB_OPTIONS = {
  'option-def': [
    { name: 'colour', code: 1, space: 'vendor-encapsulated-options-space', type: 'string' },
    { name: 'size', code: 5, space: 'vendor-encapsulated-options-space', type: 'uint16' },
    { name: 'container', code: 222, type: 'empty', encapsulate: 'inside' },
    { name: 'servers', code: 3, space: 'inside', type: 'ipv4-address', array: true },
    { name: 'other', code: 223, type: 'empty', encapsulate: 'inside' },
    { name: 'plain', code: 4, space: 'inside', type: 'uint8' },
  ],
  'option-data': [
    { name: 'vendor-encapsulated-options', 'always-send': true },
    { name: 'size', space: 'vendor-encapsulated-options-space', data: '700' },
    { name: 'other', 'always-send': true },
    { name: 'plain', space: 'inside', data: '7' },
  ],
  'client-classes': [{ name: 'printers', test: "substring(option[60].hex, 0, 7) == 'printer'" }],
  subnet4: [{ id: 1, subnet: '10.77.0.0/24', pools: [{ pool: '10.77.0.10 - 10.77.0.99' }] }],
  'hooks-libraries': [
    hook('flex_option', {
      options: [
        {
          code: 43,
          'sub-options': [
            { name: 'colour', add: "'red'" },
            { name: 'size', add: "'is there'" },
            { code: 7, supersede: 'option[60].hex' },
            { code: 2, 'client-class': 'printers', add: 'option[61].hex' },
          ],
        },
        {
          name: 'container',
          'sub-options': [
            { name: 'servers', 'csv-format': true, supersede: "ifelse(option[60].exists, '10.77.0.7, 10.77.0.8', '')" },
            { code: 9, 'container-add': false, add: "'only beside others'" },
            { code: 1, 'container-add': false, add: "'never: it comes before the others'" },
          ],
        },
        { name: 'other', 'client-class': 'printers', 'sub-options': [{ name: 'plain', remove: 'option[60].exists' }] },
        {
          code: 125,
          'sub-options': [
            { code: 2, space: 'vendor-4491', add: "'10.77.0.9'" },
            { code: 130, space: 'vendor-4491', remove: "'' == ''" },
          ],
        },
        { code: 224, 'sub-options': [{ code: 1, space: 'nowhere', add: 'uint32totext(option[60].hex)' }] },
        { code: 225, 'sub-options': [{ code: 1, space: 'nowhere', add: "'behind one that fails'" }] },
      ],
    }),
  ],
};

/** Clients by what they send beside their message type. */
const CLIENTS: Readonly<Record<string, readonly WireOption[]>> = {
  'one that sends nothing': [],
  'one with a vendor class of four octets': [option.text(60, 'abcd')],
  'one that is not to boot': [option.text(60, 'noboot')],
  'a printer with a client identifier': [option.text(60, 'printer-9'), option.hex(61, '01020304')],
  'one that has a host name and asks for everything': [
    option.text(12, 'its-own-name'),
    option.requestList(1, 3, 6, 12, 15, 42, 51, 66, 67, 230, 240, 241),
  ],
};

describe('libdhcp_flex_option', { skip: SUBJECTS.kea.skipReason() }, () => {
  const near = Netns.create();
  const far = Netns.create();
  let link: Link;
  before(async () => {
    connect(near, 'lan0', far, 'eth0');
    near.ip(`address add ${SERVER}/24 dev lan0`);
    link = await Link.open(far, 'eth0');
  });
  after(() => {
    link?.close();
    near.destroy();
    far.destroy();
  });

  /** What each client is told, option by option, in OFFER, ACK and NAK. */
  async function told(name: SubjectName, dhcp4: Dhcp4 = DHCP4): Promise<Record<string, unknown>> {
    const server = new Server(near, { subject: SUBJECTS[name] });
    server.configure({ ...dhcp4, authoritative: true });
    await server.start();
    try {
      const path = { link, server: SERVER, serverMac: near.macOf('lan0') };
      const answers: [string, unknown][] = [];
      let n = 0;
      for (const [who, options] of Object.entries(CLIENTS)) {
        n += 1;
        const client = new TestClient(path, { mac: `02:00:5e:77:00:0${n}` });
        const offer = await client.ask(TYPE.discover, { options });
        assert.ok(offer !== undefined, `${name} offers nothing to ${who}`);
        const ack = await client.select(offer, { options });
        const stranger = new TestClient(path, { mac: `02:00:5e:77:01:0${n}` });
        const nak = await stranger.ask(TYPE.request, { options: [option.addresses(50, '192.0.2.9'), ...options] });
        answers.push([who, [offer, ack, nak].map((reply) => reply && optionsOf(reply))]);
      }
      return Object.fromEntries(answers);
    } finally {
      await server.close();
    }
  }

  it('is told alike by Kea and by lessor', async () => {
    const byKea = await told('kea');
    assert.deepEqual(await told('lessor'), byKea);
    const [offer] = byKea['a printer with a client identifier'] as Record<number, string>[];
    assert.deepEqual([offer?.[3], offer?.[61], offer?.[51]], [undefined, undefined, '00000384'], 'the rules act');
  });

  it('tells alike of sub-options', async () => {
    const byKea = await told('kea', SUB_OPTIONS);
    assert.deepEqual(await told('lessor', SUB_OPTIONS), byKea);
    const [offer] = byKea['a printer with a client identifier'] as Record<number, string>[];
    const text = (value: string) => Buffer.from(value).toString('hex');
    assert.equal(offer?.[43], `0103${text('red')}020401020304050202bc0709${text('printer-9')}`, 'the rules act');
    assert.ok(!(223 in (offer ?? {})), 'an option goes with its last sub-option');
  });
});

/** Options by code; the address of the lease may differ, its options may not. */
function optionsOf(reply: Reply): Readonly<Record<number, string>> {
  return Object.fromEntries(reply.codes().map((code) => [code, reply.get(code).toString('hex')]));
}
