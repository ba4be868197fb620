/** Expiry as Kea's expired-leases-processing describes it. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Lease, LeaseState } from 'lessor/internal/domain/lease.js';
import type { ExpirationConfig } from 'lessor/internal/domain/snapshot.js';
import { Ledger } from 'lessor/internal/services/ledger.js';
import { Sweeper } from 'lessor/internal/services/sweeper.js';
import { leaseOf, ManualClock, newStore, RecordingLogger, turnUntil } from '../store/harness.js';
import { SimulatedDisk } from '../store/simulated-disk.js';

const KEA_DEFAULTS: ExpirationConfig = {
  reclaimTimerWaitSec: 10,
  flushReclaimedTimerWaitSec: 25,
  holdReclaimedSec: 3600,
  maxReclaimLeases: 100,
  maxReclaimTimeMs: 250,
  unwarnedReclaimCycles: 5,
};
const START_SEC = 1_700_000_000;

async function setUp(...leases: Lease[]) {
  const clock = new ManualClock();
  const disk = new SimulatedDisk();
  const store = newStore(disk, clock);
  await turnUntil(clock, store.open());
  const ledger = new Ledger(store);
  const logger = new RecordingLogger();
  const reclaimed: Lease[] = [];
  let cleanups = 0;
  const sweeper = new Sweeper({
    ledger,
    clock,
    logger,
    cleanup: async () => {
      cleanups++;
    },
    onReclaiming: (lease, tx) => tx.afterwards(() => reclaimed.push(lease)),
  });
  ledger.transact((tx) => {
    for (const lease of leases) tx.put(lease);
  });
  const pass = async (seconds: number) => {
    for (let i = 0; i < seconds; i++) await clock.turn(1000);
    for (let i = 0; i < 10; i++) await clock.turn();
  };
  return { clock, disk, store, ledger, logger, reclaimed, sweeper, pass, cleanups: () => cleanups };
}

function short(n: number, changes: Partial<Lease> = {}): Lease {
  return leaseOf(n, { validLifetimeSec: 5, hostname: `h${n}`, fqdnFwd: true, ...changes });
}

describe('sweeper', () => {
  it('marks what has run out, forgets its name, leaves the rest, and flushes it after hold-reclaimed-time', async () => {
    const { sweeper, store, pass, reclaimed } = await setUp(short(1), leaseOf(2));
    sweeper.start(KEA_DEFAULTS, 0);
    await pass(9);
    assert.deepEqual(store.getByAddress(short(1).address), short(1));
    await pass(2);
    const marked = { ...short(1), state: LeaseState.expiredReclaimed, hostname: '', fqdnFwd: false };
    assert.deepEqual(store.page(undefined, 10), [marked, leaseOf(2)]);
    assert.deepEqual(reclaimed, [short(1)]);
    await pass(3580);
    assert.equal(store.size, 2);
    await pass(60);
    assert.deepEqual(
      store.page(undefined, 10).map((lease) => lease.address),
      [leaseOf(2).address],
    );
    sweeper.stop();
  });

  it('removes at once when nobody flushes later', async () => {
    const { sweeper, store, pass } = await setUp(short(1));
    sweeper.start({ ...KEA_DEFAULTS, flushReclaimedTimerWaitSec: 0 }, 0);
    await pass(11);
    assert.equal(store.size, 0);
  });

  it('a declined address becomes free after its probation, a released lease is reclaimed, an infinite one never', async () => {
    const declined = short(1, {
      hwAddress: '',
      clientId: '',
      hostname: '',
      fqdnFwd: false,
      state: LeaseState.declined,
    });
    const released = short(2, { state: LeaseState.released, validLifetimeSec: 0 });
    const forever = leaseOf(3, { validLifetimeSec: 0xffff_ffff });
    const { sweeper, store, pass, reclaimed } = await setUp(declined, released, forever);
    sweeper.start(KEA_DEFAULTS, 0);
    await pass(11);
    assert.equal(store.getByAddress(declined.address), undefined);
    assert.equal(store.getByAddress(released.address)?.state, LeaseState.expiredReclaimed);
    assert.deepEqual(store.getByAddress(forever.address), forever);
    assert.deepEqual(reclaimed, [released, declined]);
  });

  it('follows renewals', async () => {
    const { sweeper, store, ledger, pass } = await setUp(short(1));
    sweeper.start(KEA_DEFAULTS, 0);
    await pass(4);
    const renewed = short(1, { clttSec: START_SEC + 4, validLifetimeSec: 100 });
    ledger.transact((tx) => tx.put(renewed));
    await pass(30);
    assert.deepEqual(store.getByAddress(renewed.address), renewed);
    await pass(90);
    assert.equal(store.getByAddress(renewed.address)?.state, LeaseState.expiredReclaimed);
  });

  it('does max-reclaim-leases a round, and warns when that is too little for too long', async () => {
    const many = Array.from({ length: 20 }, (_, n) => short(n));
    const { sweeper, store, pass, logger } = await setUp(...many);
    sweeper.start({ ...KEA_DEFAULTS, maxReclaimLeases: 2, unwarnedReclaimCycles: 3 }, 0);
    await pass(11);
    const marked = () =>
      store.page(undefined, 100).filter((lease) => lease.state === LeaseState.expiredReclaimed).length;
    assert.equal(marked(), 2);
    await pass(21);
    assert.equal(marked(), 6);
    assert.deepEqual(logger.texts('ALLOC_ENGINE_V4_LEASES_RECLAMATION_SLOW'), []);
    await pass(10);
    assert.equal(logger.texts('ALLOC_ENGINE_V4_LEASES_RECLAMATION_SLOW').length, 1);
    await pass(80);
    assert.equal(marked(), 20);
  });

  it('without limits does all, in small transactions', async () => {
    const many = Array.from({ length: 700 }, (_, n) => short(n));
    const { sweeper, store, pass, disk } = await setUp(...many);
    const before = disk.log.filter((name) => name === 'dataSync').length;
    sweeper.start({ ...KEA_DEFAULTS, maxReclaimLeases: 0, maxReclaimTimeMs: 0 }, 0);
    await pass(11);
    assert.ok(store.page(undefined, 1000).every((lease) => lease.state === LeaseState.expiredReclaimed));
    assert.equal(disk.log.filter((name) => name === 'dataSync').length - before, 3);
  });

  it('tries again what could not be written', async () => {
    const { sweeper, store, disk, pass, reclaimed } = await setUp(short(1));
    disk.fault = { atStep: disk.steps + 1, fault: { kind: 'error', code: 'ENOSPC', times: 1 } };
    sweeper.start(KEA_DEFAULTS, 0);
    await pass(11);
    assert.deepEqual(store.getByAddress(short(1).address), short(1));
    assert.deepEqual(reclaimed, []);
    await pass(10);
    assert.equal(store.getByAddress(short(1).address)?.state, LeaseState.expiredReclaimed);
    assert.deepEqual(reclaimed, [short(1)]);
  });

  it('leases-reclaim does everything now', async () => {
    for (const remove of [true, false]) {
      const many = Array.from({ length: 300 }, (_, n) => short(n));
      const { sweeper, store, clock } = await setUp(...many, leaseOf(400));
      await clock.turn(7000);
      assert.equal(await turnUntil(clock, sweeper.reclaimAll(remove)), 300);
      assert.equal(store.size, remove ? 1 : 301);
      assert.equal(await turnUntil(clock, sweeper.reclaimAll(remove)), 0);
    }
  });

  it('takes in what was loaded, and stops when told to', async () => {
    const { store, clock, pass, sweeper: first } = await setUp(short(1));
    const sweeper = new Sweeper({
      ledger: new Ledger(store),
      clock,
      logger: new RecordingLogger(),
      cleanup: async () => undefined,
    });
    sweeper.rebuild();
    sweeper.start(KEA_DEFAULTS, 0);
    sweeper.stop();
    first.stop();
    await pass(30);
    assert.equal(store.getByAddress(short(1).address)?.state, LeaseState.default);
    sweeper.start(KEA_DEFAULTS, 0);
    await pass(11);
    assert.equal(store.getByAddress(short(1).address)?.state, LeaseState.expiredReclaimed);
  });

  it('cleans the lease file every lfc-interval', async () => {
    const { sweeper, pass, cleanups } = await setUp();
    sweeper.start(KEA_DEFAULTS, 60);
    await pass(59);
    assert.equal(cleanups(), 0);
    await pass(62);
    assert.equal(cleanups(), 2);
    sweeper.start(KEA_DEFAULTS, 0);
    await pass(120);
    assert.equal(cleanups(), 2);
  });
});
