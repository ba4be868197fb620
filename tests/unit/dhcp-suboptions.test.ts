/** What is inside options 43, 82, 81, 124 and 125. */

import assert from 'node:assert/strict';
import test from 'node:test';
import {
  DecodeError,
  decodeClientFqdn,
  decodeSubOptions,
  decodeVendorIdentifying,
  EncodeError,
  encodeClientFqdn,
  encodeSubOptions,
  encodeVendorIdentifying,
  FQDN_FLAG,
  findSubOption,
} from '@lessor/dhcp';

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

function hexOf(octets: Uint8Array | undefined): string | undefined {
  return octets && Buffer.from(octets).toString('hex');
}

const RELAY = bytes('0105706f72743102026162ff01770100');

test('sub-options of option 82: 0 and 255 are codes like any other', () => {
  assert.deepEqual(
    decodeSubOptions(RELAY).map(({ code, data }) => [code, hexOf(data)]),
    [
      [1, '706f727431'],
      [2, '6162'],
      [255, '77'],
      [1, ''],
    ],
  );
  assert.deepEqual(encodeSubOptions(decodeSubOptions(RELAY)), RELAY);
});

test('the first sub-option of a code is found', () => {
  assert.equal(hexOf(findSubOption(RELAY, 1)), '706f727431');
  assert.equal(hexOf(findSubOption(RELAY, 255)), '77');
  assert.equal(findSubOption(RELAY, 9), undefined);
  assert.equal(findSubOption(new Uint8Array(0), 1), undefined);
});

test('a sub-option that is cut off: decoding refuses, finding ends there', () => {
  for (const hex of ['0105aa', '01']) {
    assert.throws(() => decodeSubOptions(bytes(hex)), DecodeError);
    assert.equal(findSubOption(bytes(hex), 1), undefined);
  }
  assert.equal(hexOf(findSubOption(bytes('0101770205aa'), 1)), '77');
});

test('option 43 may have PAD and END in between', () => {
  const list = decodeSubOptions(bytes('0001017700020188ff0909'), true);
  assert.deepEqual(
    list.map(({ code, data }) => [code, hexOf(data)]),
    [
      [1, '77'],
      [2, '88'],
    ],
  );
});

test('a sub-option holds at most 255 octets', () => {
  assert.equal(encodeSubOptions([{ code: 1, data: new Uint8Array(255) }]).length, 257);
  assert.throws(() => encodeSubOptions([{ code: 1, data: new Uint8Array(256) }]), EncodeError);
});

test('vendor data by enterprise (RFC 3925)', () => {
  const data = bytes('0000118b0401027879ffffffff00');
  const list = decodeVendorIdentifying(data);
  assert.deepEqual(
    list.map((vendor) => [vendor.enterprise, hexOf(vendor.data)]),
    [
      [4491, '01027879'],
      [0xffffffff, ''],
    ],
  );
  assert.deepEqual(encodeVendorIdentifying(list), data);
  for (const hex of ['0000118b', '0000', '0000118b05aa']) {
    assert.throws(() => decodeVendorIdentifying(bytes(hex)), DecodeError);
  }
  assert.throws(() => encodeVendorIdentifying([{ enterprise: 1, data: new Uint8Array(256) }]), EncodeError);
});

/** Octets of option 81, flags, name, partial. */
const NAMES: readonly (readonly [string, number, string, boolean])[] = [
  ['05000006636c69656e74076578616d706c65036f726700', 5, 'client.example.org', false],
  ['04000006636c69656e74', 4, 'client', true],
  ['000000636c69656e742e6578616d706c65', 0, 'client.example', true],
  ['010000636c69656e742e6578616d706c652e', 1, 'client.example', false],
  ['080000', 8, '', true],
  ['04000000', 4, '', false],
];

for (const [hex, flags, name, partial] of NAMES) {
  test(`client name "${name}", ${partial ? 'partial' : 'full'}, flags ${flags}`, () => {
    assert.deepEqual(decodeClientFqdn(bytes(hex)), { flags, rcode1: 0, rcode2: 0, name, partial });
    if (name !== '') assert.equal(hexOf(encodeClientFqdn({ flags, rcode1: 0, rcode2: 0, name, partial })), hex);
  });
}

test('names come in lower case, as in Kea', () => {
  assert.equal(decodeClientFqdn(bytes('000000414243')).name, 'abc');
});

test('what is no client name is refused', () => {
  for (const hex of ['', '0500', '04000005616200', '040000c000', '0000002e61', '000000612e2e62', '0400000161000061']) {
    assert.throws(() => decodeClientFqdn(bytes(hex)), DecodeError, hex);
  }
  const fault = { flags: FQDN_FLAG.encoded, rcode1: 0, rcode2: 0, name: 'a..b', partial: false };
  assert.throws(() => encodeClientFqdn(fault), EncodeError);
});
