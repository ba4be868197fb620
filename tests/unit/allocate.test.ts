/** Choosing addresses: the free map, the three allocators, and the address space over all pools. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FreeLeaseQueueAllocator } from 'lessor/internal/domain/allocate/free-lease-queue.js';
import { FreeMap } from 'lessor/internal/domain/allocate/free-map.js';
import { IterativeAllocator } from 'lessor/internal/domain/allocate/iterative.js';
import { RandomAllocator } from 'lessor/internal/domain/allocate/random.js';
import { RangeIndex } from 'lessor/internal/domain/allocate/range-index.js';
import { LeaseState } from 'lessor/internal/domain/lease.js';
import { formatIpv4 } from 'lessor/internal/domain/values.js';
import { AddressSpace } from 'lessor/internal/services/address-space.js';
import { ExpiryIndex } from 'lessor/internal/services/expiry-index.js';
import { ip, lease, MapLeases, seededChance, snapshotOf } from './allocate-helpers.js';

describe('FreeMap', () => {
  test('finds the next free address over words, chunks and levels', () => {
    const map = new FreeMap(ip('10.0.0.0'), ip('10.255.255.255'));
    assert.equal(map.total, 2 ** 24);
    for (let address = map.first; address < map.first + 200_000; address++) map.setFree(address, false);
    assert.equal(map.nextFree(map.first), map.first + 200_000);
    assert.equal(map.free, 2 ** 24 - 200_000);
    map.setFree(map.first + 77, true);
    assert.equal(map.nextFree(map.first), map.first + 77);
    assert.equal(map.nextFree(map.first + 78), map.first + 200_000);
    assert.equal(map.nextFreeForward(map.last), map.last);
    map.setFree(map.last, false);
    assert.equal(map.nextFreeForward(map.last), undefined);
    assert.equal(map.nextFree(map.last), map.first + 77);
  });

  test('a range of one, a full one, and addresses outside', () => {
    const map = new FreeMap(5, 5);
    assert.equal(map.nextFree(0), 5);
    assert.equal(map.nextFree(9), 5);
    assert.equal(map.setFree(5, false), true);
    assert.equal(map.setFree(5, false), false);
    assert.equal(map.setFree(4, false), false);
    assert.equal(map.nextFree(5), undefined);
    assert.deepEqual([map.isFree(4), map.isFree(5), map.isFree(6), map.free], [false, false, false, 0]);
  });

  test('the whole address space', () => {
    const map = new FreeMap(0, 0xffff_ffff);
    assert.equal(map.total, 2 ** 32);
    map.setFree(0xffff_ffff, false);
    map.setFree(0x8000_0000, false);
    assert.equal(map.nextFree(0x8000_0000), 0x8000_0001);
    assert.equal(map.nextFree(0xffff_ffff), 0);
    assert.equal(map.nextFree(0xffff_fffe), 0xffff_fffe);
    assert.equal(map.select(0x8000_0000), 0x8000_0001);
    assert.equal(map.isFree(0xffff_ffff), false);
  });

  test('select counts free addresses only', () => {
    const map = new FreeMap(1000, 101_000);
    for (let address = 1000; address <= 101_000; address++) if (address % 7 !== 0) map.setFree(address, false);
    for (const rank of [0, 1, 1000, map.free - 1]) assert.equal(map.select(rank), 1001 + 7 * rank);
  });

  test('a clone goes its own way', () => {
    const map = new FreeMap(0, 99);
    map.setFree(3, false);
    const copy = map.clone();
    copy.setFree(4, false);
    map.setFree(5, false);
    assert.deepEqual([copy.isFree(3), copy.isFree(4), copy.isFree(5), copy.free], [false, false, true, 98]);
    assert.deepEqual([map.isFree(4), map.free], [true, 98]);
  });
});

describe('allocators', () => {
  test('iterative: ascending, wrapping, from where it was', () => {
    const map = new FreeMap(10, 14);
    const allocator = new IterativeAllocator(10);
    map.setFree(11, false);
    assert.deepEqual(
      Array.from({ length: 6 }, () => allocator.pick(map)),
      [10, 12, 13, 14, 10, 12],
    );
    assert.equal(
      allocator.pick(map, (address) => address === 10),
      10,
    );
    assert.equal(
      allocator.pick(map, () => false),
      undefined,
    );
  });

  test('random: uniform over what is free, also next to long runs of taken addresses', () => {
    const map = new FreeMap(0, 9999);
    const free = [0, 5000, 5001, 9999];
    for (let address = 0; address < 10_000; address++) map.setFree(address, free.includes(address));
    const allocator = new RandomAllocator(seededChance(7));
    const counts = new Map(free.map((address) => [address, 0]));
    for (let i = 0; i < 4000; i++) {
      const address = allocator.pick(map)!;
      counts.set(address, counts.get(address)! + 1);
    }
    for (const count of counts.values()) assert.ok(Math.abs(count - 1000) < 150, `${count} of 4000`);
    assert.equal(
      allocator.pick(map, (address) => address === 5001),
      5001,
    );
    assert.equal(
      allocator.pick(map, () => false),
      undefined,
    );
  });

  test('free-lease-queue: the longest free first, after what was free from the start', () => {
    const map = new FreeMap(0, 5);
    for (const address of [0, 1, 2, 3]) map.setFree(address, false);
    const allocator = new FreeLeaseQueueAllocator(map, seededChance());
    const change = (address: number, free: boolean): void => {
      if (!map.setFree(address, free)) return;
      if (free) allocator.freed(address);
      else allocator.taken(address);
    };
    const take = (): number => {
      const address = allocator.pick(map)!;
      change(address, false);
      return address;
    };
    for (const address of [2, 0, 3]) change(address, true);
    change(2, false); // its client came back,
    change(2, true); // and left again: it is the youngest now
    assert.deepEqual([take(), take()].sort(), [4, 5]);
    assert.deepEqual([take(), take(), take()], [0, 3, 2]);
    assert.equal(allocator.pick(map), undefined);
  });

  test('free-lease-queue: an address that is not held comes round again, the others first', () => {
    const map = new FreeMap(0, 99);
    const allocator = new FreeLeaseQueueAllocator(map, seededChance(3));
    const seen = new Set<number>();
    for (let i = 0; i < 100; i++) seen.add(allocator.pick(map)!);
    assert.equal(seen.size, 100);
    assert.notDeepEqual([...seen].slice(0, 10), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.equal(allocator.pick(map), [...seen][0]);
    assert.equal(
      allocator.pick(map, (address) => address === 17),
      17,
    );
  });
});

test('RangeIndex finds overlapping ranges', () => {
  const ranges = [
    { first: 10, last: 100 },
    { first: 20, last: 30 },
    { first: 40, last: 50 },
    { first: 200, last: 200 },
  ];
  const index = new RangeIndex(ranges);
  const all = (address: number): number[] => {
    const found: number[] = [];
    index.forEach(address, (range) => found.push(range.first));
    return found;
  };
  assert.deepEqual(
    [all(9), all(10), all(25), all(45), all(100), all(101), all(200)],
    [[], [10], [20, 10], [40, 10], [10], [], [200]],
  );
  assert.equal(index.find(60), ranges[0]);
  assert.equal(index.find(199), undefined);
  assert.equal(new RangeIndex([]).find(1), undefined);
});

describe('AddressSpace', () => {
  const NOW = 2000;
  function setUp(plans: Parameters<typeof snapshotOf>[0], exclude = false) {
    const snapshot = snapshotOf(plans, exclude);
    const leases = new MapLeases();
    const space = new AddressSpace(seededChance());
    const rebuild = (reserved: { scope: number; address: number }[] = [], next = snapshot): void =>
      space.rebuild(next, reserved, leases.asReader(), NOW);
    const put = (address: number, changes = {}): void => {
      const before = leases.byAddress.get(address);
      const after = lease(address, { clttSec: NOW, ...changes });
      leases.byAddress.set(address, after);
      space.onLeaseChange(address, before, after, NOW);
    };
    const picks = (index: number, count: number): string[] =>
      Array.from({ length: count }, () => formatIpv4(space.pick(snapshot.pools[index]!) ?? 0));
    return { snapshot, leases, space, rebuild, put, picks };
  }

  test('leases, offers and reservations keep addresses from being picked', () => {
    const { snapshot, leases, space, rebuild, put, picks } = setUp([{ id: 1, pools: ['192.0.2.1-192.0.2.8'] }]);
    leases.byAddress.set(ip('192.0.2.1'), lease(ip('192.0.2.1')));
    leases.byAddress.set(ip('192.0.2.2'), lease(ip('192.0.2.2'), { validLifetimeSec: 10 })); // ran out
    leases.byAddress.set(ip('192.0.2.3'), lease(ip('192.0.2.3'), { state: LeaseState.released }));
    leases.byAddress.set(ip('192.0.2.4'), lease(ip('192.0.2.4'), { state: LeaseState.declined }));
    leases.byAddress.set(ip('198.51.100.1'), lease(ip('198.51.100.1')));
    rebuild([
      { scope: 1, address: ip('192.0.2.5') },
      { scope: 2, address: ip('192.0.2.6') },
    ]);
    space.hold(ip('192.0.2.7'));
    const [pool] = snapshot.pools;
    assert.deepEqual(picks(0, 5), ['192.0.2.2', '192.0.2.3', '192.0.2.6', '192.0.2.8', '192.0.2.2']);
    assert.equal(space.freeCount(pool!), 4);
    put(ip('192.0.2.6'));
    put(ip('192.0.2.1'), { state: LeaseState.expiredReclaimed });
    space.unhold(ip('192.0.2.7'));
    space.unhold(ip('192.0.2.7'));
    assert.deepEqual(picks(0, 5), ['192.0.2.3', '192.0.2.7', '192.0.2.8', '192.0.2.1', '192.0.2.2']);
    put(ip('192.0.2.7'));
    space.hold(ip('192.0.2.7'));
    space.unhold(ip('192.0.2.7'));
    assert.equal(space.isFree(ip('192.0.2.7'), pool!), false);
  });

  test('a lease that ends becomes free without anybody reclaiming it, and not before', () => {
    const { snapshot, space, rebuild, put } = setUp([{ id: 1, pools: ['192.0.2.1-192.0.2.2'] }]);
    rebuild();
    const [first, second] = [ip('192.0.2.1'), ip('192.0.2.2')];
    const [pool] = snapshot.pools;
    put(first, { validLifetimeSec: 100 });
    put(second, { validLifetimeSec: 0xffff_ffff });
    put(first, { validLifetimeSec: 150 }); // renewed
    space.expireUpTo(NOW + 150);
    assert.equal(space.freeCount(pool!), 0);
    space.expireUpTo(NOW + 151);
    assert.deepEqual([space.freeCount(pool!), space.pick(pool!)], [1, first]);
    space.expireUpTo(0xffff_fff0);
    assert.equal(space.freeCount(pool!), 1);
  });

  test('a lease that ends while its address is on offer becomes free when the offer does', () => {
    const { snapshot, space, rebuild, put } = setUp([{ id: 1, pools: ['192.0.2.1-192.0.2.1'] }]);
    rebuild();
    put(ip('192.0.2.1'), { validLifetimeSec: 100 });
    space.hold(ip('192.0.2.1'));
    space.expireUpTo(NOW + 200);
    assert.equal(space.pick(snapshot.pools[0]!), undefined);
    space.unhold(ip('192.0.2.1'));
    assert.equal(space.pick(snapshot.pools[0]!), ip('192.0.2.1'));
  });

  test('a change undone leaves no trace', () => {
    const { snapshot, leases, space, rebuild } = setUp([{ id: 1, pools: ['192.0.2.1-192.0.2.1'] }]);
    rebuild();
    const staged = lease(ip('192.0.2.1'), { clttSec: NOW });
    space.onLeaseChange(staged.address, undefined, staged, NOW);
    assert.equal(space.freeCount(snapshot.pools[0]!), 0);
    space.onLeaseChange(staged.address, staged, undefined, NOW);
    assert.equal(leases.size, 0);
    assert.equal(space.freeCount(snapshot.pools[0]!), 1);
  });

  test('reservation modes decide what a reservation takes from a pool', () => {
    const reserved = [
      { scope: 1, address: ip('192.0.2.1') },
      { scope: 0, address: ip('192.0.2.2') },
    ];
    const free = (modes: object): number => {
      const { snapshot, space, rebuild } = setUp([{ id: 1, pools: ['192.0.2.1-192.0.2.4'], ...modes }]);
      rebuild(reserved);
      return space.freeCount(snapshot.pools[0]!);
    };
    assert.equal(free({}), 3);
    assert.equal(free({ reservationsGlobal: true }), 2);
    assert.equal(free({ reservationsGlobal: true, reservationsInSubnet: false }), 3);
    assert.equal(free({ reservationsOutOfPool: true, reservationsGlobal: true }), 4);
  });

  test('reservations made and removed at run time', () => {
    const { snapshot, space, rebuild, put } = setUp([{ id: 1, pools: ['192.0.2.1-192.0.2.2'] }]);
    rebuild();
    const one = { scope: 1, address: ip('192.0.2.1') };
    space.reserve(one, snapshot);
    assert.equal(space.isFree(one.address, snapshot.pools[0]!), false);
    put(one.address, { state: LeaseState.released });
    assert.equal(space.isFree(one.address, snapshot.pools[0]!), false);
    space.unreserve(one, snapshot);
    assert.equal(space.isFree(one.address, snapshot.pools[0]!), true);
  });

  test('.0 and .255 are left out where asked for, in subnets of /24 and larger', () => {
    const { snapshot, space, rebuild, put } = setUp(
      [
        { id: 1, prefixLength: 22, pools: ['10.0.0.0-10.0.3.255'] },
        { id: 2, prefixLength: 25, pools: ['10.1.0.0-10.1.0.127'] },
      ],
      true,
    );
    rebuild();
    assert.deepEqual(
      snapshot.pools.map((pool) => space.freeCount(pool)),
      [1016, 128],
    );
    put(ip('10.0.1.0'));
    put(ip('10.0.1.0'), { state: LeaseState.released });
    assert.equal(space.isFree(ip('10.0.1.0'), snapshot.pools[0]!), false);
  });

  test('pools are found by address', () => {
    const { snapshot, space, rebuild } = setUp([
      { id: 1, pools: ['10.0.0.100-10.0.0.199', '10.0.0.10-10.0.0.19', '10.0.0.50-10.0.0.50'] },
      { id: 2, pools: ['10.0.0.10-10.0.0.30'] },
      { id: 3, pools: [] },
    ]);
    rebuild();
    const of = (subnet: number, address: string): number | undefined =>
      space.poolOf(snapshot.subnets[subnet]!, ip(address))?.index;
    assert.deepEqual(
      [of(0, '10.0.0.100'), of(0, '10.0.0.199'), of(0, '10.0.0.15'), of(0, '10.0.0.50'), of(0, '10.0.0.51')],
      [0, 0, 1, 2, undefined],
    );
    assert.deepEqual([of(1, '10.0.0.30'), of(1, '10.0.0.31'), of(2, '10.0.0.10')], [3, undefined, undefined]);
  });

  test('a lease takes its address from every pool that has it', () => {
    const { snapshot, space, rebuild, put } = setUp([
      { id: 1, pools: ['10.0.0.1-10.0.0.9'] },
      { id: 2, pools: ['10.0.0.5-10.0.0.20'] },
    ]);
    rebuild();
    put(ip('10.0.0.5'));
    assert.deepEqual(
      snapshot.pools.map((pool) => space.freeCount(pool)),
      [8, 15],
    );
  });

  test('an iterative subnet goes through its pools in turn and begins again', () => {
    const { snapshot, space, rebuild } = setUp([{ id: 1, pools: ['10.0.0.1-10.0.0.2', '10.0.0.11-10.0.0.13'] }]);
    rebuild();
    const [subnet] = snapshot.subnets;
    const order = Array.from({ length: 7 }, () => formatIpv4(space.pickFromSubnet(subnet!, () => true)!));
    assert.deepEqual(
      order.map((text) => text.slice(7)),
      ['1', '2', '11', '12', '13', '1', '2'],
    );
    assert.equal(
      space.pickFromSubnet(subnet!, (pool) => pool.index === 0),
      ip('10.0.0.1'),
    );
    assert.equal(
      space.pickFromSubnet(subnet!, () => false),
      undefined,
    );
    for (const address of ['10.0.0.11', '10.0.0.12', '10.0.0.13']) space.hold(ip(address));
    assert.equal(
      space.pickFromSubnet(subnet!, () => true),
      ip('10.0.0.2'),
    );
    assert.equal(
      space.pickFromSubnet(subnet!, () => true),
      ip('10.0.0.1'),
    );
  });

  test('the other allocators use every pool of a subnet', () => {
    for (const allocator of ['random', 'flq'] as const) {
      const { snapshot, space, rebuild } = setUp([
        { id: 1, allocator, pools: ['10.0.0.1-10.0.0.2', '10.0.0.11-10.0.0.40'] },
      ]);
      rebuild();
      const got = new Set<number>();
      for (let i = 0; i < 32; i++) {
        const address = space.pickFromSubnet(snapshot.subnets[0]!, () => true)!;
        space.hold(address);
        got.add(address);
      }
      assert.equal(got.size, 32);
      assert.equal(
        space.pickFromSubnet(snapshot.subnets[0]!, () => true),
        undefined,
      );
    }
  });

  test('reconfiguration keeps cursors of pools that stay, and what is leased in those that are new', () => {
    const { snapshot, leases, space, rebuild, put, picks } = setUp([
      { id: 1, pools: ['10.0.0.1-10.0.0.9'] },
      { id: 2, pools: ['10.0.1.1-10.0.1.9'] },
    ]);
    rebuild();
    put(ip('10.0.0.3'));
    put(ip('10.0.2.2'), { validLifetimeSec: 50 });
    space.hold(ip('10.0.2.3'));
    picks(0, 3);
    const next = snapshotOf([
      { id: 7, pools: ['10.0.2.1-10.0.2.4'] },
      { id: 1, pools: ['10.0.0.1-10.0.0.9'] },
      { id: 2, pools: ['10.0.1.1-10.0.1.8'] },
    ]);
    rebuild([{ scope: 1, address: ip('10.0.0.6') }], next);
    assert.deepEqual(
      next.pools.map((pool) => space.freeCount(pool)),
      [2, 7, 8],
    );
    assert.equal(space.pick(next.pools[1]!), ip('10.0.0.5'));
    assert.equal(space.pick(next.pools[1]!), ip('10.0.0.7'));
    // A packet under way still has the pools of before.
    assert.equal(space.pick(snapshot.pools[0]!), ip('10.0.0.8'));
    assert.equal(space.pick(snapshot.pools[1]!), undefined);
    space.unhold(ip('10.0.2.3'));
    space.expireUpTo(NOW + 51);
    assert.equal(space.freeCount(next.pools[0]!), 4);
    rebuild([], next);
    assert.equal(space.freeCount(next.pools[1]!), 8);
    assert.equal(leases.size, 2);
  });
});

describe('ExpiryIndex', () => {
  test('gives what has ended, the earliest first, and no more than asked for', () => {
    const index = new ExpiryIndex(100);
    index.set(1, 150);
    index.set(2, 120);
    index.set(3, 50);
    index.set(4, 120);
    index.set(5, Number.POSITIVE_INFINITY);
    assert.equal(index.size, 4);
    assert.deepEqual(index.takeUpTo(100), [3]);
    assert.deepEqual(index.takeUpTo(120), []);
    assert.deepEqual(index.takeUpTo(121, 1).length, 1);
    assert.deepEqual(index.takeUpTo(121).length, 1);
    assert.deepEqual(index.takeUpTo(150), []);
    assert.deepEqual(index.takeUpTo(151), [1]);
    assert.equal(index.size, 0);
  });

  test('follows ends that move either way, and deletion', () => {
    const index = new ExpiryIndex(100);
    index.set(1, 200);
    index.set(1, 300);
    assert.equal(index.get(1), 300);
    assert.deepEqual(index.takeUpTo(299), []);
    assert.deepEqual(index.takeUpTo(301), [1]);
    index.set(2, 400);
    index.set(2, 350);
    assert.deepEqual(index.takeUpTo(351), [2]);
    assert.deepEqual(index.takeUpTo(500), []);
    index.set(3, 600);
    index.delete(3);
    assert.equal(index.get(3), undefined);
    index.set(3, 700);
    assert.deepEqual(index.takeUpTo(650), []);
    assert.deepEqual(index.takeUpTo(701), [3]);
  });

  test('what was handed back is given again', () => {
    const index = new ExpiryIndex(100);
    index.set(1, 110);
    assert.deepEqual(index.takeUpTo(200), [1]);
    index.set(1, 110);
    assert.deepEqual(index.takeUpTo(200), [1]);
  });

  test('clocks that leap, ahead and back', () => {
    const index = new ExpiryIndex(0);
    index.set(1, 1_700_000_000);
    index.set(2, 1_600_000_000);
    assert.deepEqual(index.takeUpTo(1_800_000_000), [2, 1]);
    index.set(3, 1_700_000_050);
    index.set(4, 1_500_000_000);
    assert.deepEqual(index.takeUpTo(1_700_000_000), [4]);
    assert.deepEqual(index.takeUpTo(1_700_000_051), [3]);
  });

  test('renewals and shortenings do not pile up', () => {
    const index = new ExpiryIndex(0);
    let heads = 0;
    for (let now = 1; now <= 20_000; now++) {
      index.set(0x0a000001, now + 3600);
      index.set(0x0a000002, 100_000 - 2 * now);
      index.delete(0x0a000003);
      index.set(0x0a000003, now + 50_000);
      heads += index.takeUpTo(now).length;
    }
    assert.equal(heads, 0);
    const { entryCount } = index as unknown as { entryCount: number };
    assert.ok(entryCount < 3000, `${entryCount} entries for 3 addresses`);
  });
});
