/** A slice of `npm run fuzz`: the OMAPI server against hostile clients. OMAPI_FUZZ_MESSAGES: how many messages. */

import assert from 'node:assert/strict';
import test from 'node:test';
import { fuzzOmapiServer } from '../fuzz/omapi-server.js';

const MESSAGES = Number(process.env.OMAPI_FUZZ_MESSAGES ?? 20_000);
const MAX_GROWTH_OCTETS = 256 * 2 ** 20;

test(`${MESSAGES} hostile messages are answered or end their connection`, { timeout: 3_600_000 }, async () => {
  const result = await fuzzOmapiServer(MESSAGES, 1);
  assert.deepEqual(result.defects, []);
  assert.ok(result.handled >= MESSAGES);
  const share = result.authenticated / result.handled;
  assert.ok(share > 0.2 && share < 0.9, `${Math.round(100 * share)} % came with a key: both kinds must be tried`);
  assert.ok(result.handled / result.conversations > 8, 'most messages must be well formed enough to be looked at');
  const growth = result.peakOctets - result.settledOctets;
  assert.ok(growth < MAX_GROWTH_OCTETS, `memory grew by ${growth} octets`);
});
