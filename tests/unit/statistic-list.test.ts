/** The text of all statistics is that of the map. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { formatJson } from '@lessor/kea';
import { listStatistics } from 'lessor/internal/control/statistic-list.js';
import { PagePool } from 'lessor/internal/control/text-pages.js';
import { atOnce } from 'lessor/internal/domain/slices.js';
import { Statistics, subnetStatistic } from 'lessor/internal/services/statistics.js';
import { HandClock } from './control-fakes.js';

const clock = new HandClock();
const pages = new PagePool(clock);

/** The text, which has to be Kea's of the same map; and its names. */
function listed(statistics: Statistics): string[] {
  const answer = atOnce(listStatistics(statistics, pages));
  const text = Buffer.concat(answer.argumentsText ?? []).toString('latin1');
  const map = answer.arguments as Readonly<Record<string, never>>;
  assert.equal(text, formatJson(map));
  answer.release?.();
  return Object.keys(map);
}

it('has them in order, those that came and went meanwhile, and none where there are none', () => {
  const statistics = new Statistics(clock);
  assert.deepEqual(listed(statistics), []);
  for (let id = 1; id <= 2000; id++) statistics.counter(subnetStatistic(id, 'assigned-addresses')).add(id, clock.now());
  statistics.counter('pkt4-received');
  statistics.counter('odd "name"');
  const all = [...statistics.names()].sort();
  assert.deepEqual(listed(statistics), all);
  statistics.remove('pkt4-received');
  statistics.discard(subnetStatistic(7, 'assigned-addresses'));
  const fewer = all.filter((name) => name !== 'pkt4-received' && name !== 'subnet[7].assigned-addresses');
  assert.deepEqual(listed(statistics), fewer);
  statistics.counter('pkt4-received').add(1, clock.now());
  statistics.counter('another');
  assert.deepEqual(listed(statistics), [...fewer, 'pkt4-received', 'another'].sort());
  statistics.removeAll();
  assert.deepEqual(listed(statistics), []);
});
