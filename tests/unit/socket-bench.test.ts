/** The benchmark's own arithmetic: the search for a sustained rate, and reading perfdhcp. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseReport } from '../../bench/lib/perfdhcp.js';
import { findSustained, median, quantile } from '../../bench/lib/search.js';

/** A server that holds `limit`, with a generator that sends at most `generator`. */
function server(limit: number, generator = Number.POSITIVE_INFINITY) {
  return async (ratePerSec: number) => ({
    ratePerSec: Math.min(ratePerSec, generator),
    held: ratePerSec <= limit,
    generatorBound: ratePerSec > generator,
  });
}

const OPTIONS = { precision: 0.02, maxTrials: 30 };

test('the search finds the limit from above and from below', async () => {
  for (const guessPerSec of [100, 5000, 40_000]) {
    const { best } = await findSustained(server(7000), { ...OPTIONS, guessPerSec });
    assert.ok(best !== undefined && best.ratePerSec <= 7000 && best.ratePerSec > 7000 / 1.02, `${best?.ratePerSec}`);
  }
});

test('the search ends at the generator, at the last trial, and without a result', async () => {
  const bound = await findSustained(server(90_000, 20_000), { ...OPTIONS, guessPerSec: 10_000 });
  assert.equal(bound.best?.ratePerSec, 20_000);
  const few = await findSustained(server(7000), { ...OPTIONS, maxTrials: 3, guessPerSec: 40_000 });
  assert.deepEqual([few.best, few.trials.length], [undefined, 3]);
  const none = await findSustained(server(0), { ...OPTIONS, guessPerSec: 5000 });
  assert.equal(none.best, undefined);
});

test('medians and quantiles', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.ok(Number.isNaN(median([])));
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  assert.equal(quantile(hundred, 0.99), 100);
  assert.equal(quantile(hundred, 0.5), 51);
});

const REPORT = `Running: perfdhcp -4 -r 3000 -R 50000 -p 3 -x t 10.0.0.1
***Rate statistics***
Rate: 2726.01 4-way exchanges/second, expected rate: 3000

***Statistics for: DISCOVER-OFFER***
sent packets: 9000
received packets: 8910
drops: 90
drops ratio: 1 %

***Statistics for: REQUEST-ACK***
sent packets: 8910
received packets: 8019
drops: 891

***Timestamps for packets: DISCOVER-OFFER***
sent / received: 000000.000500 / 000000.001250
sent / received: 000001.000000 / 000001.003000

***Timestamps for packets: REQUEST-ACK***
sent / received: 000000.002000 / 000000.002500
`;

test("perfdhcp's report: rates by the period, the worse of the two losses, latencies in milliseconds", () => {
  const request = { ratePerSec: 3000, periodSec: 3, clients: 50_000, clientBlock: 0 };
  const report = parseReport(request, REPORT);
  assert.equal(report.offeredPerSec, 3000);
  assert.equal(report.completedPerSec, 2673);
  assert.equal(report.dropShare.toFixed(3), '0.100');
  assert.deepEqual(
    report.discover.latenciesMs.map((ms) => ms.toFixed(2)),
    ['0.75', '3.00'],
  );
  assert.deepEqual(
    report.ack.latenciesMs.map((ms) => ms.toFixed(2)),
    ['0.50'],
  );
  assert.throws(() => parseReport(request, 'perfdhcp: bind: Address already in use'), /no report on DISCOVER-OFFER/);
});
