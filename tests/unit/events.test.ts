/** The event bus and its stream over HTTP: order, resuming, gaps, slow readers, rights. */

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, describe, it } from 'node:test';
import type { Dispatch } from 'lessor/internal/control/door.js';
import { lockFile } from 'lessor/internal/platform/lock.js';
import { publishLeaseChange, RING_EVENTS } from 'lessor/internal/services/events.js';
import { HttpListener } from 'lessor/internal/transports/kea-http.js';
import { DEFAULT_LIMITS } from 'lessor/internal/transports/listener.js';
import { eventBus } from '../lib/event-bus.js';
import { ip, PacketLab } from '../lib/packet-lab.js';
import { controlBench, HandClock, ListLogger, makeLease } from './control-fakes.js';

const lease = (address: string, hwAddress = 'abcdef') => makeLease({ address: ip(address), hwAddress });

describe('EventBus', () => {
  it('gives what came after a place, and says when some of it is lost', () => {
    const bus = eventBus(new HandClock());
    for (let i = 1; i <= 5; i++) bus.publishLease('lease-added', lease(`192.0.2.${i}`));
    assert.deepEqual(
      bus.after(2, 2).events.map(({ sequence }) => sequence),
      [3, 4],
    );
    assert.deepEqual(bus.after(5, 9), { events: [], gap: false });
    for (let i = 0; i < RING_EVENTS; i++) bus.publish('config-edited', {});
    const { events, gap } = bus.after(3, 2);
    assert.deepEqual([events[0]!.sequence, gap], [6, true]);
    assert.equal(bus.after(5, 1).gap, false);
  });

  it('gives leases back as they were, whatever came before in their place', () => {
    const clock = new HandClock();
    const bus = eventBus(clock);
    const full = makeLease({
      ...{ address: ip('255.255.255.255'), hwAddress: '\x00\x7f\xff', clientId: '\x01\x80\x00', hostname: 'h.example' },
      ...{ validLifetimeSec: 0xffff_ffff, clttSec: 4_000_000_000, subnetId: 0xffff_fffe, poolId: 7 },
      ...{ fqdnFwd: true, fqdnRev: true, state: 1 },
    });
    const leases = [
      full,
      lease('192.0.2.1'),
      { ...full, fqdnFwd: false, hostname: 'h'.repeat(256 - 4 - 6) },
      { ...full, fqdnRev: false, hostname: 'h'.repeat(256 - 4 - 5) },
      { ...full, hwAddress: 'x'.repeat(255), clientId: 'y'.repeat(255) },
      { ...full, userContext: '{ "a": 1 }' },
      { ...full, userContext: `{ "a": "${'x'.repeat(300)}" }` },
    ];
    // Each in each place: lengths of ring and list have no common divisor.
    assert.equal(RING_EVENTS % leases.length === 0, false);
    for (let i = 0; i < leases.length * RING_EVENTS; i++) {
      if (i % 11 === 0) bus.publish('config-edited', {});
      const each = leases[i % leases.length]!;
      bus.publishLease('lease-changed', each);
      if (i % 97 !== 0) continue;
      assert.deepEqual(bus.after(bus.last - 1, 1).events, [
        { sequence: bus.last, at: clock.now(), kind: 'lease-changed', data: { lease: each } },
      ]);
    }
  });

  it('knows its own places only', () => {
    const bus = eventBus(new HandClock());
    bus.publish('config-edited', {});
    assert.equal(bus.placeOf(bus.idOf(1)), 1);
    assert.equal(bus.placeOf(bus.idOf(99)), 1, 'a place that is not reached yet is the end');
    for (const strange of ['', 'x', '1', `0-1`, `${bus.epoch}-`, `${bus.epoch}--1`])
      assert.equal(bus.placeOf(strange), undefined);
  });

  it('tells what became of a lease', () => {
    const bus = eventBus(new HandClock());
    const [held, released] = [lease('192.0.2.1'), { ...lease('192.0.2.1'), state: 3 as const }];
    publishLeaseChange(bus, undefined, held);
    publishLeaseChange(bus, held, { ...held, clttSec: 7 });
    publishLeaseChange(bus, held, { ...held, hwAddress: 'another' });
    publishLeaseChange(bus, held, released);
    publishLeaseChange(bus, released, undefined);
    publishLeaseChange(bus, released, held);
    publishLeaseChange(bus, held, undefined);
    const kinds = bus.after(0, 99).events.map(({ kind }) => kind);
    assert.deepEqual(kinds, [
      'lease-added',
      'lease-changed',
      'lease-added',
      'lease-removed',
      'lease-added',
      'lease-removed',
    ]);
  });

  it('hears of leases once they are durable, and never of those that are not', async () => {
    const lab = await PacketLab.open({
      subnet4: [{ id: 1, subnet: '192.0.2.0/24', interface: 'eth0', pools: [{ pool: '192.0.2.100-192.0.2.104' }] }],
    });
    const bus = eventBus(lab.clock);
    lab.ledger.observeDurable((_address, before, now) => publishLeaseChange(bus, before, now));
    await lab.lease();
    assert.throws(() =>
      lab.ledger.transact((tx) => {
        tx.put(lease('192.0.2.50'));
        throw new Error('undone');
      }),
    );
    // Past cache-threshold, within the lifetime.
    lab.clock.at += 3_000_000;
    await lab.lease();
    assert.deepEqual(
      bus.after(0, 9).events.map(({ kind }) => kind),
      ['lease-added', 'lease-changed'],
    );
  });
});

const AUTHENTICATION = { realm: 'r', clients: [{ user: 'u', password: 'p' }] };
const AUTHORIZED = { Authorization: `Basic ${Buffer.from('u:p').toString('base64')}` };

async function door(dispatch?: Dispatch) {
  const control = controlBench();
  const clock = new HandClock();
  const events = eventBus(clock);
  const deps = {
    dispatch: dispatch ?? ((command) => control.dispatcher.dispatch(command)),
    clock,
    logger: new ListLogger(),
    lock: lockFile,
    limits: DEFAULT_LIMITS,
    events,
  } satisfies Parameters<typeof HttpListener.open>[1];
  const config = { type: 'http', address: '127.0.0.1', port: 0, headers: [], authentication: AUTHENTICATION } as const;
  const listener = await HttpListener.open(config, deps);
  after(() => listener.close());
  return { events, clock, listener, config, control, url: `http://127.0.0.1:${listener.port}/events` };
}

/** Reads a stream until `done`. */
async function readUntil(response: Response, done: (text: string) => boolean): Promise<string> {
  let text = '';
  const reader = response.body!.getReader();
  const decoder = new TextDecoder();
  while (!done(text)) {
    const { done: ended, value } = await reader.read();
    if (ended) break;
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel();
  return text;
}

const ids = (text: string): string[] => [...text.matchAll(/^id: (.*)\nevent/gm)].map(([, id]) => id!);

describe('GET /events', () => {
  it('streams what happens, and goes on after Last-Event-ID', async () => {
    const { events, url } = await door();
    events.publishLease('lease-added', lease('192.0.2.1'));
    const response = await fetch(url, { headers: { ...AUTHORIZED, Accept: 'text/event-stream' } });
    assert.equal(response.headers.get('content-type'), 'text/event-stream');
    for (let i = 2; i <= 4; i++) events.publishLease('lease-added', lease(`192.0.2.${i}`));
    const text = await readUntil(response, (all) => all.includes('192.0.2.4'));
    assert.deepEqual(
      ids(text),
      [2, 3, 4].map((n) => events.idOf(n)),
    );
    const [, data] = /^data: (.*)$/m.exec(text)!;
    assert.deepEqual(JSON.parse(data!).lease['ip-address'], '192.0.2.2');
    const again = await fetch(url, { headers: { ...AUTHORIZED, 'Last-Event-ID': events.idOf(3) } });
    assert.deepEqual(ids(await readUntil(again, (all) => all.includes('192.0.2.4'))), [events.idOf(4)]);
  });

  it('says so when events are lost', async () => {
    const { events, url } = await door();
    events.publish('config-edited', {});
    const response = await fetch(url, { headers: { ...AUTHORIZED, 'Last-Event-ID': 'abc-7' } });
    const text = await readUntil(response, (all) => all.includes('config-edited'));
    assert.match(text, /^event: gap\n.*\n\nid: .*\nevent: config-edited/m);
  });

  it('is for those who may use the command events', async () => {
    const { url } = await door();
    assert.equal((await fetch(url)).status, 401);
    const denied = await door(async () => ({ result: 1, text: 'no', code: 'command-denied' }));
    assert.equal((await fetch(denied.url, { headers: AUTHORIZED })).status, 403);
    assert.equal((await fetch(url, { method: 'DELETE', headers: AUTHORIZED })).status, 400);
  });

  it('ends when the credentials change and when the listener closes', async () => {
    const { url, listener, config } = await door();
    const first = await fetch(url, { headers: AUTHORIZED });
    (await listener.prepare({ ...config, authentication: { realm: 'r', clients: [{ user: 'x', password: 'y' }] } }))();
    await readUntil(first, () => false);
    assert.equal((await fetch(url, { headers: AUTHORIZED })).status, 401);
    const other = { Authorization: `Basic ${Buffer.from('x:y').toString('base64')}` };
    const second = await fetch(url, { headers: other });
    await Promise.all([listener.close(), readUntil(second, () => false)]);
  });

  it('keeps nothing for a reader that does not read, and cuts it off', async () => {
    const { events, listener, clock } = await door();
    const socket = connect(listener.port, '127.0.0.1');
    socket.write(`GET /events HTTP/1.1\r\nAuthorization: ${AUTHORIZED.Authorization}\r\n\r\n`);
    await new Promise((resolve) => socket.once('readable', resolve));
    socket.pause();
    const large = { ...lease('192.0.2.1'), userContext: JSON.stringify({ text: 'x'.repeat(20_000) }) };
    const before = process.memoryUsage().rss;
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    for (let i = 0; i < 3 * RING_EVENTS; i++) {
      events.publishLease('lease-changed', large);
      if (i % 100 === 0) await turn();
    }
    assert.ok(process.memoryUsage().rss - before < 300e6);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    for (let i = 0; i < 10; i++) {
      clock.advance(30_000);
      await turn();
    }
    socket.on('error', () => undefined);
    socket.resume();
    await closed;
    assert.equal(events.following, 0);
  });
});
