/**
 * Load time, memory and speed of the lease store alone: `node --expose-gc --import tsx bench/store.ts [LEASES] [FOLDER]`.
 * Defaults: a million leases, the system's temporary folder.
 */

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Lease } from 'lessor/internal/domain/lease.js';
import { systemClock } from 'lessor/internal/platform/clock.js';
import { createSystemRandom } from 'lessor/internal/platform/random.js';
import { Ledger } from 'lessor/internal/services/ledger.js';
import type { Logger } from 'lessor/internal/services/ports.js';
import { nodeFileOps } from 'lessor/internal/store/file-ops.js';
import { MemfileStore } from 'lessor/internal/store/memfile.js';

const count = Number(process.argv[2] ?? 1_000_000);
const folder = mkdtempSync(join(process.argv[3] ?? tmpdir(), 'lessor-bench-store-'));
const path = join(folder, 'kea-leases4.csv');
const silent: Logger = { enabled: () => false, log: () => undefined, child: () => silent };
const FIRST = 0x0a000000;

function leaseOf(n: number, clttSec: number): Lease {
  const mac = String.fromCharCode(2, 0, (n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255);
  return {
    address: FIRST + n,
    hwAddress: mac,
    clientId: `\x01${mac}`,
    validLifetimeSec: 3600,
    clttSec,
    subnetId: 1,
    poolId: 0,
    fqdnFwd: false,
    fqdnRev: false,
    hostname: `host-${n}`,
    state: 0,
    userContext: '',
  };
}

function memory(): string {
  globalThis.gc?.();
  const { rss, heapUsed, arrayBuffers, external } = process.memoryUsage();
  const mib = (octets: number) => `${Math.round(octets / 2 ** 20)} MiB`;
  return `rss ${mib(rss)}, heap ${mib(heapUsed)}, external ${mib(external)}, array buffers ${mib(arrayBuffers)}`;
}

interface Start {
  readonly atMs: number;
  readonly cpu: NodeJS.CpuUsage;
}

function now(): Start {
  return { atMs: performance.now(), cpu: process.cpuUsage() };
}

/** Wall clock, and processor time, which tells the truth on a machine that has other work. */
function report(what: string, start: Start, operations: number): void {
  const elapsedMs = performance.now() - start.atMs;
  const { user, system } = process.cpuUsage(start.cpu);
  const cpuMs = (user + system) / 1000;
  const each = `${Math.round((elapsedMs * 1e6) / operations)} ns each, cpu ${Math.round((cpuMs * 1e6) / operations)} ns`;
  console.log(
    `${what.padEnd(44)} ${elapsedMs.toFixed(0).padStart(6)} ms, cpu ${cpuMs.toFixed(0).padStart(6)} ms   ${each}`,
  );
}

function newStore(): MemfileStore {
  return new MemfileStore({
    path,
    persist: true,
    maxRowErrors: 0,
    fileOps: nodeFileOps,
    clock: systemClock,
    random: createSystemRandom(),
    logger: silent,
  });
}

/** The longest the loop was away while `work` ran. */
async function longestPause(work: Promise<void>): Promise<number> {
  let longest = 0;
  let last = performance.now();
  let running = true;
  const tick = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (running) setImmediate(tick);
  };
  setImmediate(tick);
  await work;
  running = false;
  return longest;
}

console.log(`${count} leases in ${folder}; empty process: ${memory()}`);
const store = newStore();
await store.open();
const ledger = new Ledger(store);
const BATCH = 1000;

let started = now();
for (let n = 0; n < count; n += BATCH) {
  ledger.transact((tx) => {
    for (let i = n; i < Math.min(n + BATCH, count); i++) tx.put(leaseOf(i, 1_700_000_000));
  });
}
report(`put through the ledger, ${BATCH} a commit`, started, count);
console.log(`  ${memory()}; table ${Math.round(store.memoryOctets / 2 ** 20)} MiB`);

started = now();
for (let n = 0; n < count; n += BATCH) {
  ledger.transact((tx) => {
    for (let i = n; i < Math.min(n + BATCH, count); i++) tx.put(leaseOf((i * 7919) % count, 1_700_001_000));
  });
}
report('renew, scattered', started, count);

started = now();
for (let i = 0; i < count; i++) store.getByAddress(FIRST + ((i * 7919) % count));
report('getByAddress, scattered', started, count);
started = now();
for (let i = 0; i < count; i++) store.findByHwAddress(leaseOf((i * 7919) % count, 0).hwAddress, () => true);
report('findByHwAddress, scattered (key included)', started, count);
started = now();
const commits = 200;
for (let i = 0; i < commits; i++) ledger.transact((tx) => tx.put(leaseOf(i, 1_700_002_000)));
report('commit of one lease', started, commits);

started = now();
const pause = await longestPause(store.cleanup());
report('cleanup', started, count);
console.log(`  longest pause of the loop ${pause.toFixed(1)} ms`);
await store.close();

for (const round of [1, 2]) {
  const again = newStore();
  started = now();
  await again.open();
  report(`open, ${Math.round(statSync(`${path}.2`).size / 2 ** 20)} MiB of file, round ${round}`, started, count);
  if (again.size !== count) throw new Error(`${again.size} leases instead of ${count}`);
  console.log(`  ${memory()}; table ${Math.round(again.memoryOctets / 2 ** 20)} MiB`);
  await again.close();
}
rmSync(folder, { recursive: true });
