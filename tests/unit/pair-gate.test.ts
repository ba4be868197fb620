/** The gate every ACK of a pair passes, with a disk that takes its time. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { LeaseState } from 'lessor/internal/domain/lease.js';
import { Ledger } from 'lessor/internal/services/ledger.js';
import { PairGate } from 'lessor/internal/services/pair/gate.js';
import { UnconfirmedRecords } from 'lessor/internal/services/pair/unconfirmed.js';
import { SimDisk, SimLeaseStore } from '../sim/disk.js';
import { leaseOf } from '../store/harness.js';

it('what is left is told when the shorter end is on the disk, and nothing if the lease is over by then', async () => {
  for (const [flushSec, release] of [
    [4, false],
    [4, true],
    [11, false],
  ] as const) {
    let nowSec = 1_000_000;
    const flushes: (() => void)[] = [];
    const disk = new SimDisk();
    const store = new SimLeaseStore({
      ...{ disk, step: () => undefined, torn: () => 0 },
      after: (_delayMs, run) => flushes.push(run),
    });
    const ledger = new Ledger(store);
    const lease = { ...leaseOf(1), clttSec: nowSec, validLifetimeSec: 80, state: LeaseState.default };
    ledger.transact((tx) => tx.put(lease));
    const unconfirmed = new UnconfirmedRecords();
    unconfirmed.compared();
    unconfirmed.changed(lease.address, [1, 0], undefined, false);
    const gate = new PairGate({
      ...{ ledger, unconfirmed, nowSec: () => nowSec, confirmed: () => undefined, wakeUp: () => undefined },
      rules: { boundSec: (_address, _holder, wantedSec) => Math.min(wantedSec, 10) },
    });
    disk.flushMs = 1;
    const judged = gate.judge([{ address: lease.address, lease, lifetimeSec: 80 }]);
    if (release) {
      void ledger.transact((tx) => tx.put({ ...tx.getByAddress(lease.address)!, state: LeaseState.released }));
    }
    nowSec += flushSec;
    while (flushes.length > 0) {
      flushes.shift()!();
      await new Promise(setImmediate);
    }
    const wanted = release || flushSec > 10 ? { kind: 'withheld' } : { kind: 'limited', seconds: 10 - flushSec };
    assert.deepEqual(await judged, [wanted]);
  }
});

it('what the partner has promised by the time of the shortening is not stored shorter', async () => {
  const nowSec = 1_000_000;
  const flushes: (() => void)[] = [];
  const disk = new SimDisk();
  const store = new SimLeaseStore({
    ...{ disk, step: () => undefined, torn: () => 0 },
    after: (_delayMs, run) => flushes.push(run),
  });
  const ledger = new Ledger(store);
  const lease = { ...leaseOf(1), clttSec: nowSec, validLifetimeSec: 80, state: LeaseState.default };
  ledger.transact((tx) => tx.put(lease));
  const unconfirmed = new UnconfirmedRecords();
  unconfirmed.compared();
  unconfirmed.changed(lease.address, [1, 0], undefined, false);
  let mostSec = 10;
  const gate = new PairGate({
    ...{ ledger, unconfirmed, nowSec: () => nowSec, confirmed: () => undefined, wakeUp: () => undefined },
    rules: { boundSec: (_address, _holder, wantedSec) => Math.min(wantedSec, mostSec) },
  });
  disk.flushMs = 1;
  // Another commit is under way when the ACK is judged: the shortening waits for its turn.
  void ledger.transact((tx) => tx.put(leaseOf(2)));
  const judged = gate.judge([{ address: lease.address, lease, lifetimeSec: 80 }]);
  mostSec = 60;
  while (flushes.length > 0) {
    flushes.shift()!();
    await new Promise(setImmediate);
  }
  assert.deepEqual(await judged, [{ kind: 'limited', seconds: 10 }], 'the client is told what was decided');
  assert.equal(ledger.leases.getByAddress(lease.address)?.validLifetimeSec, 60);
});
