/** Drift between two configurations is told by paths. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { driftBetween } from 'lessor/internal/services/pair/drift.js';

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
