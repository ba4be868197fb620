/**
 * Unmodified clients, directly and through ISC's relay agent: lease, renew, rebind to a restarted server, reboot,
 * decline, release. All clients do each thing at the same time; every step is checked on the wire, in the server's
 * lease database and on the client's interface.
 */

import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Arrival, Link } from '../lib/link.js';
import { Netns, Switch } from '../lib/netns.js';
import { getPeer, skipUnless } from '../lib/peers.js';
import { Server } from '../lib/server.js';
import { subject } from '../lib/subject.js';
import { until } from '../lib/until.js';
import { OPT, optionData, TYPE } from '../lib/wire.js';
import { type ClientName, RealClient } from './real-clients.js';

const SERVER = '10.50.0.1';
const NAMES: readonly ClientName[] = ['dhclient', 'udhcpc', 'dhcpcd'];

/** Short timers, so that clients renew while the test looks on. */
const dhcp4 = {
  'valid-lifetime': 60,
  'renew-timer': 3,
  'rebind-timer': 6,
  // Kea 3 does not write early renewals unless told so; the test looks for them in the database.
  'cache-threshold': 0.01,
  authoritative: true,
  subnet4: [50, 60].map((n) => ({
    id: n,
    subnet: `10.${n}.0.0/24`,
    pools: [{ pool: `10.${n}.0.100 - 10.${n}.0.199` }],
    'option-data': [{ name: 'routers', data: `10.${n}.0.${n === 50 ? 1 : 2}` }],
  })),
};

const skip = subject.skipReason() || skipUnless('dhclient', 'udhcpc', 'dhcpcd', 'dhcrelay', 'busybox', 'ping');

describe('Unmodified clients', { skip }, () => {
  let near: Switch;
  let remote: Switch;
  let serverHost: Netns;
  let relayHost: Netns;
  let server: Server;
  let wire: Link;
  const clients: {
    client: RealClient;
    title: string;
    mac: string;
    network: Switch;
    subnet: string;
    address: string;
  }[] = [];
  const seen: Arrival[] = [];

  before(async () => {
    near = new Switch();
    remote = new Switch();
    serverHost = Netns.create();
    relayHost = Netns.create();
    near.plug(serverHost, 'lan0');
    near.plug(relayHost, 'north');
    remote.plug(relayHost, 'south');
    serverHost.ip(`address add ${SERVER}/24 dev lan0
      route add 10.60.0.0/24 via 10.50.0.2`);
    relayHost.ip(`address add 10.50.0.2/24 dev north
      address add 10.60.0.2/24 dev south`);
    await relayHost.run(['/bin/sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
    relayHost.spawn([getPeer('dhcrelay'), '-4', '-d', '--no-pid', '-a', '-id', 'south', '-iu', 'north', SERVER], {
      stdio: 'ignore',
    });
    server = new Server(serverHost);
    server.configure(dhcp4);
    await server.start();
    wire = await Link.open(serverHost, 'lan0', true);
    wire.listen((arrival) => seen.push(arrival));
    for (const [network, place, subnet] of [
      [near, 'direct', '10.50.0.'],
      [remote, 'relayed', '10.60.0.'],
    ] as const) {
      for (const name of NAMES) {
        const client = new RealClient(name, network);
        clients.push({ client, title: `${name}, ${place}`, mac: client.mac, network, subnet, address: '' });
      }
    }
  });

  after(async () => {
    for (const { client } of clients) client.close();
    wire?.close();
    await server?.close();
    for (const each of [serverHost, relayHost, near, remote]) each?.destroy();
  });

  type Guest = (typeof clients)[number];

  /** Runs a step for every client at once, each as a subtest. */
  async function everyone(t: TestContext, step: (each: Guest) => Promise<void>): Promise<void> {
    await Promise.all(clients.map((each) => t.test(each.title, () => step(each))));
  }

  /** Messages of a client on the server's wire since an instant, answers or queries of a type. */
  function messages(mac: string, type: number, sinceMs: number): Arrival[] {
    return seen.filter(
      ({ message, atMs }) =>
        atMs >= sinceMs && message.chaddr === mac && optionData(message.options, OPT.messageType)?.[0] === type,
    );
  }

  /** Waits for the first such message. */
  async function message(
    each: Pick<Guest, 'client' | 'mac' | 'title'>,
    type: number,
    sinceMs: number,
  ): Promise<Arrival> {
    const found = () => messages(each.mac, type, sinceMs)[0];
    await until(
      () => `${each.title}: no message of type ${type}\n${each.client.log()}`,
      () => found() !== undefined,
    );
    return found()!;
  }

  const concurrent = { concurrency: true };

  test('lease: the address is in the right subnet, on record, and works', concurrent, async (t) => {
    await everyone(t, async (each) => {
      each.client.start();
      each.address = await each.client.bound();
      assert.ok(each.address.startsWith(each.subnet), each.address);
      const lease = await server.lease(each.address);
      assert.equal(lease?.['hw-address'], each.mac);
      assert.ok(await each.client.reaches(SERVER), 'the server does not answer its ping');
    });
  });

  test('renew: by unicast to the server, the lease is extended', concurrent, async (t) => {
    const before = new Map(
      await Promise.all(clients.map(async (each) => [each, await server.lease(each.address)] as const)),
    );
    // Whoever renewed while these were looked up has done so without a trace in them.
    const start = performance.now();
    // A renewal in the second of the lease would leave no trace in the database.
    await sleep(1100);
    await everyone(t, async (each) => {
      each.client.renew();
      const renewed = () =>
        messages(each.mac, TYPE.ack, start).find(
          ({ message }) => message.ciaddr === each.address && message.giaddr === '0.0.0.0',
        );
      await until(
        () => `${each.title}: no renewal\n${each.client.log()}`,
        () => renewed() !== undefined,
      );
      assert.equal(renewed()?.frame.destination, each.address, each.client.log());
      const lease = await server.lease(each.address);
      assert.ok((lease?.cltt as number) > (before.get(each)?.cltt as number), 'the lease was not extended');
      assert.equal(await each.client.address(), each.address);
    });
  });

  test('rebind: the server is killed and started again, every client keeps its address', concurrent, async (t) => {
    await server.kill();
    const dead = performance.now();
    const rebinding = () =>
      seen.filter(
        ({ message, frame, atMs }) =>
          atMs > dead && message.op === 1 && frame.destination === '255.255.255.255' && message.ciaddr !== '0.0.0.0',
      );
    // Renewals have failed and T2 has passed.
    await until('a client comes to its rebinding time', () => rebinding().length > 0);
    await server.start();
    await everyone(t, async (each) => {
      each.client.renew();
      const ack = await message(each, TYPE.ack, dead);
      assert.equal(ack.message.yiaddr, each.address);
      assert.equal(await each.client.address(), each.address);
      assert.deepEqual(messages(each.mac, TYPE.nak, dead), []);
      assert.deepEqual(messages(each.mac, TYPE.discover, dead), [], 'it had to begin again');
    });
  });

  test(
    'reboot: a client that lost power gets its address again, from its memory if it has one',
    concurrent,
    async (t) => {
      await everyone(t, async (each) => {
        each.client.crash();
        const start = performance.now();
        each.client.start(each.client.remembers ? {} : { request: each.address });
        assert.equal(await each.client.bound(), each.address);
        if (each.client.remembers) {
          assert.deepEqual(messages(each.mac, TYPE.discover, start), [], 'it should have asked in INIT-REBOOT state');
        }
        assert.ok(await each.client.reaches(SERVER));
      });
    },
  );

  test('release: the address is free again', concurrent, async (t) => {
    await everyone(t, async (each) => {
      const start = performance.now();
      await each.client.release();
      await message(each, TYPE.release, start);
      await until('its lease is free', async () => (await server.lease(each.address))?.state !== 0);
    });
  });

  test('decline: an address that somebody uses is put aside, and another is leased', concurrent, async (t) => {
    const squatters = new Map<Switch, Link>();
    for (const network of [near, remote]) {
      const host = Netns.create();
      t.after(() => host.destroy());
      network.plug(host, 'eth0');
      const squatter = await Link.open(host, 'eth0');
      t.after(() => squatter.close());
      squatters.set(network, squatter);
    }
    const fresh = clients.map(({ client, network, ...each }) => {
      client.crash();
      const other = new RealClient(client.name, network);
      t.after(() => other.close());
      return { ...each, client: other, mac: other.mac, squatter: squatters.get(network) as Link };
    });
    const start = performance.now();
    await Promise.all(
      fresh.map((each) =>
        t.test(each.title, async () => {
          each.squatter.contest(each.mac);
          each.client.start({ probe: true });
          const declined = await message(each, TYPE.decline, start);
          each.squatter.concede(each.mac);
          const taken = optionData(declined.message.options, OPT.requestedAddress)?.join('.') as string;
          assert.ok(taken.startsWith(each.subnet), taken);
          const address = await each.client.bound(taken);
          assert.notEqual(address, taken);
          assert.equal((await server.lease(taken))?.state, 1);
          assert.equal((await server.lease(address))?.['hw-address'], each.mac);
        }),
      ),
    );
  });
});
