/** The checker of pair histories finds what it is for: one planted fault each, and nothing in a clean history. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  databasesEqual,
  isDoneUnheard,
  journalsAgree,
  noDoubleAssignment,
  noRefusal,
  nothingForgotten,
  waitsOf,
} from '../matrix/checker.js';
import { History, type HistoryEvent, type JournalRecord } from '../matrix/history.js';

const ADDRESS = '10.0.0.1';

function history(...events: Partial<Omit<HistoryEvent, 'i'>>[]): HistoryEvent[] {
  const kept = new History();
  for (const event of events) {
    const { inv = 0, ret = inv + 1 } = event;
    kept.add({ p: 'a', f: 'request', res: 'ack', addr: ADDRESS, sid: 'x', ...event, inv, ret });
  }
  return kept.events;
}

describe('the checker of a pair', () => {
  it('finds an address that two clients have at once', () => {
    assert.equal(noDoubleAssignment(history({ end: 100 }, { p: 'b', inv: 50, end: 150 })).length, 1);
  });

  it('finds it behind another lease of the first client', () => {
    const events = history({ end: 100 }, { inv: 40, end: 140, f: 'renew' }, { p: 'b', inv: 120, end: 200 });
    assert.equal(noDoubleAssignment(events).length, 1);
  });

  it('lets an address be given again after its end, a release, a decline', () => {
    assert.deepEqual(noDoubleAssignment(history({ end: 100 }, { p: 'b', inv: 100, end: 150 })), []);
    for (const f of ['release', 'decline'] as const) {
      const events = history({ end: 100 }, { f, res: 'sent', inv: 40, ret: 40 }, { p: 'b', inv: 50, end: 150 });
      assert.deepEqual(noDoubleAssignment(events), [], f);
    }
  });

  it('opens no interval for a client that had no answer', () => {
    assert.deepEqual(noDoubleAssignment(history({ end: 100 }, { p: 'b', inv: 50, end: 150, res: 'timeout' })), []);
  });

  it('finds a client refused what it has, and only that', () => {
    assert.equal(noRefusal(history({ end: 100 }, { f: 'renew', inv: 50, res: 'nak' })).length, 1);
    assert.deepEqual(noRefusal(history({ end: 100 }, { f: 'renew', inv: 150, res: 'nak' })), []);
    assert.deepEqual(noRefusal(history({ end: 100 }, { f: 'reboot', inv: 50, res: 'nak', addr: '10.0.0.2' })), []);
  });

  it('tells refusals by a Kea that was cut off from all others', () => {
    const [refusal] = noRefusal(history({ end: 100 }, { f: 'renew', inv: 50, res: 'nak', sid: 'kea' }));
    const spans = (from: number, to: number) => [{ from, to }];
    assert.equal(isDoneUnheard(refusal!, ['kea'], spans(40, 60)), true);
    assert.equal(isDoneUnheard(refusal!, ['kea'], spans(60, 80)), false);
    assert.equal(isDoneUnheard(refusal!, [], spans(40, 60)), false);
    assert.equal(isDoneUnheard({ ...refusal!, invariant: 'I1' }, ['kea'], spans(40, 60)), false);
  });

  it('finds what a database forgot, has for another, or ends too early', () => {
    const events = history({ end: 10_000 });
    const binding = { addr: ADDRESS, holder: 'a', end: 10_000 };
    assert.deepEqual(nothingForgotten(events, [binding], 100), []);
    assert.equal(nothingForgotten(events, [], 100).length, 1);
    assert.equal(nothingForgotten(events, [{ ...binding, holder: 'b' }], 100).length, 1);
    assert.equal(nothingForgotten(events, [{ ...binding, end: 5000 }], 100).length, 1);
    assert.deepEqual(nothingForgotten(events, [], 20_000), [], 'over by now');
  });

  it('finds versions that fall, come back after a deletion, or say two things', () => {
    const record = (a: number, b: number, holder?: string, state = 0): JournalRecord => ({
      ...{ addr: ADDRESS, version: [a, b], holder, state },
    });
    assert.deepEqual(journalsAgree([[record(1, 0, 'a'), record(1, 1, 'a')], [record(1, 1, 'a')]]), []);
    assert.equal(journalsAgree([[record(2, 0, 'a'), record(1, 1, 'a')]])[0]?.invariant, 'I5');
    assert.equal(journalsAgree([[record(2, 0, 'a', 3), record(1, 0, 'a')]])[0]?.invariant, 'I4');
    assert.equal(journalsAgree([[record(2, 0), record(2, 0, 'a')]])[0]?.invariant, 'I4');
    assert.deepEqual(journalsAgree([[record(2, 5), record(3, 0, 'a')]]), [], 'forgotten, and given anew');
    assert.equal(journalsAgree([[record(1, 0, 'a')], [record(1, 0, 'b')]])[0]?.invariant, 'I5');
  });

  it('finds databases that differ', () => {
    const binding = { addr: ADDRESS, holder: 'a', end: 1 };
    assert.deepEqual(databasesEqual([binding], [{ ...binding, end: 2 }]), []);
    assert.equal(databasesEqual([binding], []).length, 1);
    assert.equal(databasesEqual([binding], [{ ...binding, holder: 'b' }]).length, 2);
  });

  it('measures how long clients waited and how long nobody was answered', () => {
    const events = history({ inv: 0, ret: 10 }, { inv: 20, ret: 400, since: 15 }, { inv: 5, ret: 900, res: 'timeout' });
    assert.deepEqual(waitsOf(events), { median: 385, p99: 385, max: 385, silence: 390 });
  });
});
