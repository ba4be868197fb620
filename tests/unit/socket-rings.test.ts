/** The hand-laid kernel structures, tried on the kernel: UDP over the loopback interface, as any user. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { parseIpv4 } from 'lessor/internal/domain/values.js';
import { type LinuxLibc, linuxLibc } from 'lessor/internal/platform/linux-libc.js';
import { ReceiveRing, SendRing } from 'lessor/internal/platform/linux-mmsg.js';

const LOOPBACK = parseIpv4('127.0.0.1')!;
const OTHER_LOOPBACK = parseIpv4('127.0.0.9')!;
const PORT = 26_767;

function udpSocket(libc: LinuxLibc, address: number, port: number): number {
  const fd = libc.socket(2, 2, 0);
  assert.ok(fd >= 0);
  const name = Buffer.alloc(16);
  name.writeUInt16LE(2, 0);
  name.writeUInt16BE(port, 2);
  name.writeUInt32BE(address, 4);
  const on = Buffer.from([1, 0, 0, 0]);
  const size = Buffer.alloc(4);
  size.writeInt32LE(8 << 20);
  libc.setsockopt(fd, 0, 8, on, 4); // IP_PKTINFO
  libc.setsockopt(fd, 1, 40, on, 4); // SO_RXQ_OVFL
  libc.setsockopt(fd, 1, 8, size, 4); // SO_RCVBUF
  assert.equal(libc.bind(fd, name, name.length), 0, `bind: errno ${libc.errno()}`);
  return fd;
}

describe('rings over loopback', { skip: process.platform === 'linux' ? false : 'Linux only' }, () => {
  let libc: LinuxLibc;
  let receiver: number;
  let sender: number;
  before(() => {
    libc = linuxLibc();
    receiver = udpSocket(libc, 0, PORT);
    sender = udpSocket(libc, 0, PORT + 1);
  });
  after(() => {
    libc.close(receiver);
    libc.close(sender);
  });

  function queue(ring: SendRing, octets: Uint8Array, destination: number, source = 0): void {
    const at = ring.reserve(octets.length);
    assert.ok(at >= 0);
    ring.payload.set(octets, at);
    ring.commit(octets.length, { destination, port: PORT, source, interfaceIndex: 0 });
  }

  test('octets, lengths, source, source port and destination arrive, in order', () => {
    const out = new SendRing(8, 4096, libc);
    const ring = new ReceiveRing(8, 256, libc);
    queue(out, Buffer.from('first'), LOOPBACK);
    queue(out, Buffer.alloc(0), LOOPBACK);
    queue(out, Buffer.from('a longer third'), OTHER_LOOPBACK);
    queue(out, Buffer.from('forced source'), LOOPBACK, OTHER_LOOPBACK);
    const errors = new Map<string, number>();
    assert.equal(out.flush(sender, errors), 4);
    assert.equal(out.count, 0);
    assert.equal(errors.size, 0);

    assert.equal(ring.receive(receiver, 8), 4);
    const seen = [0, 1, 2, 3].map((slot) => ({
      text: ring.read(slot)?.toString(),
      source: ring.source,
      port: ring.sourcePort,
      destination: ring.destination,
    }));
    const plain = { source: LOOPBACK, port: PORT + 1, destination: LOOPBACK };
    assert.deepEqual(seen, [
      { ...plain, text: 'first' },
      { ...plain, text: '' },
      { ...plain, text: 'a longer third', destination: OTHER_LOOPBACK, source: seen[2]!.source },
      { ...plain, text: 'forced source', source: OTHER_LOOPBACK },
    ]);
    assert.equal(ring.receive(receiver, 8), 0, 'an empty socket is not an error');
  });

  test('slots are used upwards until they are recycled, and hold what comes then', () => {
    const out = new SendRing(8, 4096, libc);
    const ring = new ReceiveRing(3, 256, libc);
    for (const text of ['one', 'two', 'three', 'four']) queue(out, Buffer.from(text), LOOPBACK);
    out.flush(sender, new Map());
    assert.equal(ring.receive(receiver, 2), 2);
    assert.equal(ring.firstSlot, 2);
    assert.equal(ring.receive(receiver, 2), 1, 'only one slot is left');
    assert.equal(ring.receive(receiver, 2), 0, 'no slot is left');
    assert.deepEqual(
      [0, 1, 2].map((slot) => ring.read(slot)?.toString()),
      ['one', 'two', 'three'],
    );
    ring.recycle();
    assert.equal(ring.receive(receiver, 3), 1);
    assert.equal(ring.read(0)?.toString(), 'four');
    assert.equal(ring.destination, LOOPBACK);
  });

  test('a datagram longer than a slot is reported as such, one that fits exactly is not', () => {
    const out = new SendRing(8, 4096, libc);
    const ring = new ReceiveRing(4, 256, libc);
    queue(out, Buffer.alloc(257, 1), LOOPBACK);
    queue(out, Buffer.alloc(256, 2), LOOPBACK);
    out.flush(sender, new Map());
    assert.equal(ring.receive(receiver, 4), 2);
    assert.equal(ring.read(0), undefined);
    assert.equal(ring.read(1)?.length, 256);
  });

  test('more than one system call takes (1024) is sent and received in pieces', () => {
    const out = new SendRing(1500, 1500 * 8, libc);
    const ring = new ReceiveRing(2000, 64, libc);
    for (let i = 0; i < 1500; i++) {
      const octets = Buffer.alloc(4);
      octets.writeUInt32BE(i);
      queue(out, octets, LOOPBACK);
    }
    assert.equal(out.flush(sender, new Map()), 1500);
    const seen: number[] = [];
    while (ring.receive(receiver, 2000) > 0) {
      while (seen.length < ring.firstSlot) seen.push(ring.read(seen.length)!.readUInt32BE());
    }
    // The system's limit of receive buffers may be below what we ask for: what arrives is a prefix, in order.
    assert.ok(seen.length > 100, `${seen.length} arrived`);
    assert.deepEqual(seen, [...seen.keys()]);
  });

  test('what can not be sent is counted by its errno and does not hold up the rest', () => {
    const out = new SendRing(8, 200_000, libc);
    const ring = new ReceiveRing(4, 256, libc);
    queue(out, Buffer.from('before'), LOOPBACK);
    queue(out, Buffer.alloc(70_000), LOOPBACK); // no UDP datagram can be that long
    queue(out, Buffer.from('after'), LOOPBACK);
    const errors = new Map<string, number>();
    assert.equal(out.flush(sender, errors), 2);
    assert.deepEqual([...errors], [['EMSGSIZE', 1]]);
    assert.equal(ring.receive(receiver, 4), 2);
    assert.deepEqual(
      [0, 1].map((slot) => ring.read(slot)?.toString()),
      ['before', 'after'],
    );
  });

  test('a full ring says so', () => {
    const out = new SendRing(2, 64, libc);
    queue(out, Buffer.alloc(60), LOOPBACK);
    assert.equal(out.reserve(8), -1, 'no room for the payload');
    assert.equal(out.flush(sender, new Map()), 1);
    queue(out, Buffer.alloc(1), LOOPBACK);
    queue(out, Buffer.alloc(1), LOOPBACK);
    assert.equal(out.reserve(1), -1, 'no slot');
    out.flush(sender, new Map());
    new ReceiveRing(8, 256, libc).receive(receiver, 8);
  });

  test('a failed read is a negative errno', () => {
    assert.equal(new ReceiveRing(1, 64, libc).receive(-1, 1), -9); // EBADF
  });
});
