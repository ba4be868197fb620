/** Link-level frames, against octets made by scapy 2.5. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIpv4 } from 'lessor/internal/domain/values.js';
import { checksum, FRAME_HEADER_OCTETS, writeLinkFrame } from 'lessor/internal/platform/link-frame.js';

const SERVER = Buffer.from('6a0b122a4625', 'hex');
const CLIENT = Buffer.from('020000000009', 'hex');

const CASES = [
  {
    name: 'unicast with a payload of odd length',
    addresses: ['192.0.2.1', '192.0.2.77'],
    ports: [67, 68],
    payload: Buffer.from('0001020304', 'hex'),
    frame: '0200000000096a0b122a4625080045000021000040004011b67dc0000201c000024d00430044000d74fa0001020304',
  },
  {
    name: 'limited broadcast goes to the broadcast hardware address',
    addresses: ['10.0.0.1', '255.255.255.255'],
    ports: [67, 68],
    payload: Buffer.from('lease'),
    frame: 'ffffffffffff6a0b122a462508004500002100004000401130cc0a000001ffffffff00430044000dc2736c65617365',
  },
  {
    name: 'sums that carry at every word',
    addresses: ['255.255.255.254', '255.255.255.253'],
    ports: [65535, 65535],
    payload: Buffer.alloc(600, 0xff),
    frame: `0200000000096a0b122a462508004500027400004000401138${'7dfffffffefffffffdffffffff0260fb31'}${'ff'.repeat(600)}`,
  },
  {
    name: 'a UDP checksum of 0 is written as ffff (RFC 768)',
    addresses: ['192.0.2.1', '192.0.2.77'],
    ports: [67, 68],
    payload: Buffer.from('7b04', 'hex'),
    frame: '0200000000096a0b122a462508004500001e000040004011b680c0000201c000024d00430044000affff7b04',
  },
] as const;

for (const { name, addresses, ports, payload, frame } of CASES) {
  test(name, () => {
    const target = Buffer.alloc(1000, 0xaa);
    const at = 3;
    const length = writeLinkFrame(
      target,
      at,
      {
        sourceHwAddress: SERVER,
        destinationHwAddress: CLIENT,
        source: parseIpv4(addresses[0])!,
        destination: parseIpv4(addresses[1])!,
        sourcePort: ports[0],
        destinationPort: ports[1],
      },
      payload,
    );
    assert.equal(length, FRAME_HEADER_OCTETS + payload.length);
    assert.equal(target.subarray(at, at + length).toString('hex'), frame);
    assert.equal(target[at - 1], 0xaa);
    assert.equal(target[at + length], 0xaa);
  });
}

test('a frame that does not fit is refused before anything is written', () => {
  const target = Buffer.alloc(50, 0xaa);
  const route = {
    sourceHwAddress: SERVER,
    destinationHwAddress: CLIENT,
    source: 1,
    destination: 2,
    sourcePort: 67,
    destinationPort: 68,
  };
  assert.throws(() => writeLinkFrame(target, 4, route, Buffer.alloc(5)), RangeError);
  assert.ok(target.every((octet) => octet === 0xaa));
});

test('the checksum of RFC 1071 §3, and of a block that contains its own checksum', () => {
  const words = Buffer.from('0001f203f4f5f6f7', 'hex');
  assert.equal(checksum(words, 0, words.length, 0), ~0xddf2 & 0xffff);
  const block = Buffer.concat([words, Buffer.from([0x22, 0x0d])]);
  assert.equal(checksum(block, 0, block.length, 0), 0);
});
