/** How much has to be said before a connection becomes a stream, and that what is said in pieces is heard as a whole. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { systemClock } from 'lessor/internal/platform/clock.js';
import { nativeTcp } from 'lessor/internal/platform/tcp-arrivals.js';
import type { TcpArrival } from 'lessor/internal/services/ports.js';
import { MOST_PEEKED_OCTETS } from 'lessor/internal/services/ports.js';
import { isWholeHead, isWholeRecord } from 'lessor/internal/transports/first-octets.js';
import { SilentConnections } from 'lessor/internal/transports/silent-connections.js';

const HEAD = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n';
const octets = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('the head of a request', () => {
  it('is whole with its empty line, and with nothing before', () => {
    for (let length = 0; length < HEAD.length; length++) {
      assert.equal(isWholeHead(octets(HEAD.slice(0, length))), false, `after ${length}`);
    }
    assert.equal(isWholeHead(octets(HEAD)), true);
    assert.equal(isWholeHead(octets(`${HEAD}{}`)), true);
    assert.equal(isWholeHead(octets('\r\nGET /ready HTTP/1.0\n\n')), true, 'with bare line feeds, after an empty line');
  });

  it('can not come of something else: that is refused at once', () => {
    for (const text of ['\x16\x03\x01\x02', '{ "command"', 'HELO there\r\n', 'GET /\r\n', 'GET / HTTP/1.1 x\r\n']) {
      assert.equal(isWholeHead(octets(text)), true, JSON.stringify(text));
    }
  });

  it('is not waited for beyond what is looked at', () => {
    const endless = `GET / HTTP/1.1\r\nX: ${'x'.repeat(MOST_PEEKED_OCTETS)}`;
    assert.equal(isWholeHead(octets(endless.slice(0, MOST_PEEKED_OCTETS - 1))), false);
    assert.equal(isWholeHead(octets(endless.slice(0, MOST_PEEKED_OCTETS))), true);
  });
});

describe('the first record of TLS', () => {
  it('is whole with as many octets as it says', () => {
    const record = Buffer.concat([Buffer.from([22, 3, 1, 0, 100]), Buffer.alloc(100)]);
    for (let length = 0; length < record.length; length++)
      assert.equal(isWholeRecord(record.subarray(0, length)), false);
    assert.equal(isWholeRecord(record), true);
    assert.equal(isWholeRecord(octets('GET /')), true, 'no TLS: refused at once');
    assert.equal(
      isWholeRecord(Buffer.concat([Buffer.from([22, 3, 1, 255, 255]), Buffer.alloc(MOST_PEEKED_OCTETS)])),
      true,
    );
  });
});

it('what is enough stays enough, whatever comes after it', () => {
  const heads = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(octets(HEAD), octets('GET / HTTP/1.1\r\n')));
  fc.assert(
    fc.property(heads, fc.uint8Array({ maxLength: 40 }), (first, more) => {
      const [before, after] = [Buffer.from(first), Buffer.concat([first, more])];
      assert.ok(!isWholeHead(before) || isWholeHead(after));
      assert.ok(!isWholeRecord(before) || isWholeRecord(after));
    }),
  );
});

describe('connections that speak in pieces', {
  skip: process.platform === 'linux' ? false : 'no native sockets',
}, () => {
  let ended: (() => void)[] = [];
  afterEach(() => {
    for (const end of ended) end();
    ended = [];
  });

  /** A door; what becomes of who comes. */
  function door(): { readonly port: number; readonly spoke: TcpArrival[]; readonly size: () => number; close(): void } {
    const spoke: TcpArrival[] = [];
    const silent = new SilentConnections(systemClock, 60_000, {
      enough: isWholeHead,
      spoke: (arrival) => void spoke.push(arrival),
      expired: (arrival) => arrival.refuse(),
    });
    const front = nativeTcp(systemClock)(() => 0)({ address: '127.0.0.1', port: 0 }, (arrival) => {
      assert.ok(silent.add(arrival, undefined));
    });
    const close = (): void => {
      front.close();
      silent.close();
    };
    ended.push(close);
    return { ...{ port: front.port, spoke, size: () => silent.size }, close };
  }
  const until = async (there: () => boolean): Promise<void> => {
    while (!there()) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  const come = async (port: number): Promise<Socket> => {
    const client = connect({ port, host: '127.0.0.1', noDelay: true });
    client.on('error', () => client.destroy());
    ended.push(() => client.destroy());
    await once(client, 'connect');
    return client;
  };

  it('are no streams before the whole is there; then the stream reads all of it', async () => {
    const { port, spoke, size } = door();
    const client = await come(port);
    await until(() => size() === 1);
    for (const piece of HEAD.match(/.{1,7}/gs)!.slice(0, -1)) {
      client.write(piece);
      await new Promise((resolve) => setTimeout(resolve, 2));
      assert.deepEqual([spoke.length, size()], [0, 1]);
    }
    client.write(HEAD.slice(-(HEAD.length % 7 || 7)));
    await until(() => spoke.length === 1);
    assert.equal(size(), 0);
    const server = spoke[0]!.adopt();
    let heard = '';
    server.on('data', (chunk: Buffer) => {
      heard += chunk.toString('latin1');
    });
    await until(() => heard === HEAD);
    server.destroy();
  });

  it('are streams when no more can come, so that they are ended', async () => {
    const { port, spoke } = door();
    const clients = [await come(port), await come(port)];
    clients[0]!.end('GET / HT');
    clients[1]!.end();
    await until(() => spoke.length === 2);
    for (const arrival of spoke) arrival.refuse();
  });

  it('are told one by one, a thousand of them, and what was half said is closed with the door', async () => {
    const { port, spoke, size, close } = door();
    const clients = await Promise.all(Array.from({ length: 1000 }, () => come(port)));
    for (const client of clients) client.write(HEAD.slice(0, 20));
    await until(() => size() === 1000);
    for (const client of clients.slice(0, 500)) client.write(HEAD.slice(20));
    await until(() => spoke.length === 500);
    assert.equal(size(), 500);
    for (const client of clients.slice(500)) client.resume();
    close();
    await until(() => clients.slice(500).every((client) => client.destroyed));
    for (const arrival of spoke) arrival.refuse();
  });
});
