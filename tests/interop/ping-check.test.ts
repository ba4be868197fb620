/**
 * Pings before offers, in namespaces: one dhcpd.conf, served by dhcpd and, converted, by lessor. Somebody silent holds
 * the address a client is about to be offered, on the server's network and behind a relay; or nobody does.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Arrival, Link } from '../lib/link.js';
import { Netns, Switch } from '../lib/netns.js';
import { getPeer, skipUnless } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';
import { readLeaseFile, Server } from '../lib/server.js';
import { OPT, optionData, TYPE } from '../lib/wire.js';
import { RealClient } from './real-clients.js';

const SERVER = '10.50.0.1';
const PING_MS = 2000;
const CLTT_SEC = 30;
/** Held by somebody, on each network. */
const SQUATTED = { direct: '10.50.0.100', relayed: '10.60.0.100' } as const;

const CONF = `ping-timeout-ms ${PING_MS};
ping-cltt-secs ${CLTT_SEC};
default-lease-time 600;
authoritative;
subnet 10.50.0.0 netmask 255.255.255.0 { range 10.50.0.100 10.50.0.109; }
subnet 10.60.0.0 netmask 255.255.255.0 { range 10.60.0.100 10.60.0.109; option routers 10.60.0.2; }
`;

/** A server of the test, however it is run. */
interface Subject {
  start(host: Netns): Promise<void>;
  stop(): Promise<void>;
  /** True if the address is on record as in use by somebody unknown. */
  isAside(address: string): Promise<boolean>;
}

function dhcpd(): Subject {
  const folder = scratchFolder();
  const [conf, leases] = [join(folder, 'dhcpd.conf'), join(folder, 'dhcpd.leases')];
  let process: ChildProcess | undefined;
  return {
    async start(host) {
      writeFileSync(conf, CONF);
      writeFileSync(leases, '');
      const argv = ['-4', '-f', '-d', '--no-pid', '-cf', conf, '-lf', leases, 'lan0'];
      process = host.spawn([getPeer('dhcpd'), ...argv], { stdio: ['ignore', 'ignore', 'pipe'] });
      let text = '';
      process.stderr!.setEncoding('latin1').on('data', (chunk) => {
        text += chunk;
      });
      for (let n = 0; n < 100 && !text.includes('Server starting service.'); n++) await sleep(50);
      assert.match(text, /Server starting service\./);
    },
    async stop() {
      process?.kill('SIGKILL');
      removeScratch(folder);
    },
    async isAside(address) {
      const [, last = ''] = readFileSync(leases, 'latin1').split(`lease ${address} {`).slice(-2);
      return /^ {2}binding state abandoned;$/m.test(last.split('}')[0]!);
    },
  };
}

function lessor(): Subject & { readonly server: () => Server } {
  let server: Server | undefined;
  return {
    server: () => server!,
    async start(host) {
      server = new Server(host);
      const conf = join(server.folder, 'dhcpd.conf');
      writeFileSync(conf, CONF);
      const program = repoPath('packages', 'server', 'bin', 'lessor');
      const made = spawnSync(process.execPath, [program, 'import-dhcpd', '-i', 'lan0', conf], { encoding: 'utf8' });
      assert.equal(made.status, 0, made.stderr);
      const { Dhcp4 } = JSON.parse(made.stdout.replace(/^\/\/.*\n/gm, '')) as { Dhcp4: Record<string, unknown> };
      const { 'interfaces-config': _, 'control-sockets': __, ...dhcp4 } = Dhcp4;
      server.configure(dhcp4);
      await server.start();
    },
    stop: async () => server?.close(),
    isAside: async (address) => (await server!.lease(address))?.state === 1,
  };
}

const lessorSubject = lessor();
const SUBJECTS: Readonly<Record<string, Subject>> = { dhcpd: dhcpd(), lessor: lessorSubject };

for (const [name, subject] of Object.entries(SUBJECTS)) {
  describe(`Pings before offers: ${name}`, {
    skip: skipUnless('udhcpc', 'dhcpd', 'dhcrelay', 'python3', 'ping'),
  }, () => {
    let near: Switch;
    let remote: Switch;
    let serverHost: Netns;
    let relayHost: Netns;
    const squatters: Netns[] = [];
    let wire: Link;
    const seen: Arrival[] = [];

    before(async () => {
      [near, remote] = [new Switch(), new Switch()];
      [serverHost, relayHost] = [Netns.create(), Netns.create()];
      near.plug(serverHost, 'lan0');
      near.plug(relayHost, 'north');
      remote.plug(relayHost, 'south');
      serverHost.ip(`address add ${SERVER}/24 dev lan0
        route add 10.60.0.0/24 via 10.50.0.2`);
      relayHost.ip(`address add 10.50.0.2/24 dev north
        address add 10.60.0.2/24 dev south`);
      await relayHost.run(['/bin/sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
      relayHost.spawn([getPeer('dhcrelay'), '-4', '-d', '--no-pid', '-id', 'south', '-iu', 'north', SERVER], {
        stdio: 'ignore',
      });
      for (const [network, address] of [
        [near, SQUATTED.direct],
        [remote, SQUATTED.relayed],
      ] as const) {
        const squatter = Netns.create();
        network.plug(squatter, 'eth0');
        squatter.ip(`address add ${address}/24 dev eth0`);
        if (network === remote) squatter.ip('route add default via 10.60.0.2');
        squatters.push(squatter);
      }
      await subject.start(serverHost);
      wire = await Link.open(serverHost, 'lan0', true);
      wire.listen((arrival) => seen.push(arrival));
    });
    after(async () => {
      wire?.close();
      await subject.stop();
      for (const each of [serverHost, relayHost, ...squatters, near, remote]) each?.destroy();
    });

    /** When the client's messages of a type were on the wire, and the addresses they name. */
    const messages = (client: RealClient, type: number): { atMs: number; yiaddr: string }[] =>
      seen
        .filter(({ message }) => message.chaddr === client.mac)
        .filter(({ message }) => optionData(message.options, OPT.messageType)?.[0] === type)
        .map(({ atMs, message }) => ({ atMs, yiaddr: message.yiaddr }));

    const newClient = (t: TestContext, network: Switch): RealClient => {
      const client = new RealClient('udhcpc', network);
      t.after(() => client.close());
      return client;
    };

    /** Milliseconds from the first DISCOVER to the first OFFER. */
    const waitedMs = (client: RealClient): number =>
      messages(client, TYPE.offer)[0]!.atMs - messages(client, TYPE.discover)[0]!.atMs;

    for (const [where, squatted] of Object.entries(SQUATTED)) {
      test(`${where}: an address that somebody holds is put aside, and the client gets another`, async (t) => {
        const client = newClient(t, where === 'direct' ? near : remote);
        client.start({ request: squatted });
        const address = await client.bound();
        assert.notEqual(address, squatted);
        assert.equal(address.slice(0, 9), squatted.slice(0, 9));
        assert.ok(messages(client, TYPE.offer).every(({ yiaddr }) => yiaddr !== squatted));
        assert.ok(messages(client, TYPE.discover).length >= 2, 'the first DISCOVER is not answered');
        assert.equal(await subject.isAside(squatted), true);
      });

      test(`${where}: where nobody is the offer comes when the time is over`, async (t) => {
        const client = newClient(t, where === 'direct' ? near : remote);
        const wanted = squatted.replace(/100$/, '105');
        client.start({ request: wanted });
        assert.equal(await client.bound(), wanted);
        const waited = waitedMs(client);
        assert.ok(waited >= PING_MS - 20, `${waited} ms`);
        assert.equal(await subject.isAside(wanted), false);
      });
    }

    test('who had the address a moment ago gets it back at once', async (t) => {
      const client = newClient(t, near);
      client.start({ request: '10.50.0.107' });
      assert.equal(await client.bound(), '10.50.0.107');
      await client.release();
      for (let n = 0; n < 100 && messages(client, TYPE.release).length === 0; n++) await sleep(50);
      client.crash();
      seen.length = 0;
      client.start({ request: '10.50.0.107' });
      assert.equal(await client.bound(), '10.50.0.107');
      const waited = waitedMs(client);
      assert.ok(waited < PING_MS - 100, `${waited} ms`);
    });

    if (name === 'lessor') {
      test('the lease file and the statistics have what is put aside', async () => {
        const server = lessorSubject.server();
        const leases = readLeaseFile(server.leaseFile);
        for (const address of Object.values(SQUATTED)) {
          const { hwaddr, client_id, state } = leases.get(address) ?? {};
          assert.deepEqual([hwaddr, client_id, state], ['', '', '1'], address);
        }
        assert.equal(await server.statistic('declined-addresses'), 2);
        assert.equal(await server.statistic('subnet[1].declined-addresses'), 1);
        assert.equal(await server.statistic('lessor-dropped-address-in-use'), 2);
        assert.equal(await server.statistic('pkt4-receive-drop'), await server.statistic('pkt4-duplicate'));
      });

      test('a socket of the kernel’s own kind does as well as a raw one', async (t) => {
        const allow = (range: string) =>
          serverHost.run(['/bin/sh', '-c', `echo "${range}" > /proc/sys/net/ipv4/ping_group_range`]);
        await allow('0 2147483647');
        const server = lessorSubject.server();
        await server.stop();
        await server.start();
        assert.equal((await server.must('lease4-del', { 'ip-address': SQUATTED.direct })).text, undefined);
        const client = newClient(t, near);
        client.start({ request: SQUATTED.direct });
        assert.notEqual(await client.bound(), SQUATTED.direct);
        assert.equal(await subject.isAside(SQUATTED.direct), true);
        const { stdout } = await serverHost.run(['/bin/sh', '-c', 'cat /proc/net/icmp /proc/net/raw']);
        const lines = stdout.split('\n').filter((line) => /^ *\d+:/.test(line));
        assert.equal(lines.length, 1, stdout);
        await allow('1 0');
      });
    }
  });
}
