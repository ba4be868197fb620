/** Kea's load generator against the subject: a moderate rate, direct and as through a relay, without a drop. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { connect, Netns } from '../lib/netns.js';
import { skipUnless } from '../lib/peers.js';
import { perfdhcp } from '../lib/perfdhcp.js';
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
    const { sent, missed, report } = await perfdhcp(far, { rate: 300, clients: 1000, seconds: 2, server: '10.2.0.1' });
    assert.ok(sent > 400, `sent ${sent}`);
    assert.ok(missed <= 5, `missed ${missed}\n${report}`);
    const leases = await server.leases();
    assert.ok(leases.length > 400, `${leases.length} leases`);
    assert.equal(new Set(leases.map((lease) => lease['hw-address'])).size, leases.length);
  });
});
