/** Kea's printable form of options: from recorded answers of Kea 3.3, and from the forms its option classes have. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import {
  describeOption,
  encodeOptionText,
  findSubOption,
  type OptionDefinition,
  OptionRegistry,
  type OptionTypeName,
} from '@lessor/dhcp';
import { repoPath } from '../lib/repo.js';

const registry = OptionRegistry.standard();

/** Options of the packet the transcript was recorded with (its meta.packet). */
const RECORDED: Readonly<Record<number, string>> = {
  12: Buffer.from('myhost').toString('hex'),
  53: '01',
  55: 'e0e1e2e3e4',
  57: '0400',
  60: Buffer.from('MyVendor').toString('hex'),
  82: '0105706f72743102026162',
};

interface Transcript {
  readonly strings: readonly { readonly expression: string; readonly hex?: string }[];
}

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

function describe(code: number, hex: string): string {
  return describeOption(registry.find('dhcp4', code), code, bytes(hex), registry);
}

test('every `.text` of the transcript', () => {
  const file = repoPath('tests', 'golden', 'transcripts', 'kea3.3-expressions.json');
  const { strings } = JSON.parse(readFileSync(file, 'utf8')) as Transcript;
  let compared = 0;
  for (const { expression, hex } of strings) {
    const path = /^(?:option\[(\d+)\](?:\.option\[(\d+)\])?|relay4\[(\d+)\])\.text$/.exec(expression);
    if (path === null || hex === undefined) continue;
    const code = Number(path[1] ?? 82);
    const subCode = path[2] ?? path[3];
    const data = bytes(RECORDED[code]!);
    const text =
      subCode === undefined
        ? describeOption(registry.find('dhcp4', code), code, data)
        : describeOption(
            registry.find('dhcp-agent-options-space', Number(subCode)),
            Number(subCode),
            findSubOption(data, Number(subCode))!,
          );
    assert.equal(Buffer.from(text, 'latin1').toString('hex'), hex, expression);
    compared++;
  }
  assert.equal(compared, 7);
});

/** Code, octets, text. The shapes are those of Kea's option classes. */
const FORMS: readonly (readonly [number, string, string])[] = [
  [61, '', "type=061, len=000: ''"],
  [61, '01ff', 'type=061, len=002: 01:ff'],
  [250, '6162', "type=250, len=002: 61:62 'ab'"],
  [54, 'c0000201', 'type=054, len=004: 192.0.2.1 (ipv4-address)'],
  [6, 'c0000201c0000202', 'type=006, len=008: 192.0.2.1 192.0.2.2'],
  [6, '', 'type=006, len=000:'],
  [2, 'ffffffff', 'type=002, len=004: -1 (int32)'],
  [19, '01', 'type=019, len=001: true (boolean)'],
  [93, '00070009', 'type=093, len=004: 7(uint16) 9(uint16)'],
  [94, '010203', 'type=094, len=003: 1 (uint8) 2 (uint8) 3 (uint8)'],
  [97, '00aabb', 'type=097, len=003: 0 (uint8) AABB (binary)'],
  [97, '006162', "type=097, len=003: 0 (uint8) 6162 'ab' (binary)"],
  [97, '00', "type=097, len=001: 0 (uint8) '' (binary)"],
  [78, '01c0000201c0000202', 'type=078, len=009: true (boolean) 192.0.2.1 (ipv4-address) 192.0.2.2 (ipv4-address)'],
  [151, '036f6b', 'type=151, len=003: 3 (uint8) "ok" (string)'],
  [137, '016100', 'type=137, len=003: "a." (fqdn)'],
  [119, '016100016200', 'type=119, len=006: "a." (fqdn) "b." (fqdn)'],
  [159, '02043000', 'type=159, len=004: 2 (uint8) len=4,psid=3 (psid)'],
  [
    212,
    '102020010db8000000000000000000000000c0000201',
    'type=212, len=022: 16 (uint8) 32 (uint8) 2001:db8:: (ipv6-address) 192.0.2.1 (ipv4-address)',
  ],
  [12, '686f7374', 'host'],
  [12, '686f7374ff0000', 'host\xff'],
  [81, '050000016100', "type=81 (CLIENT_FQDN), flags: (N=0, E=1, O=0, S=1), domain-name='a.' (full)"],
  [81, '0000006d79686f7374', "type=81 (CLIENT_FQDN), flags: (N=0, E=0, O=0, S=0), domain-name='myhost' (partial)"],
  [121, '080ac0000201', 'type=121(CLASSLESS_STATIC_ROUTE), len=6, Route 1 (subnet 10.0.0.0/8, router IP 192.0.2.1)'],
  [124, '0000118b0461626364', "type=124, len=9,  enterprise id=0x118b, data-len0=4, vendor-class-data0='abcd'"],
  [
    124,
    '000004d20161000004d20162',
    "type=124, len=12,  enterprise id=0x4d2, data-len0=1, vendor-class-data0='a', " +
      "enterprise id=0x4d2, data-len1=1, vendor-class-data1='b'",
  ],
  [143, '000161', "type=143, len=3, data-len0=1, data0='a'"],
  [
    82,
    '02026162' + '0105706f727431',
    "type=082, len=011:,\noptions:\n  type=001, len=005: 70:6f:72:74:31 'port1'\n  type=002, len=002: 61:62 'ab'",
  ],
  [82, '0603616263', 'type=082, len=005:,\noptions:\n  type=006, len=003: "abc" (string)'],
  [43, '0001017700ff', "type=043, len=006:,\noptions:\n  type=001, len=001: 77 'w'"],
  [
    125,
    '0000118b0401027879',
    'type=125, len=009: 4491 (uint32) 4 (uint8),\noptions:\n  type=001, len=002: 120(uint8) 121(uint8)',
  ],
];

for (const [code, hex, text] of FORMS) {
  test(`option ${code} with ${hex === '' ? 'no octets' : hex}`, () => assert.equal(describe(code, hex), text));
}

test('resolvers (option 162)', () => {
  const config =
    '1, myhost1.example.com. | 2, myhost2.example.com., 192.168.0.1 192.168.0.2, alpn=h3 port=1234 dohpath=/q{?dns}';
  const data = encodeOptionText(registry.find('dhcp4', 162), config, true);
  assert.equal(
    describeOption(registry.find('dhcp4', 162), 162, data),
    'type=162(V4_DNR), len=86, ' +
      "DNR Instance 1(Instance len=24, service_priority=1, adn_length=21, adn='myhost1.example.com.'), " +
      "DNR Instance 2(Instance len=58, service_priority=2, adn_length=21, adn='myhost2.example.com.', " +
      "addr_length=8, address(es): 192.168.0.1 192.168.0.2, svc_params='alpn=h3 port=1234 dohpath=/q{?dns}')",
  );
});

test('types only configurations use', () => {
  const of = (type: OptionTypeName, array = false): OptionDefinition => {
    return { space: 'my-space', code: 200, name: 'mine', type, array, recordTypes: [] };
  };
  const shown: readonly (readonly [OptionDefinition, string, string])[] = [
    [of('ipv6-prefix'), '2020010db8', 'type=200, len=005:  (ipv6-prefix)'],
    [of('tuple'), '026162', 'type=200, len=003: "ab" (tuple)'],
    [of('tuple', true), '0161', "type=200, len=2, data-len0=1, data0='a'"],
    [of('int16', true), 'ffff', 'type=200, len=002: 65535(uint16)'],
    [of('empty'), '', "type=200, len=000: ''"],
  ];
  for (const [definition, hex, text] of shown) assert.equal(describeOption(definition, 200, bytes(hex)), text);
});

test('octets that do not fit their definition are shown without it', () => {
  assert.equal(describe(54, 'c000'), 'type=054, len=002: c0:00');
  assert.equal(describe(82, '0105aa'), 'type=082, len=003: 01:05:aa');
  assert.equal(describe(125, '0000'), 'type=125, len=002: 00:00');
});
