/** Two tables that differ have digests that differ: what a comparison does not see is never sent. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Lease } from 'lessor/internal/domain/lease.js';
import { withVersion } from 'lessor/internal/domain/pair/record.js';
import { eventNumber, type Version } from 'lessor/internal/domain/pair/version.js';
import { BlockDigests } from 'lessor/internal/services/pair/digests.js';
import { leaseOf } from '../store/harness.js';

function lease(n: number, version: Version): Lease {
  return leaseOf(n, { userContext: withVersion('', version) });
}

function digestOf(...leases: readonly Lease[]): string {
  const digests = new BlockDigests();
  for (const one of leases) digests.changed(one.address, undefined, one);
  return String([...digests.entries()].map(String));
}

it('one address after the other, given by one event after the other, are not nothing (seed 20011997)', () => {
  const [a, b] = [eventNumber(1, 459602380054), eventNumber(2, 459602388226)];
  const two = digestOf(lease(44, [a, b]), lease(45, [a + 1, b + 1]));
  assert.notEqual(two, '');
  assert.notEqual(two, digestOf(lease(46, [a, b]), lease(47, [a + 1, b + 1])));
});

it('every lease of a block has a digest of its own, and so has every two', () => {
  const seen = new Set<string>();
  const words = new Set<number>();
  for (let n = 0; n < 64; n++) {
    for (let counter = 1; counter <= 32; counter++) {
      const digests = new BlockDigests();
      const one = lease(n, [eventNumber(1, counter), counter % 2 === 0 ? 0 : eventNumber(1, counter + 1)]);
      digests.changed(one.address, undefined, one);
      const [first, second] = digests.of(Math.floor(one.address / 256));
      seen.add(`${first} ${second}`);
      words.add(first).add(second);
    }
  }
  assert.equal(seen.size, 64 * 32);
  assert.ok(words.size > 64 * 32 * 1.4, `${words.size} different words`);
  const pairs = new Set<string>();
  for (let n = 0; n < 128; n++) {
    for (let m = n + 1; m < 128; m++)
      pairs.add(digestOf(lease(n, [eventNumber(1, n + 7), 0]), lease(m, [eventNumber(1, m + 7), 0])));
  }
  assert.equal(pairs.size, (128 * 127) / 2);
});

it('what comes and goes leaves nothing behind', () => {
  const digests = new BlockDigests();
  const [one, other] = [lease(3, [eventNumber(1, 5), 0]), lease(3, [eventNumber(1, 6), 0])];
  digests.changed(one.address, undefined, one);
  digests.changed(one.address, one, other);
  digests.changed(one.address, other, undefined);
  assert.deepEqual([...digests.entries()], []);
});
