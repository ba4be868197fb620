/**
 * The guard of BMC networks in namespaces: a management network and a network of hosts on one server, ipmi_sim as
 * management processor on the right and on the wrong one, one bridge port with two addresses, failover while everything
 * runs, a host on the management network, and a host that says it is a BMC. The clients are udhcpc.
 */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Arrival, Link } from '../lib/link.js';
import { Netns, Switch } from '../lib/netns.js';
import { getPeer, skipUnless } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';
import { Server } from '../lib/server.js';
import { OPT, optionData } from '../lib/wire.js';

const SECRET = '-u admin -p hunter2';
const role = (name: string) => ({ 'user-context': { lessor: { role: name } } });

const dhcp4 = {
  'valid-lifetime': 3600,
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
  subnet4: [
    {
      ...{ id: 61, subnet: '10.61.0.0/24', pools: [{ pool: '10.61.0.100 - 10.61.0.199' }] },
      'option-data': [{ name: 'routers', data: '10.61.0.1' }],
      ...role('management'),
    },
    { id: 62, subnet: '10.62.0.0/24', pools: [{ pool: '10.62.0.100 - 10.62.0.199' }], ...role('host') },
  ],
};

interface Evidence {
  readonly feature: string;
  readonly text: string;
}

interface Alarm {
  readonly id: number;
  readonly rule: string;
  readonly action: string;
  readonly 'hw-address': string;
  readonly 'subnet-id': number;
  readonly text: string;
  readonly evidence: readonly Evidence[];
}

describe('the guard of BMC networks', { skip: skipUnless('udhcpc', 'ipmi_sim', 'ipmitool', 'scapy') }, () => {
  let management: Switch;
  let hosts: Switch;
  let serverHost: Netns;
  let server: Server;
  const guests: Netns[] = [];
  const folders: string[] = [];
  const seen: { readonly network: string; readonly arrival: Arrival }[] = [];
  const wires: Link[] = [];

  before(async () => {
    management = new Switch();
    hosts = new Switch();
    serverHost = Netns.create();
    management.plug(serverHost, 'mg0');
    hosts.plug(serverHost, 'lan0');
    serverHost.ip(`address add 10.61.0.1/24 dev mg0
      address add 10.62.0.1/24 dev lan0`);
    server = new Server(serverHost, { interfaces: ['mg0', 'lan0'] });
    server.configure(dhcp4);
    await server.start();
    for (const network of ['mg0', 'lan0']) {
      const wire = await Link.open(serverHost, network, true);
      wire.listen((arrival) => seen.push({ network, arrival }));
      wires.push(wire);
    }
  });

  after(async () => {
    for (const wire of wires) wire.close();
    await server?.close();
    for (const each of [...guests, serverHost, management, hosts]) each?.destroy();
    for (const folder of folders) removeScratch(folder);
  });

  /** A machine on one network. */
  function machine(network: Switch, mac: string): Netns {
    const namespace = Netns.create();
    guests.push(namespace);
    network.plug(namespace, 'eth0');
    setMac(namespace, 'eth0', mac);
    return namespace;
  }

  function setMac(namespace: Netns, name: string, mac: string): void {
    namespace.ip(`link set ${name} down
      link set ${name} address ${mac}
      link set ${name} up`);
  }

  /** Leases an address with udhcpc; it stays configured. @throws AssertionError with what udhcpc said */
  async function lease(namespace: Netns, extra: readonly string[] = [], name = 'eth0'): Promise<void> {
    const script = repoPath('tests', 'interop', 'udhcpc-script.sh');
    const options = ['-f', '-n', '-q', '-i', name, '-s', script, '-t', '10', '-T', '1', ...extra];
    const { status, stdout } = await namespace.run([getPeer('udhcpc'), ...options], 30_000);
    assert.equal(status, 0, stdout);
  }

  /** Starts ipmi_sim in a machine, at port 623 of every address. */
  function simulateBmc(namespace: Netns): void {
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
  }

  async function alarms(): Promise<readonly Alarm[]> {
    const { arguments: found } = await server.command('guard-alarm-list');
    return (found?.alarms ?? []) as readonly Alarm[];
  }

  async function rulesOf(mac: string): Promise<string[]> {
    return (await alarms())
      .filter((alarm) => alarm['hw-address'] === mac)
      .map(({ rule }) => rule)
      .sort();
  }

  async function alarm(mac: string, rule: string): Promise<Alarm> {
    const deadline = performance.now() + 30_000;
    for (;;) {
      const found = (await alarms()).find((one) => one['hw-address'] === mac && one.rule === rule);
      if (found !== undefined) return found;
      assert.ok(performance.now() < deadline, `no alarm ${rule} about ${mac}: ${JSON.stringify(await alarms())}`);
      await sleep(100);
    }
  }

  async function device(mac: string): Promise<Readonly<Record<string, unknown>>> {
    const { arguments: found } = await server.command('bmc-list');
    const devices = (found?.devices ?? []) as readonly Readonly<Record<string, unknown>>[];
    const one = devices.find((each) => each['hw-address'] === mac);
    assert.ok(one, `no device ${mac}`);
    return one;
  }

  /** Replies to a client that carry the secret, by the network they left on. */
  const secretsSentTo = (mac: string): string[] =>
    seen
      .filter(({ arrival }) => arrival.outgoing && arrival.message.chaddr === mac)
      .filter(({ arrival }) => optionData(arrival.message.options, OPT.vendorEncapsulated)?.includes('hunter2'))
      .map(({ network }) => network);

  it('a BMC where it belongs gets its profile, and nothing is said', async () => {
    const mac = '02:61:00:00:00:01';
    const bmc = machine(management, mac);
    simulateBmc(bmc);
    await lease(bmc, ['-V', 'iDRAC', '-x', 'hostname:idrac-ABC1234', '-O', '43']);
    assert.deepEqual(await rulesOf(mac), []);
    assert.deepEqual([...new Set(secretsSentTo(mac))], ['mg0']);
    const one = await device(mac);
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
    assert.match((await serverHost.run(tool, 20_000)).stdout, /IPMI Version/);
  });

  it('R1 and R9: a BMC on the network of hosts, by its fingerprint and by its answer to the presence ping', async () => {
    const mac = '02:62:00:00:01:01';
    const bmc = machine(hosts, mac);
    simulateBmc(bmc);
    await lease(bmc, ['-V', 'CPQRIB3', '-O', '43']);
    const { evidence } = await alarm(mac, 'R1');
    assert.match(evidence[0]!.text, /option 60 "CPQRIB3": HPE iLO/);
    const answered = await alarm(mac, 'R9');
    assert.equal(answered['subnet-id'], 62);
    assert.match(answered.evidence[0]!.text, /presence ping: IPMI answers/);
    assert.deepEqual(secretsSentTo(mac), []);
    assert.ok((await rulesOf(mac)).includes('bmc-only'), 'that its profile was withheld is told');
  });

  it('R2: a host on the management network is put in quarantine', async () => {
    const mac = '02:61:00:00:02:01';
    const host = machine(management, mac);
    await lease(host, ['-V', 'PXEClient:Arch:00007:UNDI:003016', '-x', '0x5d:0007']);
    const { evidence, action } = await alarm(mac, 'R2');
    assert.match(evidence[0]!.text, /option 60 "PXEClient:Arch:00007:UNDI:003016": network boot/);
    assert.equal(action, 'quarantine');
    const row = (await server.leases()).find((one) => one['hw-address'] === mac);
    assert.equal(row?.['valid-lft'], 120);
    assert.doesNotMatch((await host.run([getPeer('ip'), 'route'])).stdout, /default/);
  });

  it('R3: one bridge port, two addresses: a host, and a BMC in shared mode', async () => {
    const [hostMac, bmcMac] = ['02:62:00:00:03:01', '02:62:00:00:03:03'];
    const host = machine(hosts, hostMac);
    host.ip(`link add link eth0 name bmc0 type macvlan mode bridge
      link set bmc0 address ${bmcMac}
      link set bmc0 up`);
    await lease(host, ['-V', 'dhcpcd-9.4.1:Linux-6.1:x86_64']);
    await lease(host, ['-x', 'hostname:idrac-XYZ9876'], 'bmc0');
    const { evidence } = await alarm(bmcMac, 'R3');
    assert.match(evidence[0]!.text, /02:62:00:00:03:03 and 02:62:00:00:03:01 differ by 2/);
    assert.equal((await device(bmcMac))['port-mode'], 'shared');
  });

  it('R4: a BMC without any fingerprint fails over while everything runs', async () => {
    const mac = '02:61:00:00:04:01';
    const bmc = machine(management, mac);
    hosts.plug(bmc, 'eth1');
    bmc.ip('link set eth1 down');
    await lease(bmc, ['-V', '']);
    assert.equal((await device(mac))['port-mode'], 'dedicated');
    assert.deepEqual(await rulesOf(mac), []);
    bmc.ip('link set eth0 down');
    setMac(bmc, 'eth1', mac);
    await lease(bmc, ['-V', ''], 'eth1');
    const { evidence, text } = await alarm(mac, 'R4');
    assert.match(evidence[0]!.text, /the same address was on management subnet 61/);
    assert.match(text, /moved to subnet 62/);
    assert.equal((await device(mac))['port-mode'], 'failed-over');
  });

  it('R7: a host that says it is a BMC collects no password, on either network', async () => {
    for (const [network, mac] of [
      [hosts, '02:62:00:00:05:01'],
      [management, '02:61:00:00:05:02'],
    ] as const) {
      const host = machine(network, mac);
      await lease(host, ['-V', 'iDRAC', '-O', '43', '-O', '252', '-x', '0x5d:0007']);
      const { evidence } = await alarm(mac, 'R7');
      assert.deepEqual(
        evidence.map(({ feature }) => feature),
        ['vendor-class', 'options', 'options'],
      );
      await alarm(mac, 'bmc-only');
      assert.deepEqual(secretsSentTo(mac), []);
    }
  });

  it('the inventory survives a restart, and the alarms are events, metrics and lines of the log', async () => {
    const { events } = await server.must('events', { limit: 1000 });
    const kinds = (events as readonly { kind: string; alarm?: Alarm }[]).filter(({ kind }) => kind === 'guard-alarm');
    assert.ok(kinds.some(({ alarm: one }) => one?.rule === 'R4'));
    assert.ok((await server.statistic('lessor-guard-findings-R4')) > 0);
    assert.match(server.log(), /LESSOR_GUARD_ALARM.*R4: 02:61:00:00:04:01/);
    const before = await device('02:61:00:00:04:01');
    await server.stop();
    await server.start();
    const again = await device('02:61:00:00:04:01');
    assert.deepEqual(again, before);
    const cli = [process.execPath, repoPath('packages', 'server', 'bin', 'lessor'), 'bmc', '--socket', server.socket];
    const { status, stdout } = await serverHost.run(cli, 30_000);
    assert.equal(status, 0);
    const asked = await serverHost.run([...cli, '--json', '--subnet', '62'], 30_000);
    assert.ok(asked.stdout.split('\n').some((line) => line.includes('"port-mode":"failed-over"')));
    assert.equal((await serverHost.run([...cli, 'acknowledge', '99'], 30_000)).status, 1);
    assert.match(stdout, /02:61:00:00:04:01 +bmc|02:61:00:00:04:01 +unknown +- +failed-over +62/);
  });
});
