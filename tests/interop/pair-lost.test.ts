/** What is left to do when one server of a pair is gone for good, and the other does not have what it knew. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Reply, TestClient } from '../lib/dhcp-client.js';
import { Link } from '../lib/link.js';
import { Netns } from '../lib/netns.js';
import { PairLab } from '../lib/pair-lab.js';
import { skipUnless } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';
import { until } from '../lib/until.js';
import { TYPE } from '../lib/wire.js';

const skip = skipUnless('python3');

/** Seconds that leases nobody knows of are waited for. */
const WAIT_SEC = 10;

describe('A server whose partner never comes back', { skip }, () => {
  let lab: PairLab;
  let far: Netns;
  let link: Link;

  before(async () => {
    lab = new PairLab({
      lessor: { mclt: 10, 'interrupt-after': 3000, 'heartbeat-delay': 100, 'ack-deadline': 10_000 },
    });
    far = Netns.create();
    lab.lan.plug(far, 'eth0');
    link = await Link.open(far, 'eth0');
    await Promise.all(lab.servers.map((server) => server.start()));
    await lab.until(0, 'normal');
    await lab.until(1, 'normal');
  });

  after(async () => {
    link?.close();
    far?.destroy();
    await lab?.close();
  });

  const clientOf = (side: 0 | 1): TestClient =>
    new TestClient({ link, server: `10.77.0.${side + 1}`, serverMac: lab.hosts[side].macOf('lan0') });

  /** `lessor ha ...` against the first server: its exit code, and what it prints. */
  async function ha(...argv: string[]) {
    const program = repoPath('packages', 'server', 'bin', 'lessor');
    const words = [process.execPath, program, 'ha', ...argv, '--socket', lab.servers[0].socket];
    return await lab.hosts[0].run(['/bin/sh', '-c', '"$@" 2>&1', 'sh', ...words]);
  }

  test('differences of the address space are told with their places', async () => {
    const [alpha, beta] = lab.servers;
    const subnet4 = [{ id: 77, subnet: '10.77.0.0/24', pools: [{ pool: '10.77.0.100 - 10.77.0.180' }] }];
    await beta.reconfigure({ ...beta.dhcp4, subnet4 });
    const told = /no pair: subnets, pools.*subnet4\[id=77\]\.pools.*10\.77\.0\.180/;
    await until(
      () => `it is not told in\n${alpha.log()}`,
      () => told.test(alpha.log()),
    );
    await beta.reconfigure({ ...beta.dhcp4, subnet4: alpha.dhcp4.subnet4 });
    await lab.until(0, 'normal');
    await lab.until(1, 'normal');
  });

  test('is told by an operator, who hears what it costs; clients that renew keep their addresses', async () => {
    const [alpha, beta] = lab.servers;
    await alpha.stop();
    await lab.until(1, 'partner-down');
    const client = clientOf(1);
    const { yiaddr } = await client.lease();
    // What beta knows goes with it.
    await beta.kill();
    await alpha.start();
    await lab.until(0, 'recovering');

    const refused = await ha('partner-down');
    assert.equal(refused.status, 1);
    assert.match(refused.stdout, /waits to fetch them from its partner.*without-its-leases/s);
    assert.equal(await lab.state(0), 'recovering');
    assert.equal((await alpha.command('ha-partner-down', { wait: 3 })).result, 1, '"wait" alone means nothing');

    const saidAt = performance.now();
    const told = await ha('partner-down', '--without-its-leases', '--wait', String(WAIT_SEC));
    assert.equal(told.status, 0, told.stdout);
    assert.match(told.stdout, /serves alone.*clients that renew keep their addresses, nobody else gets one/s);
    await lab.until(0, 'partner-down');

    const stranger = clientOf(0);
    assert.equal(await stranger.ask(TYPE.discover, {}, 500), undefined, 'nobody new while leases may run');
    // A client that renews what nobody here knows of.
    assert.equal((await client.on(clientOf(0).path).renew(yiaddr)).yiaddr, yiaddr);

    let offered: Reply | undefined;
    await until('new clients are served', async () => {
      offered = await stranger.ask(TYPE.discover, {}, 500);
      return offered !== undefined;
    });
    assert.ok(performance.now() - saidAt > WAIT_SEC * 1000, 'and not before');
    assert.notEqual(offered!.yiaddr, yiaddr);
  });

  test('its partner comes back all the same: both go on, and have the same', async () => {
    await lab.servers[1].start();
    await lab.until(0, 'normal');
    await lab.until(1, 'normal');
    const holders = async (side: 0 | 1): Promise<string[]> =>
      (await lab.servers[side].leases())
        .filter(({ state }) => state === 0)
        .map((lease) => `${String(lease['ip-address'])} ${String(lease['hw-address'])}`)
        .sort();
    await until('both have the same', async () => String(await holders(0)) === String(await holders(1)));
  });
});
