import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from 'lessor/internal/domain/snapshot.js';
import { formatIpv4 } from 'lessor/internal/domain/values.js';
import { PacketLab, quad } from '../lib/packet-lab.js';

const DISCOVER = 1;
const REQUEST = 3;

/** Ten addresses; half of them taken means that leases are short. */
const lab = (extra: Record<string, Json> = {}): Promise<PacketLab> =>
  PacketLab.open({
    'valid-lifetime': 3600,
    'min-valid-lifetime': 300,
    'max-valid-lifetime': 7200,
    allocator: 'flq',
    'adaptive-lease-time-threshold': 0.5,
    subnet4: [{ id: 1, subnet: '192.0.2.0/24', pools: [{ pool: '192.0.2.10-192.0.2.19' }], ...extra }],
  });

const mac = (n: number): string => `02:00:00:00:00:${n.toString(16).padStart(2, '0')}`;
const times = async (net: PacketLab, clients: readonly number[]): Promise<(number | undefined)[]> => {
  const found: (number | undefined)[] = [];
  for (const n of clients) found.push((await net.lease({ mac: mac(n) })).message.number(51));
  return found;
};

test('new clients get the shortest lease once the threshold of taken addresses is reached', async () => {
  const net = await lab();
  assert.deepEqual(await times(net, [1, 2, 3, 4, 5, 6, 7]), [3600, 3600, 3600, 3600, 3600, 300, 300]);
});

test('an offer names the time its ACK names, also at the threshold', async () => {
  const net = await lab();
  await times(net, [1, 2, 3, 4]);
  for (const expected of [3600, 300]) {
    const client = mac(expected % 251);
    const offer = await net.ask({ type: DISCOVER, mac: client });
    const options = { 50: [...quad(offer!.message.yiaddr)], 54: [192, 0, 2, 1] };
    const ack = await net.ask({ type: REQUEST, mac: client, options });
    assert.deepEqual([offer?.message.number(51), ack?.message.number(51)], [expected, expected]);
  }
});

test('a wish for a longer lease does not help a new client, and who has a lease renews it at full length', async () => {
  const net = await lab();
  await times(net, [2, 3, 4, 5]);
  const { yiaddr } = (await net.lease({ mac: mac(1) })).message;
  const wish = await net.ask({ type: DISCOVER, mac: mac(6), options: { 51: [0, 0, 0x1c, 0x20] } });
  assert.equal(wish?.message.number(51), 300);
  net.clock.at += 1_800_000;
  const renewed = await net.ask({ type: REQUEST, mac: mac(1), ciaddr: formatIpv4(yiaddr), destination: '192.0.2.1' });
  assert.equal(renewed?.message.number(51), 3600);
});

test('reserved addresses count neither as taken nor as there, and their clients get the usual time', async () => {
  const reservations = [1, 2, 3, 4].map((n) => ({ 'hw-address': mac(n), 'ip-address': `192.0.2.1${n}` }));
  const net = await lab({ reservations });
  assert.deepEqual(await times(net, [5, 6, 7]), [3600, 3600, 3600]);
  assert.deepEqual(await times(net, [1, 2, 8]), [3600, 3600, 300]);
});

test('without a threshold, and below it again, leases have their usual time', async () => {
  const full = await lab({ 'adaptive-lease-time-threshold': 1 });
  assert.deepEqual(await times(full, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), Array(10).fill(3600));
  const net = await lab();
  await times(net, [1, 2, 3, 4, 5]);
  net.clock.at += 3_601_000;
  assert.deepEqual(await times(net, [6]), [3600]);
});
