/** What the simulator's checker excuses after an operator said what was not so: that, and no more. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkHistory } from '../sim/checker.js';
import { type Holding, PairHistory } from '../sim/history.js';
import { hwAddressOf } from '../sim/message.js';
import { planOf } from '../sim/plan.js';

const ADDRESS = 0xc000_012c;

/**
 * Both servers went on alone at 10 s, an operator said of one of them what was not so; both gave the address, met again at
 * 30 s, and client 0 lost it as the alarm says. It goes on using it until 90 s.
 */
function story(change: { untruthAt?: number; alarm?: boolean; ackedAt?: number; next?: Partial<Holding> } = {}) {
  const history = new PairHistory();
  const { untruthAt = 10_000, alarm = true, ackedAt = 15_000 } = change;
  history.untruths.push(untruthAt);
  for (const side of [0, 1] as const) {
    history.states.push({ at: 1000, side, to: 'normal' }, { at: 10_000, side, to: 'partner-down' });
    history.states.push({ at: 30_000 + side, side, to: 'normal' });
  }
  history.holdings.push({ client: 0, address: ADDRESS, from: 15_000, ackedAt, server: 1, until: 90_000 });
  history.holdings.push({ client: 1, address: ADDRESS, from: 20_000, ackedAt: 20_000, server: 0, until: 40_000 });
  if (alarm) history.alarms.push({ at: 29_000, side: 0, address: ADDRESS, dropped: `h${hwAddressOf(0)}` });
  const next = { client: 2, address: ADDRESS, from: 60_000, ackedAt: 60_000, server: 0, until: 80_000 } as const;
  history.holdings.push({ ...next, ...change.next });
  return checkHistory(planOf(1), history).map(({ invariant, at }) => `${invariant} ${at}`);
}

describe("The simulator's checker", () => {
  it('lets the next client have an address that was given up by a merge, as reported', () => {
    assert.deepEqual(story(), []);
  });

  it('does not if nobody was told, if a server confirmed it meanwhile, or if no operator was wrong', () => {
    assert.deepEqual(story({ alarm: false }), ['I7 20000', 'I1 60000']);
    assert.deepEqual(story({ ackedAt: 45_000 }), ['I1 60000']);
    assert.deepEqual(story({ untruthAt: 50_000 }), ['I1 20000', 'I1 60000']);
  });

  it('does not if the other was the one that kept it and the next client is too early', () => {
    assert.deepEqual(story({ next: { from: 35_000 } }), ['I1 35000']);
  });
});
