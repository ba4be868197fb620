/**
 * Names in a real name server: leases from lessor (or the subject), requests to Debian's kea-dhcp-ddns, updates to BIND.
 */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Lab } from '../lib/lab.js';
import { getPeer, skipUnless } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';
import { subject } from '../lib/subject.js';
import { OPT, option } from '../lib/wire.js';
import { NameServers } from './name-servers.js';

/** So short that a test can wait for its end, and long enough to see its names on a busy machine. */
const BRIEF_SEC = 10;

const DHCP4 = {
  'valid-lifetime': 3600,
  'dhcp-ddns': { 'enable-updates': true },
  'ddns-qualifying-suffix': 'example.org',
  'expired-leases-processing': { 'reclaim-timer-wait-time': 1 },
  subnet4: [
    { id: 1, subnet: '10.1.0.0/24', pools: [{ pool: '10.1.0.100 - 10.1.0.200' }] },
    { id: 2, subnet: '10.2.0.0/24', pools: [{ pool: '10.2.0.100 - 10.2.0.200' }], 'valid-lifetime': BRIEF_SEC },
  ],
};

const named = (text: string) => ({ options: [option.text(OPT.hostName, text)] });
const reverse = (address: string): string => `${address.split('.').reverse().join('.')}.in-addr.arpa`;

const skip = subject.skipReason() || skipUnless('kea-dhcp-ddns', 'named', 'dig', 'dhclient');

describe(`Names in BIND by kea-dhcp-ddns, from ${subject.name}`, { skip }, () => {
  let lab: Lab;
  let dns: NameServers;

  before(async () => {
    lab = await Lab.open(DHCP4);
    dns = new NameServers(lab.namespace, lab.server.folder);
    dns.startNamed();
    dns.startD2();
    await lab.until('BIND answers', async () => dns.answers);
    await lab.until('kea-dhcp-ddns listens', async () => dns.listens);
  });
  after(async () => {
    await dns?.close();
    await lab?.close();
  });

  async function isThere(name: string, address: string): Promise<void> {
    const dhcid = () => dns.records(name, 'DHCID').length;
    await lab.until(`${name} is there`, async () => dns.records(name, 'A')[0] === address && dhcid() === 1);
    await lab.until('PTR', async () => dns.records(reverse(address), 'PTR')[0] === `${name}.`);
  }

  async function isGone(name: string, address: string): Promise<void> {
    const types: readonly [string, string][] = [
      [name, 'A'],
      [name, 'DHCID'],
      [reverse(address), 'PTR'],
    ];
    await lab.until(`${name} is gone`, async () => types.every(([each, type]) => dns.records(each, type).length === 0));
  }

  test('A, PTR and DHCID appear with a lease and vanish with its release', async () => {
    const client = lab.client();
    const { yiaddr } = await client.lease(named('laptop'));
    await isThere('laptop.example.org', yiaddr);
    client.release(yiaddr);
    await isGone('laptop.example.org', yiaddr);
  });

  test('they vanish when the lease has run out', async () => {
    const { yiaddr } = await lab.client({}, lab.relay('10.2.0.1')).lease(named('brief'));
    await isThere('brief.example.org', yiaddr);
    await isGone('brief.example.org', yiaddr);
  });

  test('a name moves with its client, and another client does not get it', async () => {
    const client = lab.client();
    const { yiaddr } = await client.lease(named('first'));
    await isThere('first.example.org', yiaddr);
    await client.renew(yiaddr, named('second'));
    await isThere('second.example.org', yiaddr);
    await lab.until('the first name is gone', async () => dns.records('first.example.org', 'A').length === 0);

    const thief = await lab.client().lease(named('second'));
    await lab.client().lease(named('fence'));
    await lab.until('the fence is there', async () => dns.records('fence.example.org', 'A').length === 1);
    assert.deepEqual(dns.records('second.example.org', 'A'), [yiaddr]);
    assert.notEqual(thief.yiaddr, yiaddr);
  });

  test('a name entered by hand stays', async () => {
    await lab.client().lease(named('hand'));
    await lab.client().lease(named('fence2'));
    await lab.until('the fence is there', async () => dns.records('fence2.example.org', 'A').length === 1);
    assert.deepEqual(dns.records('hand.example.org', 'A'), ['192.0.2.1']);
  });

  test('dhclient has its name, and gives it back', async () => {
    const folder = lab.server.folder;
    const file = (name: string) => join(folder, `dhclient-${name}`);
    writeFileSync(file('conf'), 'send host-name "dhc";\nsend fqdn.fqdn "dhc";\nsend fqdn.server-update on;\n');
    const script = repoPath('tests', 'interop', 'dhclient-script.sh');
    const files = ['-cf', file('conf'), '-lf', file('leases'), '-pf', file('pid'), '-sf', script, 'lan0'];
    const got = await lab.clientNamespace.run([getPeer('dhclient'), '-4', '-1', ...files]);
    assert.equal(got.status, 0);
    await lab.until('its name is there', async () => dns.records('dhc.example.org', 'A').length === 1);
    const [address] = dns.records('dhc.example.org', 'A') as [string];
    await isThere('dhc.example.org', address);
    await lab.clientNamespace.run([getPeer('dhclient'), '-4', '-r', ...files]);
    await isGone('dhc.example.org', address);
  });

  test('deletion by command takes the name along only with update-ddns', async () => {
    const { yiaddr } = await lab.client().lease(named('gone'));
    await isThere('gone.example.org', yiaddr);
    await lab.server.must('lease4-del', { 'ip-address': yiaddr, 'update-ddns': true });
    await isGone('gone.example.org', yiaddr);
  });

  if (subject.name === 'lessor') {
    test('requests wait while kea-dhcp-ddns is away', async () => {
      await dns.stopD2();
      const { yiaddr } = await lab.client().lease(named('patient'));
      await lab.until('it is noticed', async () => (await lab.server.statistic('ddns-ncr-send-retried')) > 0);
      dns.startD2();
      await isThere('patient.example.org', yiaddr);
    });
  }

  test('kea-dhcp-ddns takes what becomes of the zones of dhcpd', async () => {
    const [conf, output] = ['dhcpd.conf', 'd2-of-dhcpd.conf'].map((name) => join(lab.server.folder, name)) as [
      string,
      string,
    ];
    writeFileSync(
      conf,
      `ddns-update-style standard;
key dhcp { algorithm hmac-md5; secret "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="; }
zone example.org. { primary 127.0.0.1; key dhcp; }
zone 10.in-addr.arpa. { primary 127.0.0.1; key dhcp; }
subnet 10.1.0.0 netmask 255.255.255.0 { range 10.1.0.100 10.1.0.200; }
`,
    );
    const lessor = [process.execPath, repoPath('packages', 'server', 'bin', 'lessor')];
    const made = await lab.clientNamespace.run([...lessor, 'import-dhcpd', conf, '--ddns-output', output]);
    assert.equal(made.status, 0);
    const checked = await lab.clientNamespace.run([getPeer('kea-dhcp-ddns'), '-t', output]);
    assert.equal(checked.status, 0);
  });

  test('lease4-resend-ddns enters a name again', async () => {
    const { yiaddr } = await lab.client().lease(named('again'));
    await isThere('again.example.org', yiaddr);
    await lab.server.must('lease4-resend-ddns', { 'ip-address': yiaddr });
    await isThere('again.example.org', yiaddr);
    const missing = await lab.server.command('lease4-resend-ddns', { 'ip-address': '10.1.0.250' });
    assert.equal(missing.result, 3);
  });
});
