/** The beginning of docs/lock-it-down.md, typed as it stands there: certificates by `lessor pki`, a server, curl as the client. */

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect, Netns } from '../lib/netns.js';
import { skipUnless } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';
import { until } from '../lib/until.js';

const BIN = dirname(repoPath('packages', 'server', 'bin', 'lessor'));
const PAGE = readFileSync(repoPath('docs', 'lock-it-down.md'), 'utf8');

describe('From nothing to certificates on a management port', { skip: skipUnless('ip', 'curl') }, () => {
  const folder = scratchFolder();
  const [typed, asked, revoking] = Array.from(PAGE.matchAll(/^```sh\n([\s\S]*?)^```$/gm), ([, block]) => block!);
  const env = {
    ...process.env,
    PATH: `${BIN}:${dirname(process.execPath)}:${process.env.PATH}`,
    KEA_PIDFILE_DIR: folder,
    KEA_LOCKFILE_DIR: folder,
    KEA_CONTROL_SOCKET_DIR: folder,
    KEA_DHCP_DATA_DIR: folder,
    KEA_LOG_FILE_DIR: folder,
  };
  let hosts: readonly [server: Netns, operator: Netns, client: Netns];
  let shell: ChildProcess;
  let said = '';

  before(async () => {
    hosts = [Netns.create(), Netns.create(), Netns.create()];
    const [own, operator, client] = hosts;
    connect(own, 'mgmt0', operator, 'eth0');
    connect(own, 'lan0', client, 'eth0');
    own.ip(`address add 192.0.2.1/24 dev mgmt0
      address add 10.77.0.1/24 dev lan0`);
    operator.ip('address add 192.0.2.50/24 dev eth0');
    // All that it takes on Linux to reach an address of another interface: a route.
    client.ip(`address add 10.77.0.50/24 dev eth0
      route add 192.0.2.1 via 10.77.0.1`);
    // Nothing of the page is changed but where its files are; a command that fails ends it.
    const script = `umask 022; set -e\n${typed!.replaceAll('/etc/lessor', folder).replace(/^lessor serve/m, 'exec lessor serve')}`;
    shell = own.spawn(['sh', '-c', script], { stdio: ['ignore', 'pipe', 'pipe'], env });
    for (const stream of [shell.stdout!, shell.stderr!]) stream.on('data', (text) => (said += String(text)));
    await until(
      () => said,
      () => {
        assert.equal(shell.exitCode, null, said);
        return said.includes('DHCP4_STARTED');
      },
    );
    await own.run([join(BIN, 'lessor'), 'pki', 'issue', '-d', join(folder, 'pki'), '--client', 'nobody']);
  });
  after(() => {
    shell?.kill('SIGKILL');
    for (const host of hosts) host.destroy();
    removeScratch(folder);
  });

  /** curl as the page has it, with another command or another certificate. */
  async function curl(host: Netns, command: string, who?: string): Promise<{ status: number | null; stdout: string }> {
    const own = who === undefined ? '' : `--cert ${who}.pem --key ${who}.key`;
    const line = asked!.replace('--cert ann.pem --key ann.key', own).replace('status-get', command);
    return host.run(['sh', '-c', `cd ${join(folder, 'pki')}; ${line.replace(/^curl/, 'curl -sS -m 20')}`]);
  }

  test('the page says what the server is told: who can end it', () => {
    assert.match(said, /0 errors, 0 warnings/);
    assert.match(said, /^root/m);
    assert.doesNotMatch(said, /^ann /m);
  });

  test('ann reads, and changes nothing', async () => {
    const read = await curl(hosts[1], 'status-get', 'ann');
    assert.equal(read.status, 0);
    assert.match(read.stdout, /"result": ?0/);
    assert.match(read.stdout, /"verdict": ?"dedicated"/);
    const denied = await curl(hosts[1], 'shutdown', 'ann');
    assert.match(denied.stdout, /"result": ?403/);
    assert.equal(shell.exitCode, null);
  });

  test('who has no certificate gets no answer; who has one and is nobody gets no right', async () => {
    assert.notEqual((await curl(hosts[1], 'status-get')).status, 0);
    assert.match((await curl(hosts[1], 'status-get', 'nobody')).stdout, /"result": ?40[13]/);
  });

  test('from the network of the clients there is nothing to connect to, with the right certificate either', async () => {
    const { status, stdout } = await curl(hosts[2], 'status-get', 'ann');
    assert.equal(stdout, '');
    // curl: 7 is refused, 28 is silence.
    assert.ok(status === 7 || status === 28, `curl ended with ${status}`);
  });

  test('all of it is in the audit, whose chain is whole', async () => {
    const file = join(folder, 'audit.jsonl');
    assert.match(readFileSync(file, 'utf8'), /"who":"ann".*"command":"shutdown"/);
    const { status, stdout } = await hosts[0].run([join(BIN, 'lessor'), 'audit', 'verify', file]);
    assert.equal(status, 0);
    assert.match(stdout, /records, whole/);
  });

  test('ann is revoked: from then on she gets no answer', async () => {
    const revoked = await hosts[0].run([
      'sh',
      '-c',
      `PATH=${env.PATH}; ${revoking!.replaceAll('/etc/lessor', folder)}`,
    ]);
    assert.equal(revoked.status, 0);
    await until('the list is noticed', async () => (await curl(hosts[1], 'status-get', 'ann')).status !== 0);
    // She hears of it before it is written down.
    await until('it is in the audit', async () => {
      assert.notEqual((await curl(hosts[1], 'status-get', 'ann')).status, 0);
      return /CERT_REVOKED/.test(readFileSync(join(folder, 'audit.jsonl'), 'utf8'));
    });
  });
});
