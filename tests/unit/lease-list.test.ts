/** The leases of an answer: the text written octet by octet is the text of the objects. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatJson, type JsonMap, parseCommandJson } from '@lessor/kea';
import fc from 'fast-check';
import { releaseAnswer, renderAnswer, renderAnswers } from 'lessor/internal/control/door.js';
import { LeaseList } from 'lessor/internal/control/lease-list.js';
import { PAGE_OCTETS, PagePool, TextPages } from 'lessor/internal/control/text-pages.js';
import { hashKeyOf } from 'lessor/internal/domain/keyed-hash.js';
import type { Lease, LeaseState } from 'lessor/internal/domain/lease.js';
import { leaseToJson } from 'lessor/internal/domain/lease-json.js';
import { type LeaseView, showLeases } from 'lessor/internal/domain/lease-view.js';
import { LeaseTable } from 'lessor/internal/store/lease-table.js';
import { HandClock } from './control-fakes.js';

const clock = { soon: (fn: () => void) => void setImmediate(fn), monotonic: () => 0 };

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

/** Lists of so many leases. */
function listsOf(counts: readonly number[], pool: PagePool): { lists: LeaseList[]; leases: JsonMap[] } {
  let at = 0;
  const leases: JsonMap[] = [];
  const lists = counts.map((count) => {
    const list = new LeaseList(pool);
    const some = Array.from({ length: count }, () => leaseOf(at++));
    leases.push(...some.map(leaseToJson));
    list.addAll(some);
    return list;
  });
  return { lists, leases };
}

const octets = (max: number) =>
  fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)), maxLength: max });
const word = fc.integer({ min: 0, max: 0xffff_ffff });
/** Any lease a store can hold. */
const anyLease: fc.Arbitrary<Lease> = fc.record({
  address: word,
  hwAddress: octets(20),
  clientId: octets(255),
  validLifetimeSec: word,
  clttSec: fc.oneof(word, fc.constant(0)),
  subnetId: word,
  poolId: fc.oneof(fc.constant(0), word),
  fqdnFwd: fc.boolean(),
  fqdnRev: fc.boolean(),
  hostname: fc.oneof(
    octets(300),
    fc.constant('printer-17.example.org'),
    fc.constant('x'.repeat(0x7fff)),
    fc.constant('\x01'.repeat(0x7fff)),
  ),
  state: fc.constantFrom<LeaseState>(0, 1, 2, 3),
  userContext: fc.oneof(
    fc.constant(''),
    fc.constant('{"ISC":{"relay-agent-info":{"sub-options":"0x0104"}}}'),
    fc.constant('not JSON'),
    fc.jsonValue({ noUnicodeString: true }).map((value) => formatJson({ value: JSON.parse(JSON.stringify(value)) })),
  ),
});

describe('the text of a lease', () => {
  it('is that of its object, whatever is in it, from the table as from an object', () => {
    const pool = new PagePool(new HandClock());
    fc.assert(
      fc.property(fc.array(anyLease, { minLength: 1, maxLength: 6 }), (some) => {
        const table = new LeaseTable(hashKeyOf(Buffer.alloc(16)));
        for (const lease of some) table.put(lease);
        const leases = table.page(undefined, 100);
        const expected = formatJson({ arguments: { leases: leases.map(leaseToJson) }, result: 0, text: 'x' });
        for (const walk of [
          (show: (view: LeaseView) => boolean) => table.walk(undefined, show),
          (show: (view: LeaseView) => boolean) => showLeases(leases, show),
        ]) {
          const list = new LeaseList(pool);
          walk((view) => {
            list.add(view);
            return true;
          });
          const { argumentsText, release } = LeaseList.answer([list], () => 'x');
          const text = Buffer.concat([...argumentsText!]).toString('latin1');
          assert.equal(`{ "arguments": ${text}, "result": 0, "text": "x" }`, expected);
          release?.();
        }
      }),
      { numRuns: 100 },
    );
  });

  it('is shown from behind an address until nobody wants more', () => {
    const table = new LeaseTable(hashKeyOf(Buffer.alloc(16)));
    for (let i = 0; i < 200; i++) table.put(leaseOf(3 * i));
    const seen: number[] = [];
    table.walk(0x0a00_0000 + 30, ({ address }) => seen.push(address) < 3);
    assert.deepEqual(
      seen,
      [33, 36, 39].map((i) => 0x0a00_0000 + i),
    );
    seen.length = 0;
    table.walk(0x0a00_0000 + 591, ({ address }) => seen.push(address) > 0);
    assert.deepEqual(
      seen,
      [594, 597].map((i) => 0x0a00_0000 + i),
    );
    table.walk(0xffff_ffff, () => assert.fail('there is none'));
  });
});

describe('leases of an answer', () => {
  for (const counts of [[0], [1], [1000], [1001], [2345], [600, 0, 600], [0, 1500, 0, 2], [0, 0]] as const) {
    for (const withCount of [false, true]) {
      it(`${counts.join(' + ')}${withCount ? ' with their count' : ''}`, async () => {
        const pool = new PagePool(new HandClock());
        const { lists, leases } = listsOf(counts, pool);
        const answer = LeaseList.answer(lists, (count) => `${count} found`, withCount);
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

  it('are written on pages that are used again', async () => {
    const pool = new PagePool(new HandClock());
    let kept = 0;
    for (let round = 0; round < 5; round++) {
      const { lists } = listsOf([3000], pool);
      const answer = LeaseList.answer(lists, String);
      const octetsSent = Buffer.concat(await renderAnswer(answer, clock)).length;
      releaseAnswer(answer);
      releaseAnswer(answer);
      kept = pool.size;
      assert.equal(kept, Math.ceil(octetsSent / PAGE_OCTETS));
    }
  });

  it('of a short answer keep no page', () => {
    const pool = new PagePool(new HandClock());
    const { lists } = listsOf([3], pool);
    assert.equal(LeaseList.answer(lists, String).release, undefined);
    assert.equal(pool.size, 1);
  });
});

describe('pages', () => {
  it('are forgotten when nobody has wanted them for a while', () => {
    const hand = new HandClock();
    const pool = new PagePool(hand);
    pool.give([pool.take(), pool.take()]);
    assert.equal(pool.size, 2);
    hand.advance(29_000);
    pool.give([pool.take()]);
    hand.advance(29_000);
    assert.equal(pool.size, 2);
    hand.advance(2000);
    assert.equal(pool.size, 0);
  });

  it('take a string over as many of them as it needs', () => {
    const text = new TextPages(new PagePool(new HandClock()));
    const long = 'abc'.repeat(PAGE_OCTETS);
    text.write('x');
    text.write(long);
    text.comma();
    assert.equal(Buffer.concat([...text.octets()]).toString('latin1'), `x${long}, `);
  });
});
