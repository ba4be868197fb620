/** Drift between two configurations is told by paths. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atOnce } from 'lessor/internal/domain/slices.js';
import { driftBetween } from 'lessor/internal/services/pair/drift.js';
import { changedOn, partOf, SECTIONS, sectionOfPath } from 'lessor/internal/services/pair/sections.js';

const paths = (a: object, b: object, limit = 10): string[] =>
  driftBetween(JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b)), limit).map(({ path }) => path);

test('entries of lists are found by what they are, not by where they stand', () => {
  const subnet = (id: number, more: object = {}) => ({ id, subnet: `10.0.${id}.0/24`, ...more });
  const here = { subnet4: [subnet(1), subnet(2, { 'valid-lifetime': 5 })], name: 'x' };
  assert.deepEqual(paths(here, { subnet4: [subnet(1), subnet(2, { 'valid-lifetime': 6 })], name: 'x' }), [
    'subnet4[id=2].valid-lifetime',
  ]);
  assert.deepEqual(paths(here, { subnet4: [subnet(2, { 'valid-lifetime': 5 })], name: 'x' }), ['subnet4[id=1]']);
  assert.deepEqual(paths(here, here), []);
});

test('an order that differs, and lists of plain values, are one difference', () => {
  assert.deepEqual(paths({ l: [1, 2] }, { l: [2, 1] }), ['l']);
  const [a, b] = [{ id: 1 }, { id: 2 }];
  assert.deepEqual(paths({ l: [a, b] }, { l: [b, a] }), ['l']);
});

test('passwords are not shown, and no more places than asked for', () => {
  const [found] = driftBetween({ x: { password: 'secret' } }, {}, 10);
  assert.ok(!JSON.stringify(found).includes('secret'));
  assert.equal(paths({ a: 1, b: 2, c: 3 }, {}, 2).length, 2);
});

test('every place of a configuration is in one section, and moves only the digest of that one', () => {
  const dhcp4 = (): Record<string, unknown> => ({
    'valid-lifetime': 600,
    'option-data': [{ name: 'routers', data: '10.0.0.1' }],
    'client-classes': [{ name: 'c', test: 'x', 'option-data': [{ code: 3, data: 'a' }] }],
    'shared-networks': [{ name: 'n', subnet4: [{ id: 2, subnet: '10.2.0.0/16', reservations: [{ hostname: 'h' }] }] }],
    subnet4: [
      {
        id: 1,
        subnet: '10.1.0.0/16',
        'renew-timer': 7,
        pools: [{ pool: '10.1.0.0/24', 'option-data': [{ code: 9 }] }],
      },
    ],
  });
  const texts = (value: object) => SECTIONS.map((name) => JSON.stringify(atOnce(partOf(name, clone(value)))));
  const changes: [string, (value: ReturnType<typeof dhcp4>) => void, string][] = [
    ['valid-lifetime', (it) => Object.assign(it, { 'valid-lifetime': 601 }), 'policy'],
    ['option-data', (it) => Object.assign(it, { 'option-data': [] }), 'options'],
    ['subnet4[id=1].renew-timer', (it) => Object.assign(entry(it, 'subnet4'), { 'renew-timer': 8 }), 'policy'],
    [
      'subnet4[id=1].pools[pool=x].option-data[code=9].data',
      (it) => Object.assign(entry(entry(it, 'subnet4'), 'pools'), { 'option-data': [] }),
      'options',
    ],
    [
      'client-classes[name=c].option-data',
      (it) => Object.assign(entry(it, 'client-classes'), { 'option-data': [] }),
      'options',
    ],
    ['client-classes[name=c].test', (it) => Object.assign(entry(it, 'client-classes'), { test: 'y' }), 'policy'],
    [
      'shared-networks[name=n].subnet4[id=2].reservations',
      (it) => Object.assign(entry(entry(it, 'shared-networks'), 'subnet4'), { reservations: [{ hostname: 'i' }] }),
      'reservations',
    ],
  ];
  for (const [path, change, section] of changes) {
    assert.equal(sectionOfPath(path), section, path);
    const value = dhcp4();
    change(value);
    const moved = SECTIONS.filter((_, i) => texts(value)[i] !== texts(dhcp4())[i]);
    assert.deepEqual(moved, [section], path);
  }
  for (const path of [
    'subnet4',
    'subnet4[id=7]',
    'subnet4[id=7].pools[pool=10.0.0.1 - 10.0.0.9]',
    'subnet4[id=7].subnet',
  ]) {
    assert.equal(sectionOfPath(path), 'address-space', path);
  }
});

test('where a section was changed is told by what both had', () => {
  const digests = (options: string) => ({ options, reservations: 'r', policy: 'p' });
  assert.equal(changedOn('options', digests('b'), digests('a'), digests('a')), 'here');
  assert.equal(changedOn('options', digests('a'), digests('b'), digests('a')), 'there');
  assert.equal(changedOn('options', digests('b'), digests('c'), digests('a')), 'both');
  assert.equal(changedOn('options', digests('b'), digests('c'), undefined), 'unknown');
});

function clone(value: object) {
  return JSON.parse(JSON.stringify(value));
}

function entry(value: object, list: string): object {
  return (value as Record<string, object[]>)[list]![0]!;
}
