/**
 * A short slice of the fault matrix (`npm run ha-matrix` is the long form): real processes, sockets and disks, clients
 * in two places, and every history checked.
 */

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { skipUnless } from '../lib/peers.js';
import { ROWS } from '../matrix/rows.js';
import { perform } from '../matrix/scene.js';
import type { SystemName } from '../matrix/systems.js';

const skip = skipUnless('python3', 'openssl', 'curl', 'nft', 'strace', 'kea-dhcp4');

/** What CI has time for. */
const SLICE: readonly (readonly [row: string, system: SystemName])[] = [
  ['5', 'lessor'],
  ['10', 'lessor'],
  ['18a', 'lessor'],
  ['9.full', 'lessor'],
  ['crash.8.active.lost', 'lessor'],
  ['1', 'kea+lessor'],
];

describe('The fault matrix', { skip }, () => {
  for (const [id, system] of SLICE) {
    const row = ROWS.find((one) => one.id === id)!;
    test(`${id}, ${system}: ${row.title}`, async (t: TestContext) => {
      const outcome = await perform(row, system, { clients: 40, seed: 7, faultMs: 3000 });
      const { violations, acks, waits, notes } = outcome;
      t.diagnostic(`${acks} ACKs, longest silence ${waits.silence} ms; ${notes.join('; ')}`);
      const text = violations.map(({ invariant, text: what }) => `${invariant}: ${what}`).join('\n');
      assert.equal(violations.length, 0, `${text}\n${outcome.log.slice(0, 20_000)}`);
      assert.ok(acks > 40, `only ${acks} ACKs: the clients did not do what they should`);
    });
  }
});
