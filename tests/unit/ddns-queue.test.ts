/** The queue of name change requests: order, bound, an update server that is away, and leases that must be durable first. */

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import type { NameChangeRequest } from 'lessor/internal/domain/ddns/name-change.js';
import type { ConfigSnapshot } from 'lessor/internal/domain/snapshot.js';
import { NameChanges } from 'lessor/internal/services/ddns/name-changes.js';
import { NcrQueue } from 'lessor/internal/services/ddns/ncr-queue.js';
import { Ledger } from 'lessor/internal/services/ledger.js';
import { Statistics } from 'lessor/internal/services/statistics.js';
import { openNcrLink } from 'lessor/internal/transports/ncr-udp.js';
import { leaseOf, ManualClock, newStore, RecordingLogger, turnUntil } from '../store/harness.js';
import { SimulatedDisk } from '../store/simulated-disk.js';

/** An update server that takes, or refuses. */
class FakeLink {
  readonly names: string[] = [];
  refusing = false;
  closed = false;

  async deliver(datagrams: readonly Uint8Array[]): Promise<void> {
    if (this.refusing) throw new Error('ECONNREFUSED');
    for (const octets of datagrams) this.names.push(JSON.parse(Buffer.from(octets).toString('latin1', 2)).fqdn);
  }

  close(): void {
    this.closed = true;
  }
}

function setUp(maxQueueSize = 8) {
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const statistics = new Statistics(clock);
  const queue = new NcrQueue({ clock, statistics, logger });
  const link = new FakeLink();
  queue.use({ link, name: 'd2', maxQueueSize });
  const count = (name: string): number => statistics.counter(`ddns-ncr-${name}`).value;
  return { clock, logger, statistics, queue, link, count };
}

function request(n: number): NameChangeRequest {
  const rest = { address: n, dhcid: '00', expiresAtSec: 1, ttlSec: 1, conflictResolution: 'check-with-dhcid' } as const;
  return { change: 'add', forward: true, reverse: true, fqdn: `${n}.`, ...rest };
}

describe('the queue of name change requests', () => {
  it('sends nothing before the turn is over, then all in order', async () => {
    const { clock, queue, link, count } = setUp(1000);
    for (let n = 0; n < 200; n++) queue.push(request(n));
    assert.deepEqual(link.names, []);
    await clock.turn();
    assert.deepEqual(
      link.names,
      Array.from({ length: 200 }, (_, n) => `${n}.`),
    );
    assert.equal(count('sent'), 200);
    assert.equal(queue.size, 0);
  });

  it('has a bound: what finds no room is counted, and said once until it is empty', async () => {
    const { clock, logger, queue, link, count } = setUp(3);
    for (let n = 0; n < 5; n++) queue.push(request(n));
    assert.equal(count('rejected'), 2);
    assert.equal(logger.texts('DHCPSRV_DHCP_DDNS_NCR_REJECTED').length, 1);
    await clock.turn();
    assert.deepEqual(link.names, ['0.', '1.', '2.']);
    for (let n = 0; n < 5; n++) queue.push(request(n));
    assert.equal(logger.texts('DHCPSRV_DHCP_DDNS_NCR_REJECTED').length, 2);
  });

  it('waits while the update server does not take them, longer each time, and goes on', async () => {
    const { clock, logger, queue, link, count } = setUp();
    link.refusing = true;
    queue.push(request(1));
    await clock.turn();
    queue.push(request(2));
    await clock.turn(999);
    assert.equal(count('send-retried'), 1);
    for (let second = 0; second < 8; second++) await clock.turn(1000).then(() => clock.turn());
    assert.equal(count('send-retried'), 4, 'after 1, 2 and 4 seconds');
    assert.equal(logger.texts('DHCP4_DDNS_REQUEST_SEND_FAILED').length, 1);
    link.refusing = false;
    await clock.turn(30_000);
    await clock.turn();
    assert.deepEqual(link.names, ['1.', '2.']);
    assert.equal(logger.texts('LESSOR_DDNS_RESUMED').length, 1);
  });

  it('takes what waits along to another update server', async () => {
    const { clock, queue, link } = setUp();
    link.refusing = true;
    queue.push(request(1));
    await clock.turn();
    const next = new FakeLink();
    queue.use({ link: next, name: 'other', maxQueueSize: 8 });
    await clock.turn();
    assert.deepEqual(next.names, ['1.']);
  });

  it('gives up what waits when updates are switched off, and says so', async () => {
    const { logger, queue, count } = setUp();
    queue.push(request(1));
    queue.use(undefined);
    queue.push(request(2));
    assert.equal(queue.size, 0);
    assert.equal(count('rejected'), 1);
    assert.equal(logger.texts('DHCPSRV_DHCP_DDNS_SUSPEND_UPDATES').length, 1);
  });

  it('sends what waits before it closes, unless nobody takes it', async () => {
    const { clock, queue, link } = setUp();
    queue.push(request(1));
    await turnUntil(clock, queue.close());
    assert.deepEqual(link.names, ['1.']);
    assert.ok(link.closed);

    const away = setUp();
    away.link.refusing = true;
    away.queue.push(request(1));
    await turnUntil(away.clock, away.queue.close());
    assert.ok(away.link.closed);
  });
});

describe('names follow leases', () => {
  const config = (): Pick<ConfigSnapshot, 'subnetById'> => ({ subnetById: new Map() });
  const named = leaseOf(1, { hostname: 'a.example.org', fqdnFwd: true });

  it('once they are durable, and not if the disk refuses', async () => {
    const { clock, queue, link, logger } = setUp();
    const disk = new SimulatedDisk();
    const store = newStore(disk, clock);
    await turnUntil(clock, store.open());
    const ledger = new Ledger(store);
    const names = new NameChanges(queue, logger, config);
    const remove = async () =>
      await ledger.transact((tx) => {
        names.removed(named, tx);
        tx.delete(named.address);
      });
    await ledger.transact((tx) => tx.put(named));
    disk.fault = { atStep: disk.steps, fault: { kind: 'error', code: 'EIO', times: 1 } };
    await assert.rejects(remove());
    await clock.turn();
    assert.deepEqual(link.names, []);

    for (let turn = 0; turn < 60 && !store.health.ok; turn++) await clock.turn(1000);
    await remove();
    await clock.turn();
    assert.deepEqual(link.names, ['a.example.org.']);
  });

  it('and what has no form in the DNS is counted and said', () => {
    const { queue, logger, count } = setUp();
    new NameChanges(queue, logger, config).resend({ ...named, hostname: 'a..b' });
    assert.equal(count('failed'), 1);
    assert.match(logger.texts('DHCPSRV_QUEUE_NCR_FAILED')[0]!, /192\.0\.2\.1 .*"a\.\.b"/);
  });
});

describe('the socket of name change requests', () => {
  const soon = { soon: (fn: () => void) => void setImmediate(fn) };
  const own = { serverAddress: '127.0.0.1', senderAddress: '127.0.0.1', senderPort: 0, maxQueueSize: 1 };

  it('hands over datagrams, and says when nobody is there', async () => {
    const server = createSocket('udp4');
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    const link = await openNcrLink({ ...own, serverPort: port }, soon);
    const arrived = once(server, 'message');
    await link.deliver([Buffer.from('one')]);
    const [octets] = (await arrived) as [Buffer];
    assert.equal(octets.toString(), 'one');
    server.close();
    await once(server, 'close');
    await assert.rejects(link.deliver([Buffer.from('two')]), /ECONNREFUSED/);
    await assert.rejects(link.deliver([Buffer.from('two'), Buffer.from('three')]), /ECONNREFUSED/);
    link.close();
  });

  it('is refused where the address is not ours', async () => {
    await assert.rejects(openNcrLink({ ...own, serverPort: 53001, senderAddress: '192.0.2.1' }, soon), {
      code: 'socket-open',
    });
  });
});
