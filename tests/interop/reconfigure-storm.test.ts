/**
 * Changes without a pause under load: config-set, subnets and reservations by command, while perfdhcp asks for
 * addresses. No packet is lost beyond what is lost without the changes, and every answer is of one configuration: the
 * lifetime and the domain name in it carry the same number. STORM=500 runs the long version at four times the rate.
 */

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KeaClient } from '@lessor/kea';
import { Link } from '../lib/link.js';
import { connect, Netns } from '../lib/netns.js';
import { skipUnless } from '../lib/peers.js';
import { perfdhcp } from '../lib/perfdhcp.js';
import { Server } from '../lib/server.js';
import { subject } from '../lib/subject.js';
import { OPT, optionData } from '../lib/wire.js';

/** Whole rounds of six, so that nothing is left over. */
const CHANGES = 6 * Math.ceil(Number(process.env.STORM ?? 96) / 6);
/** Four-way exchanges a second: twice as many packets. */
const RATE = process.env.STORM === undefined ? 250 : 1000;
/** What perfdhcp may miss more than without changes. */
const TOLERATED = 5;

/** How long the way from the server to the link may take: an answer older than that is of a configuration gone. */
const LATE_MS = 1000;

const DOMAIN_NAME = 15;
const FIRST_LIFETIME = 3000;

/** A configuration whose number is in two places of every answer. */
const generation = (n: number) => ({
  'valid-lifetime': FIRST_LIFETIME + n,
  'cache-threshold': 0, // or the answer to who asks again has what is left of the lifetime
  'option-data': [{ name: 'domain-name', data: `generation-${n}.example.org` }],
  subnet4: [{ id: 2, subnet: '10.2.0.0/16', pools: [{ pool: '10.2.16.0 - 10.2.255.250' }] }],
});

const skip = subject.name === 'kea' ? 'kea: 2.2 has no such commands' : subject.skipReason() || skipUnless('perfdhcp');

describe('a storm of changes under load', { skip }, () => {
  let near: Netns;
  let far: Netns;
  let server: Server;
  let link: Link;
  let kea: KeaClient;
  /** Number of the configuration last put into use, and when those before it went out of use. */
  let current = 0;
  const replacedAtMs = new Map<number, number>();

  before(async () => {
    near = Netns.create();
    far = Netns.create();
    connect(near, 'lan0', far, 'lan0');
    near.ip('address add 10.2.0.1/16 dev lan0');
    far.ip('address add 10.2.0.2/16 dev lan0');
    server = new Server(near);
    server.configure(generation(0));
    await server.start();
    link = await Link.open(far, 'lan0');
    kea = new KeaClient({ socketPath: server.socket });
  });
  after(async () => {
    kea?.close();
    await link?.close();
    await server?.close();
    near?.destroy();
    far?.destroy();
  });

  /** Loads the server while `done` is not; the larger number of packets that perfdhcp missed in either exchange. */
  async function load(seconds: number): Promise<number> {
    const { sent, missed, report } = await perfdhcp(far, { rate: RATE, clients: 20_000, seconds, server: '10.2.0.1' });
    assert.ok(sent > (RATE * seconds) / 2, report);
    return missed;
  }

  /** Change number n: one configuration, then five changes of parts of it. */
  async function change(n: number): Promise<void> {
    const reservation = { 'subnet-id': 2, 'hw-address': '06:00:00:00:00:01', 'ip-address': '10.2.1.1' };
    const subnet = { id: 200, subnet: '10.200.0.0/24' };
    switch (n % 6) {
      case 0:
        await kea.setConfig(server.complete(generation(n + 1)).Dhcp4);
        replacedAtMs.set(current, performance.now());
        current = n + 1;
        return;
      case 1:
        return kea.addSubnet(subnet);
      case 2:
        return kea.addReservation(reservation);
      case 3:
        return kea.updateSubnet({ ...subnet, pools: [{ pool: '10.200.0.10-10.200.0.20' }] });
      case 4:
        return void assert.ok(await kea.deleteReservation(reservation as Required<typeof reservation>));
      default:
        return void assert.ok(await kea.deleteSubnet(subnet.id));
    }
  }

  it(`${CHANGES} changes at ${2 * RATE} packets a second`, async (t) => {
    const wrong: string[] = [];
    let answers = 0;
    const stop = link.listen(({ message, atMs }) => {
      const name = message.op === 2 ? optionData(message.options, DOMAIN_NAME) : undefined;
      const lifetime = optionData(message.options, OPT.leaseTime)?.readUInt32BE(0);
      if (name === undefined || lifetime === undefined) return;
      answers++;
      const number = Number(/generation-(\d+)\./.exec(name.toString('latin1'))?.[1]);
      if (lifetime !== FIRST_LIFETIME + number) wrong.push(`${name} with ${lifetime}`);
      if (atMs > (replacedAtMs.get(number) ?? Number.POSITIVE_INFINITY) + LATE_MS) wrong.push(`${name} in ${current}`);
    });
    await load(1); // to be compiled
    const seconds = Math.max(3, Math.ceil(CHANGES / 40));
    const baseline = await load(seconds);
    const before = answers;
    let changes = 0;
    const storm = (async () => {
      while (answers === before) await sleep(5); // perfdhcp takes its time to begin
      const started = performance.now();
      for (; changes < CHANGES; changes++) await change(changes);
      return (performance.now() - started) / 1000;
    })();
    const [lost, took] = await Promise.all([load(seconds), storm]);
    stop();
    t.diagnostic(
      `${changes} changes in ${took.toFixed(1)} s, ${answers} answers; lost ${lost} in ${seconds} s, ${baseline} without`,
    );
    assert.deepEqual(wrong.slice(0, 10), []);
    assert.ok(answers > RATE, `${answers} answers were seen`);
    assert.ok(lost <= baseline + TOLERATED, `lost ${lost}, without changes ${baseline}`);
    const { dhcp4 } = await kea.config();
    assert.equal(dhcp4['valid-lifetime'], FIRST_LIFETIME + current);
    assert.equal((dhcp4.subnet4 as unknown[]).length, 1);
  });
});
