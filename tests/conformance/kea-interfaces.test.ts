/** Sockets: socket type udp, several interfaces, interfaces and addresses that come and go. */

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { type Path, type Reply, TestClient } from '../lib/dhcp-client.js';
import { conformance, rule, SERVER, subnet } from '../lib/lab.js';
import { Link } from '../lib/link.js';
import { connect, Netns } from '../lib/netns.js';
import { Server } from '../lib/server.js';
import { subject } from '../lib/subject.js';
import { until } from '../lib/until.js';
import { TYPE } from '../lib/wire.js';

const plain = { 'valid-lifetime': 3600, subnet4: [subnet(1, 50), subnet(2, 50)] };

conformance(
  'dhcp-socket-type udp',
  { ...plain, 'interfaces-config': { interfaces: ['lan0'], 'dhcp-socket-type': 'udp' } },
  (lab) => {
    rule('relayed clients are served', {}, async () => {
      const path = lab().relay('10.2.0.1');
      const ack = await lab().client({}, path).lease();
      assert.match(ack.yiaddr, /^10\.2\.0\./);
      assert.equal(ack.frame.destination, '10.2.0.1');
      assert.equal(ack.frame.source, SERVER);
    });

    rule('a client renews by unicast', {}, async () => {
      const client = lab().client({}, lab().relay('10.2.0.1'));
      const address = (await client.lease()).yiaddr;
      assert.equal((await client.renew(address)).frame.destination, address);
    });
  },
);

conformance(
  'an interface named with an address',
  { ...plain, 'interfaces-config': { interfaces: [`lan0/${SERVER}`] } },
  (lab) => {
    rule('direct and relayed clients are served', {}, async () => {
      assert.match((await lab().client().lease()).yiaddr, /^10\.1\.0\./);
      assert.match((await lab().client({}, lab().relay('10.2.0.1')).lease()).yiaddr, /^10\.2\.0\./);
    });
  },
);

describe('Several interfaces', { skip: subject.skipReason() }, () => {
  let near: Netns;
  let far: Netns;
  let server: Server;
  const links: Link[] = [];
  const paths: Path[] = [];

  before(async () => {
    near = Netns.create();
    far = Netns.create();
    for (const n of [1, 2, 3]) {
      connect(near, `lan${n}`, far, `lan${n}`);
      near.ip(`address add 10.${n}.0.1/24 dev lan${n}`);
      const serverMac = near.macOf(`lan${n}`);
      const link = await Link.open(far, `lan${n}`);
      links.push(link);
      paths.push({ link, server: `10.${n}.0.1`, serverMac });
    }
    server = new Server(near, { interfaces: ['lan1', 'lan2'] });
    server.configure({ 'valid-lifetime': 3600, subnet4: [subnet(1, 50), subnet(2, 50), subnet(3, 50)] });
    await server.start();
  });
  after(async () => {
    for (const link of links) link.close();
    await server?.close();
    for (const namespace of [near, far]) namespace?.destroy();
  });

  rule('a client gets an address of the subnet of its interface, from the address of that interface', {}, async () => {
    for (const n of [1, 2]) {
      const ack = await new TestClient(paths[n - 1] as Path).lease();
      assert.ok(ack.yiaddr.startsWith(`10.${n}.0.`), ack.yiaddr);
      assert.equal(ack.serverId, `10.${n}.0.1`);
      assert.equal(ack.frame.source, `10.${n}.0.1`);
    }
  });

  rule('an interface that is not named is not served', {}, async () => {
    await new TestClient(paths[2] as Path).ignored(TYPE.discover);
  });

  rule('after a reconfiguration that names it, it is', {}, async () => {
    await server.reconfigure({ ...server.dhcp4, 'interfaces-config': { interfaces: ['*'] } });
    const ack = await new TestClient(paths[2] as Path).lease();
    assert.ok(ack.yiaddr.startsWith('10.3.0.'), ack.yiaddr);
  });

  rule('an interface that lost its cable for a moment is served again', {}, async () => {
    near.ip('link set lan2 down');
    near.ip('link set lan2 up');
    const client = new TestClient(paths[1] as Path);
    let reply: Reply | undefined;
    await until('it is served', async () => {
      reply = await client.ask(TYPE.discover, {}, 300);
      return reply !== undefined;
    });
    assert.equal(reply?.type, TYPE.offer);
  });

  rule('an address that was changed is the server identifier after a reload', {}, async () => {
    near.ip(`address del 10.2.0.1/24 dev lan2
      address add 10.2.0.9/24 dev lan2`);
    await server.must('config-reload');
    const offer = await new TestClient(paths[1] as Path).discover();
    assert.equal(offer.serverId, '10.2.0.9');
  });
});
