/** Decoding of whole messages, held to packets scapy built (tests/fuzz/corpus/packets.txt). */

import assert from 'node:assert/strict';
import test from 'node:test';
import { DecodeError, decodeMessage4, type Message4 } from '@lessor/dhcp';
import { loadCorpus } from '../fuzz/packets.js';

const corpus = loadCorpus();

function octetsOf(name: string): Uint8Array {
  const octets = corpus.get(name);
  assert.ok(octets, `no packet ${name}`);
  return octets.slice();
}

function hex(octets: Uint8Array | undefined): string | undefined {
  return octets && Buffer.from(octets).toString('hex');
}

/** A message with the given octets behind the magic cookie. */
function withOptions(...options: number[]): Uint8Array {
  const octets = new Uint8Array(240 + options.length);
  octets.set([1, 1, 6, 0]);
  octets.set([99, 130, 83, 99, ...options], 236);
  return octets;
}

function decodeOptions(...options: number[]): Message4 {
  return decodeMessage4(withOptions(...options));
}

function refuses(octets: Uint8Array, field: string, lenient = false): void {
  assert.throws(
    () => decodeMessage4(octets, lenient),
    (error) => error instanceof DecodeError && error.field === field,
  );
}

test('header fields of a DISCOVER', () => {
  const message = decodeMessage4(octetsOf('discover'));
  const { op, htype, hlen, hops, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr } = message;
  assert.deepEqual(
    { op, htype, hlen, hops, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr },
    {
      op: 1,
      htype: 1,
      hlen: 6,
      hops: 0,
      xid: 0x12345678,
      secs: 0,
      flags: 0x8000,
      ciaddr: 0,
      yiaddr: 0,
      siaddr: 0,
      giaddr: 0,
    },
  );
  assert.equal(hex(message.chaddr), '020000000901');
  assert.equal(message.chaddrOctets, '\x02\x00\x00\x00\x09\x01');
  assert.equal(message.messageType, 1);
  assert.equal(message.length, octetsOf('discover').length);
  assert.equal(message.hasCookie, true);
});

test('options of a DISCOVER, as octets, as string, as number', () => {
  const message = decodeMessage4(octetsOf('discover'));
  assert.deepEqual(message.optionCodes(), [53, 61, 12, 60, 55, 57]);
  assert.equal(message.octets(12), 'myhost');
  assert.equal(hex(message.option(61)), '01020000000901');
  assert.equal(message.number(57), 1500);
  assert.equal(message.number(12), undefined, 'text is no number');
  assert.equal(message.has(82), false);
  assert.equal(message.option(82), undefined);
  assert.equal(message.octets(82), undefined);
  assert.equal(message.number(50), undefined);
});

test('addresses above 127.255.255.255 are not negative', () => {
  const message = decodeMessage4(octetsOf('relayed'));
  assert.equal(message.giaddr, 0xc00002fe);
  assert.equal(message.hops, 1);
  assert.equal(decodeMessage4(octetsOf('request-selecting')).number(54), 0xc0000201);
});

test('message types', () => {
  const expected = {
    discover: 1,
    offer: 2,
    'request-selecting': 3,
    decline: 4,
    ack: 5,
    nak: 6,
    release: 7,
    inform: 8,
    leasequery: 10,
    bootp: 0,
  };
  for (const [name, type] of Object.entries(expected)) {
    assert.equal(decodeMessage4(octetsOf(name)).messageType, type, name);
  }
});

test('values are views of the datagram', () => {
  const octets = octetsOf('discover');
  assert.equal(decodeMessage4(octets).option(61)?.buffer, octets.buffer);
});

test('option 52 opens file and sname', () => {
  const message = decodeMessage4(octetsOf('overload'));
  assert.deepEqual(message.optionCodes(), [53, 52, 67, 12, 15]);
  assert.equal(message.octets(67), 'boot.ipxe');
  assert.equal(message.octets(15), 'example.org');
});

for (const [value, codes] of [
  [1, [53, 52, 67, 12]],
  [2, [53, 52, 15]],
  [0, [53, 52]],
] as const) {
  test(`option 52 with value ${value} opens only what it names`, () => {
    const octets = octetsOf('overload');
    octets[octets.indexOf(52, 240) + 2] = value;
    assert.deepEqual(decodeMessage4(octets).optionCodes(), codes);
  });
}

test('option 52 inside file does not open sname', () => {
  const octets = withOptions(52, 1, 1, 255);
  octets.set([52, 1, 3, 255], 108);
  octets.set([15, 1, 0x61, 255], 44);
  assert.deepEqual(decodeMessage4(octets).optionCodes(), [52]);
});

test('pieces of one code are joined in the order options, file, sname (RFC 3396 §5)', () => {
  const long = decodeMessage4(octetsOf('long-option')).option(61);
  assert.equal(long?.length, 300);
  assert.ok(long?.every((octet, i) => octet === (i < 256 ? i : 0)));
  const octets = withOptions(52, 1, 3, 61, 1, 1, 255);
  octets.set([61, 1, 2, 255], 108);
  octets.set([61, 1, 3, 255], 44);
  assert.equal(hex(decodeMessage4(octets).option(61)), '010203');
  assert.equal(decodeMessage4(octets).octets(61), '\x01\x02\x03');
});

test('PAD is skipped, END ends, a missing END is no fault', () => {
  assert.deepEqual(decodeMessage4(octetsOf('pads')).optionCodes(), [53, 12]);
  assert.deepEqual(decodeMessage4(octetsOf('no-end')).optionCodes(), [53, 12]);
  assert.deepEqual(decodeOptions(53, 1, 1, 255, 12, 200).optionCodes(), [53]);
  assert.deepEqual(decodeOptions(12, 1, 0x61).optionCodes(), [12]);
});

test('trailing NULs of text do not count, and empty text counts as absent (RFC 2132 §2, Kea)', () => {
  assert.equal(decodeOptions(60, 3, 0x61, 0, 0, 255).octets(60), 'a');
  assert.equal(hex(decodeOptions(60, 3, 0x61, 0, 0, 255).option(60)), '61');
  for (const empty of [
    [12, 0, 255],
    [12, 2, 0, 0, 255],
  ]) {
    const message = decodeOptions(...empty);
    assert.equal(message.has(12), false);
    assert.equal(message.option(12), undefined);
    assert.equal(message.octets(12), undefined);
  }
  assert.equal(hex(decodeOptions(61, 3, 0x61, 0, 0, 255).option(61)), '610000', 'binary options keep theirs');
  assert.equal(decodeOptions(61, 0, 255).has(61), true, 'an empty binary option is there');
});

test('fewer than 236 octets are refused', () => {
  refuses(new Uint8Array(235), 'message');
  refuses(new Uint8Array(0), 'message');
});

test('hlen above 16 is refused, 16 is not', () => {
  const octets = withOptions(255);
  octets[2] = 16;
  assert.equal(decodeMessage4(octets).chaddr.length, 16);
  assert.equal(decodeMessage4(octets).chaddrOctets.length, 16);
  octets[2] = 17;
  refuses(octets, 'hlen');
});

test('a blank or absent vendor area is BOOTP, any other without cookie is refused', () => {
  const bootp = decodeMessage4(octetsOf('bootp'));
  assert.equal(bootp.hasCookie, false);
  assert.deepEqual(bootp.optionCodes(), []);
  assert.equal(decodeMessage4(new Uint8Array(236)).hasCookie, false);
  const octets = withOptions(255);
  octets[236] = 98;
  refuses(octets, 'magic cookie');
  refuses(octets.slice(0, 238), 'magic cookie');
});

test('an option that is cut off is refused, or ends the options if lenient', () => {
  const cut = withOptions(53, 1, 1, 12, 5, 0x61);
  refuses(cut, 'option 12');
  assert.deepEqual(decodeMessage4(cut, true).optionCodes(), [53]);
  refuses(withOptions(53, 1, 1, 12), 'option 12');
  assert.deepEqual(decodeMessage4(withOptions(53, 1, 1, 12), true).optionCodes(), [53]);
});

test('an option cut off at the end of file is refused though octets follow', () => {
  const octets = withOptions(52, 1, 1, 255);
  octets.fill(0, 108, 236);
  octets.set([12, 10], 234);
  refuses(octets, 'option 12');
});

test('a fixed-size option that is too short is refused, too long only if not lenient (Kea)', () => {
  refuses(withOptions(50, 3, 192, 0, 2, 255), 'option 50');
  refuses(withOptions(50, 3, 192, 0, 2, 255), 'option 50', true);
  const long = withOptions(50, 5, 192, 0, 2, 1, 9, 255);
  refuses(long, 'option 50');
  assert.equal(hex(decodeMessage4(long, true).option(50)), 'c0000201');
  assert.equal(decodeMessage4(long, true).number(50), 0xc0000201);
  assert.equal(decodeMessage4(withOptions(53, 2, 1, 9, 255), true).messageType, 1);
  refuses(withOptions(53, 0, 255), 'option 53');
});

test('a fixed-size option in pieces is whole again; of repeats the first counts', () => {
  const message = decodeOptions(50, 2, 192, 0, 50, 2, 2, 1, 255);
  assert.equal(message.number(50), 0xc0000201);
  assert.equal(hex(message.option(50)), 'c0000201');
  const twice = decodeOptions(53, 1, 1, 53, 1, 3, 255);
  assert.equal(twice.messageType, 1);
  assert.equal(twice.number(53), 1);
  assert.equal(twice.option(53)?.length, 1);
  assert.equal(decodeOptions(53, 1, 0, 53, 1, 1, 255).messageType, 0, 'found by the fuzzer: 0 is a value too');
});

test('a DecodeError says where', () => {
  assert.throws(() => decodeMessage4(withOptions(53, 1, 1, 12, 5, 0x61)), {
    name: 'DecodeError',
    offset: 243,
    field: 'option 12',
    message: 'option 12 at octet 243: is cut off: ends at 250, its area at 246',
  });
});
