/** The guard of BMC networks on the packet path: each rule fires with its evidence, and what the policies make of it. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { portModeOf } from 'lessor/internal/domain/guard/device.js';
import { macOf, parseMac } from 'lessor/internal/domain/guard/mac.js';
import type { JsonMap } from 'lessor/internal/domain/snapshot.js';
import { PacketLab, quad, type RequestFields } from '../lib/packet-lab.js';

const ascii = (text: string): number[] => [...Buffer.from(text, 'latin1')];
const EVERYTHING = ['R1', 'R2', 'R3', 'R4', 'R5', 'R6', 'R7', 'R8', 'R9', 'bmc-only'];

/** Two relayed networks, one of each role, and a block with every rule at a policy. */
function config(policy: string, block: JsonMap = {}, host: JsonMap = {}): JsonMap {
  const policies = Object.fromEntries(EVERYTHING.map((rule) => [rule, policy]));
  return {
    'valid-lifetime': 3600,
    'user-context': { lessor: { 'bmc-guard': { policies, ...block } } },
    'option-data': [
      { name: 'routers', data: '10.1.0.1' },
      { name: 'domain-name-servers', data: '10.9.0.9' },
    ],
    subnet4: [
      {
        id: 1,
        subnet: '10.1.0.0/24',
        pools: [{ pool: '10.1.0.100-10.1.0.199' }],
        'user-context': { lessor: { role: 'management' } },
      },
      { id: 2, subnet: '10.2.0.0/24', pools: [{ pool: '10.2.0.100-10.2.0.199' }], ...host },
    ],
  };
}

const management = { giaddr: '10.1.0.1', source: '10.1.0.1', destination: '192.0.2.1' };
const hosts = { giaddr: '10.2.0.1', source: '10.2.0.1', destination: '192.0.2.1' };
const IDRAC = { 60: ascii('iDRAC'), 12: ascii('idrac-ABC1234') };
const WINDOWS = { 60: ascii('MSFT 5.0'), 55: [1, 3, 6, 15, 43, 121, 249, 252] };
const port = (name: string) => ({ 82: [1, name.length, ...ascii(name)] });

/** Rules with an alarm, and the features of their evidence. */
function alarmsOf(lab: PacketLab): Record<string, readonly string[]> {
  return Object.fromEntries(lab.guard.alarms.all.map(({ rule, evidence }) => [rule, evidence.map((e) => e.feature)]));
}

async function discover(lab: PacketLab, fields: RequestFields) {
  return await lab.ask({ type: 1, ...fields });
}

const secondsLater = (lab: PacketLab, seconds: number): void => {
  lab.clock.at += 1000 * seconds;
};

describe('rules', () => {
  it('R1: a BMC asks on a host network, and is silent where it belongs', async () => {
    const lab = await PacketLab.open(config('alert'));
    await discover(lab, { ...management, options: IDRAC });
    assert.deepEqual(alarmsOf(lab), {});
    await discover(lab, { ...hosts, mac: '02:00:00:00:00:77', options: { 60: ascii('CPQRIB3') } });
    assert.deepEqual(alarmsOf(lab), { R1: ['vendor-class'] });
    const [alarm] = lab.guard.alarms.all;
    assert.match(alarm!.text, /HPE iLO asks on subnet 2/);
    assert.equal(alarm!.score, 80);
  });

  it('R1 needs a sure fingerprint: names that are only reported, or a block of addresses, do not do', async () => {
    const lab = await PacketLab.open(config('alert'));
    await discover(lab, { ...hosts, options: { 12: ascii('ILO1234567890') } });
    await discover(lab, { ...hosts, mac: '00:25:90:00:00:01', options: { 60: ascii('udhcp 1.21.1') } });
    assert.deepEqual(alarmsOf(lab), {});
  });

  it('R1 takes a name with the own hardware address for sure', async () => {
    const lab = await PacketLab.open(config('alert'));
    await discover(lab, { ...hosts, mac: '02:00:00:ab:cd:ef', options: { 12: ascii('IMM2-020000abcdef') } });
    assert.deepEqual(alarmsOf(lab), { R1: ['host-name'] });
  });

  it('R2: hosts on the management network, by what they boot or run', async () => {
    const guests: Record<string, RequestFields['options']> = {
      windows: WINDOWS,
      pxe: { 60: ascii('PXEClient:Arch:00007:UNDI:003016'), 93: [0, 7], 94: [1, 3, 16] },
      android: { 60: ascii('android-dhcp-14') },
      dhcpcd: { 60: ascii('dhcpcd-9.4.1:Linux-6.1:x86_64') },
      networkManager: { 55: [1, 3, 6, 12, 15, 121, 119, 249, 252] },
      ipxe: { 77: ascii('iPXE') },
    };
    for (const [name, options] of Object.entries(guests)) {
      const lab = await PacketLab.open(config('alert'));
      await discover(lab, { ...management, options });
      assert.deepEqual(Object.keys(alarmsOf(lab)), ['R2'], name);
    }
    const lab = await PacketLab.open(config('alert'));
    // OpenBMC's network daemon: a DUID, and routes and a search list asked for.
    await discover(lab, { ...management, options: { 55: [1, 3, 6, 12, 15, 121, 119], 61: [255, 1, 2, 3, 4, 0, 2] } });
    assert.deepEqual(alarmsOf(lab), {});
  });

  it('R3: a host and a BMC at one port of the relay', async () => {
    const lab = await PacketLab.open(config('alert'));
    await discover(lab, { ...hosts, mac: '02:00:00:00:00:10', options: { ...WINDOWS, ...port('ge-0/0/1') } });
    secondsLater(lab, 60);
    await discover(lab, {
      ...hosts,
      mac: '02:00:00:00:00:12',
      options: { 12: ascii('idrac-ABC1234'), ...port('ge-0/0/1') },
    });
    assert.deepEqual(alarmsOf(lab), { R3: ['adjacent-mac', 'port', 'fingerprint', 'host-name'] });
    const [alarm] = lab.guard.alarms.all;
    assert.equal(alarm!.severity, 'warn');
    assert.equal(alarm!.mac, 0x02_00_00_00_00_12);
    assert.match(alarm!.evidence[0]!.text, /02:00:00:00:00:12 and 02:00:00:00:00:10 differ by 2/);
    assert.equal(portModeOf(lab.guard.inventory.get(0x02_00_00_00_00_12)!), 'shared');
  });

  it('R3 in the other order is about the BMC too', async () => {
    const lab = await PacketLab.open(config('alert'));
    await discover(lab, { ...hosts, mac: '02:00:00:00:00:12', options: { 12: ascii('idrac-ABC1234'), ...port('p1') } });
    await discover(lab, { ...hosts, mac: '02:00:00:00:00:10', options: { ...WINDOWS, ...port('p1') } });
    assert.deepEqual(alarmsOf(lab), {
      R3: ['adjacent-mac', 'port', 'fingerprint', 'vendor-class', 'options', 'options', 'options'],
    });
    assert.equal(lab.guard.alarms.all[0]!.mac, 0x02_00_00_00_00_12);
  });

  it('R3: neighbouring addresses alone are information, whatever the policy', async () => {
    for (const options of [port('p1'), {}]) {
      const lab = await PacketLab.open(config('deny'));
      await discover(lab, { ...hosts, mac: '02:00:00:00:00:10', options: { ...WINDOWS, ...options } });
      assert.ok(await discover(lab, { ...hosts, mac: '02:00:00:00:00:11', options: { ...options } }));
      assert.deepEqual(alarmsOf(lab), {});
      assert.equal(lab.count('lessor-guard-findings-R3'), 82 in options ? 1 : 0);
    }
  });

  it('R3: not at another port, not too far, not too late', async () => {
    const others: [string, string, number][] = [
      ['02:00:00:00:00:12', 'p2', 60],
      ['02:00:00:00:00:19', 'p1', 60],
      ['02:00:00:00:00:12', 'p1', 601],
    ];
    for (const [mac, name, later] of others) {
      const lab = await PacketLab.open(config('alert'));
      await discover(lab, { ...hosts, mac: '02:00:00:00:00:10', options: { ...WINDOWS, ...port('p1') } });
      secondsLater(lab, later);
      await discover(lab, { ...hosts, mac, options: { 12: ascii('idrac-ABC1234'), ...port(name) } });
      assert.deepEqual(alarmsOf(lab), {}, `${mac} ${name} ${later}`);
    }
  });

  it('R4: a BMC without any fingerprint fails over', async () => {
    const lab = await PacketLab.open(config('alert'));
    await lab.lease({ ...management, mac: 'ac:1f:6b:00:00:01' });
    secondsLater(lab, 3600);
    await discover(lab, { ...hosts, mac: 'ac:1f:6b:00:00:01' });
    assert.deepEqual(alarmsOf(lab), { R4: ['history', 'mac-block'] });
    const device = lab.guard.inventory.get(parseMac('ac:1f:6b:00:00:01')!)!;
    assert.equal(portModeOf(device), 'failed-over');
    assert.deepEqual(device.moved && { from: device.moved.from, to: device.moved.to }, { from: 1, to: 2 });
    secondsLater(lab, 60);
    await discover(lab, { ...management, mac: 'ac:1f:6b:00:00:01' });
    assert.equal(portModeOf(device), 'dedicated');
  });

  it('R4: the same serial number with another hardware address', async () => {
    const lab = await PacketLab.open(config('alert'));
    await discover(lab, { ...management, mac: '02:00:00:00:01:01', options: IDRAC });
    await discover(lab, { ...hosts, mac: '02:00:00:00:02:02', options: { 12: IDRAC[12] } });
    assert.deepEqual(alarmsOf(lab), { R4: ['serial', 'host-name'] });
  });

  it('R4 is not about a host that was on the management network (R2 was)', async () => {
    const lab = await PacketLab.open(config('alert'));
    await discover(lab, { ...management, options: WINDOWS });
    await discover(lab, { ...hosts, options: WINDOWS });
    assert.deepEqual(Object.keys(alarmsOf(lab)), ['R2']);
  });

  it('R5: to and fro, about 100 s each', async () => {
    const lab = await PacketLab.open(config('alert'));
    const ilo = { mac: '02:00:00:00:00:20', options: { 12: ascii('idrac-ABC1234') } };
    for (const place of [hosts, management, hosts]) {
      await discover(lab, { ...ilo, ...place });
      secondsLater(lab, 100);
    }
    assert.deepEqual(alarmsOf(lab).R5, ['history', 'host-name']);
    const roaming = await PacketLab.open(config('alert'));
    for (const place of [hosts, management, hosts]) {
      await discover(roaming, { ...ilo, ...place });
      secondsLater(roaming, 900);
    }
    assert.equal(alarmsOf(roaming).R5, undefined);
  });

  it('R6: a name with the hardware address of another', async () => {
    const lab = await PacketLab.open(config('alert'));
    await discover(lab, { ...management, mac: '02:00:00:00:00:20', options: { 12: ascii('DCMI02-00-00-00-00-99') } });
    assert.deepEqual(alarmsOf(lab), { R6: ['host-name'] });
    assert.match(
      lab.guard.alarms.all[0]!.evidence[0]!.text,
      /holds 02:00:00:00:00:99, the client is 02:00:00:00:00:20/,
    );
  });

  it('R7: a host with the identity of a BMC, by boot options or by what it asks for', async () => {
    const signs: RequestFields['options'][] = [{ 93: [0, 7] }, { 55: [1, 3, 252] }, { 77: ascii('iPXE') }];
    for (const more of signs) {
      const lab = await PacketLab.open(config('alert'));
      await discover(lab, { ...management, options: { ...more, 60: ascii('iDRAC') } });
      assert.equal(alarmsOf(lab).R7?.[0], 'vendor-class');
    }
  });

  it('R8: an address of a host network held for a day, and no host beside it', async () => {
    const lab = await PacketLab.open(config('alert', { thresholds: { alert: 20 } }));
    const quiet = { ...hosts, mac: '02:00:00:00:00:30', options: { 12: ascii('idrac-ABC1234') } };
    await discover(lab, quiet);
    secondsLater(lab, 86_399);
    await discover(lab, quiet);
    assert.equal(alarmsOf(lab).R8, undefined);
    secondsLater(lab, 2);
    await discover(lab, quiet);
    assert.deepEqual(alarmsOf(lab).R8, ['history', 'host-name']);
  });

  it('R9: the answer to a presence ping, and every packet after it', async () => {
    const lab = await PacketLab.open(config('alert', { 'presence-ping': { enabled: true } }));
    const leased: string[] = [];
    const { snapshot } = lab.exchange.config;
    lab.guard.onSuspectLeased((suspect) => {
      leased.push(suspect.interfaceName);
      lab.guard.presence(suspect, 'IPMI answers', snapshot, lab.clock.now());
    });
    const client = { ...hosts, mac: 'ac:1f:6b:00:00:01' };
    await lab.lease(client);
    assert.deepEqual(leased, ['eth0']);
    assert.deepEqual(alarmsOf(lab), { R9: ['presence-ping'] });
    await discover(lab, client);
    assert.equal(lab.guard.alarms.all[0]!.count, 2);
    await lab.lease({ ...hosts, mac: '02:00:00:00:00:31', options: WINDOWS });
    assert.equal(leased.length, 1, 'nobody else is asked');
  });
});

describe('policies', () => {
  it('observe answers as always, and counts', async () => {
    const lab = await PacketLab.open(config('observe'));
    const ack = await lab.lease({ ...hosts, options: { ...IDRAC, 55: [3, 6] } });
    assert.equal(ack.message.number(51), 3600);
    assert.ok(ack.message.has(3));
    assert.deepEqual(alarmsOf(lab), {});
    assert.equal(lab.count('lessor-guard-findings-R1'), 2);
    assert.equal(lab.events.last, 0);
  });

  it('alert answers as always, and tells once an hour', async () => {
    const lab = await PacketLab.open(config('alert'));
    for (let i = 0; i < 5; i++) await lab.lease({ ...hosts, options: { 60: ascii('iDRAC') } });
    assert.equal(lab.events.last, 1);
    assert.equal(lab.guard.alarms.all[0]!.count, 10);
    secondsLater(lab, 3600);
    await discover(lab, { ...hosts, options: { 60: ascii('iDRAC') } });
    assert.equal(lab.events.last, 2);
  });

  it('deny: no offer, and a client that renews keeps its address', async () => {
    const lab = await PacketLab.open(config('observe'));
    const ack = await lab.lease({ ...hosts, options: IDRAC });
    lab.configure(config('deny'));
    const address = ack.message.yiaddr;
    const renewal = { ...hosts, giaddr: '0.0.0.0', type: 3, ciaddr: quad(address).join('.'), options: IDRAC };
    assert.equal((await lab.ask({ ...renewal, source: renewal.ciaddr }))?.message.messageType, 5);
    assert.equal(await discover(lab, { ...hosts, options: IDRAC }), undefined);
    assert.equal(lab.count('lessor-dropped-guard-denied'), 1);
    assert.equal((await lab.ask({ ...renewal, source: renewal.ciaddr }))?.message.messageType, 5, 'never a NAK');
    const server = [...quad(lab.interface.address)];
    const forged = { ...IDRAC, 50: [10, 2, 0, 150], 54: server };
    assert.equal(await lab.ask({ ...hosts, type: 3, options: forged }), undefined, 'nor by leaving out the DISCOVER');
    assert.ok(await discover(lab, { ...hosts, mac: '02:00:00:00:00:99', options: WINDOWS }));
  });

  it('quarantine: from the next full exchange a short lease, no router, no name server', async () => {
    const lab = await PacketLab.open(config('observe'));
    const asked = { ...IDRAC, 55: [3, 6, 121] };
    const ack = await lab.lease({ ...hosts, options: asked });
    lab.configure(config('quarantine'));
    const ciaddr = quad(ack.message.yiaddr).join('.');
    const renewal = { ...hosts, giaddr: '0.0.0.0', source: ciaddr, type: 3, ciaddr, options: asked };
    assert.equal((await lab.ask(renewal))?.message.number(51), 3600, 'not yet');
    const quarantined = await lab.lease({ ...hosts, options: asked });
    assert.equal(quarantined.message.number(51), 120);
    assert.deepEqual(
      [3, 6, 121].map((code) => quarantined.message.has(code)),
      [false, false, false],
    );
    assert.ok(quarantined.message.has(1), 'the mask stays');
    const renewed = await lab.ask(renewal);
    assert.equal(renewed?.message.number(51), 120);
    assert.equal(renewed?.message.has(3), false);
    // Whatever it says when it renews: the state changes with a full exchange only.
    assert.equal((await lab.ask({ ...renewal, options: { 55: [3] } }))?.message.has(3), false);
    lab.configure(config('observe'));
    assert.equal((await lab.lease({ ...hosts, options: asked })).message.number(51), 3600);
  });

  it('quarantine: a pool of its own, for nobody else', async () => {
    const pools: JsonMap[] = [
      { pool: '10.2.0.100-10.2.0.199' },
      { pool: '10.2.0.240-10.2.0.249', 'client-classes': ['BMC_QUARANTINE'] },
    ];
    const lab = await PacketLab.open(config('observe', {}, { pools }));
    const last = async (fields: RequestFields) => (await lab.lease(fields)).message.yiaddr & 255;
    assert.ok((await last({ ...hosts, options: IDRAC })) < 200);
    lab.configure(config('quarantine', {}, { pools }));
    assert.ok((await last({ ...hosts, options: IDRAC })) >= 240);
    assert.ok((await last({ ...hosts, mac: '02:00:00:00:00:99', options: WINDOWS })) < 200);
  });

  it('a subnet has policies of its own', async () => {
    const own = { 'user-context': { lessor: { 'bmc-guard': { policies: { R1: 'deny' } } } } };
    const lab = await PacketLab.open(config('observe', {}, own));
    assert.equal(await discover(lab, { ...hosts, options: IDRAC }), undefined);
  });

  it('a score below the threshold of a policy leads to the milder one', async () => {
    const lab = await PacketLab.open(config('deny', { thresholds: { deny: 100, quarantine: 90 } }));
    assert.ok(await discover(lab, { ...hosts, options: { 60: ascii('iDRAC') } }));
    assert.equal(lab.guard.alarms.all[0]!.action, 'alert');
  });

  it('nothing is looked at without the block', async () => {
    const { 'user-context': _, ...plain } = config('deny');
    const lab = await PacketLab.open(plain);
    assert.ok(await discover(lab, { ...hosts, options: IDRAC }));
    assert.equal(lab.guard.inventory.size, 0);
  });

  it('an operator adds a fingerprint', async () => {
    const fingerprints = [{ field: 'vendor-class', pattern: 'ACME-BMC/*', product: 'Acme' }];
    const lab = await PacketLab.open(config('alert', { fingerprints }));
    await discover(lab, { ...hosts, options: { 60: ascii('ACME-BMC/7') } });
    assert.match(lab.guard.alarms.all[0]!.text, /^Acme asks on subnet 2/);
  });
});

describe('inventory', () => {
  it('says who, where and since when', async () => {
    const lab = await PacketLab.open(config('observe'));
    const started = Math.floor(lab.clock.now() / 1000);
    await lab.lease({ ...management, options: { ...IDRAC, ...port('ge-0/0/7') } });
    secondsLater(lab, 50);
    await discover(lab, { ...management, options: { ...IDRAC, ...port('ge-0/0/7') } });
    const device = lab.guard.inventory.get(macOf('\x02\0\0\0\0\x10'))!;
    assert.equal(device.product, 'Dell iDRAC');
    assert.equal(device.serial, 'ABC1234');
    assert.equal(device.circuitId, 'ge-0/0/7');
    assert.equal(device.firstSec, started);
    assert.equal(device.lastSec, started + 50);
    assert.equal(device.address, lab.ledger.leases.all()[Symbol.iterator]().next().value?.address);
    assert.equal(portModeOf(device), 'dedicated');
  });
});
