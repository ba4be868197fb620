/** The HTTP control socket: what it takes, what it refuses, credentials, TLS, time-outs, reconfiguration. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Principal } from 'lessor/internal/control/command.js';
import type { Dispatch } from 'lessor/internal/control/door.js';
import { FULL_RIGHTS } from 'lessor/internal/domain/access/rights.js';
import type { ControlSocketConfig } from 'lessor/internal/domain/snapshot.js';
import { lockFile } from 'lessor/internal/platform/lock.js';
import { ControlListeners } from 'lessor/internal/transports/control-listeners.js';
import { HttpListener } from 'lessor/internal/transports/kea-http.js';
import { DEFAULT_LIMITS, type ListenerDeps, type ListenerLimits } from 'lessor/internal/transports/listener.js';
import { settle as turnsOf, until } from '../lib/until.js';
import { controlBench, HandClock, ListLogger } from './control-fakes.js';

const folder = mkdtempSync(join(tmpdir(), 'lessor-http-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const CONFIG: ControlSocketConfig = { type: 'http', address: '127.0.0.1', port: 0, headers: [] };
const AUTHENTICATION = {
  realm: 'kea-test',
  clients: [
    { user: 'admin', password: 's3cret' },
    { user: 'other', password: 'pa:ss\u00e9' },
  ],
};

function makeDeps(limits: Partial<ListenerLimits> = {}, dispatch?: Dispatch) {
  const control = controlBench();
  const clock = new HandClock();
  const principals: Principal[] = [];
  const deps: ListenerDeps = {
    dispatch: (command) => {
      principals.push(command.principal);
      return dispatch === undefined ? control.dispatcher.dispatch(command) : dispatch(command);
    },
    clock,
    logger: new ListLogger(),
    lock: lockFile,
    limits: { ...DEFAULT_LIMITS, ...limits },
  };
  return { deps, clock, principals };
}

async function bench(config: Partial<ControlSocketConfig> = {}, limits?: Partial<ListenerLimits>, dispatch?: Dispatch) {
  const made = makeDeps(limits, dispatch);
  const listener = await HttpListener.open({ ...CONFIG, ...config }, made.deps);
  return { ...made, listener, url: `http://127.0.0.1:${listener.port}/` };
}

const VERSION = '{"command":"version-get"}';
const JSON_HEADERS = { 'Content-Type': 'application/json' };

function post(url: string, body: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { method: 'POST', body: Buffer.from(body, 'latin1'), headers: { ...JSON_HEADERS, ...headers } });
}

const basic = (text: string) => ({ Authorization: `Basic ${Buffer.from(text, 'utf8').toString('base64')}` });
/** Lets sockets get on; with TLS that takes a while. */
const settle = () => turnsOf(120);

const connected = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => resolve(socket));
    socket.once('error', reject);
  });

/** Sends octets as they are and collects what comes until the server closes (or `until` is seen). */
function raw(port: number, text: string, until?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let all = '';
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(Buffer.from(text, 'latin1')));
    socket.on('data', (chunk) => {
      all += chunk.toString('latin1');
      if (until === undefined || !all.includes(until)) return;
      socket.destroy();
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(all));
  });
}

describe('the HTTP control socket', () => {
  it('answers with a list of one object', async () => {
    const { url, listener, principals } = await bench();
    const response = await post(url, VERSION);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'application/json');
    assert.equal(
      await response.text(),
      '[ { "arguments": { "extended": "lessor 0.1.0" }, "result": 0, "text": "0.1.0" } ]',
    );
    assert.deepEqual(principals, [
      { name: 'anonymous', method: 'none', rights: FULL_RIGHTS, sourceAddress: '127.0.0.1' },
    ]);
    await listener.close();
  });

  const statuses: readonly [what: string, status: number, init: RequestInit][] = [
    [
      'a charset in Content-Type',
      200,
      { headers: { 'Content-Type': 'Application/JSON; charset=utf-8' }, body: VERSION },
    ],
    ['text/plain', 400, { headers: { 'Content-Type': 'text/plain' }, body: VERSION }],
    ['application/jsonx', 400, { headers: { 'Content-Type': 'application/jsonx' }, body: VERSION }],
    ['PUT', 400, { method: 'PUT', headers: JSON_HEADERS, body: VERSION }],
    ['GET', 400, { method: 'GET' }],
    ['OPTIONS', 400, { method: 'OPTIONS', headers: JSON_HEADERS }],
    ['a comment', 400, { headers: JSON_HEADERS, body: `# x\n${VERSION}` }],
    ['text after the object', 400, { headers: JSON_HEADERS, body: `${VERSION}x` }],
    ['half an object', 400, { headers: JSON_HEADERS, body: '{' }],
    ['an unknown command', 200, { headers: JSON_HEADERS, body: '{"command":"x"}' }],
  ];
  for (const [what, status, init] of statuses) {
    it(`answers ${status} to ${what}`, async () => {
      const { url, listener } = await bench();
      const response = await fetch(url, { method: 'POST', ...init });
      assert.equal(response.status, status);
      if (status === 400) assert.equal(await response.text(), '{ "result": 400, "text": "Bad Request" }');
      await listener.close();
    });
  }

  it('takes chunked bodies, an empty body, and UTF-8 as octets', async () => {
    const { url, listener } = await bench();
    const stream = new ReadableStream({
      start(controller) {
        for (const part of ['{"comm', 'and":"server-tag-get"}']) controller.enqueue(Buffer.from(part));
        controller.close();
      },
    });
    const chunked = await fetch(url, {
      method: 'POST',
      headers: JSON_HEADERS,
      body: stream,
      duplex: 'half',
    } as RequestInit);
    assert.equal(JSON.parse(await chunked.text())[0].arguments['server-tag'], 'tag');
    assert.equal(
      await (await post(url, '')).text(),
      '[ { "result": 1, "text": "Command processing failed: NULL command parameter" } ]',
    );
    assert.equal(
      await (await post(url, '{"command":"x\u00c3\u00a9y"}')).text(),
      `[ { "result": 2, "text": "'x\\u00c3\\u00a9y' command not supported." } ]`,
    );
    await listener.close();
  });

  it('looks at the service member', async () => {
    const { url, listener } = await bench();
    const ask = async (service: string) =>
      JSON.parse(await (await post(url, `{"command":"server-tag-get","service":${service}}`)).text())[0];
    assert.equal((await ask('["dhcp4"]')).result, 0);
    assert.deepEqual(await ask('["dhcp6"]'), { result: 1, text: "unsupported service 'dhcp6', expected 'dhcp4'" });
    assert.deepEqual(await ask('"dhcp4"'), { result: 1, text: 'service value must be a list' });
    await listener.close();
  });

  it('keeps the connection, and closes it after what is no HTTP', async () => {
    const { listener } = await bench();
    const head = `POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: ${VERSION.length}\r\n`;
    const twice = await raw(listener.port, `${head}\r\n${VERSION}${head}Connection: close\r\n\r\n${VERSION}`);
    assert.equal(twice.split('HTTP/1.1 200 OK').length, 3, 'no Host is needed, and pipelined requests are answered');
    for (const text of [
      'nonsense\r\n\r\n',
      'POST / HTTP/1.1\r\nA b: c\r\n\r\n',
      'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
    ]) {
      const answer = await raw(listener.port, text);
      assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
      assert.ok(answer.endsWith('\r\n\r\n{ "result": 400, "text": "Bad Request" }'));
    }
    await listener.close();
  });

  it('ignores expectations it does not know', async () => {
    const { listener } = await bench();
    const head = `POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: ${VERSION.length}\r\n`;
    const answer = await raw(listener.port, `${head}Expect: more\r\nConnection: close\r\n\r\n${VERSION}`);
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    await listener.close();
  });

  it('bounds bodies, announced or not', async () => {
    const { url, listener } = await bench({}, { maxCommandOctets: 1000 });
    assert.equal((await post(url, `{"command":"${'x'.repeat(980)}"}`)).status, 200);
    const announced = await raw(
      listener.port,
      'POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 1001\r\n\r\n',
    );
    assert.match(announced, /^HTTP\/1\.1 413 /);
    const chunk = `3e8\r\n${'x'.repeat(1000)}\r\n`;
    const chunked = await raw(
      listener.port,
      `POST / HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`,
    );
    assert.match(chunked, /^HTTP\/1\.1 413 /);
    await listener.close();
  });

  it('adds the configured headers to every answer', async () => {
    const { url, listener } = await bench({
      headers: [{ name: 'X-Extra', value: 'yes' }],
      authentication: AUTHENTICATION,
    });
    for (const [headers, status] of [
      [basic('admin:s3cret'), 200],
      [{}, 401],
    ] as const) {
      const response = await post(url, VERSION, headers);
      assert.equal(response.status, status);
      assert.equal(response.headers.get('x-extra'), 'yes');
      await response.text();
    }
    await listener.close();
  });

  it('answers 403 where the dispatcher denies', async () => {
    const { url, listener } = await bench({}, {}, async () => ({ result: 1, text: 'no', code: 'command-denied' }));
    const response = await post(url, VERSION);
    assert.equal(response.status, 403);
    assert.equal(await response.text(), '{ "result": 403, "text": "Forbidden" }');
    await listener.close();
  });

  it('answers 500 when the dispatcher fails, and goes on', async () => {
    const { url, listener } = await bench({}, {}, () => Promise.reject(new Error('a defect')));
    assert.equal((await post(url, VERSION)).status, 500);
    assert.equal((await post(url, VERSION)).status, 500);
    await listener.close();
  });
});

describe('credentials', () => {
  const cases: readonly [what: string, headers: Record<string, string>, user: string | undefined][] = [
    ['none', {}, undefined],
    ['the right ones', basic('admin:s3cret'), 'admin'],
    ['UTF-8 and a colon', basic('other:pa:ss\u00e9'), 'other'],
    ['a wrong password', basic('admin:s3crex'), undefined],
    ['a password with more behind', basic('admin:s3cret '), undefined],
    ['the password of another', basic('other:s3cret'), undefined],
    ['an unknown user', basic('nobody:s3cret'), undefined],
    ['another scheme', { Authorization: 'Bearer YWRtaW46czNjcmV0' }, undefined],
    ['the scheme in upper case and blanks', { Authorization: 'BASIC   YWRtaW46czNjcmV0' }, 'admin'],
    ['an empty header', { Authorization: '' }, undefined],
    ['the scheme alone', { Authorization: 'Basic' }, undefined],
  ];
  for (const [what, headers, user] of cases) {
    it(`${user === undefined ? 'refuses' : 'takes'} ${what}`, async () => {
      const { url, listener, principals } = await bench({ authentication: AUTHENTICATION });
      const response = await post(url, VERSION, headers);
      assert.equal(response.status, user === undefined ? 401 : 200);
      if (user === undefined) {
        assert.equal(response.headers.get('www-authenticate'), 'Basic realm="kea-test"');
        assert.equal(await response.text(), '{ "result": 401, "text": "Unauthorized" }');
      }
      assert.deepEqual(
        principals.map(({ name, method }) => [name, method]),
        user === undefined ? [] : [[user, 'basic']],
      );
      await listener.close();
    });
  }

  it('are looked at before the body: no JSON of a stranger is parsed, and no large body is awaited', async () => {
    const { url, listener } = await bench({ authentication: AUTHENTICATION });
    assert.equal((await post(url, '{')).status, 401);
    const answer = await raw(
      listener.port,
      'POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 60000000\r\n\r\n{',
    );
    assert.match(answer, /^HTTP\/1\.1 401 Unauthorized\r\n/);
    await listener.close();
  });

  it('an authentication without clients demands nothing, as in Kea', async () => {
    const { url, listener } = await bench({ authentication: { realm: 'x', clients: [] } });
    assert.equal((await post(url, VERSION)).status, 200);
    await listener.close();
  });
});

describe('time-outs', () => {
  it('408 after ten seconds without a request, 30 s of silence between requests', async () => {
    const { clock, listener } = await bench();
    const silent = raw(listener.port, '');
    const partial = raw(listener.port, 'POST / HTTP/1.1\r\nContent-');
    await until('both wait', () => clock.pending === 2, 5);
    clock.advance(10_000);
    assert.match(await silent, /^HTTP\/1\.1 408 Request Timeout\r\n/);
    assert.match(await partial, /^HTTP\/1\.1 408 Request Timeout\r\n/);
    const head = `POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: ${VERSION.length}\r\n\r\n`;
    const idle = raw(listener.port, head + VERSION);
    await settle();
    clock.advance(29_999);
    await settle();
    clock.advance(1);
    assert.match(await idle, /0\.1\.0/);
    await listener.close();
    await settle();
    assert.equal(clock.pending, 0, 'no timer is left');
  });

  it('408 after ten seconds without an octet of the body', async () => {
    const { clock, listener } = await bench();
    const head = 'POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 25\r\n\r\n{';
    const partial = raw(listener.port, head);
    await settle();
    clock.advance(10_000);
    assert.match(await partial, /^HTTP\/1\.1 408 /);
    await listener.close();
  });

  it('none while the command runs', async () => {
    let finish = (_: { result: 0 }): void => undefined;
    const { url, clock, listener } = await bench({}, {}, () => new Promise((resolve) => (finish = resolve)));
    const response = post(url, VERSION);
    await settle();
    clock.advance(3_600_000);
    finish({ result: 0 });
    assert.equal(await (await response).text(), '[ { "result": 0 } ]');
    await listener.close();
  });

  it('at the bound the connection that has kept us waiting the longest goes, so that idlers lock nobody out', async () => {
    const { url, listener } = await bench({}, { maxConnections: 2 });
    const [first, second] = [await connected(listener.port), await connected(listener.port)];
    const evicted = new Promise<void>((resolve) => first.once('close', () => resolve()));
    await settle();
    assert.equal((await post(url, VERSION)).status, 200);
    await evicted;
    assert.equal(second.destroyed, false);
    second.destroy();
    await listener.close();
  });

  it('while every connection has a command under way, a further one is closed', async () => {
    let finish = (_: { result: 0 }): void => undefined;
    const { url, listener } = await bench(
      {},
      { maxConnections: 1 },
      () => new Promise((resolve) => (finish = resolve)),
    );
    const response = post(url, VERSION);
    await settle();
    assert.equal(await raw(listener.port, ''), '');
    finish({ result: 0 });
    assert.equal((await response).status, 200);
    await listener.close();
  });
});

describe('TLS and reconfiguration', () => {
  const file = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  before(() => {
    const key = ['-newkey', 'rsa:2048', '-nodes'];
    openssl(
      'req',
      '-x509',
      ...key,
      '-keyout',
      file('ca.key'),
      '-out',
      file('ca.pem'),
      '-days',
      '2',
      '-subj',
      '/CN=test ca',
    );
    for (const name of ['server', 'client']) {
      openssl('req', ...key, '-keyout', file(`${name}.key`), '-out', file(`${name}.csr`), '-subj', `/CN=${name}`);
      const ca = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial'];
      openssl('x509', '-req', '-in', file(`${name}.csr`), ...ca, '-out', file(`${name}.pem`), '-days', '2');
    }
  });
  const tls = (certRequired: boolean) => ({
    trustAnchor: file('ca.pem'),
    certFile: file('server.pem'),
    keyFile: file('server.key'),
    certRequired,
  });

  async function postTls(port: number, client: boolean): Promise<string> {
    const { readFileSync } = await import('node:fs');
    const identity = client ? { cert: readFileSync(file('client.pem')), key: readFileSync(file('client.key')) } : {};
    return new Promise((resolve, reject) => {
      const request = httpsRequest(
        {
          port,
          host: '127.0.0.1',
          method: 'POST',
          ca: readFileSync(file('ca.pem')),
          checkServerIdentity: () => undefined,
          headers: { ...JSON_HEADERS, 'Content-Length': VERSION.length },
          agent: false,
          ...identity,
        },
        (response) => {
          let text = '';
          response.on('data', (chunk) => (text += chunk));
          response.on('end', () => resolve(text));
        },
      );
      request.on('error', reject);
      request.end(VERSION);
    });
  }

  it('asks for a client certificate, or not', async () => {
    const { listener, principals } = await bench({ type: 'https', tls: tls(true) });
    assert.match(await postTls(listener.port, true), /0\.1\.0/);
    assert.deepEqual([principals[0]?.name, principals[0]?.method], ['client', 'client-cert']);
    await assert.rejects(postTls(listener.port, false));
    assert.equal((await raw(listener.port, 'POST / HTTP/1.1\r\n\r\n')).includes('200 OK'), false);
    await listener.close();
    const open = await bench({ type: 'https', tls: tls(false) });
    assert.match(await postTls(open.listener.port, false), /0\.1\.0/);
    assert.equal(open.principals[0]?.method, 'none');
    await open.listener.close();
  });

  it('names the file that can not be loaded', async () => {
    await assert.rejects(bench({ tls: { ...tls(true), certFile: '/nonexistent' } }), {
      code: 'config-file',
      message: /^load of cert file '\/nonexistent' failed/,
    });
    await assert.rejects(bench({ tls: { ...tls(true), keyFile: file('client.key') } }), { code: 'config-file' });
    await assert.rejects(bench({ tls: { ...tls(true), trustAnchor: file('nope') } }), /trust anchor/);
    const directory = await bench({ tls: { ...tls(false), trustAnchor: folder } });
    await directory.listener.close();
  });

  it('changes credentials and TLS on the same port without closing a connection', async () => {
    const { deps } = makeDeps();
    const first = await HttpListener.open(CONFIG, deps);
    const { port } = first;
    await first.close();
    const config = { ...CONFIG, port };
    const listeners = new ControlListeners(deps);
    const apply = async (...configs: ControlSocketConfig[]) => (await listeners.apply(configs)).commit();
    await apply(config);
    assert.deepEqual(listeners.open, [`http 127.0.0.1:${port}`]);
    const old = await connected(port);
    let text = '';
    old.on('data', (chunk) => (text += chunk));
    const head = `POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: ${VERSION.length}\r\n`;
    old.write(`${head}\r\n${VERSION}`);
    await settle();
    assert.match(text, /^HTTP\/1\.1 200 OK/);
    await apply({ ...config, authentication: AUTHENTICATION });
    text = '';
    old.write(`${head}\r\n${VERSION}`);
    await settle();
    assert.match(text, /^HTTP\/1\.1 401 Unauthorized/, 'the same connection, the new credentials');
    await apply({ ...config, type: 'https', tls: tls(false) });
    assert.deepEqual(listeners.open, [`https 127.0.0.1:${port}`]);
    assert.match(await postTls(port, false), /0\.1\.0/);
    text = '';
    old.write(`${head}\r\n${VERSION}`);
    await settle();
    assert.match(text, /^HTTP\/1\.1 200 OK/, 'the old connection goes on');
    await assert.rejects(listeners.apply([{ ...config, tls: { ...tls(false), certFile: '/no' } }]), /\/no/);
    assert.match(await postTls(port, false), /0\.1\.0/, 'a change that failed changed nothing');
    await apply();
    assert.deepEqual(listeners.open, []);
    await assert.rejects(connected(port));
    old.destroy();
  });

  it('opens all or none, and the answer under way leaves on the old connection', async () => {
    let listeners: ControlListeners | undefined;
    const path = join(folder, 'moved.sock');
    const { deps } = makeDeps({}, async () => {
      (await listeners!.apply([{ type: 'unix', path, headers: [] }])).commit();
      return { result: 0, text: 'Configuration successful.' };
    });
    listeners = new ControlListeners(deps);
    const busy = await HttpListener.open(CONFIG, deps);
    const taken = { ...CONFIG, port: busy.port };
    const unix = { type: 'unix', path: join(folder, 'first.sock'), headers: [] } as const;
    await assert.rejects(listeners.apply([unix, taken]), { code: 'socket-open' });
    assert.deepEqual(listeners.open, []);
    await assert.rejects(connectedUnix(unix.path));
    await busy.close();

    (await listeners.apply([taken])).commit();
    const response = await post(`http://127.0.0.1:${taken.port}/`, '{"command":"config-set"}');
    assert.match(await response.text(), /Configuration successful/);
    assert.equal(response.headers.get('connection'), 'close');
    await assert.rejects(connected(taken.port));
    (await connectedUnix(path)).destroy();

    const prepared = await listeners.apply([unix]);
    prepared.abandon();
    await settle();
    await assert.rejects(connectedUnix(unix.path));
    assert.deepEqual(listeners.open, [`unix socket ${path}`]);
    await listeners.close();
    await assert.rejects(connectedUnix(path));
  });

  const connectedUnix = (path: string): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect({ path }, () => resolve(socket));
      socket.once('error', reject);
    });
});

describe('any octets', () => {
  it('are answered or refused, and the listener goes on', async () => {
    const { listener, url } = await bench({}, { lingerMs: 0 });
    const pieces = [
      'POST / HTTP/1.1\r\n',
      'Content-Length: ',
      'Content-Type: application/json\r\n',
      '\r\n',
      '5',
      '-1',
      '{}',
    ];
    const more = [
      'Transfer-Encoding: chunked\r\n',
      '\u0000',
      '\u00ff',
      'GET',
      ' ',
      '0\r\n\r\n',
      'Expect: 100-continue\r\n',
    ];
    let seed = 1;
    const next = (bound: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % bound;
    };
    const words = [...pieces, ...more];
    const rounds = Number(process.env.LESSOR_HTTP_FUZZ_RUNS ?? 150);
    for (let i = 0; i < rounds; i++) {
      const text = Array.from({ length: 1 + next(12) }, () => words[next(words.length)]).join('');
      await new Promise<void>((resolve) => {
        const socket = connect({ port: listener.port, host: '127.0.0.1' }, () =>
          socket.end(Buffer.from(text, 'latin1')),
        );
        socket.resume();
        socket.once('error', () => resolve());
        socket.once('close', () => resolve());
      });
    }
    assert.equal((await post(url, VERSION)).status, 200);
    await listener.close();
  });
});
