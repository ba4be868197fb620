/** Kea's load generator against the subject: a moderate rate, direct and as through a relay, without a drop. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { connect, Netns } from '../lib/netns.js';
import { getPeer, skipUnless } from '../lib/peers.js';
import { Server } from '../lib/server.js';
import { subject } from '../lib/subject.js';

describe('perfdhcp', { skip: subject.skipReason() || skipUnless('perfdhcp') }, () => {
  let near: Netns;
  let far: Netns;
  let server: Server;

  before(async () => {
    near = Netns.create();
    far = Netns.create();
    connect(near, 'lan0', far, 'lan0');
    near.ip('address add 10.2.0.1/16 dev lan0');
    // perfdhcp plays one relay agent: the address of its interface is giaddr.
    far.ip('address add 10.2.0.2/16 dev lan0');
    server = new Server(near);
    server.configure({
      'valid-lifetime': 3600,
      subnet4: [{ id: 2, subnet: '10.2.0.0/16', pools: [{ pool: '10.2.1.0 - 10.2.255.250' }] }],
    });
    await server.start();
  });
  after(async () => {
    await server?.close();
    near?.destroy();
    far?.destroy();
  });

  test('300 four-way exchanges a second for two seconds: none is lost, every lease is on record', async () => {
    const run = await far.run([
      getPeer('perfdhcp'),
      '-4',
      '-l',
      'lan0',
      '-r',
      '300',
      '-R',
      '1000',
      '-p',
      '2',
      '10.2.0.1',
    ]);
    const drops = [...run.stdout.matchAll(/^drops: (\d+)/gm)].map((match) => Number(match[1]));
    const sent = [...run.stdout.matchAll(/^sent packets: (\d+)/gm)].map((match) => Number(match[1]));
    assert.equal(drops.length, 2, run.stdout);
    assert.ok(
      sent.every((count) => count > 400),
      `sent ${sent}`,
    );
    // What is under way when the time is over counts as dropped.
    assert.ok(
      drops.every((count) => count <= 5),
      `drops ${drops}\n${run.stdout}`,
    );
    const leases = await server.leases();
    assert.ok(leases.length > 400, `${leases.length} leases`);
    assert.equal(new Set(leases.map((lease) => lease['hw-address'])).size, leases.length);
  });
});
