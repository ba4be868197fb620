/**
 * The guard of BMC networks in namespaces: a management network and a network of hosts on one server, ipmi_sim as
 * management processor on the right and on the wrong one, one bridge port with two addresses, failover while everything
 * runs, a host on the management network, and a host that says it is a BMC. The clients are udhcpc.
 */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Alarm, GuardLab } from '../lib/guard-lab.js';
import { type Arrival, Link } from '../lib/link.js';
import type { Netns } from '../lib/netns.js';
import { getPeer, skipUnless } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';
import { until } from '../lib/until.js';
import { OPT, optionData } from '../lib/wire.js';

const SECRET = '-u admin -p hunter2';
const dhcp4 = {
  'user-context': {
    lessor: {
      'bmc-guard': {
        policies: { R1: 'alert', R2: 'quarantine', R3: 'alert', R4: 'alert', R7: 'alert', R9: 'alert' },
        'presence-ping': { enabled: true, capabilities: true },
      },
    },
  },
  'option-data': [
    {
      code: 43,
      'csv-format': false,
      data: Buffer.from(SECRET).toString('hex'),
      'user-context': { lessor: { 'bmc-only': true } },
    },
  ],
};

describe('the guard of BMC networks', { skip: skipUnless('udhcpc', 'ipmi_sim', 'ipmitool', 'scapy') }, () => {
  let lab: GuardLab;
  const folders: string[] = [];
  const seen: { readonly network: string; readonly arrival: Arrival }[] = [];
  const wires: Link[] = [];

  before(async () => {
    lab = new GuardLab(dhcp4);
    await lab.server.start();
    for (const network of ['mg0', 'lan0']) {
      const wire = await Link.open(lab.serverHost, network, true);
      wire.listen((arrival) => seen.push({ network, arrival }));
      wires.push(wire);
    }
  });

  after(async () => {
    for (const wire of wires) wire.close();
    await lab?.close();
    for (const folder of folders) removeScratch(folder);
  });

  /** Starts ipmi_sim in a machine, at port 623 of every address, and waits until it is there. */
  async function simulateBmc(namespace: Netns): Promise<void> {
    const folder = scratchFolder();
    folders.push(folder);
    const any = 'none md2 md5 straight';
    const levels = ['callback', 'user', 'operator', 'admin'].map((level) => `allowed_auths_${level} ${any}`);
    const lan = ['startlan 1', 'addr 0.0.0.0 623', 'priv_limit admin', ...levels, 'endlan'];
    const users = [
      `user 1 true ""        "test" user     10       ${any}`,
      `user 2 true "ipmiusr" "test" admin    10       ${any}`,
    ];
    writeFileSync(join(folder, 'lan.conf'), `${['name "bmc"', 'set_working_mc 0x20', ...lan, ...users].join('\n')}\n`);
    writeFileSync(
      join(folder, 'emu'),
      'mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\n',
    );
    const files = ['-c', join(folder, 'lan.conf'), '-f', join(folder, 'emu'), '-s', folder];
    namespace.spawn([getPeer('ipmi_sim'), ...files, '-n'], { stdio: 'ignore' });
    await until('ipmi_sim listens', async () => /:026F /.test((await namespace.run(['cat', '/proc/net/udp'])).stdout));
  }

  /** Replies to a client that carry the secret, by the network they left on. */
  const secretsSentTo = (mac: string): string[] =>
    seen
      .filter(({ arrival }) => arrival.outgoing && arrival.message.chaddr === mac)
      .filter(({ arrival }) => optionData(arrival.message.options, OPT.vendorEncapsulated)?.includes('hunter2'))
      .map(({ network }) => network);

  it('a BMC where it belongs gets its profile, and nothing is said', async () => {
    const mac = '02:61:00:00:00:01';
    const bmc = lab.machine(lab.management, mac);
    await simulateBmc(bmc);
    await lab.lease(bmc, ['-V', 'iDRAC', '-x', 'hostname:idrac-ABC1234', '-O', '43']);
    assert.deepEqual(await lab.rulesOf(mac), []);
    await until('its profile was seen', () => secretsSentTo(mac).length > 0);
    assert.deepEqual([...new Set(secretsSentTo(mac))], ['mg0']);
    const one = await lab.device(mac);
    assert.equal(one['port-mode'], 'dedicated');
    assert.equal(one.product, 'Dell iDRAC');
    assert.equal(one.serial, 'ABC1234');
    // It is a management processor indeed.
    const address = String(one.address);
    const tool = [
      getPeer('ipmitool'),
      '-I',
      'lan',
      '-A',
      'MD5',
      '-H',
      address,
      '-U',
      'ipmiusr',
      '-P',
      'test',
      'mc',
      'info',
    ];
    assert.match((await lab.serverHost.run(tool)).stdout, /IPMI Version/);
  });

  it('R1 and R9: a BMC on the network of hosts, by its fingerprint and by its answer to the presence ping', async () => {
    const mac = '02:62:00:00:01:01';
    const bmc = lab.machine(lab.hosts, mac);
    await simulateBmc(bmc);
    await lab.lease(bmc, ['-V', 'CPQRIB3', '-O', '43']);
    const { evidence } = await lab.alarm(mac, 'R1');
    assert.match(evidence[0]!.text, /option 60 "CPQRIB3": HPE iLO/);
    const answered = await lab.alarm(mac, 'R9');
    assert.equal(answered['subnet-id'], 62);
    assert.match(answered.evidence[0]!.text, /presence ping: IPMI answers/);
    assert.deepEqual(secretsSentTo(mac), []);
    assert.ok((await lab.rulesOf(mac)).includes('bmc-only'), 'that its profile was withheld is told');
  });

  it('R2: a host on the management network is put in quarantine', async () => {
    const mac = '02:61:00:00:02:01';
    const host = lab.machine(lab.management, mac);
    await lab.lease(host, ['-V', 'PXEClient:Arch:00007:UNDI:003016', '-x', '0x5d:0007']);
    const { evidence, action } = await lab.alarm(mac, 'R2');
    assert.match(evidence[0]!.text, /option 60 "PXEClient:Arch:00007:UNDI:003016": network boot/);
    assert.equal(action, 'quarantine');
    const row = (await lab.server.leases()).find((one) => one['hw-address'] === mac);
    assert.equal(row?.['valid-lft'], 120);
    assert.doesNotMatch((await host.run([getPeer('ip'), 'route'])).stdout, /default/);
  });

  it('R3: one bridge port, two addresses: a host, and a BMC in shared mode', async () => {
    const [hostMac, bmcMac] = ['02:62:00:00:03:01', '02:62:00:00:03:03'];
    const host = lab.machine(lab.hosts, hostMac);
    host.ip(`link add link eth0 name bmc0 type macvlan mode bridge
      link set bmc0 address ${bmcMac}
      link set bmc0 up`);
    await lab.lease(host, ['-V', 'dhcpcd-9.4.1:Linux-6.1:x86_64']);
    await lab.lease(host, ['-x', 'hostname:idrac-XYZ9876'], 'bmc0');
    const { evidence } = await lab.alarm(bmcMac, 'R3');
    assert.match(evidence[0]!.text, /02:62:00:00:03:03 and 02:62:00:00:03:01 differ by 2/);
    assert.equal((await lab.device(bmcMac))['port-mode'], 'shared');
  });

  it('R4: a BMC without any fingerprint fails over while everything runs', async () => {
    const mac = '02:61:00:00:04:01';
    const bmc = lab.machine(lab.management, mac);
    lab.hosts.plug(bmc, 'eth1');
    bmc.ip('link set eth1 down');
    await lab.lease(bmc, ['-V', '']);
    assert.equal((await lab.device(mac))['port-mode'], 'dedicated');
    assert.deepEqual(await lab.rulesOf(mac), []);
    bmc.ip('link set eth0 down');
    lab.setMac(bmc, 'eth1', mac);
    await lab.lease(bmc, ['-V', ''], 'eth1');
    const { evidence, text } = await lab.alarm(mac, 'R4');
    assert.match(evidence[0]!.text, /the same address was on management subnet 61/);
    assert.match(text, /moved to subnet 62/);
    assert.equal((await lab.device(mac))['port-mode'], 'failed-over');
  });

  it('R7: a host that says it is a BMC collects no password, on either network', async () => {
    for (const [network, mac] of [
      [lab.hosts, '02:62:00:00:05:01'],
      [lab.management, '02:61:00:00:05:02'],
    ] as const) {
      const host = lab.machine(network, mac);
      await lab.lease(host, ['-V', 'iDRAC', '-O', '43', '-O', '252', '-x', '0x5d:0007']);
      const { evidence } = await lab.alarm(mac, 'R7');
      assert.deepEqual(
        evidence.map(({ feature }) => feature),
        ['vendor-class', 'options', 'options'],
      );
      await lab.alarm(mac, 'bmc-only');
      assert.deepEqual(secretsSentTo(mac), []);
    }
  });

  it('the inventory survives a restart, and the alarms are events, metrics and lines of the log', async () => {
    const { events } = await lab.server.must('events', { limit: 1000 });
    const kinds = (events as readonly { kind: string; alarm?: Alarm }[]).filter(({ kind }) => kind === 'guard-alarm');
    assert.ok(kinds.some(({ alarm: one }) => one?.rule === 'R4'));
    assert.ok((await lab.server.statistic('lessor-guard-findings-R4')) > 0);
    assert.match(lab.server.log(), /LESSOR_GUARD_ALARM.*R4: 02:61:00:00:04:01/);
    const before = await lab.device('02:61:00:00:04:01');
    await lab.server.stop();
    await lab.server.start();
    const again = await lab.device('02:61:00:00:04:01');
    assert.deepEqual(again, before);
    const cli = [
      process.execPath,
      repoPath('packages', 'server', 'bin', 'lessor'),
      'bmc',
      '--socket',
      lab.server.socket,
    ];
    const { status, stdout } = await lab.serverHost.run(cli);
    assert.equal(status, 0);
    const asked = await lab.serverHost.run([...cli, '--json', '--subnet', '62']);
    assert.ok(asked.stdout.split('\n').some((line) => line.includes('"port-mode":"failed-over"')));
    assert.equal((await lab.serverHost.run([...cli, 'acknowledge', '99'])).status, 1);
    assert.match(stdout, /02:61:00:00:04:01 +bmc|02:61:00:00:04:01 +unknown +- +failed-over +62/);
  });
});
