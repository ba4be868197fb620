/**
 * Two real lessor processes as a pair, over mutual TLS: they replicate, each survives the end of the other, by SIGKILL,
 * by a cut cable and by an orderly stop, and real clients keep their addresses.
 */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Reply, TestClient } from '../lib/dhcp-client.js';
import { Link } from '../lib/link.js';
import { Netns } from '../lib/netns.js';
import { PairLab } from '../lib/pair-lab.js';
import { getPeer, skipUnless } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';
import { until } from '../lib/until.js';
import { RealClient } from './real-clients.js';

const skip = skipUnless('python3', 'openssl', 'curl', 'dhclient', 'udhcpc');

/** How long a partner may be silent: short enough for a test, and longer than a busy machine makes it wait. */
const SILENCE_MS = 3000;

/** The same configuration, in which the partner may push its own. */
function accepting(dhcp4: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const text = JSON.stringify(dhcp4['hooks-libraries']);
  return { 'hooks-libraries': JSON.parse(text.replace('"mclt":', '"accept-configuration":true,"mclt":')) };
}

describe('A pair of lessors', { skip }, () => {
  let lab: PairLab;
  let far: Netns;
  let link: Link;
  const real: RealClient[] = [];
  const addressOf = new Map<RealClient, string>();

  before(async () => {
    const metrics = { 'user-context': { lessor: { metrics: { address: '127.0.0.1', port: 9119 } } } };
    lab = new PairLab({
      tls: true,
      dhcp4: metrics,
      // An ACK waits for the partner for as long as that is there: what is tested is not how fast it is.
      lessor: { mclt: 30, 'interrupt-after': SILENCE_MS, 'heartbeat-delay': 100, 'ack-deadline': 10_000 },
    });
    far = Netns.create();
    lab.lan.plug(far, 'eth0');
    link = await Link.open(far, 'eth0');
    await Promise.all(lab.servers.map((server) => server.start()));
  });

  after(async () => {
    for (const client of real) client.close();
    link?.close();
    far?.destroy();
    await lab?.close();
  });

  /** What `lessor` prints. */
  async function here(...argv: string[]): Promise<string> {
    const program = repoPath('packages', 'server', 'bin', 'lessor');
    return (await lab.hosts[1].run([process.execPath, program, ...argv])).stdout;
  }

  const client = (): TestClient => new TestClient({ link, server: '10.77.0.1', serverMac: lab.hosts[0].macOf('lan0') });

  /** A lease for a new client that asks again and again, as clients do; and how long that took. */
  async function leased(): Promise<{ readonly ack: Reply; readonly gapMs: number; readonly mac: string }> {
    const [one, began] = [client(), performance.now()];
    const ack = await one.persist(() => lab.servers.map((server) => server.log()).join('\n'));
    return { ack, gapMs: performance.now() - began, mac: one.mac };
  }

  /** The same leases on both servers, as far as clients are concerned. */
  async function equalLeases(): Promise<void> {
    let both: string[] = [];
    await until(
      () => `both have the same:\n${both.join('\nand\n')}`,
      async () => {
        both = await Promise.all(lab.servers.map(bindings));
        return both[0] === both[1];
      },
    );
  }

  async function bindings(server: (typeof lab.servers)[number]): Promise<string> {
    const leases = await server.leases();
    return leases
      .filter(({ state }) => state === 0)
      .map((lease) => `${String(lease['ip-address'])} ${String(lease['hw-address'])}`)
      .sort()
      .join('\n');
  }

  /**
   * dhclient starts anew and asks for the address it remembers, udhcpc renews: both must be told, by whichever server is
   * there, that they have the address they began with.
   */
  async function clientsKeepTheirs(): Promise<void> {
    for (const each of real) {
      const [address, seen] = [addressOf.get(each)!, each.log().length];
      if (each.remembers) {
        each.crash();
        each.start();
      } else each.renew();
      const told = new RegExp(`(bound to|lease of) ${address.replaceAll('.', '\\.')}`);
      await until(
        () => `${each.name} was not told that it has ${address}\n${each.log()}`,
        () => told.test(each.log().slice(seen)),
      );
      assert.equal(await each.bound(), address);
    }
  }

  test('meets, and says so', async () => {
    await lab.until(0, 'normal');
    await lab.until(1, 'normal');
  });

  test('says in plain words what it is doing, and to monitoring that it is ready', async () => {
    const out = await here('ha', 'status', '--socket', lab.servers[1].socket);
    assert.match(out, /^beta \(standby, hot-standby\): normal\n {2}both servers are up/);
    assert.match(out, /alpha \(primary\): normal, answers/);
    const ready = await lab.hosts[0].run([getPeer('curl'), '-s', 'http://127.0.0.1:9119/ready']);
    assert.match(ready.stdout, /both servers are up/);
    const metrics = await lab.hosts[0].run([getPeer('curl'), '-s', 'http://127.0.0.1:9119/metrics']);
    assert.match(metrics.stdout, /^lessor_ha_connected 1$/m);
  });

  test('gives real clients addresses that both servers know', async () => {
    for (const name of ['dhclient', 'udhcpc'] as const) real.push(new RealClient(name, lab.lan));
    for (const each of real) each.start();
    for (const each of real) addressOf.set(each, await each.bound());
    await equalLeases();
    assert.equal((await lab.servers[1].leases()).length, 2);
  });

  test('grants whole leases, stored by both before the ACK', async () => {
    const one = client();
    const ack = await one.lease();
    assert.equal(ack.u32(51), 600);
    assert.ok(await lab.servers[1].lease(ack.yiaddr));
  });

  test('goes on when the active server is killed', async (t) => {
    await lab.servers[0].kill();
    const { ack, gapMs } = await leased();
    t.diagnostic(`first ACK of the other server after ${Math.round(gapMs)} ms`);
    // It waits for the silence to be long enough, and for nothing else.
    assert.ok(gapMs < SILENCE_MS + 7000, `${gapMs} ms without an ACK`);
    assert.ok(ack.u32(51) <= 30, `${ack.u32(51)} s is more than MCLT`);
    await lab.until(1, 'interrupted');
    await clientsKeepTheirs();
    await lab.servers[0].start();
    await lab.until(0, 'normal');
    await lab.until(1, 'normal');
    await equalLeases();
    await clientsKeepTheirs();
  });

  test('goes on when the standby is killed', async (t) => {
    await lab.servers[1].kill();
    const { ack, gapMs } = await leased();
    t.diagnostic(`first ACK of the active server after ${Math.round(gapMs)} ms`);
    // Nobody is there at the partner's port: no silence has to be waited for.
    assert.ok(gapMs < SILENCE_MS, `${gapMs} ms without an ACK`);
    assert.ok(ack.u32(51) > 0);
    await lab.until(0, 'interrupted');
    await clientsKeepTheirs();
    await lab.servers[1].start();
    await lab.until(0, 'normal');
    await lab.until(1, 'normal');
    await equalLeases();
    await clientsKeepTheirs();
  });

  test('gives nobody the address of another while the cable is cut, and heals', async () => {
    lab.peerLink(false);
    await lab.until(0, 'interrupted');
    await lab.until(1, 'interrupted');
    const given = new Map<string, string>();
    for (let i = 0; i < 10; i++) {
      const { ack, mac } = await leased();
      assert.ok(!given.has(ack.yiaddr), `${ack.yiaddr} was given twice`);
      given.set(ack.yiaddr, mac);
    }
    await clientsKeepTheirs();
    lab.peerLink(true);
    await lab.until(0, 'normal');
    await lab.until(1, 'normal');
    await equalLeases();
    await clientsKeepTheirs();
  });

  for (const side of [0, 1] as const) {
    test(`goes on when the ${side === 0 ? 'active server' : 'standby'} is cut off from clients and partner, and when it is back`, async () => {
      const both = (state: string): string => `link set lan0 ${state}\nlink set peer0 ${state}`;
      lab.hosts[side].ip(both('down'));
      await lab.until(side === 0 ? 1 : 0, 'interrupted');
      await clientsKeepTheirs();
      lab.hosts[side].ip(both('up'));
      await lab.until(0, 'normal');
      await lab.until(1, 'normal');
      await equalLeases();
      await clientsKeepTheirs();
    });
  }

  test('serves everything alone after an orderly stop of the other', async () => {
    await lab.servers[0].stop();
    await lab.until(1, 'partner-down');
    const { ack } = await leased();
    assert.equal(ack.u32(51), 600);
    await clientsKeepTheirs();
    await lab.servers[0].start();
    await lab.until(0, 'normal');
    await lab.until(1, 'normal');
    await equalLeases();
  });

  test('hears nobody but its partner, and records who tried', async () => {
    const heartbeat = JSON.stringify({ command: 'ha-heartbeat', service: ['dhcp4'], arguments: {} });
    const curl = async (...args: string[]): Promise<string> => {
      const common = ['-s', '-o', '/dev/null', '-w', '%{http_code}', '-k', '-m', '30', '-d', heartbeat];
      const type = ['-H', 'Content-Type: application/json'];
      return (await lab.hosts[1].run([getPeer('curl'), ...common, ...type, ...args])).stdout;
    };
    const tls = ({ cert, key }: { cert: string; key: string }): string[] => ['--cert', cert, '--key', key];
    const url = 'https://192.0.2.1:8765/';
    const printer = lab.certificate('printer77', 'URI:urn:lessor:pair:alpha-beta:printer77');
    const stranger = lab.certificate('stranger', 'URI:urn:lessor:pair:alpha-beta:beta', 'other-ca');
    const own = { cert: join(lab.certificates, 'beta.pem'), key: join(lab.certificates, 'beta.key') };
    assert.equal(await curl(...tls(printer), url), '403', 'the right authority, another name');
    assert.equal(await curl(...tls(stranger), url), '000', 'the right name, another authority');
    assert.equal(await curl(url), '000', 'no certificate');
    assert.equal(await curl('http://192.0.2.1:8765/'), '000', 'plain');
    assert.equal(await curl(...tls(own), url), '200');
    for (const record of [
      /printer77 \(client-cert\) through peer: HTTP request, result 1/,
      /nobody \(client-cert\) through peer: TLS, result 1/,
    ]) {
      await until(
        () => `${record} is not in\n${lab.servers[0].log()}`,
        () => record.test(lab.servers[0].log()),
      );
    }
    assert.equal(await lab.state(0), 'normal');
  });

  test('says where the configurations differ, and pushes one where the partner allows it', async () => {
    const [alpha, beta] = lab.servers;
    const drifted = {
      ...beta.dhcp4,
      'valid-lifetime': 900,
      'option-data': [{ name: 'domain-name', data: 'x.example' }],
    };
    await beta.reconfigure(drifted);
    for (const told of [
      /LESSOR_PAIR_ALARM.*valid-lifetime: here 600, there 900/,
      /not the same \(options, changed on beta, policy, changed on beta\)/,
    ]) {
      await until(
        () => `${told} is not in\n${alpha.log()}`,
        () => told.test(alpha.log()),
      );
    }
    const { lessor } = (await lab.ha(1)) as { lessor: { drift: unknown } };
    assert.deepEqual(lessor.drift, [
      { section: 'options', 'changed-on': 'here' },
      { section: 'policy', 'changed-on': 'here' },
    ]);
    const { differences } = await alpha.must('ha-config-diff');
    const paths = (differences as { path: string }[]).map(({ path }) => path);
    assert.ok(paths.includes('valid-lifetime') && paths.some((path) => path.startsWith('option-data')), paths.join());
    const out = await here('ha', 'diff', '--socket', beta.socket);
    assert.match(out, /^valid-lifetime: here 900, there 600$/m);

    const plan = await alpha.must('ha-config-push');
    assert.ok(JSON.stringify(plan).includes('valid-lifetime'), 'the plan says what would change');
    const refused = await alpha.command('ha-config-push', { apply: true });
    assert.equal(refused.result, 1, 'a partner can replicate, not administer');
    assert.match(refused.text!, /accept-configuration/);
    assert.equal((await beta.must('config-get')).Dhcp4 !== undefined, true);
    assert.equal(((await beta.must('config-get')).Dhcp4 as Record<string, unknown>)['valid-lifetime'], 900);

    await beta.reconfigure({ ...drifted, ...accepting(drifted) });
    await alpha.must('ha-config-push', { apply: true });
    const { Dhcp4 } = (await beta.must('config-get')) as { Dhcp4: Record<string, unknown> };
    assert.equal(Dhcp4['valid-lifetime'], 600);
    assert.equal(JSON.stringify(Dhcp4).includes('"this-server-name":"beta"'), true, 'its own parts stay');
    assert.equal((await alpha.command('ha-config-diff')).result, 3);
    assert.equal(await lab.state(0), 'normal');
  });

  test('uses certificates that were replaced, without a word and without a break', async () => {
    const [alpha, beta] = lab.servers;
    lab.certificate('beta', 'URI:urn:lessor:pair:alpha-beta:beta');
    await until('the new files are noticed', () =>
      /LESSOR_PAIR_CERTIFICATE|certificates of the pair were replaced/.test(beta.log()),
    );
    assert.equal(await lab.state(1), 'normal');
    await alpha.kill();
    await alpha.start();
    await lab.until(0, 'normal');
    await lab.until(1, 'normal');
  });

  test('real clients still have the addresses they began with', async () => {
    for (const each of real) assert.equal(await each.address(), addressOf.get(each));
  });
});
