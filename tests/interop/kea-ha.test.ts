/**
 * Pairs of lessor and a real Kea 2.2 with its libdhcp_ha.so, lessor in either role: they meet, every lease is on both
 * before its ACK, each takes over from the other and gives the service back, maintenance works from both sides.
 */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { type Reply, TestClient } from '../lib/dhcp-client.js';
import { Link } from '../lib/link.js';
import { Netns } from '../lib/netns.js';
import { PairLab, type PairOptions } from '../lib/pair-lab.js';
import { getPeer, skipUnless } from '../lib/peers.js';
import { Server } from '../lib/server.js';
import { SUBJECTS } from '../lib/subject.js';
import { until } from '../lib/until.js';
import { TYPE } from '../lib/wire.js';

const skip = skipUnless('kea-dhcp4', 'python3', 'openssl', 'curl');
const { lessor, kea } = SUBJECTS;

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
const DHCP4 = { 'multi-threading': { 'enable-multi-threading': true, 'thread-pool-size': 2 } };

class KeaLab {
  readonly lab: PairLab;
  readonly far = Netns.create();
  #link: Link | undefined;

  constructor(
    readonly lessorSide: 0 | 1,
    options: PairOptions = {},
  ) {
    this.lab = new PairLab({
      subjects: lessorSide === 0 ? [lessor, kea] : [kea, lessor],
      relation: RELATION,
      dhcp4: DHCP4,
      lessor: { partner: 'kea', 'interrupt-after': SILENCE_MS },
      ...options,
    });
    this.lab.lan.plug(this.far, 'eth0');
  }

  async start(): Promise<void> {
    this.#link = await Link.open(this.far, 'eth0');
    await Promise.all(this.lab.servers.map((server) => server.start()));
  }

  client(mac?: string): TestClient {
    const path = { link: this.#link!, server: '10.77.0.1', serverMac: this.lab.hosts[0].macOf('lan0') };
    return new TestClient(path, mac === undefined ? {} : { mac });
  }

  /** A lease for a client that asks again and again, as clients do. */
  async leased(one = this.client()): Promise<{ ack: Reply; gapMs: number }> {
    const began = performance.now();
    const ack = await one.persist(() => this.#logs());
    return { ack, gapMs: performance.now() - began };
  }

  /** Waits until status-get of a server says a state. */
  async until(side: 0 | 1, state: string): Promise<void> {
    let found = '';
    await until(
      () => `server ${side} is in ${found}, not ${state}\n${this.#logs()}`,
      async () => {
        found = await this.state(side).catch((error: Error) => error.message);
        return found === state;
      },
      100,
    );
  }

  #logs(): string {
    return this.lab.servers.map((each) => each.log()).join('\n');
  }

  async state(side: 0 | 1): Promise<string> {
    const ha = (await this.lab.ha(side)) as { 'ha-servers': { local: { state: string } } };
    return ha['ha-servers'].local.state;
  }

  async both(state: string): Promise<void> {
    await this.until(0, state);
    await this.until(1, state);
  }

  /** The addresses assigned, as a server sees them. */
  async addresses(side: 0 | 1): Promise<string[]> {
    const leases = await this.lab.servers[side].leases();
    return leases
      .filter(({ state }) => state === 0)
      .map((lease) => String(lease['ip-address']))
      .sort();
  }

  async equal(): Promise<void> {
    assert.deepEqual(await this.addresses(0), await this.addresses(1));
  }

  async close(): Promise<void> {
    this.#link?.close();
    this.far.destroy();
    await this.lab.close();
  }
}

async function withLab(lab: KeaLab, body: () => Promise<void>): Promise<void> {
  try {
    await lab.start();
    await body();
  } finally {
    await lab.close();
  }
}

describe('A pair of lessor and Kea', { skip }, () => {
  for (const side of [0, 1] as const) {
    const role = side === 0 ? 'primary' : 'standby';
    test(`hot-standby, lessor is the ${role}: meets, replicates, takes over both ways`, async (t: TestContext) => {
      const lab = new KeaLab(side);
      await withLab(lab, async () => {
        await lab.both('hot-standby');
        const { ack } = await lab.leased();
        assert.ok((await lab.addresses(1)).includes(ack.yiaddr), 'the standby has it');
        await lab.equal();

        await lab.lab.servers[1].kill();
        const passive = await lab.leased();
        t.diagnostic(`the standby was killed: first ACK after ${Math.round(passive.gapMs)} ms`);
        await lab.until(0, 'partner-down');
        await lab.lab.servers[1].start();
        await lab.both('hot-standby');
        await lab.equal();

        await lab.lab.servers[0].kill();
        const active = await lab.leased();
        t.diagnostic(`the primary was killed: first ACK after ${Math.round(active.gapMs)} ms`);
        await lab.until(1, 'partner-down');
        await lab.lab.servers[0].start();
        await lab.both('hot-standby');
        await lab.equal();
        assert.equal((await lab.addresses(0)).length, 3);
      });
    });

    test(`load-balancing, lessor is the ${side === 0 ? 'primary' : 'secondary'}: each client has one server`, async () => {
      const lab = new KeaLab(side, { mode: 'load-balancing' });
      await withLab(lab, async () => {
        await lab.both('load-balancing');
        // KEA-HA: hashes 133, 45 (odd: the secondary's) and 182, 150 (even: the primary's).
        const expected = {
          '02:00:00:00:00:01': 2,
          '02:00:00:00:00:02': 2,
          '02:00:00:00:00:03': 1,
          '02:00:00:00:00:04': 1,
        };
        for (const [mac, server] of Object.entries(expected)) {
          const { ack } = await lab.leased(lab.client(mac));
          assert.equal(ack.serverId, `10.77.0.${server}`, mac);
        }
        await lab.equal();
      });
    });
  }

  for (const side of [0, 1] as const) {
    const part = side === 0 ? 'serves, and waits for its backup' : 'is the backup';
    test(`passive-backup, lessor ${part}: the backup has every lease, and takes nothing over`, async () => {
      const relation = { ...RELATION, 'wait-backup-ack': true };
      const lab = new KeaLab(side, { mode: 'passive-backup', relation });
      await withLab(lab, async () => {
        await lab.until(0, 'passive-backup');
        await lab.until(1, 'backup');
        const one = lab.client();
        const { ack } = await lab.leased(one);
        assert.ok((await lab.addresses(1)).includes(ack.yiaddr), 'stored there before the ACK');
        await lab.leased();
        one.release(ack.yiaddr);
        await until('the backup has heard of the release', async () => !(await lab.addresses(1)).includes(ack.yiaddr));
        await lab.equal();
        await lab.lab.servers[0].kill();
        assert.equal(await lab.client().ask(TYPE.discover, { secs: 60 }, 1000), undefined, 'the backup is silent');
      });
    });
  }

  test('load-balancing: a short silence is bridged, and what changed meanwhile is sent when it ends', async () => {
    const relation = { ...RELATION, 'max-response-delay': 60_000, 'max-unacked-clients': 10 };
    const lab = new KeaLab(0, { mode: 'load-balancing', relation });
    await withLab(lab, async () => {
      await lab.both('load-balancing');
      lab.lab.peerLink(false);
      await lab.until(0, 'communication-recovery');
      // Hash 182: the primary's.
      const { ack } = await lab.leased(lab.client('02:00:00:00:00:03'));
      assert.equal(ack.serverId, '10.77.0.1');
      lab.lab.peerLink(true);
      await lab.both('load-balancing');
      await lab.equal();
      assert.equal((await lab.addresses(1)).length, 1);
      assert.doesNotMatch(lab.lab.servers[0].log(), /LESSOR_HA_NO_WATCH/);
    });
  });

  test('what the partner is need not be said; and who was a lessor is not taken for a Kea', async () => {
    const lab = new KeaLab(0, { lessor: { 'interrupt-after': SILENCE_MS } });
    await withLab(lab, async () => {
      await lab.both('hot-standby');
      await lab.leased();
      await lab.equal();
      const [alpha] = lab.lab.servers;
      assert.match(alpha.log(), /LESSOR_HA_NO_WATCH .*"max-unacked-clients" is 0/, 'a relation without a watch');
      const memory = `${alpha.leaseFile}.partner`;
      assert.equal(readFileSync(memory, 'utf8').trim(), 'kea');
      await alpha.kill();
      writeFileSync(memory, 'lessor\n');
      await alpha.start();
      await until('it says so', () => /LESSOR_PAIR_ALARM.*was a lessor before/.test(alpha.log()));
      assert.notEqual(await lab.state(0), 'hot-standby', 'it does not serve with it');
    });
  });

  test('maintenance: lessor takes over at once when the Kea is to be stopped, and the other way round', async () => {
    const lab = new KeaLab(0);
    await withLab(lab, async () => {
      await lab.both('hot-standby');
      await lab.lab.servers[0].must('ha-maintenance-start');
      await lab.until(0, 'partner-in-maintenance');
      await lab.until(1, 'in-maintenance');
      await lab.leased();
      await lab.lab.servers[1].stop();
      await lab.until(0, 'partner-down');
      await lab.lab.servers[1].start();
      await lab.both('hot-standby');

      await lab.lab.servers[1].must('ha-maintenance-start');
      await lab.until(1, 'partner-in-maintenance');
      await lab.until(0, 'in-maintenance');
      await lab.leased();
    });
  });

  test('a Kea is replaced by a lessor on its files: the two find each other out, and are a safe pair', async () => {
    const lab = new KeaLab(0, { lessor: { 'interrupt-after': SILENCE_MS } });
    await withLab(lab, async () => {
      await lab.both('hot-standby');
      const { ack } = await lab.leased();
      const [alpha, before] = lab.lab.servers;
      await alpha.must('ha-maintenance-start');
      await before.stop();
      const beta = new Server(lab.lab.hosts[1], { subject: lessor, folder: before.folder });
      beta.configure(before.dhcp4);
      try {
        await beta.start();
        const protocol = async (server: Server): Promise<string> => {
          const status = await server.must('status-get');
          const [pair] = status['high-availability'] as { lessor: { protocol: string; state: string } }[];
          return `${pair!.lessor.protocol} ${pair!.lessor.state}`;
        };
        for (const server of [alpha, beta]) {
          let found = '';
          await until(
            () => `${found}\n${alpha.log()}\n${beta.log()}`,
            async () => {
              found = await protocol(server);
              return found === 'lessor-pair normal';
            },
          );
        }
        assert.ok(await beta.lease(ack.yiaddr), 'it has what the Kea had');
        const again = await lab.leased();
        assert.ok(await beta.lease(again.ack.yiaddr), 'stored by both');
      } finally {
        await beta.kill();
      }
    });
  });

  test('what lessor refuses, a Kea 2.2 does: any certificate of its authority, and any command', async () => {
    const lab = new PairLab({ subjects: [kea, kea], relation: RELATION, dhcp4: DHCP4, tls: true });
    try {
      await lab.servers[0].start();
      const { cert, key } = lab.certificate('printer77', 'DNS:printer77.example');
      const curl = async (command: string, ...how: string[]): Promise<string> => {
        const body = ['-d', JSON.stringify({ command, service: ['dhcp4'] }), '-H', 'Content-Type: application/json'];
        return (await lab.hosts[1].run([getPeer('curl'), '-s', '-m', '30', ...body, ...how])).stdout;
      };
      const ask = (command: string): Promise<string> =>
        curl(command, '-k', '--cert', cert, '--key', key, 'https://192.0.2.1:8765/');
      assert.equal(await curl('ha-heartbeat', 'http://192.0.2.1:8765/'), '', 'plain');
      assert.match(await ask('ha-heartbeat'), /"result": 0/, 'a name that is nobody’s in the pair');
      assert.match(await ask('lease4-get-all'), /"result": (0|3)/, 'all leases');
      assert.match(await ask('shutdown'), /"result": 0/);
      await until('a printer has stopped the server', () => !lab.servers[0].running);
    } finally {
      await lab.close();
    }
  });

  test('a release reaches the Kea, and so does what an operator changes', async () => {
    const lab = new KeaLab(0);
    await withLab(lab, async () => {
      await lab.both('hot-standby');
      const one = lab.client();
      const { ack } = await lab.leased(one);
      one.release(ack.yiaddr);
      const lease = { 'ip-address': '10.77.0.150', 'hw-address': '02:00:00:00:77:77', 'subnet-id': 77 };
      await lab.lab.servers[0].must('lease4-add', lease);
      await until('the Kea has both', async () => (await lab.addresses(1)).join() === '10.77.0.150');
    });
  });
});
