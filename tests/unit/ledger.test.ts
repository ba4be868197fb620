/** The single writer: order, durability, undoing. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Lease } from 'lessor/internal/domain/lease.js';
import { Ledger } from 'lessor/internal/services/ledger.js';
import type { MemfileStore } from 'lessor/internal/store/memfile.js';
import { leaseOf, ManualClock, newStore, turnUntil } from '../store/harness.js';
import { SimulatedDisk } from '../store/simulated-disk.js';

const [one, two, three] = [leaseOf(1), leaseOf(2), leaseOf(3)];

interface Setup {
  readonly ledger: Ledger;
  readonly store: MemfileStore;
  readonly disk: SimulatedDisk;
  readonly clock: ManualClock;
  /** Leases as the observer has followed them. */
  readonly observed: Map<number, Lease>;
}

async function setUp(flush: 'inline' | 'threadpool'): Promise<Setup> {
  const disk = new SimulatedDisk();
  const clock = new ManualClock();
  const store = newStore(disk, clock, { flush });
  await turnUntil(clock, store.open());
  const ledger = new Ledger(store);
  const observed = new Map<number, Lease>();
  ledger.observe((address, before, after) => {
    assert.deepEqual(observed.get(address), before);
    if (after === undefined) observed.delete(address);
    else observed.set(address, after);
  });
  return { ledger, store, disk, clock, observed };
}

function leases(store: MemfileStore): Lease[] {
  return store.page(undefined, 100);
}

function breakDisk({ disk }: Setup): void {
  disk.fault = { atStep: disk.steps + 1, fault: { kind: 'error', code: 'ENOSPC', times: 1 } };
}

describe('ledger over a store that commits synchronously', () => {
  it('returns the result without a promise, and it is durable', async () => {
    const { ledger, store, disk, observed } = await setUp('inline');
    const result = ledger.transact((tx) => {
      tx.put(one);
      tx.put(two);
      tx.delete(one.address);
      assert.equal(tx.getByAddress(one.address), undefined);
      assert.equal(tx.size, 1);
      return 'done';
    });
    assert.equal(result, 'done');
    assert.deepEqual([...observed.values()], leases(store));
    assert.match(disk.after('only what was synced').content('/leases/kea-leases4.csv')!, /192\.0\.2\.2/);
  });

  it('undoes everything when the work throws, and goes on', async () => {
    const { ledger, store, observed } = await setUp('inline');
    ledger.transact((tx) => tx.put(one));
    assert.throws(
      () =>
        ledger.transact((tx) => {
          tx.put({ ...one, hostname: 'changed' });
          tx.put(two);
          tx.delete(one.address);
          throw new Error('no');
        }),
      /^Error: no$/,
    );
    assert.deepEqual(leases(store), [one]);
    assert.deepEqual([...observed.values()], [one]);
    ledger.transact((tx) => tx.put(three));
    assert.deepEqual(leases(store), [one, three]);
  });

  it('undoes everything when the commit fails, tells observers the reverse, and resumes', async () => {
    const setup = await setUp('inline');
    const { ledger, store, observed } = setup;
    ledger.transact((tx) => tx.put(one));
    breakDisk(setup);
    const attempt = () =>
      ledger.transact((tx) => {
        tx.delete(one.address);
        tx.put(two);
      });
    assert.throws(attempt, { code: 'store-unavailable' });
    assert.deepEqual(leases(store), [one]);
    assert.deepEqual([...observed.values()], [one]);
    assert.equal(ledger.health.ok, false);
    attempt();
    assert.deepEqual(leases(store), [two]);
    assert.deepEqual(ledger.health, { ok: true });
  });

  it('does not touch the disk when nothing is staged', async () => {
    const { ledger, disk } = await setUp('inline');
    const before = disk.steps;
    assert.equal(
      ledger.transact((tx) => {
        tx.delete(one.address);
        return tx.size;
      }),
      0,
    );
    assert.equal(disk.steps, before);
  });

  it('takes work from within work when its turn comes', async () => {
    const { ledger, store } = await setUp('inline');
    let inner: number | Promise<number> = -1;
    ledger.transact((tx) => {
      inner = ledger.transact((later) => {
        later.put(two);
        return later.size;
      });
      tx.put(one);
      assert.equal(tx.size, 1);
    });
    assert.equal(await inner, 2);
    assert.deepEqual(leases(store), [one, two]);
  });

  it('refuses a transaction used too late, and work that is not synchronous', async () => {
    const { ledger, store } = await setUp('inline');
    const kept = await ledger.transact((tx) => tx);
    assert.throws(() => kept.put(one), /after its work had returned/);
    assert.throws(
      () =>
        ledger.transact(async (tx) => {
          tx.put(one);
        }),
      /must be synchronous/,
    );
    assert.equal(store.size, 0);
  });

  it('survives an observer that throws', async () => {
    const { ledger, store, observed } = await setUp('inline');
    ledger.observe((_address, _before, after) => {
      if (after?.hostname === 'bad') throw new Error('observer');
    });
    assert.throws(() => ledger.transact((tx) => tx.put(leaseOf(1, { hostname: 'bad' }))), /observer/);
    assert.equal(store.size, 0);
    assert.equal(observed.size, 0);
    ledger.transact((tx) => tx.put(one));
    assert.equal(store.size, 1);
  });
});

describe('ledger over a store that commits in the thread pool', () => {
  it('keeps order: later work waits, sees what came before it, and fails alone', async () => {
    const setup = await setUp('threadpool');
    const { ledger, store, disk, clock, observed } = setup;
    disk.later = () => new Promise((resolve) => clock.soon(resolve));
    const order: string[] = [];
    const first = ledger.transact((tx) => {
      order.push('first');
      tx.put(one);
      return tx.size;
    });
    const second = ledger.transact((tx) => {
      order.push('second');
      tx.put(two);
      return tx.size;
    });
    const third = ledger.transact((tx) => {
      order.push('third');
      tx.put(three);
      throw new Error('third');
    });
    const fourth = ledger.transact((tx) => {
      order.push('fourth');
      return tx.size;
    });
    assert.ok(first instanceof Promise);
    assert.deepEqual(order, ['first']);
    assert.equal(ledger.queued, 3);
    const settled = await turnUntil(clock, Promise.allSettled([first, second, third, fourth]));
    assert.deepEqual(
      settled.map((one) => (one.status === 'fulfilled' ? one.value : String(one.reason))),
      [1, 2, 'Error: third', 2],
    );
    assert.deepEqual(order, ['first', 'second', 'third', 'fourth']);
    assert.deepEqual(leases(store), [...observed.values()]);
    breakDisk(setup);
    await assert.rejects(turnUntil(clock, Promise.resolve(ledger.transact((tx) => tx.put(three)))), {
      code: 'store-unavailable',
    });
    assert.deepEqual(leases(store), [one, two]);
    assert.deepEqual([...observed.values()], [one, two]);
    await turnUntil(clock, Promise.resolve(ledger.transact((tx) => tx.put(three))));
    await ledger.idle();
    assert.equal(store.size, 3);
  });
});
