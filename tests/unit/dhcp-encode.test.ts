/** Encoding of messages: golden octets from scapy, long options, overload, leaving out. */

import assert from 'node:assert/strict';
import test from 'node:test';
import {
  decodeMessage4,
  EncodeError,
  encodeMessage4,
  encodeOptionArea,
  HEADER4,
  type OutgoingMessage4,
  readUint32,
  writeHeader4,
} from '@lessor/dhcp';
import { loadCorpus } from '../fuzz/packets.js';

const chaddr = Uint8Array.of(2, 0, 0, 0, 9, 1);
const REPLY: OutgoingMessage4 = {
  op: 2,
  htype: 1,
  hlen: 6,
  hops: 0,
  xid: 0x12345678,
  secs: 0,
  flags: 0,
  ciaddr: 0,
  yiaddr: 0xc0000264,
  siaddr: 0,
  giaddr: 0,
  chaddr,
  options: [],
};

function option(code: number, ...data: number[]): { code: number; data: Uint8Array } {
  return { code, data: Uint8Array.from(data) };
}

function filler(code: number, length: number): { code: number; data: Uint8Array } {
  return { code, data: new Uint8Array(length).fill(code) };
}

function text(code: number, value: string): { code: number; data: Uint8Array } {
  return { code, data: Buffer.from(value) };
}

test('an OFFER is octet for octet what scapy builds, padded to 300 octets', () => {
  const { octets, omitted } = encodeMessage4({
    ...REPLY,
    siaddr: 0xc0000201,
    options: [
      option(53, 2),
      option(54, 192, 0, 2, 1),
      option(51, 0, 0, 0x1c, 0x20),
      option(1, 255, 255, 255, 0),
      option(3, 192, 0, 2, 254),
      option(6, 192, 0, 2, 53, 192, 0, 2, 54),
      text(15, 'example.org'),
    ],
  });
  const expected = new Uint8Array(300);
  expected.set(loadCorpus().get('offer')!);
  assert.equal(Buffer.from(octets).toString('hex'), Buffer.from(expected).toString('hex'));
  assert.deepEqual(omitted, []);
});

test('53 comes first and 82 last, whatever the order given; 52 is not taken from the caller', () => {
  const options = [option(82, 1, 1, 7), option(54, 192, 0, 2, 1), option(52, 3), option(53, 5)];
  const { octets } = encodeMessage4({ ...REPLY, options });
  assert.deepEqual(decodeMessage4(octets).optionCodes(), [53, 54, 82]);
});

test('sname and file as text and as octets', () => {
  const { octets } = encodeMessage4({ ...REPLY, sname: 'server', file: Buffer.from('boot.ipxe') });
  const message = decodeMessage4(octets);
  assert.equal(Buffer.from(message.sname).toString('latin1'), `server${'\0'.repeat(58)}`);
  assert.equal(Buffer.from(message.file).toString('latin1'), `boot.ipxe${'\0'.repeat(119)}`);
});

test('options of more than 255 octets go in pieces (RFC 3396)', () => {
  assert.deepEqual([...encodeOptionArea([filler(7, 256)])], [7, 255, ...new Array<number>(255).fill(7), 7, 1, 7]);
  assert.deepEqual([...encodeOptionArea([option(7), option(8, 1)])], [7, 0, 8, 1, 1]);
  const { octets } = encodeMessage4({ ...REPLY, options: [option(53, 5), filler(119, 600)] });
  assert.equal(decodeMessage4(octets).option(119)?.length, 600);
});

test('without a bound nothing is overloaded', () => {
  const { octets } = encodeMessage4({ ...REPLY, options: [filler(200, 250), filler(201, 250), filler(202, 250)] });
  assert.equal(octets.length, 240 + 3 * 252 + 1);
});

/** Options that need 240 + 3 + 202 + 102 + 52 + 1 = 600 octets. */
const MUCH = [option(53, 5), filler(200, 200), filler(201, 100), filler(202, 50)];

test('a message that just fits is not overloaded', () => {
  const { octets, omitted } = encodeMessage4({ ...REPLY, options: MUCH }, 600);
  assert.equal(octets.length, 600);
  assert.deepEqual(omitted, []);
  assert.equal(decodeMessage4(octets).has(52), false);
});

test('one octet too many: file takes what does not fit', () => {
  const { octets, omitted } = encodeMessage4({ ...REPLY, options: MUCH }, 599);
  assert.deepEqual(omitted, []);
  assert.ok(octets.length <= 599);
  const message = decodeMessage4(octets);
  assert.equal(message.number(52), 1);
  assert.deepEqual([...message.optionCodes()].sort(), [200, 201, 202, 52, 53]);
  assert.equal(message.option(202)?.length, 50);
  assert.equal(message.file[0], 202);
});

test('file and sname are both used when needed, and announced as 3', () => {
  const { octets, omitted } = encodeMessage4({ ...REPLY, options: MUCH }, 460);
  assert.deepEqual(omitted, []);
  const message = decodeMessage4(octets);
  assert.equal(message.number(52), 3);
  assert.equal(message.file[0], 201);
  assert.equal(message.sname[0], 202);
});

test('fields in use are not overloaded; what finds no room is named', () => {
  const { octets, omitted } = encodeMessage4({ ...REPLY, file: 'boot.ipxe', options: MUCH }, 460);
  assert.deepEqual(omitted, [201]);
  assert.equal(decodeMessage4(octets).number(52), 2);
  const none = encodeMessage4({ ...REPLY, file: 'boot.ipxe', sname: 'server', options: MUCH }, 460);
  assert.deepEqual(none.omitted, [201, 202]);
  assert.equal(decodeMessage4(none.octets).has(52), false);
});

test('53, 51, 54, 61 and 82 are never left out, and stay in the options field', () => {
  const kept = [option(53, 5), option(51, 0, 0, 0, 9), option(54, 1, 2, 3, 4), filler(61, 30), filler(82, 100)];
  const options = [filler(200, 120), filler(201, 120), filler(202, 120), filler(203, 60), ...kept];
  const { octets, omitted } = encodeMessage4({ ...REPLY, options }, 400);
  const message = decodeMessage4(octets);
  for (const { code, data } of kept) assert.deepEqual(message.option(code), data, `option ${code}`);
  assert.ok(octets.length <= 400);
  assert.equal(octets[octets.length - 1], 255);
  assert.equal(octets[octets.length - 103], 82, 'option 82 is the last in the options field');
  assert.ok(omitted.length > 0);
  const tooSmall = encodeMessage4({ ...REPLY, options: kept }, 300);
  assert.deepEqual(tooSmall.omitted, []);
  assert.deepEqual(decodeMessage4(tooSmall.octets).optionCodes(), [53, 51, 54, 61, 82]);
});

test('a big option that fits nowhere does not take the smaller ones behind it with it', () => {
  const { omitted } = encodeMessage4({ ...REPLY, options: [option(53, 5), filler(200, 900), filler(201, 10)] }, 548);
  assert.deepEqual(omitted, [200]);
});

test('what can not be encoded is an EncodeError', () => {
  const faults: OutgoingMessage4[] = [
    { ...REPLY, chaddr: new Uint8Array(17) },
    { ...REPLY, sname: 'x'.repeat(65) },
    { ...REPLY, file: 'x'.repeat(129) },
    { ...REPLY, options: [option(0, 1)] },
    { ...REPLY, options: [option(255, 1)] },
  ];
  for (const fault of faults) assert.throws(() => encodeMessage4(fault), EncodeError);
});

test('writeHeader4 patches what it is given and nothing else', () => {
  const octets = new Uint8Array(300).fill(0xee);
  writeHeader4(octets, { xid: 0xdeadbeef, secs: 0x0102, hops: 3, giaddr: 0xc0000201 });
  assert.equal(readUint32(octets, HEADER4.xid.offset), 0xdeadbeef);
  assert.equal(readUint32(octets, HEADER4.giaddr.offset), 0xc0000201);
  assert.deepEqual([...octets.subarray(HEADER4.secs.offset, 10)], [1, 2]);
  assert.equal(octets[HEADER4.hops.offset], 3);
  assert.equal(octets.filter((octet) => octet === 0xee).length, 300 - 11);
});

test('the header table has no gap', () => {
  let offset = 0;
  for (const field of Object.values(HEADER4)) {
    assert.equal(field.offset, offset);
    offset += field.octets;
  }
  assert.equal(offset, 240);
});
