/** The door where the partner of a pair is heard, while others crowd at it and at other doors. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, afterEach, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { runPki } from 'lessor/internal/cli/pki.js';
import { loadConfig } from 'lessor/internal/config/load.js';
import { STRANGER_COST, StrangerBudget, withReserve } from 'lessor/internal/control/access/stranger-budget.js';
import type { HaConfig } from 'lessor/internal/domain/ha/config.js';
import { parseDate, systemClock } from 'lessor/internal/platform/clock.js';
import { nativeTcp } from 'lessor/internal/platform/tcp-arrivals.js';
import type { AuditRecord } from 'lessor/internal/services/audit.js';
import type { ListenTcp } from 'lessor/internal/services/ports.js';
import { PeerClient } from 'lessor/internal/transports/peer-client.js';
import { PeerListener } from 'lessor/internal/transports/peer-listener.js';
import { freePort } from '../lib/ports.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';
import { testEnvironment } from './config-helpers.js';
import { HandClock, ListLogger } from './control-fakes.js';

/** The partner's address, one of nobody in particular that may come, and one that may not. */
const [PARTNER, OTHER, STRANGER] = ['127.0.0.1', '127.0.0.9', '127.0.1.1'] as const;
/** Silent connections of an attack. */
const CROWD = 2000;
/** How long the partner may wait for its answer: less than who is silent may stay. */
const PATIENCE_MS = 4000;

const folder = scratchFolder();
const file = (name: string): string => join(folder, name);

/** The relation as one of the two servers has it. */
function relation(name: 'alpha' | 'beta', port: number, scheme: 'http' | 'https'): HaConfig {
  const tls = { 'trust-anchor': file('ca.pem'), 'cert-file': file(`${name}.pem`), 'key-file': file(`${name}.key`) };
  const peer = (other: string, role: string) => ({
    ...{ name: other, role, url: `${scheme}://${PARTNER}:${other === 'alpha' ? port : 1}/` },
  });
  const one = {
    ...{ 'this-server-name': name, mode: 'hot-standby', ...(scheme === 'https' ? tls : {}) },
    'user-context': { lessor: { sources: [`${PARTNER}/32`, `${OTHER}/32`] } },
    peers: [peer('alpha', 'primary'), peer('beta', 'standby')],
  };
  const hook = { library: 'libdhcp_ha.so', parameters: { 'high-availability': [one] } };
  const value = { Dhcp4: { 'hooks-libraries': [hook] } };
  return loadConfig({ kind: 'json', value }, testEnvironment()).snapshot.ha[0]!;
}

const crowds: Socket[] = [];
let ended: (() => Promise<void> | void)[] = [];

before(async () => {
  const pki = (...argv: string[]): Promise<unknown> =>
    runPki([...argv, '-d', folder], { stdout: new PassThrough(), stderr: new PassThrough(), env: {} });
  await pki('init');
  for (const name of ['alpha', 'beta', 'mallory']) await pki('issue', '--peer', name, '--relationship', 'alpha-beta');
});
afterEach(async () => {
  for (const socket of crowds.splice(0)) socket.destroy();
  for (const end of ended.reverse()) await end();
  ended = [];
});
after(() => removeScratch(folder));

/** Connections that say nothing; resolves when all have been made, as far as this end can tell. */
async function crowd(port: number, localAddress: string, size = CROWD): Promise<readonly Socket[]> {
  const made = await Promise.all(
    Array.from({ length: size }, () => {
      const socket = connect({ host: PARTNER, port, localAddress });
      crowds.push(socket);
      socket.on('error', () => socket.destroy());
      return new Promise<Socket>((resolve) => {
        for (const event of ['connect', 'close']) socket.once(event, () => resolve(socket));
      });
    }),
  );
  return made;
}

/** How many of these the other end has not closed, when they are as few as they may be or in vain waited for. */
async function stillOpen(sockets: readonly Socket[], most = 64): Promise<number> {
  for (const socket of sockets) socket.resume();
  let open = sockets.length;
  for (const until = performance.now() + 4000; performance.now() < until; ) {
    open = sockets.filter((socket) => !socket.destroyed).length;
    if (open <= most) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return open;
}

/** A listener, and the client of the partner. */
async function open(scheme: 'http' | 'https', strangers: StrangerBudget, listenTcp: ListenTcp | undefined) {
  const port = await freePort();
  const records: AuditRecord[] = [];
  const listener = await PeerListener.open(relation('alpha', port, scheme), {
    ...{ clock: systemClock, logger: new ListLogger(), parseTime: parseDate, onCertificate: () => undefined },
    ...{ strangers, listenTcp },
    audit: { record: (record) => void records.push(record) },
    answer: async () => ({ result: 0, text: 'done' }),
  });
  const client = new PeerClient(relation('beta', port, scheme), systemClock);
  ended.push(
    () => listener.close(),
    () => client.close(),
  );
  const ask = async (): Promise<string> => (await client.ask('ha-heartbeat', {}, PATIENCE_MS)).text;
  return { port, records, ask, client };
}

function native(strangers: StrangerBudget): ListenTcp | undefined {
  if (process.platform !== 'linux') return undefined;
  const take = withReserve(strangers, systemClock);
  return nativeTcp(systemClock)(() => take(STRANGER_COST.arrival));
}

const skip = process.platform === 'linux' ? false : 'Linux only';

for (const scheme of ['http', 'https'] as const) {
  describe(`the partner over ${scheme}`, { skip }, () => {
    it('is answered while thousands crowd at its door, whoever they are', async () => {
      for (const from of [STRANGER, OTHER, PARTNER]) {
        const strangers = new StrangerBudget(systemClock);
        const { port, ask } = await open(scheme, strangers, native(strangers));
        const sockets = await crowd(port, from);
        assert.equal(await ask(), 'done', `a crowd at ${from}`);
        const most = from === STRANGER ? 0 : 64;
        assert.ok((await stillOpen(sockets, most)) <= most, `a crowd at ${from}`);
        assert.equal(await ask(), 'done', `after a crowd at ${from}`);
      }
    });

    it('is answered while an attack on other doors has used up all that strangers may cost', async () => {
      const strangers = new StrangerBudget(systemClock);
      const { ask } = await open(scheme, strangers, native(strangers));
      const attack = setInterval(() => strangers.charge(1_000_000), 5);
      try {
        strangers.charge(1_000_000);
        assert.equal(await ask(), 'done');
      } finally {
        clearInterval(attack);
      }
    });

    it('gets back what it cost; who is not the partner does not', async () => {
      const clock = new HandClock();
      const strangers = new StrangerBudget(clock);
      const { port, ask } = await open(scheme, strangers, undefined);
      strangers.charge(200);
      for (let i = 0; i < 3; i++) assert.equal(await ask(), 'done');
      // What an arrival costs is paid by what takes it from the kernel, which is not there.
      assert.equal(spent(strangers), 200 - STRANGER_COST.arrival);
      assert.equal(await asStranger(scheme, port), 403);
      const { connection, handshake, refusal } = STRANGER_COST;
      const cost = connection + refusal + (scheme === 'https' ? handshake : 0);
      assert.equal(spent(strangers), cost);
    });
  });
}

describe('a connection of the partner', { skip }, () => {
  it('is not closed for those of others, though it has not shown yet whose it is', async () => {
    const strangers = new StrangerBudget(systemClock);
    const { port } = await open('http', strangers, native(strangers));
    const partner = connect({ host: PARTNER, port });
    ended.push(() => void partner.destroy());
    const text = '{"command":"ha-heartbeat"}';
    partner.write('POST / HTTP/1.1\r\n');
    const others = await crowd(port, OTHER, 200);
    for (const socket of others) socket.write('POST / HTTP/1.1\r\n');
    assert.ok((await stillOpen(others)) <= 64);
    partner.end(`Host: x\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
    let answer = '';
    for await (const octets of partner) answer += String(octets);
    assert.match(answer, /^HTTP\/1\.1 200 /);
  });

  it('is not closed for those that come after it, though all its places are wanted', async () => {
    const strangers = new StrangerBudget(systemClock);
    const { port } = await open('http', strangers, native(strangers));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    ended.push(() => agent.destroy());
    assert.deepEqual(await post(port, { agent }), [200, false]);
    await stillOpen(await crowd(port, PARTNER));
    assert.deepEqual(await post(port, { agent }), [200, true]);
  });
});

/** What is spent of a budget whose clock stands still; it is full afterwards. */
function spent(strangers: StrangerBudget): number {
  let left = 0;
  while (strangers.take(1) === 0) left++;
  strangers.refund(1_000_000);
  return 400 - left;
}

/** A status, and whether the connection was one of before. */
function post(port: number, options: { readonly agent?: Agent; readonly localAddress?: string }) {
  return new Promise<readonly [number | undefined, boolean]>((resolve, reject) => {
    const sent = request({ host: PARTNER, port, method: 'POST', ...options }, (response) => {
      response.resume();
      response.on('end', () => resolve([response.statusCode, sent.reusedSocket]));
    });
    sent.on('error', reject);
    sent.end('{"command":"ha-heartbeat"}');
  });
}

/** The status that somebody gets who is not of the relation: by his address, or by the name in his certificate. */
async function asStranger(scheme: 'http' | 'https', port: number): Promise<number | undefined> {
  if (scheme === 'http') return (await post(port, { localAddress: OTHER }))[0];
  const pem = { cert: readFileSync(file('mallory.pem')), key: readFileSync(file('mallory.key')) };
  const socket = connectTls({ host: PARTNER, port, rejectUnauthorized: false, ...pem });
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}');
  let text = '';
  for await (const octets of socket) text += String(octets);
  return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
}
