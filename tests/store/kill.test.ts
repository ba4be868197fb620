/** A server killed with SIGKILL in the middle of commits and cleanups has every lease it acknowledged. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from 'lessor/internal/platform/clock.js';
import { nodeFileOps } from 'lessor/internal/store/file-ops.js';
import { leaseOf, newStore } from './harness.js';

const extension = extname(import.meta.url);
const CHILD = fileURLToPath(new URL(`./kill-child${extension}`, import.meta.url));
const LOADER = extension === '.ts' ? ['--import', 'tsx'] : [];
const ROUNDS = Number(process.env.LESSOR_KILL_ROUNDS ?? 3);

/** Runs the child until it has acknowledged `commits` commits, and kills it; the last number it said. */
function runAndKill(path: string, flush: string, first: number, commits: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...LOADER, CHILD, path, flush, String(first)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (octets: Buffer) => {
      said += octets.toString();
      if (said.split('\n').length > commits) child.kill('SIGKILL');
    });
    child.on('error', reject);
    // 'close' comes when everything the child has said is read.
    child.on('close', (_code, signal) => {
      if (signal === 'SIGKILL') resolve(Number(said.split('\n').at(-2)));
      else reject(new Error(`the child ended by itself (${signal})`));
    });
  });
}

for (const flush of ['inline', 'threadpool']) {
  it(`nothing acknowledged is lost by SIGKILL, flush ${flush}`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lessor-kill-'));
    const path = join(folder, 'kea-leases4.csv');
    try {
      let last = 0;
      for (let round = 0; round < ROUNDS; round++) {
        last = await runAndKill(path, flush, last + 1, 150 + 61 * round);
        const store = newStore(nodeFileOps, systemClock, { path });
        await store.open();
        // The commit after the last one heard of may have been durable, too.
        const newest = store.getByAddress(leaseOf(20_000).address)?.poolId ?? 0;
        assert.ok(newest >= last, `commit ${last} was acknowledged, ${newest} is stored`);
        for (let n = Math.max(1, last - 4999); n <= last; n++) {
          assert.equal(store.getByAddress(leaseOf(n % 5000).address)?.poolId, n);
        }
        await store.close();
        last = newest;
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
