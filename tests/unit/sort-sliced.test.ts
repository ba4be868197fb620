/** Sorting in slices is sorting. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { atOnce } from 'lessor/internal/domain/slices.js';
import { sortSliced } from 'lessor/internal/domain/sort-sliced.js';

it('puts any list in order, and leaves equals as they were', () => {
  const rows = fc.array(fc.tuple(fc.integer({ min: 0, max: 300 }), fc.integer()), { maxLength: 3000, size: 'max' });
  fc.assert(
    fc.property(rows, (list) => {
      const before = [...list];
      assert.deepEqual(
        atOnce(sortSliced(list, (a, b) => a[0] < b[0])),
        list.toSorted((a, b) => a[0] - b[0]),
      );
      assert.deepEqual(list, before);
    }),
    { numRuns: 50 },
  );
});

it('stops often', () => {
  const list = Array.from({ length: 10_000 }, (_, i) => (i * 7919) % 10_007);
  let comparisons = 0;
  let most = 0;
  const work = sortSliced(list, (a, b) => {
    comparisons++;
    return a < b;
  });
  for (;;) {
    comparisons = 0;
    const { done } = work.next();
    most = Math.max(most, comparisons);
    if (done === true) break;
  }
  assert.ok(most < 6000, `${most} comparisons in one slice`);
});
