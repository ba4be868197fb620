/** The client against real dhcpds: every algorithm, every method. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import {
  ALGORITHMS,
  AttributeMissingError,
  ExistsError,
  encodeUint32,
  expectObject,
  InvalidArgumentError,
  ipv4Range,
  isStatus,
  KeyConflictError,
  KeyRejectedError,
  KeyRequiredError,
  LEASE_STATES,
  type LeaseState,
  MultipleError,
  NotFoundError,
  NotImplementedError,
  OmapiClient,
  openRequest,
  PermissionError,
  readStatus,
  refreshRequest,
  StaleHandleError,
  StatementsError,
  UnknownAttributeError,
} from '@lessor/omapi';
import { skipUnless } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';
import { until } from '../lib/until.js';
import { type LabDhcpd, type LabKey, OmapiLab } from './omapi-dhcpd.js';

/** One key for each algorithm; the last has a secret longer than its hash's block. */
const KEYS: readonly LabKey[] = ALGORITHMS.map(({ name }, index) => ({
  name: `key_${index}`,
  algorithm: name,
  secret: Buffer.from(`secret of ${name} `.repeat(1 + 3 * index)).toString('base64'),
}));

const FAR_AWAY_SEC = 2_114_380_800;

describe('client against dhcpd', { skip: skipUnless('dhcpd') }, () => {
  let lab: OmapiLab;
  let keyed: LabDhcpd[];
  let open: LabDhcpd;
  let client: OmapiClient;

  before(async () => {
    lab = new OmapiLab();
    const started = await lab.start([...KEYS, undefined], { failover: false });
    keyed = started.slice(0, -1);
    open = started.at(-1)!;
    client = new OmapiClient({ port: keyed[3]!.port, key: keyed[3]!.key });
  });
  after(() => {
    client?.close();
    lab?.destroy();
  });

  for (const [index, { name }] of ALGORITHMS.entries()) {
    it(`${name}: signs, verifies, and is refused with another secret`, async () => {
      const { port, key } = keyed[index]!;
      const signer = await OmapiClient.connect({ port, key });
      assert.equal(await signer.lookupMac('10.77.0.100'), '02:00:00:00:01:00');
      await signer.addHost('10.77.0.50', '02:00:00:00:05:00');
      assert.equal(await signer.lookupIpHost('02:00:00:00:05:00'), '10.77.0.50');
      await signer.delHost('02:00:00:00:05:00');
      signer.close();

      const stranger = await OmapiClient.connect({ port, key: { ...key!, secret: 'd3Jvbmc=' } });
      await assert.rejects(stranger.lookupMac('10.77.0.100'), KeyRejectedError);
      stranger.close();
    });
  }

  it('a key the server does not have, no key where one is wanted, a key that is not the one', async () => {
    const { port, key } = keyed[0]!;
    await assert.rejects(OmapiClient.connect({ port, key: { ...key!, name: 'nobody' } }), NotFoundError);
    await assert.rejects(OmapiClient.connect({ port, key: { ...key!, algorithm: 'hmac-sha512' } }), NotFoundError);
    const unsigned = await OmapiClient.connect({ port });
    await assert.rejects(unsigned.lookupMac('10.77.0.100'), (error) => {
      assert.ok(error instanceof KeyRequiredError);
      assert.equal(error.serverText, 'No authenticator on message');
      return true;
    });
    unsigned.close();
  });

  it('leases: looked up by every key, raw and decoded', async () => {
    assert.equal(await client.lookupIp('02:00:00:00:01:00'), '10.77.0.100');
    assert.equal(await client.lookupMac('10.77.0.100'), '02:00:00:00:01:00');
    assert.equal(await client.lookupHostname('10.77.0.100'), 'alpha-pc');
    const lease = await client.lookupByLease({ dhcpClientIdentifier: '01:02:00:00:00:01:00' });
    const { subnet, pool, ...values } = lease.values;
    assert.ok(subnet! > 0 && pool! > 0 && lease.handle > 0);
    assert.deepEqual(values, {
      state: 'active',
      ipAddress: '10.77.0.100',
      dhcpClientIdentifier: Buffer.from('01020000000100', 'hex'),
      clientHostname: 'alpha-pc',
      hardwareAddress: '02:00:00:00:01:00',
      hardwareType: 1,
      ends: FAR_AWAY_SEC,
      starts: 1_578_182_400,
      tstp: FAR_AWAY_SEC,
      tsfp: 0,
      atsfp: 0,
      cltt: 1_578_182_400,
      flags: 0,
    });
    assert.deepEqual([...lease.attributes.keys()].slice(0, 3), ['state', 'ip-address', 'dhcp-client-identifier']);
    assert.deepEqual(Buffer.from(lease.attributes.get('ip-address')!), Buffer.from([10, 77, 0, 100]));
    assert.equal((await lease.refresh()).values.state, 'active');
  });

  it('leases: each refusal is an error of its own', async () => {
    await assert.rejects(client.lookupIp('02:00:00:00:ff:ff'), NotFoundError);
    await assert.rejects(client.lookupMac('10.99.0.1'), NotFoundError);
    await assert.rejects(client.lookupIp('02:00:00:00:01:08'), MultipleError);
    await assert.rejects(client.lookupMac('10.77.0.119'), AttributeMissingError);
    await assert.rejects(client.lookupHostname('10.77.0.101'), AttributeMissingError);
    await assert.rejects(
      client.lookupByLease({ ipAddress: '10.77.0.100', hardwareAddress: '02:00:00:00:01:01' }),
      KeyConflictError,
    );
    await assert.rejects(client.lookupByLease({ clientHostname: 'alpha-pc' }), NotImplementedError);
    await assert.rejects(client.updateLease({ ipAddress: '10.77.0.100' }, { starts: 1 }), PermissionError);
    const lease = await client.lookupByLease({ ipAddress: '10.77.0.100' });
    await assert.rejects(lease.delete(), NotImplementedError);
    await assert.rejects(
      client.lookupByLease([
        ['ip-address', Buffer.from([10, 77, 0, 100])],
        ['hardware-type', encodeUint32(256)],
        ['hardware-address', Buffer.from([2, 0, 0, 0, 1, 0])],
      ]),
      InvalidArgumentError,
    );
  });

  it('leases: every state, end, flags, freed', async () => {
    const states = Object.keys(LEASE_STATES).filter((state) => state !== 'backup') as LeaseState[];
    for (const state of states.filter((name) => name !== 'free')) {
      await client.setLeaseState('10.77.0.101', state);
      assert.equal((await client.lookupByLease({ ipAddress: '10.77.0.101' })).values.state, state);
    }
    await client.freeLease('10.77.0.101');
    assert.equal((await client.lookupByLease({ ipAddress: '10.77.0.101' })).values.state, 'free');
    await client.setLeaseEnd('10.77.0.102', 2_000_000_000);
    assert.equal((await client.lookupByLease({ ipAddress: '10.77.0.102' })).values.ends, 2_000_000_000);
    await client.setLeaseReserved('10.77.0.101', true);
    const reserved = await client.lookupByLease({ ipAddress: '10.77.0.101' });
    assert.equal(reserved.values.flags, 4);
    await client.setLeaseReserved('10.77.0.101', false);
    assert.equal((await reserved.refresh()).values.flags, 0);
    await client.updateLease({ ipAddress: '10.77.0.103' }, { state: 'released' });
    assert.match(keyed[3]!.leasesFile(), /lease 10\.77\.0\.103 \{[^}]*binding state released;/);
  });

  it('leases: a walk over a range, and the pool', async () => {
    const found: string[] = [];
    for await (const { address, lease } of client.leases(ipv4Range('10.77.0.98', '10.77.0.121'))) {
      if (lease !== undefined) found.push(address);
    }
    assert.deepEqual(found, [...ipv4Range('10.77.0.100', '10.77.0.119')]);
    const pool = await client.lookupPool('10.77.0.100');
    assert.equal(pool.values.leaseCount, 20);
    await assert.rejects(pool.update([['free-leases', encodeUint32(1)]]), UnknownAttributeError);
    const lease = await client.lookupByLease({ ipAddress: '10.77.0.100' });
    const subnet = await client.openHandle('subnet', lease.values.subnet!, lease);
    assert.equal(subnet.attributes.size, 0);
  });

  it('hosts: every way to declare, look up, change and remove one', async () => {
    await client.addHost('10.77.0.21', '02:00:00:00:00:21');
    assert.equal(await client.lookupIpHost('02:00:00:00:00:21'), '10.77.0.21');
    await client.addHostWithoutIp('02:00:00:00:00:22');
    await assert.rejects(client.lookupIpHost('02:00:00:00:00:22'), AttributeMissingError);
    await client.addHostSupersedeName('10.77.0.23', '02:00:00:00:00:23', 'web23');
    assert.deepEqual(await client.lookupHost('web23'), { ip: '10.77.0.23', mac: '02:00:00:00:00:23', name: 'web23' });
    assert.deepEqual(await client.lookupHostHost('02:00:00:00:00:23'), await client.lookupHost('web23'));
    await client.addHostSupersede('10.77.0.24', '02:00:00:00:00:24', 'web24', {
      hostname: 'web-24',
      routers: ['10.77.0.2', '10.77.0.3'],
      domain: 'exämple.org',
    });
    const written = keyed[3]!.leasesFile();
    assert.match(written, /supersede host-name = "web-24";/);
    assert.match(written, /supersede routers = concat \(0a:4d:00:02, 0a:4d:00:03\);/);
    assert.match(written, /supersede domain-name = 65:78:c3:a4:6d:70:6c:65:2e:6f:72:67;/);

    await client.addGroup('lab', 'option domain-name "lab.example";');
    await client.addHostWithGroup('10.77.0.25', '02:00:00:00:00:25', 'lab');
    await client.changeGroup('web23', 'lab');
    assert.match(keyed[3]!.leasesFile(), /host web23 \{[^}]*group "lab";/);
    await client.updateHost({ name: 'web23' }, { ipAddress: ['10.77.0.26', '10.77.0.27'] });
    assert.deepEqual((await client.lookupByHost({ name: 'web23' })).values.ipAddress, ['10.77.0.26', '10.77.0.27']);
    await client.updateHost({ name: 'web23' }, { ipAddress: null });
    assert.equal((await client.lookupByHost({ name: 'web23' })).values.ipAddress, undefined);

    await client.deleteHost({ name: 'web24' });
    for (const last of ['21', '22', '23', '25']) await client.delHost(`02:00:00:00:00:${last}`);
    await assert.rejects(client.delHost('02:00:00:00:00:21'), NotFoundError);
    await client.deleteGroup('lab');
    await assert.rejects(client.lookupGroup('lab'), NotFoundError);
  });

  it('hosts: by the address of a lease, and refusals', async () => {
    await client.createHost({ name: 'gamma', hardwareAddress: '02:00:00:00:01:00', ipAddress: '10.77.0.31' });
    assert.equal((await client.lookupHostByIp('10.77.0.100')).name, 'gamma');
    await assert.rejects(client.createHost({ name: 'gamma', hardwareAddress: '02:00:00:00:01:00' }), ExistsError);
    await assert.rejects(client.createHost({ name: 'delta', hardwareAddress: '02:00:00:00:01:00' }), KeyConflictError);
    await assert.rejects(client.updateHost({ name: 'gamma' }, { name: 'other' }), ExistsError);
    await assert.rejects(
      client.createHost({ name: 'bad', hardwareAddress: '02:00:00:00:01:ff', statements: 'bogus x;' }),
      StatementsError,
    );
    await assert.rejects(client.changeGroup('gamma', 'nobody'), NotFoundError);
    const gamma = await client.lookupByHost({ name: 'gamma' });
    await assert.rejects(gamma.update([['nonsense', Buffer.from('x')]]), UnknownAttributeError);
    await gamma.delete();
    await assert.rejects(client.lookupHost('gamma'), NotFoundError);
  });

  it('groups and classes', async () => {
    assert.equal((await client.lookupGroup('staff')).values.name, 'staff');
    assert.deepEqual((await client.lookupClass('limited')).values, { leaseLimit: 4, leasesUsed: 0 });
    await client.addClass('phones', 'staff');
    await assert.rejects(client.addClass('phones'), ExistsError);
    await client.addSubclass('printers', '01:02:00:00:00:00:bb');
    await client.lookupSubclass('printers', '01:02:00:00:00:00:bb');
    assert.match(keyed[3]!.leasesFile(), /subclass "printers" (1|01):0?2:0?0:0?0:0?0:0?0:bb \{\s*dynamic;/);
    await client.deleteSubclass('printers', '01:02:00:00:00:00:bb');
    await assert.rejects(client.lookupSubclass('printers', '01:02:00:00:00:00:bb'), NotFoundError);
    await client.deleteClass('phones');
    await assert.rejects(client.lookupClass('phones'), NotFoundError);
  });

  it('the server and an interface', async () => {
    assert.equal(await client.lookupControlState(), 'startup');
    assert.equal((await client.lookupInterface('d0')).values.state, 'up');
  });

  it('a hundred requests at once on one connection', async () => {
    const addresses = Array.from({ length: 100 }, (_, i) => `10.77.0.${100 + (i % 20)}`);
    const leases = await Promise.all(addresses.map((ipAddress) => client.lookupByLease({ ipAddress })));
    assert.deepEqual(
      leases.map(({ values }) => values.ipAddress),
      addresses,
    );
  });

  it('custom messages, raw', async () => {
    const request = openRequest('lease', [['ip-address', Buffer.from([10, 77, 0, 100])]]);
    const answer = expectObject(await client.request(request), 'open lease');
    assert.equal((await client.request(refreshRequest(answer.handle))).handle, answer.handle);
    assert.deepEqual(readStatus(await client.request(refreshRequest(999_999))), {
      result: 23,
      text: 'no matching handle',
    });
  });

  it('comes back after the connection is cut; handles do not', async () => {
    const lease = await client.lookupByLease({ ipAddress: '10.77.0.100' });
    lab.cut();
    assert.equal(await client.lookupMac('10.77.0.100'), '02:00:00:00:01:00');
    await assert.rejects(lease.refresh(), StaleHandleError);
  });

  it('unsigned, and what only a failover peer has', async () => {
    const unsigned = await OmapiClient.connect({ port: open.port });
    assert.equal(await unsigned.lookupMac('10.77.0.100'), '02:00:00:00:01:00');
    await assert.rejects(unsigned.lookupByFailoverState({ name: 'fo' }), NotFoundError);
    await unsigned.disableInterface('d0');
    await until('it says so', () => /Disabling input on .*d0/.test(open.log()));
    unsigned.close();
  });
});

describe('the examples of the README', { skip: skipUnless('dhcpd') }, () => {
  const key: LabKey = { name: 'omapi_key', algorithm: 'hmac-sha256', secret: 'MDEyMzQ1Njc4OWFiY2RlZg==' };
  const readme = readFileSync(repoPath('packages', 'omapi', 'README.md'), 'utf8');
  const examples = [...readme.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code!);
  const printed = [
    /^02:00:00:00:01:00\nactive 2114380800\n<Buffer 0a 4d 00 64>\n\{ ip: '10.77.0.40', mac: '02:00:00:00:00:40', name: 'web40' \}\n$/,
    /^NOTFOUND no object matches specification\n$/,
    /^this server can not list\n$/,
    /^10.77.0.100 active 02:00:00:00:01:00\n(.*\n){4}10.77.0.105 free undefined\n$/,
    /^\[\s*'state',\s*'ip-address',[^\]]*\]\n\{ result: 0, text: undefined \}\n$/,
  ];
  let lab: OmapiLab;
  let dhcpd: LabDhcpd;

  before(async () => {
    lab = new OmapiLab();
    [dhcpd] = (await lab.start([key])) as [LabDhcpd];
  });
  after(() => lab?.destroy());

  it('are all here', () => assert.equal(examples.length, printed.length));

  for (const [index, example] of examples.entries()) {
    it(`example ${index + 1} prints what it says`, async () => {
      const code = example.replace('port: 7911', `port: ${dhcpd.port}`);
      const argv = ['--input-type=module', '-e', code];
      const { stdout } = await promisify(execFile)(process.execPath, argv, { cwd: repoPath() });
      assert.match(stdout, printed[index]!);
    });
  }
});

describe('client against dhcpd with failover', { skip: skipUnless('dhcpd') }, () => {
  let lab: OmapiLab;
  let dhcpd: LabDhcpd;

  before(async () => {
    lab = new OmapiLab();
    [dhcpd] = (await lab.start([undefined], { failover: true })) as [LabDhcpd];
  });
  after(() => lab?.destroy());

  it('reads the peer, declares the partner dead, shuts the server down', async () => {
    const client = await OmapiClient.connect({ port: dhcpd.port });
    const peer = await client.lookupByFailoverState({ name: 'fo' });
    assert.equal(peer.values.hierarchy, 'primary');
    assert.equal(peer.values.mclt, 600);
    // dhcpd sends addresses of its memory here; they are no addresses and stay raw.
    assert.equal(peer.values.partnerAddress, undefined);
    assert.ok(peer.others.has('partner-address'));
    assert.ok(
      ['startup', 'recover', 'communications-interrupted'].includes(String(peer.values.localState)),
      String(peer.values.localState),
    );
    await client.setFailoverState('fo', 'partner-down');
    assert.equal(await client.lookupFailoverState('fo', 'localState'), 'partner-down');
    await assert.rejects(client.open('failover-state', { name: 'new' }, { create: true }), (error) =>
      isStatus(error, 'NOTIMPLEMENTED'),
    );

    await client.shutdown();
    assert.equal(client.isConnected, false);
    await until('it has ended', () => !dhcpd.isRunning());
  });
});
