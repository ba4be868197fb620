/** The gate every ACK of a pair passes, when the partner does not confirm in time. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type Lease, LeaseState } from 'lessor/internal/domain/lease.js';
import { PairGate } from 'lessor/internal/services/pair/gate.js';
import { UnconfirmedRecords } from 'lessor/internal/services/pair/unconfirmed.js';
import type { AckVerdict } from 'lessor/internal/services/redundancy.js';
import { leaseOf } from '../store/harness.js';

const NOW = 1_000_000;
const lease: Lease = { ...leaseOf(1), clttSec: NOW, validLifetimeSec: 80, state: LeaseState.default };

/** What is said after so many seconds of a lease that is stored as `stored` by then, and that the partner has not confirmed. */
async function verdictAfter(seconds: number, stored: Lease | undefined): Promise<AckVerdict> {
  let nowSec = NOW;
  let waited: () => void = () => undefined;
  let found: Lease | undefined = lease;
  const unconfirmed = new UnconfirmedRecords();
  unconfirmed.compared();
  unconfirmed.changed(lease.address, [1, 0], undefined, false);
  const gate = new PairGate({
    ...{ unconfirmed, nowSec: () => nowSec, wakeUp: () => undefined },
    leases: { getByAddress: () => found },
    confirmed: () => new Promise((resolve) => (waited = resolve)),
    rules: { boundSec: (_address, _holder, wantedSec, at) => Math.max(0, Math.min(wantedSec, NOW + 10 - at)) },
  });
  const judged = gate.judge([{ address: lease.address, lease, lifetimeSec: 80 }]);
  [nowSec, found] = [nowSec + seconds, stored];
  waited();
  return (await judged)[0]!;
}

it('what may be promised without the partner is told, and nothing if that is over or the lease another one by then', async () => {
  assert.deepEqual(await verdictAfter(0, lease), { kind: 'limited', seconds: 10 });
  assert.deepEqual(await verdictAfter(4, lease), { kind: 'limited', seconds: 6 });
  assert.deepEqual(await verdictAfter(11, lease), { kind: 'withheld' });
  assert.deepEqual(await verdictAfter(4, { ...lease, state: LeaseState.released }), { kind: 'withheld' });
  assert.deepEqual(await verdictAfter(4, { ...lease, hwAddress: 'x', clientId: '' }), { kind: 'withheld' });
  assert.deepEqual(await verdictAfter(4, undefined), { kind: 'withheld' });
});
