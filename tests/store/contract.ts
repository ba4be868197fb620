/** What every LeaseStore must do, whatever it keeps leases in. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Lease, LeaseState } from 'lessor/internal/domain/lease.js';
import type { LeaseStore } from 'lessor/internal/services/ports.js';
import { leaseOf } from './harness.js';

/** A store being tested, and how to give it time. */
export interface Subject {
  readonly store: LeaseStore;
  /** Waits for work of the store, turning its clock if it has one. */
  wait<T>(work: Promise<T> | T): Promise<T>;
}

/** Declares the tests. `make` gives a new, empty, unopened store. */
export function leaseStoreContract(name: string, make: () => Subject): void {
  const opened = async (): Promise<Subject> => {
    const subject = make();
    await subject.wait(subject.store.open());
    return subject;
  };
  const any = () => true;

  describe(`lease store contract: ${name}`, () => {
    it('shows staged changes at once and keeps them after the commit', async () => {
      const { store, wait } = await opened();
      const lease = leaseOf(1, { hostname: 'a.example.org', userContext: '{ "ISC": { "relay": 1 } }', poolId: 7 });
      store.put(lease);
      assert.deepEqual(store.getByAddress(lease.address), lease);
      await wait(store.commit());
      assert.deepEqual(store.getByAddress(lease.address), lease);
      assert.equal(store.size, 1);
      await wait(store.close());
    });

    it('undoes what was staged, in the reverse order', async () => {
      const { store, wait } = await opened();
      const first = leaseOf(1);
      const second = leaseOf(2);
      store.put(first);
      store.put(second);
      await wait(store.commit());
      store.put({ ...first, hostname: 'changed' });
      store.delete(first.address);
      store.put({ ...first, clientId: 'other' });
      store.delete(second.address);
      store.put(leaseOf(3));
      store.rollback();
      assert.deepEqual(store.page(undefined, 10), [first, second]);
      assert.deepEqual(store.findByClientId(first.clientId, any), first);
      assert.equal(store.findByClientId('other', any), undefined);
      await wait(store.close());
    });

    it('does nothing when the absent is deleted or nothing is staged', async () => {
      const { store, wait } = await opened();
      store.delete(0x01020304);
      await wait(store.commit());
      store.rollback();
      assert.equal(store.size, 0);
      await wait(store.close());
    });

    it('finds by identifiers in the subnets the caller accepts', async () => {
      const { store, wait } = await opened();
      const here = leaseOf(1, { subnetId: 1 });
      const there: Lease = { ...leaseOf(300, { subnetId: 2 }), hwAddress: here.hwAddress, clientId: here.clientId };
      store.put(there);
      store.put(here);
      await wait(store.commit());
      assert.deepEqual(
        store.findByHwAddress(here.hwAddress, (id) => id === 2),
        there,
      );
      assert.deepEqual(
        store.findByHwAddress(here.hwAddress, (id) => id === 1),
        here,
      );
      assert.equal(
        store.findByHwAddress(here.hwAddress, () => false),
        undefined,
      );
      assert.deepEqual(
        store.findByClientId(here.clientId, (id) => id === 2),
        there,
      );
      assert.deepEqual(store.listByClientId(here.clientId), [here, there]);
      assert.deepEqual(store.listByHwAddress(here.hwAddress), [here, there]);
      assert.equal(store.findByClientId('', any), undefined);
      assert.deepEqual(store.listByHwAddress(''), []);
      await wait(store.close());
    });

    it('forgets old identifiers when a lease changes hands', async () => {
      const { store, wait } = await opened();
      const before = leaseOf(1);
      const after: Lease = { ...leaseOf(9), address: before.address };
      store.put(before);
      await wait(store.commit());
      store.put(after);
      await wait(store.commit());
      assert.equal(store.findByHwAddress(before.hwAddress, any), undefined);
      assert.deepEqual(store.findByHwAddress(after.hwAddress, any), after);
      assert.equal(store.size, 1);
      await wait(store.close());
    });

    it('keeps declined addresses, which name no client', async () => {
      const { store, wait } = await opened();
      const declined = leaseOf(1, { hwAddress: '', clientId: '', state: LeaseState.declined });
      store.put(declined);
      await wait(store.commit());
      assert.deepEqual(store.getByAddress(declined.address), declined);
      assert.throws(() => store.put({ ...declined, state: LeaseState.default }), /names no client/);
      await wait(store.close());
    });

    it('finds hostnames without regard to case', async () => {
      const { store, wait } = await opened();
      const lease = leaseOf(1, { hostname: 'urania.example.org' });
      store.put(lease);
      store.put(leaseOf(2));
      assert.deepEqual(store.listByHostname('URANIA.example.org'), [lease]);
      assert.deepEqual(store.listByHostname(''), []);
      await wait(store.commit());
      await wait(store.close());
    });

    it('pages in address order, from any address', async () => {
      const { store, wait } = await opened();
      const addresses = [0, 1, 0x0a000001, 0x0a0000ff, 0x0a000100, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
      for (const address of [...addresses].reverse()) store.put(leaseOf(1, { address }));
      await wait(store.commit());
      assert.deepEqual(
        store.page(undefined, 100).map((lease) => lease.address),
        addresses,
      );
      assert.deepEqual(
        store.page(0x0a000001, 2).map((lease) => lease.address),
        [0x0a0000ff, 0x0a000100],
      );
      assert.deepEqual(
        store.page(0x0a000002, 1).map((lease) => lease.address),
        [0x0a0000ff],
      );
      assert.deepEqual(store.page(0xffffffff, 5), []);
      assert.deepEqual(store.page(undefined, 0), []);
      assert.deepEqual([...store.all()].map((lease) => lease.address).sort(ascending), addresses);
      await wait(store.close());
    });

    it('is healthy and cleans up when asked', async () => {
      const { store, wait } = await opened();
      for (let n = 0; n < 600; n++) store.put(leaseOf(n));
      await wait(store.commit());
      await wait(store.cleanup());
      assert.equal(store.size, 600);
      assert.deepEqual(store.health, { ok: true });
      await wait(store.close());
    });
  });
}

function ascending(a: number, b: number): number {
  return a - b;
}
