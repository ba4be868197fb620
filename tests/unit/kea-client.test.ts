/** The client of Kea's control channel against servers of a few lines: what it sends, what it makes of answers. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import {
  ConflictError,
  ConnectionError,
  EmptyError,
  FatalError,
  HttpStatusError,
  KeaClient,
  KeaError,
  ProtocolError,
  ResultError,
  TimeoutError,
  UnsupportedError,
} from '@lessor/kea';
import { scratchFolder } from '../lib/scratch.js';

const folder = scratchFolder();
const closers: (() => void)[] = [];
after(() => {
  for (const close of closers) close();
});

let serial = 0;

/** A unix socket that answers each command with what `answer` makes of it, then closes; undefined: never answers. */
async function unixServer(answer: (command: Record<string, unknown>) => string | undefined) {
  const path = join(folder, `s${serial++}`);
  const seen: string[] = [];
  let open = 0;
  const most = { connections: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    most.connections = Math.max(most.connections, ++open);
    socket.on('error', () => socket.destroy());
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      try {
        JSON.parse(text);
      } catch {
        return;
      }
      seen.push(text);
      const reply = answer(JSON.parse(text));
      if (reply === undefined) return;
      setTimeout(() => {
        open--;
        socket.end(Buffer.from(reply, 'latin1'));
      }, 1);
    });
  });
  server.listen(path);
  await once(server, 'listening');
  closers.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { path, seen, most };
}

async function httpServer(handle: (body: string, request: IncomingMessage, response: ServerResponse) => void) {
  const connections = new Set<Socket>();
  const server = createHttpServer((request, response) => {
    let body = '';
    request.setEncoding('latin1').on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => handle(body, request, response));
  });
  server.on('connection', (socket) => connections.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.close();
    for (const socket of connections) socket.destroy();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, connections };
}

function clientOf(options: ConstructorParameters<typeof KeaClient>[0]): KeaClient {
  const client = new KeaClient(options);
  closers.push(() => client.close());
  return client;
}

describe('answers', () => {
  const KINDS: readonly (readonly [result: number, kind: typeof ResultError, name: string | undefined])[] = [
    [1, ResultError, 'error'],
    [2, UnsupportedError, 'unsupported'],
    [3, EmptyError, 'empty'],
    [4, ConflictError, 'conflict'],
    [5, FatalError, 'fatal'],
    [77, ResultError, undefined],
  ];
  for (const [result, kind, name] of KINDS) {
    it(`result ${result} is a ${kind.name}`, async () => {
      const { path } = await unixServer(() => `{ "result": ${result}, "text": "so it is" }`);
      await assert.rejects(clientOf({ socketPath: path }).call('config-get'), (error: ResultError) => {
        assert.equal(error.constructor, kind);
        assert.equal(error.result, result);
        assert.equal(error.resultName, name);
        assert.equal(error.serverText, 'so it is');
        assert.equal(error.message, 'config-get: so it is');
        return true;
      });
    });
  }

  it('command() gives them back whatever their result', async () => {
    const { path } = await unixServer(() => '{ "arguments": { "leases": [  ] }, "result": 3, "text": "none" }');
    assert.deepEqual(await clientOf({ socketPath: path }).command('lease4-get-all'), {
      result: 3,
      text: 'none',
      arguments: { leases: [] },
    });
  });

  it('text goes out as UTF-8 and comes back as text; octets that are none stay', async () => {
    const { path, seen } = await unixServer((command) => {
      const { hostname } = command.arguments as { hostname: string };
      const echo = [...hostname].map((octet) => `\\u00${octet.charCodeAt(0).toString(16)}`).join('');
      return `{ "arguments": { "leases": [ { "hostname": "${echo}", "raw": "\\u00ff" } ] }, "result": 0 }`;
    });
    const [lease] = await clientOf({ socketPath: path }).leasesOfHostname('Zoé→');
    assert.equal(lease?.hostname, 'Zoé→');
    assert.equal((lease as unknown as { raw: string }).raw, '\u00ff');
    assert.match(seen[0]!, /"Zo\\u00c3\\u00a9\\u00e2\\u0086\\u0092"/);
  });

  it('numbers beyond 2^53 lose nothing', async () => {
    const { path } = await unixServer(() => '{ "arguments": { "x": [ [ 9223372036854775807, "t" ] ] }, "result": 0 }');
    assert.equal(await clientOf({ socketPath: path }).statistic('x'), 9223372036854775807n);
  });

  it('what is no answer is a ProtocolError', async () => {
    for (const reply of [
      '',
      'hello',
      '[  ]',
      '{ "text": "no result" }',
      'null',
      '{ "result": 0 ',
      '{ "result": "0" }',
    ]) {
      const { path } = await unixServer(() => reply);
      await assert.rejects(clientOf({ socketPath: path }).command('x'), ProtocolError, reply);
    }
  });
});

describe('what is not found', () => {
  it('is undefined, false, or an empty list', async () => {
    const { path } = await unixServer(() => '{ "result": 3, "text": "not found" }');
    const client = clientOf({ socketPath: path });
    const key = { 'subnet-id': 1, 'ip-address': '192.0.2.1' };
    assert.equal(await client.lease('192.0.2.1'), undefined);
    assert.equal(await client.subnet(1), undefined);
    assert.equal(await client.reservation(key), undefined);
    assert.equal(await client.deleteLease('192.0.2.1'), false);
    assert.equal(await client.deleteSubnet(1), false);
    assert.equal(await client.deleteReservation(key), false);
    assert.deepEqual(await client.subnets(), []);
    assert.deepEqual(await client.leasesOfHwAddress('02:00:00:00:00:01'), []);
    assert.deepEqual(await client.leaseCounts(), []);
    for await (const lease of client.leases()) assert.fail(String(lease));
    await assert.rejects(client.updateLease({ 'ip-address': '192.0.2.1', 'hw-address': '' }), EmptyError);
  });
});

describe('pages', () => {
  it('follow the last address until a page is short', async () => {
    const all = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5'];
    const { path, seen } = await unixServer(({ arguments: args }) => {
      const { from, limit } = args as { from: string; limit: number };
      const start = from === 'start' ? 0 : all.indexOf(from) + 1;
      const leases = all.slice(start, start + limit).map((address) => ({ 'ip-address': address }));
      return JSON.stringify({ result: leases.length === 0 ? 3 : 0, arguments: { leases, count: leases.length } });
    });
    const client = clientOf({ socketPath: path });
    for (const limit of [1, 2, 5, 100]) {
      seen.length = 0;
      const found: string[] = [];
      for await (const lease of client.leases({ limit })) found.push(lease['ip-address']);
      assert.deepEqual(found, all);
      assert.equal(seen.length, Math.floor(all.length / limit) + 1);
    }
    const rest: number[] = [];
    for await (const page of client.leasePages({ limit: 2, after: '10.0.0.2' })) rest.push(page.length);
    assert.deepEqual(rest, [2, 1]);
  });

  it('of reservations go on where the server says', async () => {
    const asked: unknown[] = [];
    const { path } = await unixServer(({ arguments: args }) => {
      asked.push(args);
      const { from } = args as { from?: number };
      if (from === 9) return '{ "result": 3, "text": "0 found", "arguments": { "count": 0, "hosts": [] } }';
      return '{ "result": 0, "arguments": { "count": 1, "hosts": [ { "subnet-id": 1 } ], "next": { "from": 9, "source-index": 1 } } }';
    });
    let hosts = 0;
    for await (const host of clientOf({ socketPath: path }).reservations({ limit: 1, subnetId: 1 })) {
      assert.equal(host['subnet-id'], 1);
      hosts++;
    }
    assert.equal(hosts, 1);
    assert.deepEqual(asked, [
      { limit: 1, 'subnet-id': 1 },
      { limit: 1, 'subnet-id': 1, from: 9, 'source-index': 1 },
    ]);
  });
});

describe('unix socket', () => {
  it('many calls at once take no more connections than allowed', async () => {
    const { path, most } = await unixServer(({ arguments: args }) => JSON.stringify({ result: 0, arguments: args }));
    const client = clientOf({ socketPath: path, maxConnections: 4 });
    const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => client.command('echo', { n })));
    assert.deepEqual(
      answers.map(({ arguments: args }) => (args as { n: number }).n),
      Array.from({ length: 100 }, (_, n) => n),
    );
    assert.equal(most.connections, 4);
  });

  it('nobody there: a ConnectionError with the code', async () => {
    const client = clientOf({ socketPath: join(folder, 'nobody') });
    await assert.rejects(client.version(), (error) => error instanceof ConnectionError && error.code === 'ENOENT');
  });

  it('no answer: TimeoutError; the call that waits for a place counts too', async () => {
    const { path } = await unixServer(() => undefined);
    const client = clientOf({ socketPath: path, timeoutMs: 40, maxConnections: 1 });
    const results = await Promise.allSettled([client.version(), client.version()]);
    for (const each of results) assert.ok(each.status === 'rejected' && each.reason instanceof TimeoutError);
  });

  it('an abort rejects with its reason, before and during', async () => {
    const { path } = await unixServer(() => undefined);
    const client = clientOf({ socketPath: path });
    const controller = new AbortController();
    const call = client.version({ signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 20);
    await assert.rejects(call, /^Error: enough$/);
    await assert.rejects(client.version({ signal: controller.signal }), /^Error: enough$/);
  });

  it('close() fails what is under way', async () => {
    const { path, seen } = await unixServer(() => undefined);
    const client = clientOf({ socketPath: path });
    const call = assert.rejects(client.version(), ConnectionError);
    while (seen.length === 0) await new Promise(setImmediate);
    client.close();
    await call;
  });
});

describe('http', () => {
  it('keeps one connection for calls one after the other', async () => {
    const { url, connections } = await httpServer((_body, _request, response) => response.end('[ { "result": 0 } ]'));
    const client = clientOf({ url });
    for (let n = 0; n < 10; n++) await client.command('x');
    assert.equal(connections.size, 1);
    await Promise.all(Array.from({ length: 30 }, () => client.command('x')));
    assert.equal(connections.size, 8);
  });

  it('sends what Kea wants: length, bare content type, credentials in UTF-8, the service', async () => {
    let seen: { body: string; headers: IncomingMessage['headers']; path: string | undefined } | undefined;
    const { url } = await httpServer((body, { headers, url: path }, response) => {
      seen = { body, headers, path };
      response.end('[ { "result": 0 } ]');
    });
    const client = clientOf({
      url: `${url}kea`,
      user: 'zoé',
      password: 'a:b',
      service: 'dhcp4',
      headers: { 'X-Trace': '7' },
    });
    await client.command('lease4-get', { 'ip-address': '192.0.2.1' });
    assert.deepEqual(JSON.parse(seen!.body), {
      command: 'lease4-get',
      service: ['dhcp4'],
      arguments: { 'ip-address': '192.0.2.1' },
    });
    assert.equal(seen!.path, '/kea');
    assert.equal(seen!.headers['content-type'], 'application/json');
    assert.equal(seen!.headers['content-length'], String(seen!.body.length));
    assert.equal(seen!.headers.authorization, `Basic ${Buffer.from('zoé:a:b').toString('base64')}`);
    assert.equal(seen!.headers['x-trace'], '7');
  });

  it('several services: an answer for each, in their order, or a ProtocolError', async () => {
    const { url } = await httpServer((body, _request, response) => {
      const { service } = JSON.parse(body) as { service: string[] };
      const names = service.filter((name) => name !== 'd2');
      response.end(JSON.stringify(names.map((name) => ({ result: name === 'dhcp6' ? 1 : 0, text: name }))));
    });
    const client = clientOf({ url });
    const answers = await client.commandEach(['dhcp6', 'dhcp4'], 'version-get');
    assert.deepEqual(
      answers.map(({ result, text }) => [result, text]),
      [
        [1, 'dhcp6'],
        [0, 'dhcp4'],
      ],
    );
    await assert.rejects(client.commandEach(['dhcp4', 'd2'], 'version-get'), ProtocolError);
  });

  it('a status other than 200 is an HttpStatusError, with the text if it is Kea that speaks', async () => {
    const { url } = await httpServer((body, _request, response) => {
      const { command } = JSON.parse(body) as { command: string };
      response.writeHead(command === 'proxy' ? 502 : 401);
      response.end(command === 'proxy' ? '<html>' : '{ "result": 401, "text": "Unauthorized" }');
    });
    const client = clientOf({ url });
    await assert.rejects(client.command('x'), (error) => {
      assert.ok(error instanceof HttpStatusError);
      assert.deepEqual([error.status, error.serverText], [401, 'Unauthorized']);
      return true;
    });
    await assert.rejects(client.command('proxy'), { status: 502, serverText: undefined });
  });

  it('a kept connection that turns out closed: what only reads is sent again, what changes is not', async () => {
    let requests = 0;
    const { url } = await httpServer((_body, { socket }, response) => {
      requests++;
      // Answers the first of each connection; the second finds it closed, as Kea's idle time-out does.
      const used = socket as Socket & { used?: boolean };
      if (used.used === true) socket.destroy();
      else response.end('[ { "result": 0 } ]');
      used.used = true;
    });
    const client = clientOf({ url, maxConnections: 1 });
    await client.command('lease4-get');
    assert.equal((await client.command('lease4-get')).result, 0);
    assert.equal(requests, 3);
    await assert.rejects(client.command('lease4-del'), ConnectionError);
    assert.equal(requests, 4);
  });

  it('time-out and abort end the request', async () => {
    const { url } = await httpServer(() => undefined);
    const client = clientOf({ url, timeoutMs: 30 });
    await assert.rejects(client.version(), TimeoutError);
    const controller = new AbortController();
    const call = assert.rejects(client.version({ signal: controller.signal, timeoutMs: 0 }), /^Error: enough$/);
    controller.abort(new Error('enough'));
    await call;
  });

  it('an answer that is cut short is a ConnectionError', async () => {
    const { url } = await httpServer((_body, { socket }, response) => {
      response.writeHead(200, { 'Content-Length': 100 });
      response.write('[ { "res', () => socket.destroy());
    });
    await assert.rejects(clientOf({ url }).command('lease4-del'), ConnectionError);
  });
});

describe('options', () => {
  it('one of socketPath and url, and a URL of http', () => {
    assert.throws(() => new KeaClient({}), KeaError);
    assert.throws(() => new KeaClient({ socketPath: '/x', url: 'http://127.0.0.1/' }), KeaError);
    assert.throws(() => new KeaClient({ url: 'ftp://127.0.0.1/' }), KeaError);
    assert.throws(() => new KeaClient({ url: 'not a url' }), TypeError);
  });
});
