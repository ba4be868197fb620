/** No acknowledged lease is lost, wherever the power fails and whatever the disk refuses. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Lease } from 'lessor/internal/domain/lease.js';
import { formatIpv4 } from 'lessor/internal/domain/values.js';
import { StoreError } from 'lessor/internal/errors.js';
import type { MemfileStore } from 'lessor/internal/store/memfile.js';
import { keaFile, keaRow, keaWouldLoad, leaseOf, ManualClock, newStore, settle, turnUntil } from './harness.js';
import { type Fault, PowerFailure, REMAINS, SimulatedDisk } from './simulated-disk.js';

const PATH = '/leases/kea-leases4.csv';
/** Before that step the store is being opened, and a failure is reported by open. */
const FIRST_STEP_IN_SERVICE = 8;
/** Of the steps at which the power fails before it fails again in recovery, every how manyth is tried. */
const STRIDE = Number(process.env.LESSOR_CRASH_STRIDE ?? 23);

type Flush = 'inline' | 'threadpool';
type Change = { readonly put: Lease } | { readonly remove: number };

/** Runs commits on a store and remembers what was acknowledged. */
class Workload {
  /** What clients have been told: row by address. */
  readonly acknowledged = new Map<string, string>();
  /** What was tried since the last acknowledgement: these may be there after a crash, or not. */
  maybe = new Map<string, (string | undefined)[]>();
  commits = 0;
  failures = 0;

  constructor(readonly store: MemfileStore) {}

  async commit(...changes: Change[]): Promise<void> {
    for (const change of changes) {
      if ('put' in change) this.store.put(change.put);
      else this.store.delete(change.remove);
    }
    const rows = changes.map((change): [string, string | undefined] =>
      'put' in change ? [formatIpv4(change.put.address), keaRow(change.put)] : [formatIpv4(change.remove), undefined],
    );
    try {
      await this.store.commit();
    } catch (error) {
      assert.ok(error instanceof StoreError, String(error));
      this.failures++;
      for (const [address, row] of rows) this.maybe.set(address, [...(this.maybe.get(address) ?? []), row]);
      this.checkMemory();
      return;
    }
    this.commits++;
    this.maybe = new Map();
    for (const [address, row] of rows) {
      if (row === undefined) this.acknowledged.delete(address);
      else this.acknowledged.set(address, row);
    }
    this.checkMemory();
  }

  /** Memory shows what was acknowledged and nothing else. */
  checkMemory(): void {
    assert.deepEqual(rowsOf(this.store), this.acknowledged);
  }

  /** What a set of files holds is what was acknowledged, but for changes nobody was told of. */
  checkStored(found: Map<string, string>, where: string): void {
    for (const address of new Set([...found.keys(), ...this.acknowledged.keys()])) {
      const row = found.get(address);
      if (row === this.acknowledged.get(address)) continue;
      assert.ok(
        this.maybe.get(address)?.includes(row),
        `${where}: ${address} is '${row}', not '${this.acknowledged.get(address)}'`,
      );
    }
  }
}

function rowsOf(store: MemfileStore): Map<string, string> {
  const rows = new Map<string, string>();
  for (const lease of store.page(undefined, 1000)) rows.set(formatIpv4(lease.address), keaRow(lease));
  return rows;
}

function storedRows(disk: SimulatedDisk): Map<string, string> {
  return keaWouldLoad((suffix) => disk.content(`${PATH}${suffix}`));
}

/** Two cleanups with commits between all their steps. Ends early, without error, when the power fails. */
async function run(disk: SimulatedDisk, flush: Flush): Promise<Workload> {
  const clock = new ManualClock();
  disk.later = () => new Promise((resolve) => clock.soon(resolve));
  const store = newStore(disk, clock, { flush, sliceRows: 3 });
  const work = new Workload(store);
  try {
    await turnUntil(clock, store.open());
    let n = 0;
    const next = async () => {
      n++;
      await work.commit(
        { put: leaseOf(n, { hostname: `h${n}` }) },
        { put: leaseOf(n % 7, { clttSec: 1_700_000_000 + n }) },
        { remove: leaseOf((n * 3) % 11).address },
      );
    };
    for (let i = 0; i < 4; i++) await turnUntil(clock, next());
    for (let cleanups = 0; cleanups < 2; cleanups++) {
      const cleanup = store.cleanup().catch(() => undefined);
      let done = false;
      cleanup.then(() => {
        done = true;
      });
      while (!done) {
        // Between two turns with a commit begun, and with one finished.
        const commit = next();
        await clock.turn(100);
        await turnUntil(clock, commit);
      }
      await turnUntil(clock, next());
    }
    // Time for repairs, if something had to be repaired.
    for (let i = 0; i < 12; i++) {
      await clock.turn(500);
      await turnUntil(clock, next());
    }
    await turnUntil(clock, store.close());
  } catch (error) {
    if (!(error instanceof PowerFailure) && !(error instanceof StoreError)) throw error;
  }
  await settle();
  return work;
}

/** Opens what is left, compares, cleans up, compares again. */
async function checkReopens(disk: SimulatedDisk, work: Workload, where: string): Promise<void> {
  const clock = new ManualClock();
  const store = newStore(disk, clock);
  await turnUntil(clock, store.open());
  const found = rowsOf(store);
  work.checkStored(found, where);
  work.checkStored(storedRows(disk), `${where}, read as Kea reads`);
  await turnUntil(clock, store.cleanup());
  await turnUntil(clock, store.close());
  assert.deepEqual(storedRows(disk), found, `${where}, after a cleanup`);
  assert.deepEqual(disk.list(), [PATH, `${PATH}.2`], where);
}

async function stepsOf(flush: Flush): Promise<number> {
  const disk = new SimulatedDisk();
  const work = await run(disk, flush);
  assert.equal(work.failures, 0);
  assert.ok(work.commits > 25, `${work.commits} commits`);
  assert.deepEqual(storedRows(disk), work.acknowledged);
  assert.deepEqual(disk.list(), [PATH, `${PATH}.2`]);
  return disk.steps;
}

interface Outcome {
  readonly disk: SimulatedDisk;
  readonly work: Workload;
}

async function runWith(fault: Fault, atStep: number, flush: Flush): Promise<Outcome> {
  const disk = new SimulatedDisk();
  disk.fault = { atStep, fault };
  return { disk, work: await run(disk, flush) };
}

async function runUntilPowerFails(atStep: number, flush: Flush, fault?: SimulatedDisk['fault']): Promise<Outcome> {
  const disk = new SimulatedDisk();
  disk.fault = fault;
  disk.powerFailsAt = atStep;
  return { disk, work: await run(disk, flush) };
}

for (const flush of ['inline', 'threadpool'] as const) {
  describe(`lease store, flush ${flush}`, () => {
    it('loses nothing when the power fails at any step', async () => {
      const steps = await stepsOf(flush);
      for (let step = 1; step <= steps; step++) {
        const { disk, work } = await runUntilPowerFails(step, flush);
        for (const remains of REMAINS) {
          await checkReopens(
            disk.after(remains),
            work,
            `power failed at step ${step} (${disk.log.at(-1)}), left: ${remains}`,
          );
        }
      }
    });

    for (const [code, times] of [
      ['EIO', 1],
      ['ENOSPC', 2],
      ['ENOSPC', 25],
    ] as const) {
      it(`acknowledges nothing that is lost when ${times} operations in a row fail with ${code}`, async () => {
        const steps = await stepsOf(flush);
        for (let step = FIRST_STEP_IN_SERVICE; step <= steps; step++) {
          const { disk, work } = await runWith({ kind: 'error', code, times }, step, flush);
          const where = `${code} at step ${step}`;
          // In turn, because each combination takes a millisecond or two.
          const remains = REMAINS[step % REMAINS.length]!;
          await checkReopens(disk.after(remains), work, `${where}, left: ${remains}`);
        }
      });
    }

    it('goes on when writes are cut short', async () => {
      const steps = await stepsOf(flush);
      for (let step = 1; step <= steps; step++) {
        const { disk, work } = await runWith({ kind: 'short' }, step, flush);
        assert.equal(work.failures, 0);
        assert.deepEqual(storedRows(disk.after('only what was synced')), work.acknowledged, `step ${step}`);
      }
    });

    it('serves again once the disk does, after any failure', async () => {
      const steps = await stepsOf(flush);
      for (let step = FIRST_STEP_IN_SERVICE; step <= steps - 40; step += 3) {
        const { work } = await runWith({ kind: 'error', code: 'EIO', times: 3 }, step, flush);
        assert.deepEqual(work.store.health, { ok: true }, `step ${step}`);
        assert.equal(work.maybe.size, 0, `the last commit succeeded, step ${step}`);
      }
    });
  });
}

describe('repair', () => {
  it('loses nothing when the power fails after the disk had not confirmed a write', async () => {
    const { log } = (await runWith({ kind: 'short' }, Number.POSITIVE_INFINITY, 'inline')).disk;
    const fault = { kind: 'error', code: 'EIO', times: 1, only: new Set(['dataSync']) } as const;
    let tried = 0;
    for (let step = FIRST_STEP_IN_SERVICE; step <= log.length; step++) {
      if (log[step - 1] !== 'dataSync') continue;
      // The repair takes some thirty steps.
      for (let later = 1; later < 40; later++) {
        const { disk, work } = await runUntilPowerFails(step + later, 'inline', { atStep: step, fault });
        const named = disk.log.at(-2) === 'rename';
        const remains = named ? 'the last name change alone, all content' : REMAINS[tried++ % REMAINS.length]!;
        await checkReopens(disk.after(remains), work, `EIO at step ${step}, no power ${later} later, left: ${remains}`);
      }
    }
  });

  it('a large commit that failed leaves nothing behind a small one that succeeded', async () => {
    const disk = new SimulatedDisk();
    const clock = new ManualClock();
    const store = newStore(disk, clock);
    await turnUntil(clock, store.open());
    for (let n = 0; n < 10; n++) store.put(leaseOf(n));
    disk.fault = { atStep: disk.steps + 1, fault: { kind: 'error', code: 'ENOSPC', times: 1 } };
    assert.throws(() => store.commit(), { code: 'store-unavailable' });
    assert.equal(store.health.ok, false);
    store.put(leaseOf(1));
    store.commit();
    assert.deepEqual(store.health, { ok: true });
    assert.equal(disk.content(PATH), keaFile(keaRow(leaseOf(1))));
  });
});

describe('recovery', () => {
  it('makes durable what Kea had only written', async () => {
    for (const [suffix, left] of [
      ['.completed', '.2'],
      ['.2', '.2'],
      ['.1', '.1'],
      ['', ''],
    ] as const) {
      const disk = new SimulatedDisk();
      disk.place(`${PATH}${suffix}`, keaFile());
      const content = Buffer.from(keaFile(keaRow(leaseOf(1))));
      const fd = disk.open(`${PATH}${suffix}`, 'update');
      disk.write(fd, content, 0);
      disk.close(fd);
      const clock = new ManualClock();
      await turnUntil(clock, newStore(disk, clock).open());
      assert.equal(disk.after('only what was synced').content(`${PATH}${left}`), content.toString());
    }
  });

  it('loses nothing when the power fails again while it recovers', async () => {
    const steps = await stepsOf('inline');
    for (let step = 1; step <= steps; step += STRIDE) {
      const { disk, work } = await runUntilPowerFails(step, 'inline');
      for (const remains of ['only what was synced', 'everything'] as const) {
        for (let second = 1; second < 40; second++) {
          const once = disk.after(remains);
          once.powerFailsAt = second;
          try {
            await checkReopens(once, work, 'unreachable');
            break;
          } catch (error) {
            if (!(error instanceof PowerFailure) && !isPowerFailure(error)) throw error;
          }
          await settle();
          await checkReopens(
            once.after('only what was synced'),
            work,
            `power failed at ${step} and at ${second} (${once.log.at(-1)})`,
          );
        }
      }
    }
  });
});

function isPowerFailure(error: unknown): boolean {
  return error instanceof StoreError && error.cause instanceof PowerFailure;
}
