/** What a source may send in a second, at every door of a real server: more is served later, not sooner and not never. */

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { OmapiClient, openRequest } from '@lessor/omapi';
import { AccessLab, basic, keyOf, passwordOf } from '../lib/access-lab.js';
import { skipUnless } from '../lib/peers.js';

const PER_SECOND = 100_000;
/** Two seconds' worth may come at once; the third has to wait. */
const SENT = 3 * PER_SECOND;
/** The last piece that is read, 64 KiB at most, is served at once and paid for by what comes after it. */
const AT_LEAST_MS = ((SENT - 2 * PER_SECOND - 65_536) * 1000) / PER_SECOND;

describe('Octets a second', { skip: skipUnless('openssl') }, () => {
  let lab: AccessLab;
  const body = `${' '.repeat(SENT)}{"command": "version-get"}`;

  before(async () => {
    lab = await AccessLab.open({ pair: false, limits: { 'octets-per-second': PER_SECOND } });
  });
  after(() => lab?.close());

  async function slowed<T>(work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    const outcome = await work();
    const tookMs = performance.now() - began;
    assert.ok(tookMs >= AT_LEAST_MS, `served after ${tookMs} ms`);
    return outcome;
  }

  it('are what a local user is held to', async () => {
    const answer = await slowed(
      () =>
        new Promise<string>((resolve, reject) => {
          const socket = connect(lab.server.socket, () => socket.write(body));
          let text = '';
          socket.on('data', (chunk) => {
            text += chunk;
          });
          socket.on('error', reject).on('close', () => resolve(text));
        }),
    );
    assert.match(answer, /"result": 0/);
  });

  for (const door of ['http', 'https'] as const) {
    it(`are what a source is held to over ${door}`, async () => {
      const authorization = basic('viewer', passwordOf('viewer'));
      const { status } = await slowed(() => lab.post(door, body, { person: 'viewer', authorization }));
      assert.equal(status, 200);
    });
  }

  it('are what a source is held to over OMAPI', async () => {
    const key = keyOf('viewer');
    const client = new OmapiClient({ host: '127.0.0.1', port: lab.ports.omapi, key, maxInFlight: 1000 });
    const one = openRequest('host', [['name', Buffer.alloc(1000, 'x')]]);
    await slowed(() => Promise.all(Array.from({ length: SENT / 1000 }, () => client.request(one))));
    client.close();
  });

  it('end the connection of who asks for pages with more', async () => {
    const authorization = 'x'.repeat(15_000);
    const replies = await Promise.allSettled(
      Array.from({ length: 20 }, () => lab.post('metrics', '', { authorization })),
    );
    assert.ok(replies.some(({ status }) => status === 'rejected'));
  });
});
