/** Killed by kill.test.ts: commits leases as fast as it can, cleaning up all the time, and says after each commit which. */

import { writeSync } from 'node:fs';
import { systemClock } from 'lessor/internal/platform/clock.js';
import { nodeFileOps } from 'lessor/internal/store/file-ops.js';
import { leaseOf, newStore } from './harness.js';

const [path, flush, first] = process.argv.slice(2);
const store = newStore(nodeFileOps, systemClock, {
  path: path!,
  flush: flush === 'threadpool' ? 'threadpool' : 'inline',
  sliceRows: 50,
});
await store.open();
const cleanAgain = (): void => {
  store.cleanup().then(cleanAgain, cleanAgain);
};
cleanAgain();
for (let n = Number(first); ; n++) {
  store.put(leaseOf(n % 5000, { poolId: n }));
  store.put(leaseOf(20_000, { poolId: n }));
  await store.commit();
  writeSync(1, `${n}\n`);
  if (n % 8 === 0) await new Promise((resolve) => systemClock.soon(() => resolve(undefined)));
}
