/**
 * A hub with two spokes: one lessor that stands by for two servers, each with a network of its own, over two relations.
 * The spokes are lessors (the safe protocol in each relation), then real Keas 2.2, which know nothing of hubs.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Reply, TestClient } from '../lib/dhcp-client.js';
import { Link } from '../lib/link.js';
import { connect, Netns, Switch } from '../lib/netns.js';
import { getPeer, skipUnless } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';
import { Server } from '../lib/server.js';
import { hook, SUBJECTS, type Subject } from '../lib/subject.js';
import { until } from '../lib/until.js';
import { TYPE } from '../lib/wire.js';

/** How long a partner may be silent: short enough for a test, and longer than a busy machine makes it wait. */
const SILENCE_MS = 4000;

/** Kea 2.2 needs its threads for a listener of its own. */
const RELATION = {
  'heartbeat-delay': 500,
  'max-response-delay': SILENCE_MS,
  'max-ack-delay': 1000,
  'max-unacked-clients': 0,
  'multi-threading': { 'enable-multi-threading': true, 'http-dedicated-listener': true },
};
const LESSOR = { mclt: 20, 'interrupt-after': SILENCE_MS, 'heartbeat-delay': 100, 'ack-deadline': 10_000 };

type Site = 0 | 1;

const spokeName = (site: Site): string => `spoke${site + 1}`;
const hubName = (site: Site): string => `hub${site + 1}`;

/** The two sites of a hub, each a switch with a spoke and the hub on it and a cable between the two. */
class HubLab {
  readonly lans: readonly [Switch, Switch] = [new Switch(), new Switch()];
  readonly hubHost = Netns.create();
  readonly spokeHosts: readonly [Netns, Netns] = [Netns.create(), Netns.create()];
  readonly far: readonly [Netns, Netns] = [Netns.create(), Netns.create()];
  readonly hub: Server;
  readonly spokes: readonly [Server, Server];
  #links: Link[] = [];

  constructor(spokeSubject: Subject) {
    for (const site of [0, 1] as const) {
      this.lans[site].plug(this.hubHost, `lan${site}`);
      this.lans[site].plug(this.spokeHosts[site], 'lan0');
      this.lans[site].plug(this.far[site], 'eth0');
      this.hubHost.ip(`address add 10.77.${site + 1}.1/24 dev lan${site}`);
      this.spokeHosts[site].ip(`address add 10.77.${site + 1}.2/24 dev lan0`);
      connect(this.hubHost, `peer${site}`, this.spokeHosts[site], 'peer0');
      this.hubHost.ip(`address add 192.0.2.${site * 4 + 1}/30 dev peer${site}`);
      this.spokeHosts[site].ip(`address add 192.0.2.${site * 4 + 2}/30 dev peer0`);
    }
    this.hub = new Server(this.hubHost, { subject: SUBJECTS.lessor, interfaces: ['lan0', 'lan1'] });
    this.spokes = [
      new Server(this.spokeHosts[0], { subject: spokeSubject }),
      new Server(this.spokeHosts[1], { subject: spokeSubject }),
    ];
    this.hub.configure(this.hubConfig());
    for (const site of [0, 1] as const) this.spokes[site].configure(this.spokeConfig(site));
  }

  hubConfig(more: readonly object[] = []): Record<string, unknown> {
    return {
      'valid-lifetime': 600,
      subnet4: [subnet(0, { 'user-context': { 'ha-server-name': 'spoke1' } }), ...more],
      'shared-networks': [
        // The second one is labelled by its network, and with the hub's own name there.
        { name: 'site2', subnet4: [subnet(1)], 'user-context': { 'ha-server-name': 'hub2' } },
      ],
      'hooks-libraries': [hook('ha', { 'high-availability': [relation(0, hubName(0)), relation(1, hubName(1))] })],
    };
  }

  spokeConfig(site: Site): Record<string, unknown> {
    const own = subnet(site);
    return {
      'valid-lifetime': 600,
      'multi-threading': { 'enable-multi-threading': true, 'thread-pool-size': 2 },
      ...(site === 0 ? { subnet4: [own] } : { 'shared-networks': [{ name: 'site2', subnet4: [own] }] }),
      'hooks-libraries': [hook('ha', { 'high-availability': [relation(site, spokeName(site))] })],
    };
  }

  async start(): Promise<void> {
    this.#links = [await Link.open(this.far[0], 'eth0'), await Link.open(this.far[1], 'eth0')];
    await Promise.all([this.hub, ...this.spokes].map((server) => server.start()));
  }

  client(site: Site, at: 'hub' | 'spoke' = 'spoke', mac?: string): TestClient {
    const [host, face] = at === 'hub' ? [this.hubHost, `lan${site}`] : [this.spokeHosts[site], 'lan0'];
    const server = `10.77.${site + 1}.${at === 'hub' ? 1 : 2}`;
    const path = { link: this.#links[site]!, server, serverMac: host.macOf(face) };
    return new TestClient(path, mac === undefined ? {} : { mac });
  }

  /** A lease for a client that asks again and again, as clients do. */
  leased(site: Site): Promise<Reply> {
    return this.client(site).persist(() => `at site ${site + 1}\n${this.logs()}`);
  }

  /** What the hub, or a spoke, says of a relation: Kea's word for the state, and lessor's where it has one. */
  async state(server: 'hub' | 'spoke', site: Site): Promise<string> {
    const asked = server === 'hub' ? this.hub : this.spokes[site];
    const status = (await asked.must('status-get'))['high-availability'] as readonly Status[];
    const of = status[server === 'hub' ? site : 0]!;
    return of.lessor?.state ?? of['ha-servers'].local.state;
  }

  async until(server: 'hub' | 'spoke', site: Site, state: string): Promise<void> {
    let found = '';
    await until(
      () => `${server} ${site + 1} is in ${found}, not ${state}\n${this.logs()}`,
      async () => {
        found = await this.state(server, site).catch((error: Error) => error.message);
        return found === state;
      },
      50,
    );
  }

  async all(state: string): Promise<void> {
    for (const site of [0, 1] as const)
      for (const server of ['hub', 'spoke'] as const) await this.until(server, site, state);
  }

  /** Addresses and holders in a site's network, as the hub or the spoke has them. */
  async holders(server: Server, site: Site): Promise<string[]> {
    return (await server.leases())
      .filter((lease) => lease.state === 0 && lease['subnet-id'] === site + 1)
      .map((lease) => `${String(lease['ip-address'])} ${String(lease['hw-address'])}`)
      .sort();
  }

  async equal(site: Site): Promise<string[]> {
    let [here, there]: string[][] = [[], []];
    await until(
      () => `hub and spoke ${site + 1} have the same: ${here} and ${there}`,
      async () => {
        [here, there] = [await this.holders(this.hub, site), await this.holders(this.spokes[site], site)];
        return String(here) === String(there);
      },
      50,
    );
    assert.equal((await this.spokes[site].leases()).filter((lease) => lease['subnet-id'] !== site + 1).length, 0);
    return here!;
  }

  logs(): string {
    return [this.hub, ...this.spokes].map((server) => server.log()).join('\n---\n');
  }

  async close(): Promise<void> {
    for (const link of this.#links) link.close();
    await Promise.all([this.hub, ...this.spokes].map((server) => server.close()));
    for (const host of [this.hubHost, ...this.spokeHosts, ...this.far]) host.destroy();
    for (const lan of this.lans) lan.destroy();
  }
}

interface Status {
  readonly 'ha-servers': { readonly local: { readonly state: string; readonly scopes: readonly string[] } };
  readonly lessor?: { readonly state: string; readonly relationship: string };
}

function subnet(site: Site, more: object = {}): object {
  const prefix = `10.77.${site + 1}`;
  return { id: site + 1, subnet: `${prefix}.0/24`, pools: [{ pool: `${prefix}.100 - ${prefix}.199` }], ...more };
}

function relation(site: Site, self: string): object {
  const url = (last: number): string => `http://192.0.2.${site * 4 + last}:8765/`;
  return {
    'this-server-name': self,
    mode: 'hot-standby',
    ...RELATION,
    'user-context': { lessor: LESSOR },
    peers: [
      { name: spokeName(site), url: url(2), role: 'primary' },
      { name: hubName(site), url: url(1), role: 'standby' },
    ],
  };
}

describe('A hub with two spokes that are lessors', { skip: skipUnless('python3') }, () => {
  let lab: HubLab;

  before(async () => {
    lab = new HubLab(SUBJECTS.lessor);
    await lab.start();
  });
  after(async () => await lab?.close());

  async function ha(...argv: string[]): Promise<{ status: number | null; stdout: string }> {
    const program = repoPath('packages', 'server', 'bin', 'lessor');
    return await lab.hubHost.run([process.execPath, program, 'ha', ...argv, '--socket', lab.hub.socket]);
  }

  test('each relation meets in the safe protocol, and says so on its own', async () => {
    await lab.all('normal');
    const { stdout, status } = await ha('status');
    assert.match(stdout, /^hub1 \(standby, hot-standby\): normal$[\s\S]*^hub2 \(standby, hot-standby\): normal$/m);
    assert.equal(status, 0);
  });

  test('a lease is on the hub before its ACK, and on no other spoke', async () => {
    for (const site of [0, 1] as const) {
      const { yiaddr } = await lab.client(site).lease();
      assert.ok(await lab.hub.lease(yiaddr), 'at the hub');
      assert.equal(await lab.spokes[site === 0 ? 1 : 0].lease(yiaddr), undefined);
      assert.equal((await lab.equal(site)).length, 1);
    }
  });

  test('commands are for one relation, and have to say for which', async () => {
    const vague = await lab.hub.command('ha-heartbeat');
    assert.equal(vague.result, 1);
    assert.match(vague.text!, /'server-name' has to say which one ha-heartbeat is for: hub1 or spoke1/);
    assert.equal((await lab.hub.must('ha-heartbeat', { 'server-name': 'spoke2' })).state, 'hot-standby');
    assert.match((await lab.hub.command('ha-heartbeat', { 'server-name': 'nobody' })).text!, /matches no configured/);
    assert.equal((await lab.hub.command('ha-config-diff', { 'server-name': 'spoke1' })).result, 3, 'alike');
    assert.equal((await ha('diff', '--server', 'spoke2')).stdout, 'both servers are configured alike\n');
  });

  test('the hub takes over for a spoke that is killed, and for that one alone', async () => {
    await lab.spokes[0].kill();
    const { yiaddr, serverId } = await lab.leased(0);
    assert.equal(serverId, '10.77.1.1');
    assert.match(yiaddr, /^10\.77\.1\./);
    await lab.until('hub', 0, 'interrupted');
    assert.equal(await lab.state('hub', 1), 'normal');
    assert.equal((await lab.client(1).lease()).serverId, '10.77.2.2', 'the other spoke still serves');
    await lab.spokes[0].start();
    await lab.all('normal');
    assert.equal((await lab.equal(0)).length, 2);
    await lab.equal(1);
  });

  test('a spoke that is stopped in order is served for at once, and the hub survives its own end', async () => {
    await lab.spokes[1].stop();
    await lab.until('hub', 1, 'partner-down');
    await lab.leased(1);
    await lab.hub.kill();
    await lab.leased(0);
    await lab.spokes[1].start();
    await lab.hub.start();
    await lab.all('normal');
    for (const site of [0, 1] as const) await lab.equal(site);
  });

  test('clients of a subnet that is in no relation are left alone; subnets come and go, but never to another relation', async () => {
    const label = { 'user-context': { 'ha-server-name': 'spoke2' } };
    const moved = { ...lab.hubConfig(), subnet4: [subnet(0, label)] };
    await assert.rejects(lab.hub.reconfigure(moved), /can not change its relation/);
    await lab.hub.reconfigure({ ...lab.hubConfig(), subnet4: [subnet(0)] });
    await lab.client(0, 'hub').ignored(TYPE.discover, { secs: 60, unicast: true });
    await lab.hub.reconfigure(lab.hubConfig());
    await lab.all('normal');
    for (const site of [0, 1] as const) await lab.equal(site);
  });
});

describe('A hub with two spokes that are Keas', { skip: skipUnless('kea-dhcp4', 'python3', 'curl') }, () => {
  let lab: HubLab;

  before(async () => {
    lab = new HubLab(SUBJECTS.kea);
    await lab.start();
  });
  after(async () => await lab?.close());

  test('each meets, replicates, is taken over for and comes back', async () => {
    await lab.all('hot-standby');
    for (const site of [0, 1] as const) {
      const { yiaddr, serverId } = await lab.leased(site);
      assert.equal(serverId, `10.77.${site + 1}.2`);
      assert.ok(await lab.hub.lease(yiaddr));
      await lab.equal(site);
    }
    await lab.spokes[0].kill();
    assert.equal((await lab.leased(0)).serverId, '10.77.1.1');
    await lab.until('hub', 0, 'partner-down');
    assert.equal(await lab.state('hub', 1), 'hot-standby');
    assert.equal((await lab.leased(1)).serverId, '10.77.2.2');
    await lab.spokes[0].start();
    await lab.all('hot-standby');
    assert.equal((await lab.equal(0)).length, 2);
    assert.equal((await lab.equal(1)).length, 2);
  });

  test('a spoke can change nothing of the other one, nor read it', async () => {
    const before = await lab.holders(lab.hub, 1);
    const tell = async (command: string, args: object): Promise<string> => {
      const body = JSON.stringify({ command, service: ['dhcp4'], arguments: args });
      const curl = [getPeer('curl'), '-s', '-H', 'Content-Type: application/json', '-d', body];
      return (await lab.spokeHosts[0].run([...curl, 'http://192.0.2.1:8765/'])).stdout;
    };
    const lease = {
      ...{
        'hw-address': '02:00:00:00:99:01',
        'valid-lft': 600,
        expire: Math.floor(Date.now() / 1000) + 600,
        hostname: '',
      },
      ...{ 'fqdn-fwd': false, 'fqdn-rev': false, state: 0, 'force-create': true, origin: 'ha-partner' },
    };
    const [held = ''] = before;
    const [theirs = ''] = held.split(' ');
    assert.match(await tell('lease4-update', { ...lease, 'ip-address': '10.77.2.150', 'subnet-id': 2 }), /"result":1/);
    assert.match(await tell('lease4-update', { ...lease, 'ip-address': theirs, 'subnet-id': 1 }), /"result":1/);
    await tell('lease4-del', { 'ip-address': theirs });
    assert.ok(!(await tell('lease4-get-page', { from: 'start', limit: 1000 })).includes('10.77.2.'), 'nothing to read');
    assert.deepEqual(await lab.holders(lab.hub, 1), before);
  });

  test('the hub is killed: each Kea goes on alone, and is caught up with', async () => {
    await lab.hub.kill();
    for (const site of [0, 1] as const) await lab.leased(site);
    await lab.hub.start();
    await lab.all('hot-standby');
    for (const site of [0, 1] as const) assert.equal((await lab.equal(site)).length, 3);
  });
});
