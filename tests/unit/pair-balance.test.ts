/** How many free addresses one server of a pair hands over when the other asks. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { PairFile } from 'lessor/internal/domain/pair/file.js';
import { Balance } from 'lessor/internal/services/pair/balance.js';
import { PairMemory } from 'lessor/internal/services/pair/memory.js';
import { snapshotOf } from '../sim/config.js';
import { planOf } from '../sim/plan.js';

const SIZE = 20;
const { pools } = snapshotOf({ ...planOf(1).settings, poolSize: SIZE });
const pool = pools[0]!;

/** How many addresses side `side`, which has `mine` free ones, hands over to the other, which has `theirs`. */
function handedOver(side: 0 | 1, mine: number, theirs: number, shareOfSide1: number): number {
  const file: PairFile = {
    ...{ relationship: 'a-b', side, epoch: 1, boot: 1, born: 1, metBoot: 0, fence: 0, lost: false, forgot: false },
    ...{ reservedCounter: 0, state: 'normal', downSinceSec: 0, cleanDown: false, clockOffsetMs: 0, blindUntilSec: 0 },
    ...{ saidGoodbye: false, grant: undefined, granted: 0, received: 0, partnerLostBoot: 0, withheld: [] },
    stranger: false,
    ownership: [{ first: pool.first, last: pool.last, owner: side }],
  };
  const memory = new PairMemory({ load: () => undefined, save: () => undefined }, file);
  const balance = new Balance({
    ...{ memory, shareOfSide1, pools: () => pools, nowSec: () => 0, onSettled: () => undefined },
    freeIn: () => mine,
    isFree: (address) => address < pool.first + mine,
    call: () => Promise.reject(new Error('nobody is asked')),
  });
  balance.answerAsk({ pools: [[pool.first, pool.last, theirs]] });
  const ranges = memory.file.grant?.ranges ?? [];
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
}

it('who asks gets its share, and nothing beyond', () => {
  assert.equal(handedOver(1, 10, 0, 0.5), 5);
  assert.equal(handedOver(1, 10, 10, 0.5), 0);
  assert.equal(handedOver(0, 10, 0, 0.1), 1);
  assert.equal(handedOver(1, 10, 0, 0.1), 9);
});

it('what is left never goes to and fro (seed 20003304)', () => {
  for (const share of [0.1, 0.3, 0.5]) {
    for (let total = 1; total <= SIZE; total++) {
      for (let theirs = 0; theirs < total; theirs++) {
        const there = theirs + handedOver(1, total - theirs, theirs, share);
        if (there > theirs)
          assert.equal(handedOver(0, there, total - there, share), 0, `${theirs} of ${total}, ${share}`);
      }
    }
  }
});
