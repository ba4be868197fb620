/** Options that are for BMCs only: a password in option 43 goes to whom it is for, and to nobody who only says so. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonMap } from 'lessor/internal/domain/snapshot.js';
import { ip, PacketLab, type RequestFields } from '../lib/packet-lab.js';

const ascii = (text: string): number[] => [...Buffer.from(text, 'latin1')];
const PROFILE = '-f config.xml -i 10.1.0.5 -n share -u admin -p hunter2';

/** A management network and two of hosts: one on eth0 itself (192.0.2.0/24), one behind a relay. */
function config(more: JsonMap = {}, management: JsonMap = {}): JsonMap {
  return {
    'user-context': { lessor: { 'bmc-guard': {} } },
    'option-data': [
      {
        code: 43,
        'csv-format': false,
        data: Buffer.from(PROFILE).toString('hex'),
        'user-context': { lessor: { 'bmc-only': true } },
      },
    ],
    subnet4: [
      {
        id: 1,
        subnet: '10.1.0.0/24',
        pools: [{ pool: '10.1.0.100-10.1.0.199' }],
        'user-context': { lessor: { role: 'management' } },
        ...management,
      },
      { id: 2, subnet: '10.2.0.0/24', pools: [{ pool: '10.2.0.100-10.2.0.199' }] },
    ],
    ...more,
  };
}

const management = { giaddr: '10.1.0.1', source: '10.1.0.1', destination: '192.0.2.1' };
const hosts = { giaddr: '10.2.0.1', source: '10.2.0.1', destination: '192.0.2.1' };
const IDRAC = { 60: ascii('iDRAC'), 55: [1, 3, 6, 43] };

async function secret(lab: PacketLab, fields: RequestFields): Promise<boolean> {
  const answer = await lab.ask({ type: 1, ...fields });
  if (answer === undefined) throw new Error('no answer at all');
  return Buffer.from(answer.message.octets(43) ?? '', 'latin1').includes('hunter2');
}

const withheldAlarms = (lab: PacketLab): number =>
  lab.guard.alarms.all.filter(({ rule }) => rule === 'bmc-only').length;

describe('an option for BMCs only', () => {
  it('goes to a BMC on a management network', async () => {
    const lab = await PacketLab.open(config());
    assert.equal(await secret(lab, { ...management, options: IDRAC }), true);
    assert.equal(lab.count('lessor-guard-withheld'), 0);
    const answer = await lab.lease({ ...management, options: IDRAC });
    assert.ok(answer.message.has(43), 'and in the ACK');
  });

  it('does not go to a host on a host network that says it is a BMC: left out, counted, alarmed', async () => {
    const lab = await PacketLab.open(config());
    assert.equal(await secret(lab, { ...hosts, options: IDRAC }), false);
    assert.equal(lab.count('lessor-guard-withheld'), 1);
    const [alarm] = lab.guard.alarms.all;
    assert.equal(alarm?.rule, 'bmc-only');
    assert.match(alarm!.text, /withheld from a client that says it is one: it is on a host network/);
    assert.match(alarm!.evidence[0]!.text, /option 60 "iDRAC"/);
  });

  it('is not in the cache either: one BMC got it, the next client asks alike', async () => {
    const lab = await PacketLab.open(config());
    const windows = { 60: ascii('MSFT 5.0'), 55: IDRAC[55] };
    for (let round = 0; round < 2; round++) {
      assert.equal(await secret(lab, { ...management, mac: '02:00:00:00:00:01', options: IDRAC }), true);
      assert.equal(await secret(lab, { ...management, mac: '02:00:00:00:00:02', options: windows }), false);
      assert.equal(await secret(lab, { ...management, mac: '02:00:00:00:00:03', options: { 55: [43] } }), false);
    }
  });

  it('raises no alarm about clients that ask for option 43 and say nothing else', async () => {
    const lab = await PacketLab.open(config());
    await secret(lab, { ...hosts, options: { 60: ascii('MSFT 5.0'), 55: [1, 3, 6, 15, 43] } });
    assert.equal(lab.count('lessor-guard-withheld'), 1);
    assert.equal(withheldAlarms(lab), 0);
  });

  it('does not go to a host on the management network with the identity of a BMC (R7, R6)', async () => {
    const lab = await PacketLab.open(config());
    assert.equal(await secret(lab, { ...management, options: { ...IDRAC, 93: [0, 7] } }), false);
    const name = ascii('IMM2-020000000099');
    assert.equal(
      await secret(lab, { ...management, mac: '02:00:00:00:00:11', options: { ...IDRAC, 12: name } }),
      false,
    );
    assert.equal(withheldAlarms(lab), 2);
  });

  it('does not go where a packet only says that it is from there', async () => {
    // A host network on the interface itself: whoever is on it could pretend to be the relay.
    const { subnet4, ...rest } = config();
    const local = { id: 3, subnet: '192.0.2.0/24', pools: [{ pool: '192.0.2.100-192.0.2.199' }] };
    const lab = await PacketLab.open({ ...rest, subnet4: [...(subnet4 as JsonMap[]), local] });
    const forged: RequestFields[] = [
      management,
      // Link-selection by a relay that is none (RFC 3527), subnet selection (RFC 3011).
      { ...hosts, options: { 82: [5, 4, 10, 1, 0, 0] } },
      { options: { 118: '10.1.0.0' } },
      { source: '192.0.2.66', giaddr: '192.0.2.66', options: { 82: [5, 4, 10, 1, 0, 0] } },
    ];
    for (const fields of forged) {
      assert.equal(await secret(lab, { ...fields, options: { ...IDRAC, ...fields.options } }), false);
    }
    // An INFORM with a forged address of the management network: the answer would leave by the interface it came in.
    const inform = { type: 8, ciaddr: '10.1.0.77', source: '10.1.0.77', destination: '192.0.2.1', options: IDRAC };
    const answer = await lab.ask(inform);
    assert.equal(answer?.message.messageType, 5);
    assert.equal(answer?.message.has(43), false);
  });

  it('goes to a BMC on the link of a management network, and by a relay that the subnet names', async () => {
    const direct = await PacketLab.open(config(), {
      interface: { address: ip('10.1.0.2'), addresses: [{ address: ip('10.1.0.2'), prefixLength: 24 }] },
    });
    assert.equal(await secret(direct, { options: IDRAC }), true);
    const named = await PacketLab.open(config({}, { relay: { 'ip-addresses': ['172.16.0.1'] } }));
    const relay = { giaddr: '172.16.0.1', source: '172.16.0.1', destination: '192.0.2.1' };
    assert.equal(await secret(named, { ...relay, options: IDRAC }), true);
  });

  it('is withheld from everybody where there is no guard', async () => {
    const { 'user-context': _, ...unguarded } = config();
    const lab = await PacketLab.open(unguarded);
    assert.equal(await secret(lab, { ...management, options: IDRAC }), false);
  });

  it('holds for reservations, classes and always-send as well', async () => {
    const option = { ...(config()['option-data'] as JsonMap[])[0], 'always-send': true };
    const places: JsonMap[] = [
      {
        'option-data': [],
        reservations: [{ 'hw-address': '02:00:00:00:00:10', 'option-data': [option] }],
        'reservations-global': true,
      },
      {
        'option-data': [],
        'client-classes': [{ name: 'idrac', test: "option[60].text == 'iDRAC'", 'option-data': [option] }],
      },
    ];
    for (const place of places) {
      const lab = await PacketLab.open(config(place));
      const asked = { 60: IDRAC[60], 55: [1] };
      assert.equal(await secret(lab, { ...hosts, options: asked }), false);
      assert.equal(await secret(lab, { ...management, options: asked }), true);
      assert.equal(lab.count('lessor-guard-withheld'), 1);
    }
  });
});
