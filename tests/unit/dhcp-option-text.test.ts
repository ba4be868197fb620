/** Option data as text, every type of it: what operators write, what goes on the wire, what comes back. */

import assert from 'node:assert/strict';
import test from 'node:test';
import {
  codecOf,
  DecodeError,
  encodeOptionText,
  formatOptionText,
  type OptionDefinition,
  OptionRegistry,
  OptionTextError,
  type OptionTypeName,
} from '@lessor/dhcp';

const registry = OptionRegistry.standard();

/** A definition for a type notation: `uint8`, `uint8[]`, `uint8, string`. */
function definition(notation: string): OptionDefinition {
  const fields = notation.replace('[]', '').split(', ') as OptionTypeName[];
  return {
    space: 'my-space',
    code: 200,
    name: 'mine',
    type: fields.length > 1 ? 'record' : fields[0]!,
    array: notation.endsWith('[]'),
    recordTypes: fields.length > 1 ? fields : [],
  };
}

function standard(name: string): OptionDefinition {
  const found = registry.findByName('dhcp4', name);
  assert.ok(found, name);
  return found;
}

function hexOf(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex');
}

/** Type or standard option, text, octets, and the text they come back as if it is another. */
const CSV: readonly (readonly [OptionDefinition, string, string, string?])[] = [
  [definition('empty'), '', ''],
  [definition('binary'), '0102ff', '0102ff'],
  [definition('binary'), '01:02:FF', '0102ff', '0102ff'],
  [definition('boolean'), 'true', '01'],
  [definition('boolean'), 'FALSE', '00', 'false'],
  [definition('boolean'), '1', '01', 'true'],
  [definition('boolean'), ' 0 ', '00', 'false'],
  [definition('int8'), '-128', '80'],
  [definition('int16'), '-2', 'fffe'],
  [definition('int32'), '-2147483648', '80000000'],
  [definition('int32[]'), '-1, 1', 'ffffffff00000001'],
  [definition('uint8'), '255', 'ff'],
  [definition('uint8'), '0xff', 'ff', '255'],
  [definition('uint8'), 'ff', 'ff', '255'],
  [definition('uint8'), '10', '0a'],
  [definition('uint16'), '0x0102', '0102', '258'],
  [definition('uint16[]'), '1,2, 3', '000100020003', '1, 2, 3'],
  [definition('uint32'), '4294967295', 'ffffffff'],
  [definition('ipv4-address'), '192.0.2.1', 'c0000201'],
  [definition('ipv6-address'), '2001:db8::1', '20010db8000000000000000000000001'],
  [definition('ipv6-address'), '::', '00000000000000000000000000000000'],
  [definition('ipv6-address'), '::FFFF:192.0.2.1', '00000000000000000000ffffc0000201', '::ffff:192.0.2.1'],
  [definition('ipv6-address'), '1:0:0:2:0:0:0:3', '00010000000000020000000000000003', '1:0:0:2::3'],
  [definition('ipv6-address'), '1:2:3:4:5:6:7:0', '00010002000300040005000600070000'],
  [definition('ipv6-prefix'), '2001:db8::/32', '2020010db8'],
  [definition('ipv6-prefix'), '2001:db8:ffff:: / 35', '2320010db8e0', '2001:db8:e000::/35'],
  [definition('ipv6-prefix'), '::/0', '00'],
  [definition('psid'), '3/4', '043000'],
  [definition('psid'), ' 0 / 0 ', '000000', '0/0'],
  [definition('psid'), '65535/16', '10ffff'],
  [definition('string'), 'hello', '68656c6c6f'],
  [definition('string'), 'a\\, b\\\\c', '612c20625c63'],
  [definition('string'), 'C:\\boot', '433a5c626f6f74', 'C:\\\\boot'],
  [definition('string'), 'grün', '6772c3bc6e'],
  [definition('string'), ' example.org , example.com', '6578616d706c652e6f7267', 'example.org'],
  [definition('tuple'), 'abc', '03616263'],
  [definition('tuple[]'), 'abc, de', '03616263026465'],
  [definition('fqdn'), 'Example.org', '074578616d706c65036f726700', 'Example.org.'],
  [definition('fqdn'), '.', '00'],
  [definition('fqdn'), 'a\\.b.c', '03612e62016300', 'a\\\\.b.c.'],
  [definition('fqdn'), '\\001x.c', '020178016300', '\\\\001x.c.'],
  [definition('fqdn[]'), 'a.b., c.', '0161016200016300'],
  [definition('uint8, string'), '7, text', '0774657874'],
  [definition('uint8, ipv4-address[]'), '1, 192.0.2.1, 192.0.2.2', '01c0000201c0000202'],
  [definition('uint8, boolean'), '1, true, ignored', '0101', '1, true'],
  [definition('uint16, binary'), '1, 0xabc', '00010abc', '1, 0abc'],
  [standard('routers'), '192.0.2.1, 192.0.2.2', 'c0000201c0000202'],
  [standard('routers'), '', ''],
  [standard('time-offset'), '-3600', 'fffff1f0'],
  [
    standard('domain-search'),
    'example.org, x.example.org',
    '076578616d706c65036f7267000178076578616d706c65036f726700',
    'example.org., x.example.org.',
  ],
  [standard('slp-directory-agent'), 'true, 192.0.2.1', '01c0000201'],
  [standard('rdnss-selection'), '1, 192.0.2.1, 192.0.2.2, a.b.', '01c0000201c00002020161016200'],
  [standard('option-6rd'), '16, 32, 2001:db8::, 192.0.2.1', '102020010db8000000000000000000000000c0000201'],
  [standard('v4-portparams'), '2, 3/4', '02043000'],
  [standard('v4-sztp-redirect'), 'https://a, b', '000968747470733a2f2f61000162'],
  [standard('vivso-suboptions'), '4491', '0000118b'],
  [standard('classless-static-route'), '10.0.0.0/8 - 10.0.0.1', '080a0a000001'],
  [
    standard('classless-static-route'),
    '0.0.0.0/0 - 10.17.0.1,10.229.0.128/25-10.229.0.1, 10.27.129.0/24 - 10.27.129.1',
    '000a110001190ae500800ae50001180a1b810a1b8101',
    '0.0.0.0/0 - 10.17.0.1, 10.229.0.128/25 - 10.229.0.1, 10.27.129.0/24 - 10.27.129.1',
  ],
  [standard('v4-dnr'), '1, a.b.', '00080001050161016200'],
  [
    standard('v4-dnr'),
    '1, a.b. | 2, c.d., 192.0.2.1 192.0.2.2, alpn=dot\\,doq port=853',
    '00080001050161016200' +
      '00230002050163016400' +
      '08c0000201c0000202' +
      '0001000803646f7403646f71' +
      '000300020355',
  ],
];

for (const [def, text, hex, back] of CSV) {
  test(`csv: ${def.name} ${def.type}${def.array ? '[]' : ''} "${text}"`, () => {
    const octets = encodeOptionText(def, text, true);
    assert.equal(hexOf(octets), hex);
    assert.equal(formatOptionText(def, octets), back ?? text);
  });
}

const RAW: readonly (readonly [string, string])[] = [
  ['', ''],
  ['0A0b', '0a0b'],
  ['0x0A0b', '0a0b'],
  ['abc', '0abc'],
  ['0xabc', '0abc'],
  ['a:b:0c', '0a0b0c'],
  ['01 2 03', '010203'],
  ["'text'", '74657874'],
  [" 'a b' ", '612062'],
  ["' padded '", '706164646564'],
  ["'it''s'", '6974272773'],
  ["'grün'", '6772c3bc6e'],
];

for (const [text, hex] of RAW) {
  test(`csv-format false: "${text}"`, () => {
    assert.equal(hexOf(encodeOptionText(undefined, text, false)), hex);
    assert.equal(formatOptionText(undefined, Buffer.from(hex, 'hex')), hex);
  });
}

/** What operators get wrong and the part of the message that tells them. */
const REFUSED: readonly (readonly [OptionDefinition | undefined, string, boolean, RegExp])[] = [
  [undefined, 'x', true, /option definition/],
  [undefined, 'xyz', false, /hexadecimal/],
  [undefined, '1:222', false, /hexadecimal/],
  [undefined, '1::2', false, /hexadecimal/],
  [undefined, "'open", false, /hexadecimal/],
  [undefined, "''", false, /hexadecimal/],
  [standard('routers'), 'x', true, /option routers \(space dhcp4, code 3, list of ipv4-address\): "x" is not an IPv4/],
  [standard('routers'), '192.0.2.01', true, /not an IPv4 address/],
  [standard('routers'), '192.0.2.256', true, /not an IPv4 address/],
  [standard('routers'), '2001:db8::1', true, /not an IPv4 address/],
  [standard('routers'), 'c00002', false, /needs 4 octets, 3 left/],
  [standard('subnet-mask'), 'c000020101', false, /1 octets more/],
  [standard('dhcp-agent-options'), 'x', true, /takes no value/],
  [definition('string'), '', true, /no value/],
  [definition('uint8'), '256', true, /256 is not in 0\.\.255/],
  [definition('uint8'), '-1', true, /-1 is not in 0\.\.255/],
  [definition('int8'), '128', true, /-128\.\.127/],
  [definition('uint8'), 'ten', true, /"ten" is not an integer/],
  [definition('uint8'), '1.5', true, /not an integer/],
  [definition('boolean'), 'yes', true, /not a boolean/],
  [definition('boolean'), '2', true, /0\.\.1/],
  [definition('boolean'), '02', false, /neither 0 nor 1/],
  [definition('ipv6-address'), '192.0.2.1', true, /not an IPv6/],
  [definition('ipv6-address'), 'fe80::1%eth0', true, /not an IPv6/],
  [definition('ipv6-prefix'), '2001:db8::', true, /not a prefix/],
  [definition('ipv6-prefix'), '2001:db8::/129', true, /0\.\.128/],
  [definition('psid'), '16/4', true, /does not fit into 4 bits/],
  [definition('psid'), '1/17', true, /0\.\.16/],
  [definition('psid'), '3', true, /not a port set/],
  [definition('tuple'), 'x'.repeat(256), true, /at most 255/],
  [definition('fqdn'), 'a..b', true, /label is empty/],
  [definition('fqdn'), 'x'.repeat(64), true, /63 octets/],
  [definition('fqdn'), Array(130).fill('a').join('.'), true, /255 octets/],
  [definition('fqdn'), 'grün.example', true, /xn--/],
  [definition('fqdn'), 'a\\999.b', true, /backslash/],
  [definition('uint8, string'), '1', true, /1 of 2 fields/],
  [standard('classless-static-route'), '10.0.0.0/8', true, /like 10\.229/],
  [standard('classless-static-route'), '10.0.0.0/33 - 10.0.0.1', true, /0\.\.32/],
  [standard('classless-static-route'), '', true, /no value/],
  [standard('v4-dnr'), '1', true, /priority, name/],
  [standard('v4-dnr'), '1, a.b., 192.0.2.1, ipv4hint=192.0.2.2', true, /service parameter/],
  [standard('v4-dnr'), '1, a.b., 192.0.2.1, alpn=h2', true, /dohpath/],
  [standard('v4-dnr'), '1, a.b., 192.0.2.1, port=1 port=2', true, /twice/],
];

for (const [def, text, csvFormat, message] of REFUSED) {
  test(`refused: ${def?.name ?? 'no definition'} "${text.slice(0, 40)}" (csv-format ${csvFormat})`, () => {
    assert.throws(
      () => encodeOptionText(def, text, csvFormat),
      (error) => error instanceof OptionTextError && message.test(error.message),
    );
  });
}

test('octets that fit the definition are taken as they are', () => {
  assert.equal(hexOf(encodeOptionText(standard('routers'), 'c0:00:02:01', false)), 'c0000201');
  assert.equal(hexOf(encodeOptionText(standard('domain-name'), "'example.org'", false)), '6578616d706c652e6f7267');
  assert.equal(hexOf(encodeOptionText(standard('vendor-encapsulated-options'), '010177', false)), '010177');
  assert.equal(hexOf(encodeOptionText(standard('subnet-mask'), '', false)), '', 'empty octets are always taken');
});

test('names in a list may be compressed (RFC 3397 §2); a pointer must lead back', () => {
  const def = standard('domain-search');
  const octets = Buffer.from('076578616d706c65036f7267000161c000', 'hex');
  assert.equal(formatOptionText(def, octets), 'example.org., a.example.org.');
  for (const loop of ['c000', '0161c000', '0161c002', 'c0ff', '0161', '40', '0161c0']) {
    assert.throws(() => formatOptionText(def, Buffer.from(loop, 'hex')), DecodeError, loop);
  }
});

test('text that is not UTF-8 can not be shown as text', () => {
  assert.throws(() => formatOptionText(standard('domain-name'), Uint8Array.of(0xff, 0xfe)), DecodeError);
});

test('values as JSON', () => {
  const json = (def: OptionDefinition, text: string): unknown => {
    const codec = codecOf(def);
    return codec.toJson(codec.decode(encodeOptionText(def, text, true)));
  };
  assert.deepEqual(json(standard('routers'), '192.0.2.1'), ['192.0.2.1']);
  assert.deepEqual(json(standard('dhcp-lease-time'), '7200'), 7200);
  assert.deepEqual(json(standard('v4-portparams'), '2, 3/4'), [2, { psid: 3, length: 4 }]);
  assert.deepEqual(json(standard('classless-static-route'), '10.0.0.0/8 - 10.0.0.1'), [
    { destination: '10.0.0.0/8', router: '10.0.0.1' },
  ]);
  assert.deepEqual(json(standard('uuid-guid'), '0, 0a0b'), [0, '0a0b']);
  assert.deepEqual(json(standard('v4-dnr'), '1, a.b., 192.0.2.1, port=853'), [
    { priority: 1, name: 'a.b.', addresses: ['192.0.2.1'], parameters: { port: '853' } },
  ]);
  assert.deepEqual(json(definition('ipv6-prefix'), '2001:db8::/32'), '2001:db8::/32');
});
