/** The lease table against the simplest model there is: a Map. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hashKeyOf } from 'lessor/internal/domain/keyed-hash.js';
import type { Lease } from 'lessor/internal/domain/lease.js';
import { LeaseTable } from 'lessor/internal/store/lease-table.js';
import { leaseOf } from '../store/harness.js';

const SEED = Number(process.env.LESSOR_PROPERTY_SEED ?? 20261122);
const RUNS = Number(process.env.LESSOR_PROPERTY_RUNS ?? 150);

function newTable(): LeaseTable {
  return new LeaseTable(hashKeyOf(new Uint8Array(8).fill(7)));
}

/** Few values of each, so that they meet again; some at the edges of the address tree. */
const address = fc.oneof(
  fc.integer({ min: 0xc0000200, max: 0xc0000210 }),
  fc.constantFrom(0, 63, 64, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff),
);
const octets = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((n) => String.fromCharCode(n)), maxLength: 90 });
const hwAddress = fc.oneof(fc.constantFrom('', 'aaaaaa', 'aaaaab', 'bbbbbb'), octets);
const clientId = fc.oneof(fc.constantFrom('', '\x01aaaaaa', '\x01aaaaab', 'aaaaaa'), octets);
const lease: fc.Arbitrary<Lease> = fc.record(
  {
    address,
    hwAddress,
    clientId,
    validLifetimeSec: fc.nat(0xffff_ffff),
    clttSec: fc.nat(0xffff_ffff),
    subnetId: fc.integer({ min: 1, max: 3 }),
    poolId: fc.nat(0xffff_ffff),
    fqdnFwd: fc.boolean(),
    fqdnRev: fc.boolean(),
    hostname: fc.oneof(fc.constantFrom('', 'host', 'other'), octets),
    state: fc.constantFrom(0, 1, 2, 3),
    userContext: fc.oneof(
      fc.constantFrom('', '{ }'),
      octets,
      octets.map((text) => text.repeat(40)),
    ),
  },
  { noNullPrototype: true },
);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ put: lease }) },
  { weight: 1, arbitrary: fc.record({ remove: address }) },
);

function byAddress(a: Lease, b: Lease): number {
  return a.address - b.address;
}

function sorted(model: Map<number, Lease>, keep: (lease: Lease) => boolean = () => true): Lease[] {
  return [...model.values()].filter(keep).sort(byAddress);
}

function check(table: LeaseTable, model: Map<number, Lease>): void {
  const all = sorted(model);
  assert.equal(table.size, model.size);
  assert.deepEqual([...table.all()].sort(byAddress), all);
  assert.deepEqual(table.page(undefined, all.length + 1), all);
  for (const { address: after } of all) {
    const expected = all.filter((other) => other.address > after).slice(0, 2);
    assert.deepEqual(table.page(after, 2), expected);
  }
  for (const one of all) {
    assert.deepEqual(table.getByAddress(one.address), one);
    if (one.hwAddress !== '') {
      const same = sorted(model, (other) => other.hwAddress === one.hwAddress);
      assert.deepEqual(table.listByHwAddress(one.hwAddress), same);
      for (const subnetId of [1, 2, 3]) {
        const found = table.findByHwAddress(one.hwAddress, (id) => id === subnetId);
        const possible = same.filter((other) => other.subnetId === subnetId);
        assert.equal(found !== undefined, possible.length > 0);
        if (found !== undefined) assert.deepEqual(found, model.get(found.address));
      }
    }
    if (one.clientId !== '') {
      const same = sorted(model, (other) => other.clientId === one.clientId);
      assert.deepEqual(table.listByClientId(one.clientId), same);
      assert.ok(table.findByClientId(one.clientId, (id) => id === one.subnetId) !== undefined);
    }
    if (one.hostname !== '') {
      const same = sorted(model, (other) => other.hostname.toLowerCase() === one.hostname.toLowerCase());
      assert.deepEqual(table.listByHostname(one.hostname), same);
    }
  }
}

describe('lease table', () => {
  it('answers as a Map would, whatever is put and removed', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const table = newTable();
        const model = new Map<number, Lease>();
        for (const one of steps) {
          if ('put' in one) {
            table.put(one.put);
            model.set(one.put.address, one.put);
          } else {
            assert.equal(table.delete(one.remove), model.delete(one.remove));
          }
        }
        check(table, model);
      }),
      { seed: SEED, numRuns: RUNS },
    );
  });

  it('stays right over growth, removal and reuse of many rows', () => {
    const table = newTable();
    const model = new Map<number, Lease>();
    let seed = 12345;
    const below = (bound: number) => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return Math.floor((seed / 2 ** 32) * bound);
    };
    for (let i = 0; i < 60_000; i++) {
      const n = below(20_000);
      if (below(4) === 0) {
        assert.equal(table.delete(leaseOf(n).address), model.delete(leaseOf(n).address));
      } else {
        // Sometimes the address goes to another client, with a name of another length.
        const client = below(3) === 0 ? below(20_000) : n;
        const changed = {
          ...leaseOf(client),
          address: leaseOf(n).address,
          hostname: 'h'.repeat(below(100)),
          poolId: i,
        };
        table.put(changed);
        model.set(changed.address, changed);
      }
    }
    assert.deepEqual(table.page(undefined, 100_000), sorted(model));
    for (const one of model.values()) {
      assert.deepEqual(table.getByAddress(one.address), one);
      assert.ok(table.listByHwAddress(one.hwAddress).some((other) => other.address === one.address));
      assert.ok(table.listByClientId(one.clientId).some((other) => other.address === one.address));
    }
    for (let n = 0; n < 20_000; n++) {
      const { hwAddress: hw } = leaseOf(n);
      for (const found of table.listByHwAddress(hw)) assert.equal(model.get(found.address)?.hwAddress, hw);
    }
    const full = table.memoryOctets;
    for (const one of [...model.values()]) table.delete(one.address);
    assert.equal(table.size, 0);
    assert.deepEqual(table.page(undefined, 10), []);
    for (const one of model.values()) table.put(one);
    assert.equal(table.memoryOctets, full, 'what was freed is used again');
    assert.deepEqual(table.page(undefined, 100_000), sorted(model));
  });

  it('takes ten thousand leases of one client in its stride', () => {
    const table = newTable();
    const count = 10_000;
    for (let n = 0; n < count; n++) table.put(leaseOf(1, { address: n, clientId: `client ${n}` }));
    assert.equal(table.listByHwAddress(leaseOf(1).hwAddress).length, count);
    // Quadratic work would be 50 million steps through scattered memory here.
    for (let n = 0; n < count; n++) assert.ok(table.delete(n));
    assert.deepEqual(table.listByHwAddress(leaseOf(1).hwAddress), []);
  });

  it('needs no more memory for leases renewed a hundred times', () => {
    const table = newTable();
    for (let n = 0; n < 2000; n++) table.put(leaseOf(n, { hostname: `host-${n}` }));
    const before = table.memoryOctets;
    for (let round = 0; round < 100; round++) {
      for (let n = 0; n < 2000; n++) table.put(leaseOf(n, { hostname: `host-${n}`, clttSec: 1_700_000_000 + round }));
    }
    assert.equal(table.memoryOctets, before);
  });

  it('spreads identifiers by its key', () => {
    // Same leases, other key: the same answers.
    const other = new LeaseTable(hashKeyOf(Uint8Array.from([9, 8, 7, 6, 5, 4, 3, 2])));
    const table = newTable();
    for (let n = 0; n < 1000; n++) {
      other.put(leaseOf(n));
      table.put(leaseOf(n));
    }
    for (let n = 0; n < 1000; n++) {
      assert.deepEqual(other.listByClientId(leaseOf(n).clientId), table.listByClientId(leaseOf(n).clientId));
    }
  });

  it('keeps texts that are not octets as their UTF-8 octets', () => {
    const table = newTable();
    table.put(leaseOf(1, { hostname: 'h\u20ac', userContext: '{ "a": "\u20ac" }' }));
    assert.equal(table.getByAddress(leaseOf(1).address)?.hostname, 'h\xe2\x82\xac');
    assert.equal(table.getByAddress(leaseOf(1).address)?.userContext, '{ "a": "\xe2\x82\xac" }');
  });

  it('refuses what no lease can hold', () => {
    const table = newTable();
    assert.throws(() => table.put(leaseOf(1, { clientId: 'x'.repeat(256) })), RangeError);
    assert.throws(() => table.put(leaseOf(1, { hostname: 'x'.repeat(40_000) })), RangeError);
    assert.throws(() => table.put(leaseOf(1, { userContext: 'x'.repeat(2 ** 20) })), RangeError);
    assert.equal(table.size, 0);
  });
});
