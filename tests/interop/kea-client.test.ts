/** @lessor/kea against the real thing: Debian's Kea 2.2 behind its Control Agent, and lessor, through every door. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { ConflictError, ConnectionError, HttpStatusError, KeaClient, ResultError, UnsupportedError } from '@lessor/kea';
import { type ControlLab, LAB_PASSWORD, LAB_USER, openControlLab } from '../lib/control-lab.js';
import { skipUnless } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';
import type { SubjectName } from '../lib/subject.js';

const PEERS = {
  kea: skipUnless('kea-dhcp4', 'kea-ctrl-agent', 'openssl'),
  lessor: skipUnless('openssl'),
} satisfies Record<SubjectName, unknown>;

type Door = 'unix' | 'http' | 'https';

function open(lab: ControlLab, door: Door, more: { service?: string; password?: string } = {}): KeaClient {
  const { certificates: files } = lab;
  const credentials = { user: LAB_USER, password: LAB_PASSWORD, ...more };
  switch (door) {
    case 'unix':
      return new KeaClient({ socketPath: lab.server.socket, ...more });
    case 'http':
      return new KeaClient({ url: `http://127.0.0.1:${lab.httpPort}/`, ...credentials });
    default:
      return new KeaClient({
        url: `https://127.0.0.1:${lab.httpsPort}/`,
        ...credentials,
        tls: { ca: readFileSync(files.ca), cert: readFileSync(files.clientCert), key: readFileSync(files.clientKey) },
      });
  }
}

for (const name of ['kea', 'lessor'] as const) {
  describe(`client against ${name}`, { skip: PEERS[name] }, () => {
    let lab: ControlLab;
    before(async () => {
      lab = await openControlLab(name);
    });
    after(() => lab?.close());

    for (const door of ['unix', 'http', 'https'] as const) {
      describe(door, () => {
        let kea: KeaClient;
        before(() => {
          kea = open(lab, door, { service: 'dhcp4' });
        });
        after(() => kea.close());

        it('version, status, commands, configuration', async () => {
          const { version, extended } = await kea.version();
          assert.match(version, name === 'kea' ? /^2\.\d/ : /^\d+\.\d+/);
          assert.ok(extended.length > 0);
          assert.equal((await kea.call('status-get')).pid, lab.server.pid);
          assert.ok((await kea.call('list-commands')).includes('lease4-get-page'));
          const { dhcp4 } = await kea.config();
          assert.equal((dhcp4.subnet4 as { subnet: string }[])[0]!.subnet, '192.0.2.0/24');
        });

        it('leases from cradle to grave', async () => {
          const lease = {
            'ip-address': '192.0.2.10',
            'hw-address': '02:00:00:00:00:10',
            'client-id': '01:02:00:00:00:00:10',
            'subnet-id': 1,
            hostname: 'zoé.example.org',
          };
          assert.equal(await kea.lease('192.0.2.10'), undefined);
          await kea.addLease(lease);
          const refusal = await kea.addLease(lease).catch((error: unknown) => error);
          assert.ok(refusal instanceof ResultError);
          assert.equal(refusal instanceof ConflictError, name === 'lessor', 'Kea 2.2 has no result 4');
          const found = await kea.lease({
            'subnet-id': 1,
            'identifier-type': 'hw-address',
            identifier: lease['hw-address'],
          });
          assert.equal(found?.hostname, 'zoé.example.org');
          assert.equal((await kea.leasesOfHwAddress(lease['hw-address'])).length, 1);
          assert.equal((await kea.leasesOfClientId(lease['client-id'])).length, 1);
          assert.equal((await kea.leasesOfHostname('zoé.example.org')).length, 1);
          await kea.updateLease({ ...lease, hostname: 'other.example.org' });
          assert.equal((await kea.lease('192.0.2.10'))?.hostname, 'other.example.org');
          assert.equal(await kea.deleteLease('192.0.2.10'), true);
          assert.equal(await kea.deleteLease('192.0.2.10'), false);
          assert.deepEqual(await kea.leasesOfHwAddress(lease['hw-address']), []);
        });

        it('adds 40 at once, walks them in pages, and wipes them', async () => {
          const addresses = Array.from({ length: 40 }, (_, n) => `192.0.2.${n + 1}`);
          await Promise.all(
            addresses.map((address, n) =>
              kea.addLease({ 'ip-address': address, 'hw-address': `02:00:00:00:01:${n.toString(16)}`, 'subnet-id': 1 }),
            ),
          );
          const walked: string[] = [];
          for await (const lease of kea.leases({ limit: 7 })) walked.push(lease['ip-address']);
          assert.deepEqual(walked, addresses);
          await kea.call('lease4-wipe', { 'subnet-id': 1 });
          for await (const lease of kea.leases()) assert.fail(lease['ip-address']);
        });

        it('says what went wrong', async () => {
          await assert.rejects(kea.call('lease4-get', { 'ip-address': 'nonsense' }), { result: 1 });
          assert.equal((await kea.command('no-such-command')).result, 2);
          await assert.rejects(kea.testConfig({ subnet4: 7 }), ResultError);
          if (name === 'kea') await assert.rejects(kea.subnets(), UnsupportedError, 'a closed hook of 2.2');
          else assert.equal((await kea.subnets())[0]?.id, 1);
        });

        it('changes the configuration', async () => {
          const { dhcp4 } = await kea.config();
          await kea.testConfig(dhcp4);
          await kea.setConfig({ ...dhcp4, 'valid-lifetime': 1234 });
          assert.equal((await kea.config()).dhcp4['valid-lifetime'], 1234);
          await kea.setConfig(dhcp4);
        });
      });
    }

    it('wrong password, and no certificate', async () => {
      await assert.rejects(open(lab, 'http', { password: 'wrong' }).version(), { status: 401 });
      await assert.rejects(open(lab, 'http', { password: 'wrong' }).version(), HttpStatusError);
      const bare = new KeaClient({
        url: `https://127.0.0.1:${lab.httpsPort}/`,
        user: LAB_USER,
        password: LAB_PASSWORD,
        tls: { ca: readFileSync(lab.certificates.ca) },
      });
      await assert.rejects(bare.version(), ConnectionError);
      const distrustful = new KeaClient({ url: `https://127.0.0.1:${lab.httpsPort}/` });
      await assert.rejects(distrustful.version(), ConnectionError);
    });

    it('without a service: the agent itself, or the daemon that is asked', async () => {
      const { arguments: commands } = await open(lab, 'http').command('list-commands');
      assert.equal((commands as string[]).includes('lease4-get'), name === 'lessor');
    });

    if (name === 'kea') {
      it('several services: one answer each', async () => {
        const [four, six] = await open(lab, 'http').commandEach(['dhcp4', 'dhcp6'], 'version-get');
        assert.equal(four?.result, 0);
        assert.equal(six?.result, 1);
        assert.match(six?.text ?? '', /not configured/);
      });
    }
  });
}

describe('the examples of the README', { skip: PEERS.lessor }, () => {
  const readme = readFileSync(repoPath('packages', 'kea', 'README.md'), 'utf8');
  const examples = [...readme.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code!);
  const printed = [
    /^\[ '1 192\.0\.2\.0\/24' \]\n02:00:00:00:00:10\nundefined\n192\.0\.2\.10 ten\.example\.org\n$/,
    /^\d+\.\d+\.\d+\S*\n\{ subnetId: 1, total: 50, assigned: 1, declined: 0 \}\n$/,
    /^4 true\ntrue false\n$/,
    /^1\n2 'no-such-command' command not supported\.\n$/,
  ];
  let lab: ControlLab;
  before(async () => {
    lab = await openControlLab('lessor');
    const client = open(lab, 'unix');
    const lease = { 'ip-address': '192.0.2.10', 'hw-address': '02:00:00:00:00:10', hostname: 'ten.example.org' };
    await client.addLease(lease);
  });
  after(() => lab?.close());

  it('are all here', () => assert.equal(examples.length, printed.length));

  for (const [index, example] of examples.entries()) {
    it(`example ${index + 1} prints what it says`, async () => {
      const code = example
        .replace('/run/kea/kea4-ctrl-socket', lab.server.socket)
        .replace('127.0.0.1:8000', `127.0.0.1:${lab.httpPort}`);
      const argv = ['--input-type=module', '-e', code];
      const { stdout } = await promisify(execFile)(process.execPath, argv, { cwd: repoPath() });
      assert.match(stdout, printed[index]!);
    });
  }
});
