/** What a Kea partner sends late, after its partner has given the same address meanwhile. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LoneDecision } from 'lessor/internal/domain/ha/judge.js';
import type { Lease } from 'lessor/internal/domain/lease.js';
import { leaseFromJson } from 'lessor/internal/domain/lease-json.js';
import type { Ipv4 } from 'lessor/internal/domain/values.js';
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

const OTHER = '02:00:00:00:00:02';
const ELSEWHERE = '192.0.2.20';

/** A table of few leases, and what the partner is to be told. */
class Scene {
  readonly table: Map<Ipv4, Lease>;
  readonly offered: Ipv4[] = [];
  readonly retracted: Lease[] = [];
  readonly settled: Ipv4[] = [];
  readonly incoming: IncomingLeases;

  constructor(leases: readonly Lease[], decisions: readonly LoneDecision[] = [], skewSec = 0, partnerWasAlone = false) {
    this.table = new Map(leases.map((one) => [one.address, one]));
    const { table } = this;
    const reader = {
      getByAddress: (address: Ipv4) => table.get(address),
      listByClientId: (clientId: string) => [...table.values()].filter((one) => one.clientId === clientId),
      listByHwAddress: (hwAddress: string) => [...table.values()].filter((one) => one.hwAddress === hwAddress),
      put: (one: Lease) => void table.set(one.address, one),
      delete: (address: Ipv4) => void table.delete(address),
    };
    const tx = reader as Partial<LeaseTransaction> as LeaseTransaction;
    const transact: Ledger['transact'] = async (work) => await work(tx);
    this.incoming = new IncomingLeases({
      ledger: { leases: reader, transact },
      nowSec: () => NOW,
      skewSec: () => skewSec,
      partnerWasAlone: () => partnerWasAlone,
      decided: (address) => decisions.find((one) => one.lease.address === address),
      offer: (address) => this.offered.push(address),
      retract: (theirs) => this.retracted.push(theirs),
      settled: (address) => this.settled.push(address),
    });
  }
}

/** A decision made alone when the client was last heard of, or so many seconds later. */
function decided(one: Lease, gaveUp = false, laterSec = 0): LoneDecision {
  return { atSec: one.clttSec + laterSec, lease: one, gaveUp };
}

describe('an update of a Kea partner', () => {
  it('is taken when it is newer, as old, or older by no more than the clocks are apart', async () => {
    for (const [cltt, skew] of [
      [NOW, 0],
      [NOW - 10, 0],
      [NOW - 12, 0],
      [NOW - 40, 30],
      [NOW - 40, -30],
    ] as const) {
      const scene = new Scene([lease(NOW - 10)], [], skew);
      const theirs = lease(cltt, { 'hw-address': OTHER });
      assert.equal(await scene.incoming.update(theirs), true);
      assert.equal(scene.table.get(theirs.address), theirs);
      assert.deepEqual(scene.settled, [theirs.address]);
      assert.deepEqual(scene.offered, []);
    }
  });

  it('is refused where another client got the address here later: its own client must not be told', async () => {
    const mine = lease(NOW - 10);
    const scene = new Scene([mine]);
    assert.equal(await scene.incoming.update(lease(NOW - 20, { 'hw-address': OTHER })), false);
    assert.equal(scene.table.get(mine.address), mine);
    assert.deepEqual(scene.offered, [mine.address]);
  });

  it('is refused where that was decided here alone at the same time', async () => {
    const mine = lease(NOW - 10);
    for (const [cltt, skew, taken] of [
      [NOW - 10, 0, false],
      [NOW - 10, 1, false],
      [NOW - 9, 1, true],
      [NOW - 6, 5, false],
      [NOW - 5, -5, true],
    ] as const) {
      const scene = new Scene([mine], [decided(mine)], skew);
      assert.equal(await scene.incoming.update(lease(cltt, { 'hw-address': OTHER })), taken, String(cltt - NOW));
    }
  });

  it('is overtaken by a later renewal of the same client here, who may be told all the same', async () => {
    const mine = lease(NOW - 10);
    const scene = new Scene([mine]);
    assert.equal(await scene.incoming.update(lease(NOW - 11)), true);
    assert.equal(scene.table.get(mine.address), mine);
    assert.deepEqual(scene.offered, []);
  });

  it('is refused, and to be undone there, when its client got another address here since', async () => {
    const mine = lease(NOW - 10, { 'ip-address': ELSEWHERE });
    const theirs = lease(NOW - 10);
    for (const decisions of [[], [decided(mine)]]) {
      const late = lease(NOW - 13);
      const scene = new Scene([mine], decisions);
      assert.equal(await scene.incoming.update(late), false);
      assert.deepEqual(scene.retracted, [late]);
      assert.equal(scene.table.has(late.address), false);
    }
    assert.equal(await new Scene([mine]).incoming.update(theirs), true);
    assert.equal(await new Scene([mine], [decided(mine)]).incoming.update(theirs), false);
  });

  it('takes no notice of leases of the client in another subnet, or that ran out', async () => {
    for (const [member, value] of [
      ['subnet-id', 2],
      ['valid-lft', 5],
    ] as const) {
      const scene = new Scene([lease(NOW - 10, { 'ip-address': ELSEWHERE, [member]: value })]);
      assert.equal(await scene.incoming.update(lease(NOW - 20)), true);
    }
  });

  it('does not bring back what was given up here alone since', async () => {
    const gone = lease(NOW - 30);
    const theirs = lease(NOW - 25);
    const released = lease(NOW - 30, { state: 2, 'valid-lft': 0 });
    for (const rest of [[], [released]]) {
      const scene = new Scene(rest, [decided(gone, true, 10)]);
      assert.equal(await scene.incoming.update(theirs), false);
      assert.deepEqual(scene.retracted, [theirs]);
    }
    // Given to somebody else, or given again later: that is another lease.
    const scene = new Scene([], [decided(gone, true, 10)]);
    assert.equal(await scene.incoming.update(lease(NOW - 25, { 'hw-address': OTHER })), true);
    assert.equal(await scene.incoming.update(lease(NOW - 17)), true);
  });

  it('does not bring back what was released before the last start, heard of no later', async () => {
    const released = lease(NOW - 30, { state: 2, 'valid-lft': 0 });
    assert.equal(await new Scene([released]).incoming.update(lease(NOW - 30)), false);
    assert.equal(await new Scene([released]).incoming.update(lease(NOW - 29)), true);
  });

  it('is taken over a lease that ran out', async () => {
    const theirs = lease(NOW - 20, { 'hw-address': OTHER });
    assert.equal(await new Scene([lease(NOW - 601)]).incoming.update(theirs), true);
  });

  it('that says released is a removal (Kea 3)', async () => {
    const mine = lease(NOW - 10);
    const released = lease(NOW - 10, { state: 3, 'valid-lft': 0 });
    const scene = new Scene([mine]);
    assert.equal(await scene.incoming.update(released), true);
    assert.equal(scene.table.get(mine.address), released);
    const late = new Scene([mine], [decided(mine)]);
    await late.incoming.update(released);
    assert.equal(late.table.get(mine.address), mine);
  });
});

describe('a removal of a Kea partner', () => {
  it('is carried out unless its client was heard of here later', async () => {
    const mine = lease(NOW - 10);
    const scene = new Scene([mine]);
    assert.equal(await scene.incoming.giveUp(mine.address, lease(NOW - 20)), true);
    assert.equal(scene.table.get(mine.address), mine);
    assert.deepEqual(scene.offered, [mine.address]);
    assert.equal(await scene.incoming.giveUp(mine.address, lease(NOW - 10)), true);
    assert.equal(scene.table.size, 0);
    assert.equal(await scene.incoming.giveUp(mine.address, undefined), false);
  });

  it('does not touch the lease of another client, nor what was decided here alone at the time', async () => {
    const mine = lease(NOW - 10);
    for (const [removed, decisions] of [
      [lease(NOW, { 'hw-address': OTHER }), []],
      [lease(NOW - 10), [decided(mine)]],
    ] as const) {
      const scene = new Scene([mine], decisions);
      assert.equal(await scene.incoming.giveUp(mine.address, removed), true);
      assert.equal(scene.table.get(mine.address), mine);
      assert.deepEqual(scene.offered, [mine.address]);
    }
  });
});

describe('what a Kea partner has when both are back together', () => {
  it('is judged by the same rules', () => {
    const mine = lease(NOW - 10);
    const { incoming } = new Scene([mine]);
    const verdicts: readonly [string, Lease][] = [
      ['same', mine],
      ['take', lease(NOW - 9)],
      ['keep', lease(NOW - 11)],
      ['keep', lease(NOW - 20, { 'hw-address': OTHER })],
      ['take', lease(NOW - 5, { 'hw-address': OTHER })],
      ['keep', lease(NOW - 10, { state: 2 })],
      ['take', lease(NOW - 9, { state: 2 })],
      ['over', lease(NOW - 20, { 'ip-address': ELSEWHERE })],
      ['take', lease(NOW - 9, { 'ip-address': ELSEWHERE })],
    ];
    for (const [verdict, theirs] of verdicts) assert.equal(incoming.judge(theirs), verdict);
  });

  it('is left alone where both served alone, and decided in the same second', () => {
    const mine = lease(NOW - 10);
    for (const wasAlone of [false, true]) {
      const { incoming } = new Scene([mine], [decided(mine)], 0, wasAlone);
      const tie = wasAlone ? 'take' : 'over';
      assert.equal(incoming.judge(lease(NOW - 10, { 'ip-address': ELSEWHERE })), tie);
      assert.equal(incoming.judge(lease(NOW - 11, { 'ip-address': ELSEWHERE })), 'over');
    }
  });

  it('replaces what its client had here before', () => {
    const mine = lease(NOW - 10);
    const { incoming } = new Scene([mine]);
    assert.deepEqual(incoming.supersededBy(lease(NOW - 5, { 'ip-address': ELSEWHERE })), [mine]);
    assert.deepEqual(incoming.supersededBy(lease(NOW - 10, { 'ip-address': ELSEWHERE })), []);
  });
});
