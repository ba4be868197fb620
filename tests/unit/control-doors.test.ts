/** The control doors under pressure: thousands of connections, slow writers, and spoilt requests. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { systemClock } from 'lessor/internal/platform/clock.js';
import { lockFile } from 'lessor/internal/platform/lock.js';
import { listenUnixNatively } from 'lessor/internal/platform/unix-arrivals.js';
import { ControlListeners } from 'lessor/internal/transports/control-listeners.js';
import { DEFAULT_LIMITS } from 'lessor/internal/transports/listener.js';
import { fuzzDoors } from '../fuzz/doors.js';
import { freePorts } from '../lib/ports.js';
import { settle } from '../lib/until.js';
import { controlBench, HandClock, ListLogger } from './control-fakes.js';

/** LESSOR_DOOR_CONNECTIONS=5000 for the whole of it; LESSOR_DOOR_FUZZ for more requests. */
const CONNECTIONS = Number(process.env.LESSOR_DOOR_CONNECTIONS ?? 400);
const FUZZ_REQUESTS = Number(process.env.LESSOR_DOOR_FUZZ ?? 400);

const folder = mkdtempSync(join(tmpdir(), 'lessor-doors-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** @param native unix connections by system calls, as a server on Linux takes them */
async function openDoors(maxConnections: number, native: boolean) {
  const clock = new HandClock();
  const path = join(folder, 'kea4');
  const { http } = await freePorts(['http']);
  const listeners = new ControlListeners({
    dispatch: (command) => controlBench().dispatcher.dispatch(command),
    clock,
    logger: new ListLogger(),
    lock: lockFile,
    ...(native && { listenUnix: listenUnixNatively(systemClock) }),
    limits: { ...DEFAULT_LIMITS, maxConnections },
  });
  const sockets = [
    { type: 'unix', path, headers: [] },
    { type: 'http', address: '127.0.0.1', port: http, headers: [] },
  ] as const;
  (await listeners.apply(sockets)).commit();
  return { listeners, clock, targets: { unix: { path }, http: { port: http, host: '127.0.0.1' } } };
}

const opened = (target: NetConnectOpts): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(target, () => resolve(socket));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      // The backlog of a unix socket is full: the server shares this loop and takes connections when we let it.
      if (error.code === 'EAGAIN') setTimeout(() => opened(target).then(resolve, reject), 20);
      else reject(error);
    });
  });

async function many(count: number, target: NetConnectOpts): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const batch = Math.min(100, count - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: batch }, () => opened(target)))));
  }
  for (const socket of sockets) socket.on('error', () => socket.destroy()).resume();
  return sockets;
}

const VERSION = '{"command":"version-get"}';
const REQUESTS = {
  unix: VERSION,
  http: `POST / HTTP/1.1\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ${VERSION.length}\r\n\r\n${VERSION}`,
};
/** A request that never ends, an octet at a time. */
const SLOW = {
  unix: '{"command": ',
  http: 'POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{',
};

async function ask(door: keyof typeof REQUESTS, target: NetConnectOpts): Promise<string> {
  const socket = await opened(target);
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk)).write(REQUESTS[door]);
  await new Promise((resolve) => socket.once('close', resolve));
  return answer;
}

describe('the control doors', () => {
  for (const [way, door] of [
    ['unix by system calls', 'unix'],
    ['unix by node:net', 'unix'],
    ['http', 'http'],
  ] as const) {
    const native = way === 'unix by system calls';
    it(`${way}: answers while ${CONNECTIONS} idle connections and slow writers are there`, async () => {
      const { listeners, clock, targets } = await openDoors(DEFAULT_LIMITS.maxConnections, native);
      const sockets = await many(CONNECTIONS, targets[door]);
      for (const [i, socket] of sockets.entries()) if (i % 2 === 0) socket.write(SLOW[door]);
      assert.match(await ask(door, targets[door]), /0\.1\.0/);
      assert.equal(sockets.filter(({ destroyed }) => destroyed).length, 0, 'nobody was turned away');
      const gone = Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
      for (let waited = 0; waited < 60_000; waited += 10_000) {
        clock.advance(10_000);
        await settle(10);
      }
      await gone;
      assert.match(await ask(door, targets[door]), /0\.1\.0/);
      await listeners.close();
    });

    it(`${way}: slow writers at the bound do not lock the operator out`, async () => {
      const { listeners, targets } = await openDoors(50, native);
      const sockets = await many(100, targets[door]);
      for (const socket of sockets) socket.write(SLOW[door]);
      for (let i = 0; i < 5; i++) assert.match(await ask(door, targets[door]), /0\.1\.0/);
      for (const socket of sockets) socket.destroy();
      await listeners.close();
    });
  }

  it('stand what is not a request, without and with credentials', async (t) => {
    const result = await fuzzDoors(FUZZ_REQUESTS, 1);
    for (const [door, { answered, closed }] of Object.entries(result)) {
      t.diagnostic(`${door}: ${answered} answered, ${closed} closed`);
      assert.ok(answered > 0, door);
    }
  });
});
