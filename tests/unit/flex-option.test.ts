/** Rules of libdhcp_flex_option: what is refused, and what they make of the options that no template has. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DecodeError, decodeSubOptions, encodeSubOptions } from '@lessor/dhcp';
import fc from 'fast-check';
import { changeOptions, type OptionChange } from 'lessor/internal/domain/compose/computed-options.js';
import { changeSubOption } from 'lessor/internal/domain/compose/sub-option-change.js';
import type { Json } from 'lessor/internal/domain/snapshot.js';
import { PacketLab } from '../lib/packet-lab.js';
import { issuesOf, linesOf, loadDhcp4 } from './config-helpers.js';

const library = (...options: Json[]) => ({
  'hooks-libraries': [{ library: '/hooks/libdhcp_flex_option.so', parameters: { options } }],
});

describe('Parameters of libdhcp_flex_option', () => {
  const refused: readonly (readonly [Json, RegExp])[] = [
    [{ add: "'x'" }, /an option needs a "name" or a "code"/],
    [{ name: 'no-such-option', add: "'x'" }, /there is no option "no-such-option"/],
    [{ code: 3, name: 'host-name', add: "'x'" }, /option 3 is called routers, not host-name/],
    [{ code: 12 }, /one of add, supersede, remove says what is to be done/],
    [{ code: 12, add: "'x'", remove: "'x' == 'x'" }, /"add" and "remove" can not both be/],
    [{ code: 240, add: "'x'", 'csv-format': true }, /option 240 has no definition to read text by/],
    [{ code: 12, add: "concat('x'" }, /expression concat\('x': column/],
    [{ code: 12, remove: "'text'" }, /column/],
    [{ code: 43, add: "'x'", 'sub-options': [{ code: 1, add: "'x'" }] }, /"sub-options" and "add" can not both be/],
    [{ code: 43, 'sub-options': [{ add: "'x'" }] }, /a sub-option needs a "name" or a "code"/],
    [{ code: 43, 'sub-options': [{ code: 1 }] }, /one of add, supersede, remove says what is to be done/],
    [{ code: 12, 'sub-options': [{ code: 1, add: "'x'" }] }, /option 12 encapsulates no space/],
    [{ code: 125, 'sub-options': [{ code: 1, space: 'dhcp4', add: "'x'" }] }, /"space" is vendor-NNN, not dhcp4/],
    [{ code: 82, 'sub-options': [{ name: 'no-such', add: "'x'" }] }, /there is no option "no-such" in space/],
    [{ code: 82, 'sub-options': [{ code: 1, add: "concat('x'" }] }, /column/],
    [{ code: 43, 'sub-options': [{ code: 9, add: "'x'", 'csv-format': true }] }, /option 9 has no definition/],
    [{ code: 43, 'sub-options': [{ code: 256, add: "'x'" }] }, /256/],
    [
      {
        code: 43,
        'sub-options': [
          { code: 1, add: "'x'" },
          { code: 1, remove: "'' == ''" },
        ],
      },
      /sub-option 1 of option 43 is given twice/,
    ],
    [{ code: 255, add: "'x'" }, /255/],
  ];
  for (const [row, message] of refused) {
    it(`refuse ${JSON.stringify(row)}`, () => {
      const lines = linesOf(issuesOf(() => loadDhcp4(library(row))));
      assert.ok(
        lines.some((line) => message.test(line)),
        lines.join('\n'),
      );
    });
  }

  it('act in the order of the codes', () => {
    const rules = loadDhcp4(library({ code: 240, add: "'b'" }, { name: 'host-name', remove: "'' == ''" })).snapshot;
    assert.deepEqual(
      rules.optionRules.map(({ code, action }) => [code, action]),
      [
        [12, 'remove'],
        [240, 'add'],
      ],
    );
  });
});

it('a change adds only what is missing, replaces all of a code, and removes', () => {
  const change = (code: number, action: OptionChange['action'], text: string): OptionChange => {
    return { code, action, data: Buffer.from(text) };
  };
  const before = [1, 2, 2, 3].map((code) => ({ code, data: Buffer.from('old') }));
  const changes = [
    change(1, 'add', 'new'),
    change(2, 'supersede', 'new'),
    change(3, 'remove', ''),
    change(4, 'add', 'new'),
  ];
  assert.deepEqual(
    changeOptions(before, changes).map(({ code, data }) => `${code} ${Buffer.from(data)}`),
    ['1 old', '2 new', '4 new'],
  );
});

it('what a client itself has told is replaced too, and each client gets its own', async () => {
  const net = await PacketLab.open({
    subnet4: [{ id: 1, subnet: '192.0.2.0/24', pools: [{ pool: '192.0.2.10-192.0.2.20' }] }],
    ...library(
      { name: 'host-name', supersede: "concat('h', substring(option[12].hex, 0, 3))" },
      { name: 'dhcp-client-identifier', add: "'never: the client sends one'" },
      { name: 'domain-name', supersede: 'pkt4.mac' },
    ),
  });
  const ask = async (mac: string, name: string) => {
    const options = { 12: [...Buffer.from(name)], 61: [1, 2, 3] };
    const answer = (await net.ask({ type: 1, mac, options }))!.message;
    return [12, 15, 61].map((code) => Buffer.from(answer.octets(code) ?? '', 'latin1').toString('hex'));
  };
  const hex = (text: string) => Buffer.from(text).toString('hex');
  assert.deepEqual(await ask('02:00:00:00:00:01', 'abcdef'), [hex('habc'), '020000000001', '010203']);
  assert.deepEqual(await ask('02:00:00:00:00:02', 'uvwxyz'), [hex('huvw'), '020000000002', '010203']);
  assert.deepEqual(await ask('02:00:00:00:00:02', ''), [hex('h'), '020000000002', '010203']);
});

describe('Sub-options', () => {
  const hex = (octets: Uint8Array | undefined) => octets && Buffer.from(octets).toString('hex');
  const place = { code: 2, enterprise: undefined, container: true };
  const x = Buffer.from('x');
  const cases: readonly (readonly [
    string,
    string | undefined,
    Parameters<typeof changeSubOption>[2],
    object,
    string | undefined,
  ])[] = [
    ['adds where there is no option', undefined, 'add', {}, '020178'],
    ['adds no option where it may not', undefined, 'supersede', { container: false }, undefined],
    ['adds in the order of codes', '01010a03010b', 'add', {}, '01010a02017803010b'],
    ['adds nothing that is there', '02010a', 'add', {}, '02010a'],
    ['replaces all of a code', '02010a02010b03010c', 'supersede', {}, '02017803010c'],
    ['removes', '01010a02010b', 'remove', {}, '01010a'],
    ['removes the option with its last', '02010b', 'remove', {}, undefined],
    ['leaves an empty option where it must', '02010b', 'remove', { container: false }, ''],
    ['removes nothing that is not there', '01010a', 'remove', {}, '01010a'],
    ['goes behind what is no list', 'ffff', 'add', {}, 'ffff020178'],
    ['makes a block of an enterprise', undefined, 'add', { enterprise: 4491 }, '0000118b03020178'],
    [
      'adds to the block of its enterprise',
      '0000000900' + '0000118b0301010a',
      'add',
      { enterprise: 4491 },
      '0000000900' + '0000118b0601010a020178',
    ],
    ['leaves the blocks of others alone', '000000090301010a', 'supersede', { enterprise: 4491 }, '000000090301010a'],
    ['removes a block with its last', '0000000900' + '0000118b0302010a', 'remove', { enterprise: 4491 }, '0000000900'],
  ];
  for (const [title, before, action, more, after] of cases) {
    it(title, () => {
      const octets = before === undefined ? undefined : Buffer.from(before, 'hex');
      assert.equal(hex(changeSubOption(octets, { ...place, ...more }, action, x)), after);
    });
  }

  it('are taken apart and put together again, whatever the octets', () => {
    const octets = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(octets, (any) => {
        try {
          assert.equal(hex(encodeSubOptions(decodeSubOptions(any))), hex(any));
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error;
        }
      }),
    );
    const value = fc.uint8Array({ maxLength: 255 });
    const list = fc.array(fc.record({ code: fc.integer({ min: 0, max: 255 }), data: value }), { maxLength: 5 });
    fc.assert(
      fc.property(list, (given) => {
        const again = decodeSubOptions(encodeSubOptions(given));
        assert.deepEqual(
          again.map(({ code, data }) => [code, hex(data)]),
          given.map(({ code, data }) => [code, hex(data)]),
        );
      }),
    );
  });

  it('survive any option and any change', () => {
    const enterprise = fc.constantFrom(undefined, 9, 4491);
    const before = fc.option(fc.uint8Array({ maxLength: 300 }), { nil: undefined });
    const action = fc.constantFrom<'add' | 'supersede' | 'remove'>('add', 'supersede', 'remove');
    const code = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(before, enterprise, action, code, fc.boolean(), fc.uint8Array({ maxLength: 255 }), (...all) => {
        const [octets, of, what, sub, container, data] = all;
        const after = changeSubOption(octets, { code: sub, enterprise: of, container }, what, data);
        if (what === 'remove') assert.ok((after?.length ?? 0) <= (octets?.length ?? 0));
        else if (of === undefined && (octets !== undefined || container)) assert.ok(after !== undefined);
      }),
    );
  });

  it('of what a client itself has told are changed too', async () => {
    const net = await PacketLab.open({
      subnet4: [{ id: 1, subnet: '192.0.2.0/24', pools: [{ pool: '192.0.2.10-192.0.2.20' }] }],
      ...library({
        name: 'dhcp-agent-options',
        'sub-options': [
          { code: 1, supersede: "'new'" },
          { code: 2, remove: "'' == ''" },
        ],
      }),
    });
    const options = { 82: [1, 1, 7, 2, 1, 8, 9, 1, 9] };
    const answer = (await net.ask({ type: 1, giaddr: '192.0.2.2', destination: '192.0.2.1', options }))!.message;
    assert.equal(hex(answer.option(82)), '01036e6577090109');
  });
});
