/** Rules of libdhcp_flex_option: what is refused, and what they make of the options that no template has. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { changeOptions, type OptionChange } from 'lessor/internal/domain/compose/computed-options.js';
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
    [{ code: 82, 'sub-options': [{ code: 1, add: "'x'" }] }, /sub-options are not computed/],
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
