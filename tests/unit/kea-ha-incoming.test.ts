/** What a Kea partner sends late, after its partner has given the same address meanwhile. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Lease } from 'lessor/internal/domain/lease.js';
import { leaseFromJson } from 'lessor/internal/domain/lease-json.js';
import { IncomingLeases } from 'lessor/internal/services/kea-ha/incoming.js';
import type { LeaseTransaction, Ledger } from 'lessor/internal/services/ledger.js';

const NOW = 1_800_000_000;

function lease(cltt: number, more: Readonly<Record<string, string | number>> = {}): Lease {
  return leaseFromJson({
    'ip-address': '192.0.2.10',
    'hw-address': '02:00:00:00:00:01',
    'subnet-id': 1,
    'valid-lft': 600,
    cltt,
    state: 0,
    hostname: '',
    'fqdn-fwd': false,
    'fqdn-rev': false,
    ...more,
  });
}

/** A table of one address. */
class Scene {
  stored: Lease | undefined;
  readonly offered: Lease[] = [];
  readonly incoming: IncomingLeases;

  constructor(mine: Lease | undefined, skewSec = 0) {
    this.stored = mine;
    const table = {
      getByAddress: () => this.stored,
      put: (one: Lease) => {
        this.stored = one;
      },
      delete: () => {
        this.stored = undefined;
      },
    };
    const tx = table as Partial<LeaseTransaction> as LeaseTransaction;
    const transact: Ledger['transact'] = async (work) => await work(tx);
    this.incoming = new IncomingLeases({
      ledger: { leases: table, transact },
      nowSec: () => NOW,
      skewSec: () => skewSec,
      offer: (one) => this.offered.push(one),
    });
  }
}

describe('a lease that a Kea partner sends', () => {
  it('is stored when it is newer, as old, or older by no more than the clocks are apart', async () => {
    for (const [cltt, skew] of [
      [NOW, 0],
      [NOW - 10, 0],
      [NOW - 12, 0],
      [NOW - 40, 30],
      [NOW - 40, -30],
    ] as const) {
      const scene = new Scene(lease(NOW - 10), skew);
      const theirs = lease(cltt, { 'hw-address': '02:00:00:00:00:02' });
      await scene.incoming.update(theirs);
      assert.deepEqual(scene.stored, theirs);
      assert.deepEqual(scene.offered, []);
    }
  });

  it('is not stored over what was given here later, and ours is offered', async () => {
    const mine = lease(NOW - 10);
    const scene = new Scene(mine);
    await scene.incoming.update(lease(NOW - 20));
    assert.equal(scene.stored, mine);
    assert.deepEqual(scene.offered, [mine]);
  });

  it('is stored over one that ran out, or that nobody has', async () => {
    for (const mine of [lease(NOW - 601), lease(NOW - 10, { state: 2 }), undefined]) {
      const scene = new Scene(mine);
      const theirs = lease(NOW - 20);
      await scene.incoming.update(theirs);
      assert.equal(scene.stored, theirs);
    }
  });

  it('is given up unless its client was heard of here later', async () => {
    const mine = lease(NOW - 10);
    const scene = new Scene(mine);
    assert.equal(await scene.incoming.giveUp(mine.address, NOW - 20), true);
    assert.equal(scene.stored, mine);
    assert.deepEqual(scene.offered, [mine]);
    assert.equal(await scene.incoming.giveUp(mine.address, NOW - 10), true);
    assert.equal(scene.stored, undefined);
    assert.equal(await scene.incoming.giveUp(mine.address, undefined), false);
  });
});
