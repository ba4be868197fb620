/** Lease statistics follow changes, and a recount finds the same. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Lease } from 'lessor/internal/domain/lease.js';
import type { ConfigSnapshot, Pool, Subnet } from 'lessor/internal/domain/snapshot.js';
import { DROP_REASONS, DropCounters, type DropReason } from 'lessor/internal/services/drop-reasons.js';
import { LeaseStatistics } from 'lessor/internal/services/lease-statistics.js';
import { PACKET_STATISTICS, Statistics } from 'lessor/internal/services/statistics.js';
import { HandClock, ListLeases, makeLease } from './control-fakes.js';

const pool = (id: number, first: number, last: number) => ({ id, first, last }) as Pool;
const subnet = (id: number, ...pools: Pool[]) => ({ id, pools }) as unknown as Subnet;
const snapshot = (...subnets: Subnet[]) => ({ subnets }) as unknown as ConfigSnapshot;

const NO_LEASES = new ListLeases([]);

/** Two subnets; the first has two pools of one id and one of another. */
const SNAPSHOT = snapshot(subnet(1, pool(0, 30, 39), pool(0, 10, 19), pool(7, 50, 59)), subnet(2, pool(0, 110, 119)));

function bench() {
  const clock = new HandClock();
  const statistics = new Statistics(clock);
  const leaseStatistics = new LeaseStatistics(statistics, clock);
  leaseStatistics.rebuild(SNAPSHOT, NO_LEASES);
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
    leaseStatistics.rebuild(snapshot(subnet(1, pool(0, 10, 12))), new ListLeases([lease]));
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
    const page = () => {
      counted++;
      return [];
    };
    leaseStatistics.rebuild(snapshot(...[...SNAPSHOT.subnets].reverse()), { page });
    assert.equal(counted, 0);
    leaseStatistics.rebuild(snapshot(subnet(1, pool(0, 10, 11))), { page });
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
        const gauges = (from: Statistics) =>
          Array.from(from.all(), ({ name, value }): [string, number] => [name, value])
            .filter(([name]) => /(^|\.)(assigned|declined)-addresses$/.test(name))
            .sort();
        const fresh = new Statistics(clock);
        new LeaseStatistics(fresh, clock).rebuild(SNAPSHOT, new ListLeases([...leases.values()]));
        assert.ok(gauges(fresh).length > 0);
        assert.deepEqual(gauges(fresh), gauges(statistics));
      }),
      { numRuns: 300 },
    );
  });

  it('follows a change of one subnet and lets the others be', () => {
    const { leaseStatistics, statistics, value, clock } = bench();
    leaseStatistics.changed(115, undefined, makeLease({ address: 115, subnetId: 2 }));
    statistics.counter('subnet[1].v4-allocation-fail').add(1, clock.now());
    const kept = statistics.get('subnet[2].assigned-addresses');
    const lease = makeLease({ address: 12, subnetId: 3 });
    let walks = 0;
    const page = () => {
      walks++;
      return [lease];
    };
    const [, second] = SNAPSHOT.subnets;
    leaseStatistics.rebuild(snapshot(second!, subnet(3, pool(0, 10, 12))), { page }, (id) => id === 3);
    assert.equal(value('subnet[1].total-addresses'), undefined);
    assert.equal(value('subnet[1].v4-allocation-fail'), undefined);
    assert.equal(statistics.get('subnet[2].assigned-addresses'), kept);
    assert.deepEqual([value('subnet[2].assigned-addresses'), value('subnet[3].pool[0].assigned-addresses')], [1, 1]);
    assert.equal(walks, 1);
    leaseStatistics.rebuild(
      snapshot(subnet(2, pool(5, 110, 119)), subnet(3, pool(0, 10, 12))),
      { page },
      (id) => id === 3,
    );
    assert.equal(walks, 1, 'the changed subnet has no lease: nothing to count');
    assert.equal(value('subnet[2].pool[0].total-addresses'), undefined);
    assert.equal(value('subnet[2].pool[5].total-addresses'), 10);
    assert.equal(value('subnet[3].assigned-addresses'), 1);
  });

  it('drops what the packet path counted for a subnet that is gone', () => {
    const { leaseStatistics, statistics, value } = bench();
    for (const name of ['subnet[1].v4-allocation-fail', 'v4-allocation-fail']) statistics.counter(name).add(1, 0);
    leaseStatistics.rebuild(snapshot(subnet(1, pool(0, 10, 11))), NO_LEASES);
    assert.equal(value('subnet[1].v4-allocation-fail'), 1, 'it goes on in a subnet that changed');
    leaseStatistics.rebuild(snapshot(), NO_LEASES);
    assert.equal(value('subnet[1].v4-allocation-fail'), undefined);
    assert.equal(value('v4-allocation-fail'), 1);
  });

  it('prepares in slices between which leases change, and lists what is new only after the commit', () => {
    const { leaseStatistics, statistics, value } = bench();
    const leases = new Map(Array.from({ length: 600 }, (_, i) => [i + 1, makeLease({ address: i + 1, subnetId: 3 })]));
    const put = (address: number, after: Lease | undefined) => {
      leaseStatistics.changed(address, leases.get(address), after);
      if (after === undefined) leases.delete(address);
      else leases.set(address, after);
    };
    const page = (after: number | undefined, limit: number) => new ListLeases([...leases.values()]).page(after, limit);
    const work = leaseStatistics.prepare(snapshot(...SNAPSHOT.subnets, subnet(3, pool(0, 1, 900))), { page });
    let slices = 0;
    let step = work.next();
    for (; step.done !== true; step = work.next()) {
      slices++;
      put(slices, undefined); // behind the count, or before it has begun
      put(700 + slices, makeLease({ address: 700 + slices, subnetId: 3 })); // ahead of it
      put(500, { ...makeLease({ address: 500, subnetId: 3 }), state: slices % 2 === 0 ? 0 : 1 });
    }
    assert.ok(slices > 4, 'it stopped between subnets and pages');
    assert.equal(value('subnet[3].assigned-addresses'), undefined);
    step.value.commit();
    assert.equal(statistics.get('subnet[3].assigned-addresses'), undefined);
    for (const _ of step.value.settle());
    assert.equal(value('subnet[3].assigned-addresses'), leases.size);
    assert.equal(value('subnet[3].pool[0].declined-addresses'), slices % 2);
    assert.equal(value('subnet[1].total-addresses'), 30);
  });

  it('a preparation that is abandoned leaves nothing', () => {
    const { leaseStatistics, statistics, value } = bench();
    const names = () => Array.from(statistics.all(), ({ name }) => name);
    const before = names();
    const work = leaseStatistics.prepare(snapshot(subnet(3, pool(0, 1, 9))), NO_LEASES);
    let step = work.next();
    while (step.done !== true) step = work.next();
    step.value.abandon();
    leaseStatistics.changed(15, undefined, makeLease({ address: 15 }));
    assert.deepEqual(names(), before);
    assert.equal(value('subnet[1].assigned-addresses'), 1);
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
