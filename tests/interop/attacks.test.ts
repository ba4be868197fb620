/**
 * Attacks from the management network and from clients' networks on a real server that serves clients meanwhile: nobody
 * is let in, and the clients do not notice. How much slower they are served is for `npm run bench -- attack`.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { AccessLab, basic, passwordOf } from '../lib/access-lab.js';
import { connect, Netns } from '../lib/netns.js';
import { skipUnless } from '../lib/peers.js';
import { perfdhcp } from '../lib/perfdhcp.js';
import { repoPath } from '../lib/repo.js';
import { subject } from '../lib/subject.js';
import type { Attacks, Knock } from './attack-agent.js';

/** Four-way exchanges a second while attacks go on. */
const RATE = 100;
/** What perfdhcp may miss. */
const TOLERATED = 5;
const HOST = '203.0.113.1';
/** Addresses of the management network from which attacks come, and from which operators work. */
const [ATTACKER, OPERATOR] = ['203.0.113.2', '203.0.113.3'] as const;
/** In the management network, and not among the sources. */
const STRANGER = '203.0.113.99';

const skip = subject.name === 'kea' ? 'kea: has no such limits' : skipUnless('openssl', 'perfdhcp');

describe('Attacks on the doors', { skip }, () => {
  const spaces: Netns[] = [];
  let ops: Netns;
  let far: Netns;
  let lab: AccessLab;

  before(async () => {
    const near = Netns.create();
    [ops, far] = [Netns.create(), Netns.create()];
    spaces.push(near, ops, far);
    connect(near, 'mg0', ops, 'mg0');
    connect(near, 'lan0', far, 'lan0');
    near.ip(`address add ${HOST}/24 dev mg0
      address add 10.2.0.1/16 dev lan0`);
    ops.ip(`address add ${ATTACKER}/24 dev mg0
      address add ${OPERATOR}/24 dev mg0
      address add ${STRANGER}/24 dev mg0`);
    far.ip('address add 10.2.0.2/16 dev lan0');
    lab = await AccessLab.open({
      host: near,
      interfaces: ['lan0'],
      address: HOST,
      sources: ['203.0.113.0/28'],
      pair: false,
      // What is configured where nothing is said of limits.
      limits: {},
      dhcp4: { subnet4: [{ id: 2, subnet: '10.2.0.0/16', pools: [{ pool: '10.2.16.0 - 10.2.255.250' }] }] },
    });
  });
  after(async () => {
    await lab?.close();
    for (const space of spaces) space.destroy();
  });

  /** Runs an attack to its end. */
  async function attack<Name extends keyof Attacks>(
    name: Name,
    told: Attacks[Name]['told'],
    from: Netns = ops,
  ): Promise<Attacks[Name]['tells']> {
    const argv = [
      process.execPath,
      repoPath('build', 'tests', 'interop', 'attack-agent.js'),
      name,
      JSON.stringify(told),
    ];
    const { stdout } = await from.run(argv, 120_000);
    return JSON.parse(stdout);
  }

  /** An operator's ordinary request over a door. */
  const operation = (door: 'http' | 'https', from: string): Knock => {
    const { cert, key } = lab.certificate('viewer');
    return {
      host: HOST,
      port: lab.ports[door],
      from,
      body: '{"command": "version-get"}',
      ...(door === 'http'
        ? { authorization: basic('viewer', passwordOf('viewer')) }
        : { tls: { ca: lab.authority.ca, cert, key } }),
    };
  };

  /** Its status. */
  const operate = (door: 'http' | 'https' = 'http', from: string = OPERATOR): Promise<string> =>
    attack('knock', operation(door, from));

  /** Packets that clients missed in so many seconds. */
  async function missed(seconds: number): Promise<number> {
    const load = { rate: RATE, clients: 20_000, seconds, server: '10.2.0.1' };
    const { received, missed: lost, report } = await perfdhcp(far, load);
    assert.ok(received > (RATE * seconds) / 2, report);
    return lost;
  }

  /** Does something while clients are served, none of whom may notice. */
  async function unnoticed<T>(seconds: number, work: () => Promise<T>): Promise<T> {
    const [lost, done] = await Promise.all([missed(seconds), work()]);
    assert.ok(lost <= TOLERATED, `${lost} packets lost`);
    return done;
  }

  const memoryKb = (): number =>
    Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${lab.server.pid}/status`, 'utf8'))?.[1]);

  it('serves operators and clients when there is none', async () => {
    assert.ok((await missed(1)) <= TOLERATED);
    assert.deepEqual([await operate('http'), await operate('https')], ['200', '200']);
  });

  it('guessed passwords: are stopped after a few, the right one too; others go on working', async () => {
    const target = { host: HOST, port: lab.ports.http, from: ATTACKER };
    const told = { ...target, user: 'admin', password: passwordOf('admin'), tries: 1000 };
    const elsewhereToo = operation('https', ATTACKER);
    const [{ right, elsewhere, ...tally }, other] = await unnoticed(2, () =>
      Promise.all([attack('guess', { ...told, elsewhere: elsewhereToo }), operate()]),
    );
    assert.equal(tally['200'], undefined);
    // Those that were under way when the limit was reached are answered too.
    assert.ok((tally['401'] ?? 0) <= 5 + 16, JSON.stringify(tally));
    assert.notEqual(right, '200');
    assert.equal(other, '200');
    assert.equal(elsewhere, 'ECONNRESET', 'the other doors know of it');
    const failures = lab
      .audit()
      .filter(({ command, sourceAddress }) => command === 'authenticate' && sourceAddress === ATTACKER);
    assert.match(String(failures.at(-1)?.missing), /turned away for \d+ s/);
  });

  it('10 000 connections: are turned away beyond the limit, and lock nobody out', async () => {
    const connections = 10_000;
    const [held, ...served] = await unnoticed(3, async () => {
      const attacking = attack('hold', { host: HOST, port: lab.ports.https, from: ATTACKER, connections, seconds: 3 });
      const during = [await operate('https'), await operate('http'), await operate('https')];
      return [await attacking, ...during] as const;
    });
    assert.deepEqual(served, ['200', '200', '200']);
    assert.ok((held.held ?? 0) <= 64, JSON.stringify(held));
    assert.equal((await lab.server.command('version-get')).result, 0);
    const lines = lab.server.log().match(/LESSOR_CONNECTION_REFUSED/g) ?? [];
    assert.ok(lines.length < 200, `${lines.length} lines of the log on connections refused`);
  });

  it('TLS handshakes that do not go on: hold no more than their share, and not for long', async () => {
    // The first octets of a ClientHello that says it is 512 octets long.
    const hello = Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]).toString('base64');
    const stalled = { host: HOST, port: lab.ports.https, send: hello, connections: 300 };
    const [held, served] = await unnoticed(3, async () => {
      const attacking = attack('hold', { ...stalled, from: ATTACKER, seconds: 60 });
      const during = [await operate('https'), await operate('https')];
      return [attacking, during] as const;
    });
    assert.deepEqual(served, ['200', '200']);
    assert.equal((await held).held, 0, 'none is left after the time a handshake may take');
  });

  it('bodies without end and brackets without end: are refused, and cost a bounded memory', async () => {
    const before = memoryKb();
    const { http } = lab.ports;
    const proof = `Authorization: ${basic('metrics', passwordOf('metrics'))}\r\n`;
    const head = (length: string, more = proof) =>
      `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${more}${length}\r\n\r\n`;
    const at = { host: HOST, port: http };
    const deep = '['.repeat(2_000_000);
    const outcomes = await unnoticed(4, () =>
      Promise.all([
        // More than a command may have; and from somebody who has shown nothing.
        attack('flood', { ...at, head: head('Content-Length: 99999999999'), octets: 32e6 }),
        attack('flood', { ...at, head: head('Content-Length: 60000000', ''), octets: 32e6 }),
        // A header that goes on, and a body in pieces that goes on.
        attack('flood', { ...at, head: 'POST / HTTP/1.1\r\nX: ', octets: 32e6, piece: 'x' }),
        attack('flood', { ...at, head: `${head('Transfer-Encoding: chunked')}3b9aca00\r\n`, octets: 96e6, piece: '[' }),
        attack('flood', { host: HOST, port: lab.ports.omapi, head: '\0\0\0d\0\0\0\x18', octets: 32e6, piece: '\x7f' }),
        attack('flood', {
          host: HOST,
          port: lab.ports.metrics,
          head: 'GET /metrics HTTP/1.1\r\nX: ',
          octets: 32e6,
          piece: 'x',
        }),
        attack('flood', { ...at, head: head(`Content-Length: ${deep.length}`), octets: deep.length, piece: '[' }),
      ]),
    );
    const [tooLong, unknown, header, chunked, omapi, metrics, nested] = outcomes;
    // Whoever goes on sending may lose the answer to that: what counts is that it is no other one.
    const answered = { 413: tooLong, 401: unknown, 400: header, 431: metrics };
    for (const [status, { said }] of Object.entries(answered))
      assert.match(said, new RegExp(`^$|^HTTP/1.1 ${status} `));
    assert.match(chunked.said, /^$|^HTTP\/1.1 413 /);
    assert.match(nested.said, /^HTTP\/1.1 400 /);
    for (const { taken } of [tooLong, unknown, header, omapi, metrics])
      assert.ok(taken < 16e6, `${taken} octets were taken`);
    assert.equal(await operate(), '200');
    const grown = memoryKb() - before;
    assert.ok(grown < 400_000, `grew by ${grown} kB`);
  });

  it('other addresses of the network, of clients, and forged ones: are not let in, whatever they say of themselves', async () => {
    assert.equal(await operate('http', STRANGER), 'ECONNRESET');
    assert.equal(await operate('https', STRANGER), 'ECONNRESET');
    // A client's network reaches the address (Linux takes it on any interface) and is not among the sources.
    far.ip(`route add ${HOST}/32 dev lan0`);
    const authorization = basic('admin', passwordOf('admin'));
    const headers = { 'X-Forwarded-For': OPERATOR, Forwarded: `for=${OPERATOR}`, 'X-Real-IP': OPERATOR };
    const fromLan = { host: HOST, port: lab.ports.http, authorization, headers };
    assert.equal(await attack('knock', fromLan, far), 'ECONNRESET');
    // With an address of operators on the client's side the answers go to the management network: nothing comes about.
    far.ip('address add 203.0.113.5/32 dev lan0');
    const forged = await attack('hold', { ...fromLan, from: '203.0.113.5', connections: 20, seconds: 2 }, far).catch(
      () => ({ connected: 0 }),
    );
    assert.equal(forged.connected ?? 0, 0, JSON.stringify(forged));
  });
});
