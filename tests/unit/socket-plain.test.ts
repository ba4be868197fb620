/** The portable network: Node's dgram behind the same port, on loopback. */

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { parseIpv4 } from 'lessor/internal/domain/values.js';
import { systemClock } from 'lessor/internal/platform/clock.js';
import type { Logger } from 'lessor/internal/services/ports.js';
import { listPlainInterfaces, plainNetworkStack } from 'lessor/internal/transports/dhcp4-plain.js';
import { openDhcp4Port } from 'lessor/internal/transports/dhcp4-socket.js';
import { freeUdpPort } from '../lib/ports.js';
import { settle } from '../lib/until.js';

const LOOPBACK = parseIpv4('127.0.0.1')!;
const PORT = await freeUdpPort();
const logger: Logger = { enabled: () => false, log: () => {}, child: () => logger };
const name = listPlainInterfaces().find(({ loopback }) => loopback)!.name;
const config = {
  selectors: [{ name, address: LOOPBACK }],
  socketType: 'udp',
  outboundInterface: 'same-as-inbound',
  reDetect: false,
  requireAll: true,
  maxRetries: 0,
  retryWaitMs: 0,
} as const;

const open = () =>
  openDhcp4Port(
    config,
    { serverPort: PORT, maxBatch: 8 },
    { network: plainNetworkStack(systemClock), clock: systemClock, logger, onGiveUp: () => {} },
  );

test('datagrams come in batches, wait while one is handled, and are answered', async () => {
  const port = await open();
  const client = createSocket('udp4').bind(0, '127.0.0.1');
  await once(client, 'listening');
  const sizes: number[] = [];
  let release = (): void => {};
  port.onBatch(async (batch) => {
    sizes.push(batch.length);
    if (sizes.length === 1) await new Promise<void>((resolve) => (release = resolve));
    port.send(
      batch.map(({ octets, interface: netif, source, sourcePort }) => ({
        octets,
        interface: netif,
        destination: source,
        port: sourcePort,
      })),
    );
  });
  const answers: string[] = [];
  const all = new Promise<void>((resolve) => {
    client.on('message', (octets) => {
      answers.push(octets.toString());
      if (answers.length === 21) resolve();
    });
  });
  client.send('first', PORT, '127.0.0.1');
  while (sizes.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  for (let i = 0; i < 20; i++) client.send(`message ${i}`, PORT, '127.0.0.1');
  await settle(50);
  assert.equal(sizes.length, 1, 'nothing is handed over while a batch is handled');
  release();
  await all;
  assert.deepEqual(answers, ['first', ...Array.from({ length: 20 }, (_, i) => `message ${i}`)]);
  assert.equal(
    sizes.reduce((sum, size) => sum + size, 0),
    21,
  );
  assert.ok(Math.max(...sizes) <= 8);
  const [counters] = port.counters().values();
  assert.deepEqual([counters!.received, counters!.sent, counters!.kernelDrops], [21, 21, 0]);
  client.close();
  await port.close();
});

test('a port that is taken is refused with a reason', async () => {
  const port = await open();
  await assert.rejects(open(), {
    code: 'socket-open',
    message: new RegExp(`127\\.0\\.0\\.1, port ${PORT}: .*EADDRINUSE`),
  });
  await port.close();
});
