/** The beginning of docs/lock-it-down.md, done as it is written there: certificates by `lessor pki`, curl as the client. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect, Netns } from '../lib/netns.js';
import { getPeer, skipUnless } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';
import { Server } from '../lib/server.js';

const PROGRAM = repoPath('packages', 'server', 'bin', 'lessor');

describe('From nothing to certificates on a management port', { skip: skipUnless('ip', 'curl') }, () => {
  const pki = scratchFolder();
  let hosts: readonly [server: Netns, operator: Netns, client: Netns];
  let server: Server;

  /** Runs `lessor pki` and takes the JSON it prints for the configuration. */
  function issue(...argv: string[]): Record<string, unknown> {
    const text = execFileSync(process.execPath, [PROGRAM, 'pki', 'issue', '-d', pki, ...argv], { encoding: 'utf8' });
    return JSON.parse(/^\{$[\s\S]*?^\}$/m.exec(text)![0]) as Record<string, unknown>;
  }

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
    execFileSync(process.execPath, [PROGRAM, 'pki', 'init', '-d', pki]);
    const socket = issue('--server', '192.0.2.1');
    const principals = [issue('--client', 'ann')];
    issue('--client', 'nobody');
    server = new Server(own);
    const unix = { 'socket-type': 'unix', 'socket-name': server.socket };
    const root = { name: 'root', 'unix-users': ['root'], rights: [{ role: 'admin' }] };
    server.configure({
      'control-sockets': [unix, socket],
      subnet4: [{ id: 77, subnet: '10.77.0.0/24', pools: [{ pool: '10.77.0.100 - 10.77.0.199' }] }],
      'user-context': { lessor: { access: { principals: [root, ...principals] } } },
    });
    await server.start();
  });
  after(async () => {
    await server?.close();
    for (const host of hosts) host.destroy();
    removeScratch(pki);
  });

  /** curl as the page has it; its exit code and the answer. */
  async function curl(host: Netns, command: string, who?: string): Promise<{ status: number | null; stdout: string }> {
    const own = who === undefined ? [] : ['--cert', join(pki, `${who}.pem`), '--key', join(pki, `${who}.key`)];
    const body = ['-H', 'Content-Type: application/json', '-d', JSON.stringify({ command })];
    const common = ['-sS', '-m', '5', '--cacert', join(pki, 'ca.pem')];
    return host.run([getPeer('curl'), ...common, ...own, ...body, 'https://192.0.2.1:8443/']);
  }

  test('ann reads, and changes nothing', async () => {
    const read = await curl(hosts[1], 'status-get', 'ann');
    assert.equal(read.status, 0);
    assert.match(read.stdout, /"result": ?0/);
    const denied = await curl(hosts[1], 'shutdown', 'ann');
    assert.match(denied.stdout, /"result": ?403/);
    assert.equal(server.running, true);
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
});
