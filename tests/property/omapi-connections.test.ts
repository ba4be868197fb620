/**
 * Clients that only hold connections do not disturb those that have a key. OMAPI_IDLE and OMAPI_SLOW: how many of each
 * kind (issue: 5000 and 500); a process may have that many descriptors twice.
 */

import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import test from 'node:test';
import { encodeStartup, type OmapiClient } from '@lessor/omapi';
import { OmapiServerLab } from '../unit/omapi-server-lab.js';

const IDLE = Number(process.env.OMAPI_IDLE ?? 600);
const SLOW = Number(process.env.OMAPI_SLOW ?? 100);
const LOOKUPS = 300;
/** An answer of an undisturbed server takes well under a millisecond; how much more it may take, where it takes that. */
const MAX_MORE_MS = 50;
/** How many times longer, where the machine is slow or busy. */
const MAX_TIMES = 20;

test(`${IDLE} idle connections and ${SLOW} slow ones leave who has a key alone`, { timeout: 300_000 }, async () => {
  const lab = await OmapiServerLab.start({ omapi: { limits: { connections: IDLE + SLOW + 1 } } });
  const sockets: Socket[] = [];
  const open = async (octets: Uint8Array): Promise<Socket> => {
    const socket = connect({ host: '127.0.0.1', port: lab.port });
    socket.on('error', () => undefined).resume();
    sockets.push(socket);
    await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
    if (!socket.destroyed) socket.write(octets);
    return socket;
  };
  const client = lab.client();
  let drip: NodeJS.Timeout | undefined;
  try {
    await client.open('control', {});
    const aloneMs = await medianOf(client);
    for (let i = 0; i < IDLE; i++) await open(new Uint8Array(0));
    // The header of a message whose rest comes octet by octet, if ever.
    for (let i = 0; i < SLOW; i++) await open(Buffer.concat([encodeStartup(), new Uint8Array(10)]));
    drip = setInterval(() => {
      for (const socket of sockets.slice(-SLOW)) if (!socket.destroyed) socket.write(Uint8Array.of(0));
    }, 50);
    const medianMs = await medianOf(client);
    // Somebody new with a key comes in as well: who has proved nothing makes room.
    const another = lab.client();
    await another.open('control', {});
    another.close();
    const maxMs = MAX_MORE_MS + MAX_TIMES * aloneMs;
    assert.ok(medianMs < maxMs, `a lookup takes ${medianMs.toFixed(1)} ms, alone ${aloneMs.toFixed(1)}`);
    assert.ok(client.isConnected, 'the connection with a key was never closed');
  } finally {
    clearInterval(drip);
    client.close();
    for (const socket of sockets) socket.destroy();
    await lab.server.stop();
  }
});

/** How long a lookup takes, in the middle of many. */
async function medianOf(client: OmapiClient): Promise<number> {
  const timesMs: number[] = [];
  for (let i = 0; i < LOOKUPS; i++) {
    const startedAt = performance.now();
    await client.lookupControlState();
    timesMs.push(performance.now() - startedAt);
  }
  timesMs.sort((a, b) => a - b);
  return timesMs[LOOKUPS >>> 1]!;
}
