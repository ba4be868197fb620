/** Allocation against naive models: Set for the free map, lists for the queue, a walk over everything for the rest. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FreeLeaseQueueAllocator } from 'lessor/internal/domain/allocate/free-lease-queue.js';
import { FreeMap } from 'lessor/internal/domain/allocate/free-map.js';
import { isAvailable, type Lease, LeaseState } from 'lessor/internal/domain/lease.js';
import type { AllocatorName } from 'lessor/internal/domain/snapshot.js';
import { AddressSpace } from 'lessor/internal/services/address-space.js';
import { ExpiryIndex } from 'lessor/internal/services/expiry-index.js';
import { lease, MapLeases, seededChance, snapshotOf } from '../unit/allocate-helpers.js';

const numRuns = Number(process.env.LESSOR_PROPERTY_RUNS ?? 150);

test('FreeMap is a set of addresses', () => {
  const sizes = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.constantFrom(1024, 32_768, 32_769, 70_000));
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.boolean()), { maxLength: 60 });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xfff0_0000 }), sizes, changes, fc.nat(), (first, size, runs, probe) => {
      const map = new FreeMap(first, first + size - 1);
      const free = new Set(Array.from({ length: size }, (_, i) => first + i));
      for (const [start, length, makeFree] of runs) {
        for (let i = 0; i < length % 3000; i++) {
          const address = first + ((start + i) % size);
          assert.equal(map.setFree(address, makeFree), free.has(address) !== makeFree);
          if (makeFree) free.add(address);
          else free.delete(address);
        }
      }
      assert.equal(map.free, free.size);
      const sorted = [...free].sort((a, b) => a - b);
      for (const from of [first, first + (probe % size), first + size - 1]) {
        const forward = sorted.find((address) => address >= from);
        assert.equal(map.nextFreeForward(from), forward);
        assert.equal(map.nextFree(from), forward ?? sorted[0]);
        assert.equal(map.isFree(from), free.has(from));
      }
      if (sorted.length > 0) {
        const rank = probe % sorted.length;
        assert.equal(map.select(rank), sorted[rank]);
      }
    }),
    { numRuns },
  );
});

test('the free-lease-queue hands out what has been free for the longest time', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom('take', 'free', 'pick'), fc.nat()), { maxLength: 400 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(), steps, (size, seed, plan) => {
      const map = new FreeMap(100, 99 + size);
      for (let i = 0; i < size; i += 3) map.setFree(100 + i, false);
      const allocator = new FreeLeaseQueueAllocator(map, seededChance(seed));
      const untouched = new Set<number>();
      for (let a = 100; a < 100 + size; a++) if (map.isFree(a)) untouched.add(a);
      let queue: number[] = [];
      for (const [what, number] of plan) {
        const address = 100 + (number % size);
        if (what === 'pick') {
          const picked = allocator.pick(map);
          if (untouched.size > 0) assert.ok(untouched.delete(picked!), `${picked} is not untouched`);
          else assert.equal(picked, queue.shift());
          if (picked !== undefined) queue.push(picked);
        } else if (map.setFree(address, what === 'free')) {
          untouched.delete(address);
          queue = queue.filter((queued) => queued !== address);
          if (what === 'free') queue.push(address);
          if (what === 'free') allocator.freed(address);
          else allocator.taken(address);
        }
      }
    }),
    { numRuns },
  );
});

test('the free-lease-queue stays right over many rounds', () => {
  const map = new FreeMap(0, 999);
  const allocator = new FreeLeaseQueueAllocator(map, seededChance(5));
  const chance = seededChance(9);
  for (let i = 0; i < 50_000; i++) {
    const address = chance.below(1000);
    if (map.isFree(address)) {
      map.setFree(address, false);
      allocator.taken(address);
    } else {
      map.setFree(address, true);
      allocator.freed(address);
    }
  }
  const seen = new Set<number>();
  const free = map.free;
  for (let i = 0; i < free; i++) {
    const address = allocator.pick(map)!;
    assert.ok(map.isFree(address));
    seen.add(address);
  }
  assert.equal(seen.size, free);
});

test('ExpiryIndex gives each address once, when its last known end has come', () => {
  const steps = fc.array(
    fc.tuple(
      fc.constantFrom('set', 'set', 'set', 'delete', 'wait', 'take'),
      fc.nat(600),
      fc.integer({ min: -20, max: 300 }),
    ),
    { maxLength: 300 },
  );
  fc.assert(
    fc.property(steps, (plan) => {
      const index = new ExpiryIndex(1000);
      const ends = new Map<number, number>();
      let now = 1000;
      for (const [what, address, number] of plan) {
        if (what === 'set') {
          index.set(address, now + number);
          ends.set(address, now + number);
        } else if (what === 'delete') {
          index.delete(address);
          ends.delete(address);
        } else if (what === 'wait') {
          now += number;
        } else {
          const limit = number > 150 ? Number.POSITIVE_INFINITY : Math.max(0, number);
          const due = [...ends].filter(([, end]) => end < now).map(([one]) => one);
          const taken = index.takeUpTo(now, limit);
          assert.equal(taken.length, Math.min(limit, due.length));
          for (const one of taken) assert.ok(due.includes(one) && ends.delete(one));
        }
        assert.equal(index.size, ends.size);
        assert.equal(index.get(address), ends.get(address));
      }
    }),
    { numRuns },
  );
});

test('an address space never picks what is leased, reserved or on offer, and finds everything else', () => {
  const FIRST = 0x0a000001;
  const SIZE = 12;
  const step = fc.tuple(
    fc.constantFrom(
      'grant',
      'grant',
      'release',
      'remove',
      'offer',
      'withdraw',
      'wait',
      'reserve',
      'unreserve',
      'rebuild',
    ),
    fc.nat(SIZE + 3),
    fc.integer({ min: 1, max: 100 }),
  );
  const allocators = fc.constantFrom<AllocatorName>('iterative', 'random', 'flq');
  fc.assert(
    fc.property(allocators, fc.array(step, { maxLength: 120 }), fc.nat(), (allocator, plan, seed) => {
      const range = (from: number, to: number) => `10.0.0.${from}-10.0.0.${to}`;
      const snapshots = [
        snapshotOf([{ id: 1, allocator, pools: [range(1, 5), range(6, SIZE)] }]),
        snapshotOf([{ id: 1, allocator, pools: [range(1, 5), range(7, SIZE)] }]),
      ];
      let snapshot = snapshots[0]!;
      const leases = new MapLeases();
      const reserved = new Set<number>();
      const held = new Set<number>();
      let now = 5000;
      const space = new AddressSpace(seededChance(seed));
      const rebuild = (): void => {
        const list = [...reserved].map((address) => ({ scope: 1, address }));
        space.rebuild(snapshot, list, leases.asReader(), now);
      };
      const change = (address: number, after: Lease | undefined): void => {
        const before = leases.byAddress.get(address);
        if (after === undefined) leases.byAddress.delete(address);
        else leases.byAddress.set(address, after);
        space.onLeaseChange(address, before, after, now);
      };
      rebuild();
      for (const [what, offset, number] of plan) {
        const address = FIRST + offset;
        const old = leases.byAddress.get(address);
        switch (what) {
          case 'grant':
            change(address, lease(address, { clttSec: now, validLifetimeSec: number > 90 ? 0xffff_ffff : number }));
            break;
          case 'release':
            if (old !== undefined) change(address, { ...old, state: LeaseState.released });
            break;
          case 'remove':
            change(address, undefined);
            break;
          case 'offer':
            space.hold(address);
            held.add(address);
            break;
          case 'withdraw':
            space.unhold(address);
            held.delete(address);
            break;
          case 'wait':
            now += number;
            break;
          case 'reserve':
            space.reserve({ scope: 1, address }, snapshot);
            reserved.add(address);
            break;
          case 'unreserve':
            space.unreserve({ scope: 1, address }, snapshot);
            reserved.delete(address);
            break;
          case 'rebuild':
            snapshot = snapshots[number % 2]!;
            rebuild();
            break;
        }
        space.expireUpTo(now);
        const usable = (one: number): boolean =>
          !reserved.has(one) && !held.has(one) && isAvailable(leases.byAddress.get(one), now);
        for (const pool of snapshot.pools) {
          const expected: number[] = [];
          for (let one = pool.first; one <= pool.last; one++) if (usable(one)) expected.push(one);
          assert.equal(space.freeCount(pool), expected.length);
          for (let one = pool.first; one <= pool.last; one++) assert.equal(space.isFree(one, pool), usable(one));
          const picked = space.pick(pool);
          if (expected.length === 0) assert.equal(picked, undefined);
          else assert.ok(expected.includes(picked!));
        }
        const [subnet] = snapshot.subnets;
        const picked = space.pickFromSubnet(subnet!, () => true);
        if (picked === undefined) assert.ok(snapshot.pools.every((pool) => space.freeCount(pool) === 0));
        else assert.ok(usable(picked) && space.poolOf(subnet!, picked) !== undefined);
      }
      // Everything that is free can be had, each address once.
      const remaining = snapshot.pools.reduce((sum, pool) => sum + space.freeCount(pool), 0);
      const got = new Set<number>();
      for (let i = 0; i < remaining; i++) {
        const picked = space.pickFromSubnet(snapshot.subnets[0]!, () => true)!;
        space.hold(picked);
        got.add(picked);
      }
      assert.equal(got.size, remaining);
      assert.equal(
        space.pickFromSubnet(snapshot.subnets[0]!, () => true),
        undefined,
      );
    }),
    { numRuns },
  );
});
