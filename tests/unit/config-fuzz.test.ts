/** Spoiled configurations are refused properly (tests/fuzz/configs.ts). LESSOR_FUZZ_CONFIGS = number of them. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fuzzConfigs } from '../fuzz/configs.js';

it('loads or refuses spoiled configurations, never anything else', () => {
  const iterations = Number(process.env.LESSOR_FUZZ_CONFIGS ?? 2000);
  const { accepted, refused } = fuzzConfigs(iterations, 1);
  // Both must happen, else the mutations are too weak or too strong to find anything.
  assert.ok(accepted > iterations / 50, `${accepted} accepted`);
  assert.ok(refused > iterations / 5, `${refused} refused`);
});
