import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzzExchange } from '../fuzz/exchange.js';

test('mutated packets cause no defect in the packet path', async () => {
  const result = await fuzzExchange(Number(process.env.FUZZ_PACKETS ?? 20_000), 20261122);
  assert.deepEqual(result.defects.slice(0, 3), []);
  // A fuzzer whose packets are all refused at the door tests only the door.
  assert.ok(result.answers > result.packets / 20, `${result.answers} answers to ${result.packets} packets`);
  assert.ok(result.leases > 10);
});
