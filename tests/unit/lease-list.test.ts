/** The leases of an answer: as objects and as text they are the same answer. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatJson, type JsonMap, parseCommandJson } from '@lessor/kea';
import { renderAnswer, renderAnswers } from 'lessor/internal/control/door.js';
import { LeaseList } from 'lessor/internal/control/lease-list.js';
import type { Lease } from 'lessor/internal/domain/lease.js';
import { leaseToJson } from 'lessor/internal/domain/lease-json.js';

const clock = { soon: (fn: () => void) => void setImmediate(fn) };

const leaseOf = (i: number): Lease => ({
  address: 0x0a00_0000 + i,
  hwAddress: '\x02\x00\x00\x00\x00\x01',
  clientId: i % 2 === 0 ? '' : '\x01\x02',
  validLifetimeSec: 3600,
  clttSec: 1_767_225_600,
  subnetId: 1,
  poolId: 0,
  fqdnFwd: false,
  fqdnRev: true,
  hostname: `h\xe9"${i}`,
  state: 0,
  userContext: '',
});

/** Lists of so many leases, put in some at a time. */
function listsOf(counts: readonly number[], perTurn: number): { lists: LeaseList[]; leases: JsonMap[] } {
  let at = 0;
  const leases: JsonMap[] = [];
  const lists = counts.map((count) => {
    const list = new LeaseList();
    for (let left = count; left > 0; left -= perTurn) {
      const some = Array.from({ length: Math.min(left, perTurn) }, () => leaseOf(at++));
      leases.push(...some.map(leaseToJson));
      list.add(some);
    }
    return list;
  });
  return { lists, leases };
}

describe('leases of an answer', () => {
  for (const [counts, isText] of [
    [[0], false],
    [[1], false],
    [[1000], false],
    [[1001], true],
    [[2345], true],
    [[600, 0, 600], true],
    [[0, 1500, 0, 2], true],
  ] as const) {
    for (const withCount of [false, true]) {
      it(`${counts.join(' + ')}${withCount ? ' with their count' : ''}`, async () => {
        const { lists, leases } = listsOf(counts, 100);
        const answer = LeaseList.answer(lists, (count) => `${count} found`, withCount);
        assert.equal(answer.argumentsText !== undefined, isText);
        const expected = {
          arguments: { ...(withCount ? { count: leases.length } : {}), leases },
          result: leases.length === 0 ? 3 : 0,
          text: `${leases.length} found`,
        };
        assert.deepEqual(answer.arguments, parseCommandJson(formatJson(expected.arguments), { comments: false }));
        assert.equal(Buffer.concat(await renderAnswer(answer, clock)).toString('latin1'), formatJson(expected));
        const overHttp = Buffer.concat(await renderAnswers([answer, { result: 0 }], clock)).toString('latin1');
        assert.equal(overHttp, formatJson([expected, { result: 0 }]));
      });
    }
  }
});
