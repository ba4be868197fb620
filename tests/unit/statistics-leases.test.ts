/** Lease statistics follow changes, and a recount finds the same. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Lease } from 'lessor/internal/domain/lease.js';
import type { ConfigSnapshot, Pool, Subnet } from 'lessor/internal/domain/snapshot.js';
import { DROP_REASONS, DropCounters, type DropReason } from 'lessor/internal/services/drop-reasons.js';
import { LeaseStatistics } from 'lessor/internal/services/lease-statistics.js';
import { PACKET_STATISTICS, Statistics } from 'lessor/internal/services/statistics.js';
import { HandClock, makeLease } from './control-fakes.js';

const pool = (id: number, first: number, last: number) => ({ id, first, last }) as Pool;
const subnet = (id: number, ...pools: Pool[]) => ({ id, pools }) as unknown as Subnet;
const snapshot = (...subnets: Subnet[]) => ({ subnets }) as unknown as ConfigSnapshot;

/** Two subnets; the first has two pools of one id and one of another. */
const SNAPSHOT = snapshot(subnet(1, pool(0, 30, 39), pool(0, 10, 19), pool(7, 50, 59)), subnet(2, pool(0, 110, 119)));

function bench() {
  const clock = new HandClock();
  const statistics = new Statistics(clock);
  const leaseStatistics = new LeaseStatistics(statistics, clock);
  leaseStatistics.rebuild(SNAPSHOT, { all: () => [] });
  const value = (name: string) => statistics.get(name)?.value;
  return { clock, statistics, leaseStatistics, value };
}

describe('lease statistics', () => {
  it("registers Kea's names for server, subnets and pools", () => {
    const { statistics, value } = bench();
    const levels = ['', 'subnet[1].', 'subnet[1].pool[0].', 'subnet[1].pool[7].', 'subnet[2].', 'subnet[2].pool[0].'];
    const gauges = ['assigned-addresses', 'declined-addresses'];
    const counters = ['cumulative-assigned-addresses', 'reclaimed-leases', 'reclaimed-declined-addresses'];
    for (const level of levels) for (const name of [...gauges, ...counters]) assert.equal(value(level + name), 0);
    for (const level of ['', 'subnet[1].', 'subnet[2].']) {
      for (const name of ['v4-lease-reuses', 'v4-reservation-conflicts']) assert.equal(value(level + name), 0);
    }
    assert.equal(value('subnet[1].total-addresses'), 30);
    assert.equal(value('subnet[1].pool[0].total-addresses'), 20, 'pools of one id count together');
    assert.equal(value('subnet[1].pool[7].total-addresses'), 10);
    assert.equal([...statistics.all()].length, levels.length * 5 + 3 * 2 + 5);
  });

  it('counts a lease where it is, on every level', () => {
    const { leaseStatistics, value } = bench();
    const lease = makeLease({ address: 15 });
    leaseStatistics.changed(15, undefined, lease);
    for (const level of ['', 'subnet[1].', 'subnet[1].pool[0].']) {
      assert.equal(value(`${level}assigned-addresses`), 1, level);
      assert.equal(value(`${level}cumulative-assigned-addresses`), 1, level);
    }
    assert.equal(value('subnet[1].pool[7].assigned-addresses'), 0);
    leaseStatistics.changed(15, lease, { ...lease, clttSec: lease.clttSec + 1 });
    assert.equal(value('cumulative-assigned-addresses'), 1, 'a renewal is no new lease');
    leaseStatistics.changed(15, lease, { ...lease, state: 3, validLifetimeSec: 0 });
    assert.equal(value('assigned-addresses'), 0);
    assert.equal(value('reclaimed-leases'), 0, 'a release is no reclamation');
  });

  it('counts an address outside of pools for its subnet, and one of no subnet for the server', () => {
    const { leaseStatistics, value } = bench();
    leaseStatistics.changed(25, undefined, makeLease({ address: 25 }));
    leaseStatistics.changed(999, undefined, makeLease({ address: 999, subnetId: 99 }));
    assert.equal(value('assigned-addresses'), 2);
    assert.equal(value('subnet[1].assigned-addresses'), 1);
    assert.equal(value('subnet[1].pool[0].assigned-addresses'), 0);
    assert.equal(value('subnet[99].assigned-addresses'), undefined);
  });

  it('counts a declined lease as assigned and declined, until it is reclaimed', () => {
    const { clock, leaseStatistics, value } = bench();
    const lease = makeLease({ address: 55 });
    const declined = { ...lease, state: 1 as const };
    leaseStatistics.changed(55, undefined, lease);
    leaseStatistics.changed(55, lease, declined);
    for (const level of ['', 'subnet[1].', 'subnet[1].pool[7].']) {
      assert.equal(value(`${level}assigned-addresses`), 1);
      assert.equal(value(`${level}declined-addresses`), 1);
    }
    clock.advance(3_602_000);
    leaseStatistics.changed(55, declined, { ...lease, state: 2 });
    for (const level of ['', 'subnet[1].', 'subnet[1].pool[7].']) {
      assert.equal(value(`${level}assigned-addresses`), 0);
      assert.equal(value(`${level}declined-addresses`), 0);
      assert.equal(value(`${level}reclaimed-leases`), 1);
      assert.equal(value(`${level}reclaimed-declined-addresses`), 1);
    }
  });

  it('counts a lease that had run out and goes to the next client as reclaimed and as new', () => {
    const { clock, leaseStatistics, value } = bench();
    const lease = makeLease({ address: 15 });
    leaseStatistics.changed(15, undefined, lease);
    clock.advance(3_602_000);
    leaseStatistics.changed(15, lease, { ...lease, clttSec: lease.clttSec + 3602, hwAddress: 'other' });
    assert.equal(value('assigned-addresses'), 1);
    assert.equal(value('reclaimed-leases'), 1);
    assert.equal(value('cumulative-assigned-addresses'), 2);
  });

  it('drops the statistics of subnets that are gone and keeps cumulative ones of those that stay', () => {
    const { leaseStatistics, value } = bench();
    const lease = makeLease({ address: 15 });
    leaseStatistics.changed(15, undefined, lease);
    leaseStatistics.rebuild(snapshot(subnet(1, pool(0, 10, 12))), { all: () => [lease] });
    assert.equal(value('subnet[2].total-addresses'), undefined);
    assert.equal(value('subnet[1].pool[7].total-addresses'), undefined);
    assert.equal(value('subnet[1].cumulative-assigned-addresses'), 1);
    assert.equal(value('subnet[1].assigned-addresses'), 1);
    assert.equal(value('subnet[1].pool[0].assigned-addresses'), 0, 'its address is in no pool any more');
    assert.equal(value('subnet[1].total-addresses'), 3);
  });

  it('does not count anew when neither subnets nor pools have changed', () => {
    const { leaseStatistics } = bench();
    let counted = 0;
    const all = () => {
      counted++;
      return [];
    };
    leaseStatistics.rebuild(snapshot(...SNAPSHOT.subnets), { all });
    assert.equal(counted, 0);
    leaseStatistics.rebuild(snapshot(SNAPSHOT.subnets[0]!), { all });
    assert.equal(counted, 1);
  });

  it('after any changes a recount finds what is there', () => {
    const state = fc.constantFrom(0, 1, 2, 3) as fc.Arbitrary<Lease['state']>;
    const change = fc.record({
      address: fc.constantFrom(11, 15, 25, 35, 55, 115, 999),
      subnetId: fc.constantFrom(1, 2, 99),
      lease: fc.option(fc.record({ state, validLifetimeSec: fc.constantFrom(0, 3600) })),
      wait: fc.constantFrom(0, 0, 4_000_000),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        const { clock, statistics, leaseStatistics } = bench();
        const leases = new Map<number, Lease>();
        for (const { address, subnetId, lease, wait } of changes) {
          clock.advance(wait);
          const after =
            lease === null
              ? undefined
              : makeLease({ address, subnetId, ...lease, clttSec: Math.floor(clock.now() / 1000) });
          leaseStatistics.changed(address, leases.get(address), after);
          if (after === undefined) leases.delete(address);
          else leases.set(address, after);
        }
        const snapshotOfValues = () =>
          Object.fromEntries(Array.from(statistics.all(), ({ name, value }): [string, number] => [name, value]));
        const followed = snapshotOfValues();
        // The same subnets in another order: so that it counts anew.
        leaseStatistics.rebuild(snapshot(...[...SNAPSHOT.subnets].reverse()), { all: () => leases.values() });
        assert.deepEqual(snapshotOfValues(), followed);
      }),
      { numRuns: 300 },
    );
  });

  it('follows a change of one subnet and lets the others be', () => {
    const { leaseStatistics, statistics, value, clock } = bench();
    leaseStatistics.changed(115, undefined, makeLease({ address: 115, subnetId: 2 }));
    leaseStatistics.allocationFailed(1, ['subnet'], clock.now());
    const kept = statistics.get('subnet[2].assigned-addresses');
    const lease = makeLease({ address: 12, subnetId: 3 });
    let walks = 0;
    const all = () => {
      walks++;
      return [lease];
    };
    const [, second] = SNAPSHOT.subnets;
    leaseStatistics.follow(snapshot(second!, subnet(3, pool(0, 10, 12))), { all }, (id) => id === 3);
    assert.equal(value('subnet[1].total-addresses'), undefined);
    assert.equal(value('subnet[1].v4-allocation-fail'), undefined);
    assert.equal(statistics.get('subnet[2].assigned-addresses'), kept);
    assert.deepEqual([value('subnet[2].assigned-addresses'), value('subnet[3].pool[0].assigned-addresses')], [1, 1]);
    assert.equal(walks, 1);
    leaseStatistics.follow(
      snapshot(subnet(2, pool(5, 110, 119)), subnet(3, pool(0, 10, 12))),
      { all },
      (id) => id === 3,
    );
    assert.equal(walks, 1, 'the changed subnet has no lease: nothing to count');
    assert.equal(value('subnet[2].pool[0].total-addresses'), undefined);
    assert.equal(value('subnet[2].pool[5].total-addresses'), 10);
    assert.equal(value('subnet[3].assigned-addresses'), 1);
  });

  it('counts failed allocations by cause, for the subnet from its first one on', () => {
    const { clock, leaseStatistics, value } = bench();
    assert.equal(value('subnet[1].v4-allocation-fail'), undefined);
    leaseStatistics.allocationFailed(1, ['subnet', 'no-pools'], clock.now());
    for (const level of ['', 'subnet[1].']) {
      assert.equal(value(`${level}v4-allocation-fail`), 1);
      assert.equal(value(`${level}v4-allocation-fail-subnet`), 1);
      assert.equal(value(`${level}v4-allocation-fail-no-pools`), 1);
    }
    leaseStatistics.rebuild(snapshot(), { all: () => [] });
    assert.equal(value('subnet[1].v4-allocation-fail'), undefined);
    assert.equal(value('v4-allocation-fail'), 1);
  });
});

describe('drop reasons', () => {
  it("name statistics that Kea has and count in lessor's own", () => {
    const clock = new HandClock();
    const statistics = new Statistics(clock);
    const counters = new DropCounters(statistics);
    for (const reason of Object.keys(DROP_REASONS) as DropReason[]) {
      const row: (typeof DROP_REASONS)[DropReason] & { statistic?: string } = DROP_REASONS[reason];
      if (row.statistic !== undefined) assert.ok(PACKET_STATISTICS.includes(row.statistic), reason);
      counters.count(reason, clock.now());
      assert.equal(statistics.get(`lessor-dropped-${reason}`)?.value, 1);
    }
    const dropped = Object.values(DROP_REASONS).filter(({ receiveDrop }) => receiveDrop).length;
    assert.equal(statistics.get('pkt4-receive-drop')?.value, dropped);
    counters.count('malformed', clock.now());
    assert.equal(statistics.get('pkt4-parse-failed')?.value, 2);
  });
});
