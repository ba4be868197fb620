/** `lessor pair init` and `lessor pair join`: two commands make two servers a pair, on two machines, in real processes. */

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestClient } from '../lib/dhcp-client.js';
import { Link } from '../lib/link.js';
import { connect, Netns, Switch } from '../lib/netns.js';
import { skipUnless } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';
import { Server } from '../lib/server.js';
import { until } from '../lib/until.js';

const PROGRAM = repoPath('packages', 'server', 'bin', 'lessor');
const POOL = '10.77.0.100 - 10.77.0.199';

/** A program of which the test reads while it runs. */
interface Running {
  readonly child: ChildProcess;
  output(): string;
  readonly ended: Promise<number | null>;
}

describe('Setting up a pair', { skip: skipUnless('ip', 'python3') }, () => {
  let lan: Switch;
  let hosts: readonly [Netns, Netns];
  let servers: readonly [Server, Server];
  const running = new Set<ChildProcess>();

  before(() => {
    lan = new Switch();
    hosts = [Netns.create(), Netns.create()];
    for (const [side, host] of hosts.entries()) {
      lan.plug(host, 'lan0');
      host.ip(`address add 10.77.0.${side + 1}/24 dev lan0`);
    }
    connect(hosts[0], 'peer0', hosts[1], 'peer0');
    for (const [side, host] of hosts.entries()) host.ip(`address add 192.0.2.${side + 1}/30 dev peer0`);
  });
  after(() => {
    for (const host of hosts) host.destroy();
    lan.destroy();
  });

  beforeEach(() => {
    servers = [new Server(hosts[0]), new Server(hosts[1])];
    for (const server of servers) server.configure(dhcp4(POOL));
  });
  afterEach(async () => {
    for (const child of running) child.kill('SIGKILL');
    running.clear();
    await Promise.all(servers.map((server) => server.close()));
  });

  const dhcp4 = (pool: string) => ({
    'valid-lifetime': 600,
    subnet4: [{ id: 77, subnet: '10.77.0.0/24', pools: [{ pool }] }],
  });

  function lessor(side: 0 | 1, ...argv: string[]): Running {
    const server = servers[side];
    const env = { KEA_DHCP_DATA_DIR: join(server.folder, 'data'), KEA_CONTROL_SOCKET_DIR: join(server.folder, 'run') };
    const child = hosts[side].spawn([process.execPath, PROGRAM, ...argv], {
      env: { ...process.env, ...env, KEA_LOG_FILE_DIR: server.folder },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    let text = '';
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
    }
    return { child, output: () => text, ended: new Promise((resolve) => child.once('close', resolve)) };
  }

  /** `lessor pair init` on the first server, and the token it prints. */
  async function init(...more: string[]): Promise<Running & { readonly token: string }> {
    const config = servers[0].configFile;
    const started = lessor(0, 'pair', 'init', '-c', config, '--name', 'alpha', '--address', '192.0.2.1', ...more);
    for (;;) {
      const token = /pair join (\S+)/.exec(started.output())?.[1];
      if (token !== undefined) return { ...started, token };
      assert.equal(started.child.exitCode, null, started.output());
      await sleep(20);
    }
  }

  const joining = (token: string, ...more: string[]): Running =>
    lessor(1, 'pair', 'join', token, '-c', servers[1].configFile, ...more);

  test('two commands, then both serve as one and know each other by certificate', async () => {
    const first = await init('--device', 'peer0');
    const second = joining(first.token, '--name', 'beta', '--device', 'peer0');
    assert.equal(await second.ended, 0, second.output());
    assert.equal(await first.ended, 0, first.output());
    for (const [side, server] of servers.entries()) {
      const name = ['alpha', 'beta'][side]!;
      assert.equal(existsSync(`${server.configFile}.before-pair`), true);
      assert.equal(statSync(join(server.folder, 'pair', `${name}.key`)).mode & 0o077, 0, 'the key is private');
      assert.equal(existsSync(join(server.folder, 'pair', 'ca.key')), side === 0, 'the authority stays on the first');
    }
    await Promise.all(servers.map((server) => server.start()));
    for (const server of servers) {
      await until(
        () => `the pair does not come up\n${server.log()}`,
        async () => {
          const [pair] = (await server.must('status-get'))['high-availability'] as { lessor: { state: string } }[];
          return pair?.lessor.state === 'normal';
        },
      );
    }
    const far = Netns.create();
    lan.plug(far, 'eth0');
    const link = await Link.open(far, 'eth0');
    try {
      const client = new TestClient({ link, server: '10.77.0.1', serverMac: hosts[0].macOf('lan0') });
      const { yiaddr } = await client.lease();
      // An ACK waits for the partner, but not for ever.
      for (const server of servers) {
        await until('both know the lease', async () => (await server.lease(yiaddr))?.['hw-address'] === client.mac);
      }
    } finally {
      link.close();
      far.destroy();
    }
  });

  test('the second server can take the configuration of the first', async () => {
    const config = servers[1].configFile;
    // As on two machines: the same names in the folders of each.
    servers[0].configure({
      ...dhcp4(POOL),
      'lease-database': { type: 'memfile', name: 'kea-leases4.csv' },
      'control-sockets': [{ 'socket-type': 'unix', 'socket-name': 'ctrl' }],
    });
    const first = await init();
    const second = joining(first.token, '--name', 'beta', '--copy-config', '--interfaces', 'lan0,peer0');
    assert.equal(await second.ended, 0, second.output());
    assert.equal(await first.ended, 0, first.output());
    const text = readFileSync(config, 'utf8');
    const { Dhcp4 } = JSON.parse(text) as { Dhcp4: Record<string, unknown> };
    assert.deepEqual(Dhcp4['interfaces-config'], { interfaces: ['lan0', 'peer0'] });
    const relation = JSON.stringify(Dhcp4['hooks-libraries']);
    assert.match(relation, /"this-server-name":"beta"/);
    assert.match(relation, /"url":"https:\/\/192\.0\.2\.2:8765\/","role":"standby"/);
  });

  test('a stranger gets nothing, and stops nobody who has the token', async () => {
    const first = await init();
    const [place, octets] = first.token.split('/') as [string, string];
    const wrongSecret = `${place}/${octets.slice(0, 43)}${'A'.repeat(21)}`;
    const wrongServer = `${place}/${'A'.repeat(42)}${octets.slice(42)}`;
    const before = readFileSync(servers[1].configFile);
    for (const [token, text] of [
      [wrongSecret, /the secret is not that of the token/],
      [wrongServer, /is not the server that made the token/],
    ] as const) {
      const stranger = joining(token, '--name', 'beta');
      assert.equal(await stranger.ended, 1);
      assert.match(stranger.output(), text);
    }
    await until('it says whom it refused', () => /refused 192\.0\.2\.2: the secret/.test(first.output()));
    assert.equal(existsSync(join(servers[1].folder, 'pair')), false);
    assert.deepEqual(readFileSync(servers[1].configFile), before);
    const friend = joining(first.token, '--name', 'beta');
    assert.equal(await friend.ended, 0, friend.output());
  });

  test('whoever guesses is not listened to for long', async () => {
    const first = await init();
    const wrong = first.token.replace(/.{21}$/, 'A'.repeat(21));
    for (let i = 0; i < 5; i++) await joining(wrong, '--name', 'beta').ended;
    assert.equal(await first.ended, 1);
    assert.match(first.output(), /too many came with a wrong secret/);
  });

  test('servers that do not fit are told why, and both stay as they were', async () => {
    const texts = (): string[] => servers.map((server) => readFileSync(server.configFile, 'utf8'));
    servers[1].configure(dhcp4('10.77.0.100 - 10.77.0.150'));
    const before = texts();
    const first = await init();
    const other = joining(first.token, '--name', 'beta');
    assert.equal(await other.ended, 1);
    assert.match(other.output(), /differ in subnets or pools/);
    servers[1].configure(dhcp4(POOL));
    const same = joining(first.token, '--name', 'alpha');
    assert.equal(await same.ended, 1);
    assert.match(same.output(), /both servers are called alpha/);
    // An interface that this machine does not have is found before anything is written on either side.
    const elsewhere = joining(first.token, '--name', 'beta', '--copy-config', '--interfaces', 'nowhere0');
    assert.equal(await elsewhere.ended, 1);
    assert.match(elsewhere.output(), /nowhere0/);
    assert.equal(texts()[0], before[0]);
    assert.equal(existsSync(join(servers[1].folder, 'pair', 'beta.key')), false);
    first.child.kill('SIGTERM');
    assert.equal(await first.ended, 1);
    assert.match(first.output(), /interrupted/);
  });

  test('nobody comes: it ends by itself and says so', async () => {
    const first = await init('--wait', '1');
    assert.equal(await first.ended, 1);
    assert.match(first.output(), /no partner came in time/);
  });
});
