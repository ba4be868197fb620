/** One server's half of the common lease table, where what happens on it and what the partner sends come close together. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Lease, LeaseState } from 'lessor/internal/domain/lease.js';
import type { PairFile } from 'lessor/internal/domain/pair/file.js';
import { endOf, versionIn } from 'lessor/internal/domain/pair/record.js';
import { compareVersions, epochOf, eventNumber, strayOf, type Version } from 'lessor/internal/domain/pair/version.js';
import type { Ipv4, Octets } from 'lessor/internal/domain/values.js';
import { StoreError } from 'lessor/internal/errors.js';
import { Ledger } from 'lessor/internal/services/ledger.js';
import { PairMemory } from 'lessor/internal/services/pair/memory.js';
import { Replica, recordOf } from 'lessor/internal/services/pair/replica.js';
import { UnconfirmedRecords } from 'lessor/internal/services/pair/unconfirmed.js';
import { stamped } from 'lessor/internal/services/pair/wire.js';
import { SimDisk, SimLeaseStore } from '../sim/disk.js';

const NOW = 1_795_321_794;
const ADDRESS = 0xc000_0200;

const lease: Lease = {
  ...{ address: ADDRESS, hwAddress: '\x02\0\0\0\0\x01', clientId: '', validLifetimeSec: 50, clttSec: NOW },
  ...{ subnetId: 1, poolId: 0, fqdnFwd: false, fqdnRev: false, hostname: '', state: LeaseState.default },
  userContext: '',
};

const file: PairFile = {
  ...{ relationship: 'a-b', side: 1, epoch: 1, boot: 1, born: 1, metBoot: 0, fence: 0, lost: false, forgot: false },
  ...{ reservedCounter: 0, state: 'normal', downSinceSec: 0, cleanDown: false, clockOffsetMs: 0 },
  ...{ blindUntilSec: 0, saidGoodbye: false, ownership: [], grant: undefined, granted: 0, received: 0 },
  ...{ partnerLostBoot: 0, withheld: [], stranger: false },
};

/** A server whose flushes end when the test says so. */
function server(change: Partial<PairFile> = {}) {
  const flushes: (() => void)[] = [];
  const disk = new SimDisk();
  disk.flushMs = 5;
  const store = new SimLeaseStore({
    disk,
    step: () => undefined,
    after: (_delayMs, run) => flushes.push(run),
    torn: () => 0,
  });
  const ledger = new Ledger(store);
  const unconfirmed = new UnconfirmedRecords();
  const settled: Ipv4[] = [];
  unconfirmed.compared();
  const dropped: Octets[] = [];
  const memory = new PairMemory({ load: () => undefined, save: () => undefined }, { ...file, ...change });
  const replica = new Replica({
    ...{ ledger, memory, unconfirmed, mcltSec: 10, oldestMessageSec: 20, nowSec: () => NOW, mayAgree: () => true },
    ...{ onChange: () => undefined, onSettled: (address) => settled.push(address) },
    onDropped: (_address, binding) => dropped.push(binding.dropped),
  });
  const flushed = async (): Promise<void> => {
    flushes.shift()!();
    await new Promise(setImmediate);
  };
  return { disk, ledger, memory, unconfirmed, replica, settled, dropped, flushed };
}

describe('What both servers have', () => {
  const theirs = (counter: number) => {
    const version = [eventNumber(1, counter), 0] as const;
    return { address: ADDRESS, version, lease: stamped(lease, version) };
  };

  it('is what was taken in', async () => {
    const { unconfirmed, replica, flushed } = server();
    const taken = replica.takeIn([theirs(1)]);
    await flushed();
    await taken;
    assert.ok(unconfirmed.isConfirmed(ADDRESS));
  });

  it('is not what a client of ours changed in the very next turn of the ledger', async () => {
    const { ledger, unconfirmed, replica, flushed } = server();
    const taken = replica.takeIn([theirs(1)]);
    const renewed = ledger.transact((tx) => tx.put({ ...tx.getByAddress(ADDRESS)!, validLifetimeSec: 80 }));
    await flushed();
    await taken;
    const { version, known } = unconfirmed.find(ADDRESS)!;
    assert.equal(compareVersions(version, theirs(1).version), 'newer');
    assert.equal(known?.endSec, NOW + 50, 'of what the partner sent');
    await flushed();
    await renewed;
    assert.ok(!unconfirmed.isConfirmed(ADDRESS), 'it has to be sent');
    assert.deepEqual(unconfirmed.take(9), [ADDRESS]);
    const stored = versionIn(ledger.leases.getByAddress(ADDRESS)!.userContext);
    assert.deepEqual(stored, version);
  });

  it('nor what was changed while a comparison found it equal', async () => {
    const { ledger, unconfirmed, replica, flushed } = server();
    const first = replica.takeIn([theirs(1)]);
    await flushed();
    await first;
    const before = ledger.transact((tx) => tx.put({ ...lease, address: ADDRESS + 1 }));
    const compared = replica.takeIn([theirs(1)]);
    const renewed = ledger.transact((tx) => tx.put({ ...tx.getByAddress(ADDRESS)!, validLifetimeSec: 80 }));
    await flushed();
    await before;
    await compared;
    await flushed();
    await renewed;
    assert.ok(!unconfirmed.isConfirmed(ADDRESS));
  });

  it('what the partner sends is known of it, though ours waits to be sent', async () => {
    const { ledger, unconfirmed, replica, flushed } = server();
    const ours = ledger.transact((tx) => tx.put(lease));
    await flushed();
    await ours;
    assert.equal(unconfirmed.find(ADDRESS)!.known, undefined);
    const version = [eventNumber(1, 1), unconfirmed.find(ADDRESS)!.version[1]] as const;
    const taken = replica.takeIn([{ address: ADDRESS, version, lease: stamped(lease, version) }]);
    const again = ledger.transact((tx) => tx.put({ ...tx.getByAddress(ADDRESS)!, validLifetimeSec: 80 }));
    await flushed();
    await taken;
    assert.equal(unconfirmed.find(ADDRESS)!.known?.endSec, NOW + 50);
    await flushed();
    await again;
  });
});

describe('A full disk', () => {
  it('leaves an address as it was, to be given again when there is room', async () => {
    const { disk, ledger, unconfirmed, settled, flushed } = server();
    disk.failing = true;
    const granted = assert.rejects(async () => await ledger.transact((tx) => tx.put(lease)), {
      code: 'store-unavailable',
    });
    assert.notEqual(unconfirmed.find(ADDRESS), undefined);
    await flushed();
    await granted;
    assert.equal(unconfirmed.find(ADDRESS), undefined);
    assert.deepEqual(settled, [ADDRESS]);
  });

  it('keeps a binding unconfirmed whose renewal could not be written', async () => {
    const { disk, ledger, unconfirmed, settled, flushed } = server();
    const granted = ledger.transact((tx) => tx.put(lease));
    await flushed();
    await granted;
    disk.failing = true;
    const renewed = assert.rejects(
      async () => await ledger.transact((tx) => tx.put({ ...lease, validLifetimeSec: 80 })),
    );
    await flushed();
    await renewed;
    assert.ok(!unconfirmed.isConfirmed(ADDRESS));
    assert.deepEqual(settled, []);
  });

  it('lets no epoch begin that would be forgotten with the process', () => {
    let saved = file;
    let failing = false;
    const save = (next: PairFile): void => {
      if (failing) throw new StoreError('store-unavailable', 'full');
      saved = next;
    };
    const memory = new PairMemory({ load: () => undefined, save }, file);
    failing = true;
    memory.attempt({ epoch: 10 });
    assert.equal(epochOf(memory.nextEvent()), 1);
    failing = false;
    memory.attempt({ epoch: 10 });
    assert.equal(epochOf(memory.nextEvent()), 10);
    assert.equal(saved.epoch, 10);
  });
});

describe('A lease the partner has lost, and may once have confirmed', () => {
  it('is not stored shorter because less of it may be told now', async () => {
    const { ledger, unconfirmed, flushed } = server();
    const granted = ledger.transact((tx) => tx.put(lease));
    await flushed();
    await granted;
    unconfirmed.confirmed(ADDRESS);
    // What a comparison notes of a partner that came back with nothing.
    const { version } = recordOf(ADDRESS, ledger.leases.getByAddress(ADDRESS));
    unconfirmed.changed(ADDRESS, version, undefined, false);
    for (const validLifetimeSec of [10, 12]) {
      const renewed = ledger.transact((tx) => tx.put({ ...tx.getByAddress(ADDRESS)!, validLifetimeSec }));
      await flushed();
      await renewed;
      assert.equal(endOf(ledger.leases.getByAddress(ADDRESS)!), NOW + 50);
    }
    const other = { ...lease, hwAddress: '\x02\0\0\0\0\x02', validLifetimeSec: 10 };
    const given = ledger.transact((tx) => tx.put(other));
    await flushed();
    await given;
    assert.equal(endOf(ledger.leases.getByAddress(ADDRESS)!), NOW + 10);
  });
});

describe('What a server that began anew gives', () => {
  const OTHER = '\x02\0\0\0\0\x02';
  const versionAt = ({ ledger }: ReturnType<typeof server>): Version =>
    versionIn(ledger.leases.getByAddress(ADDRESS)!.userContext);

  it('is counted again when it has met its partner, above what that one has of an earlier life', async () => {
    const anew = server({ stranger: true });
    const given = anew.ledger.transact((tx) => tx.put(lease));
    await anew.flushed();
    await given;
    const former: Version = [eventNumber(3, 1), eventNumber(3, 1)];
    assert.equal(compareVersions(versionAt(anew), former), 'older');
    anew.memory.raiseEpoch(3, {});
    const recounted = anew.replica.recount();
    await anew.flushed();
    await recounted;
    assert.equal(compareVersions(versionAt(anew), former), 'concurrent');
    assert.equal(endOf(anew.ledger.leases.getByAddress(ADDRESS)!), NOW + 50);
    // Once is enough: nothing is written.
    await anew.replica.recount();
    assert.equal(epochOf(versionAt(anew)[1]), 4);
  });

  it('gets an event of whoever takes it in, so that what the next such life gives is not newer', async () => {
    const partner = server({ side: 0 });
    const stray: Version = [-1, eventNumber(4, 1)];
    const taken = partner.replica.takeIn([{ address: ADDRESS, version: stray, lease: stamped(lease, stray) }]);
    await partner.flushed();
    assert.equal(compareVersions((await taken).newer[0]!.version, stray), 'newer');
    assert.ok(strayOf(versionAt(partner)) === undefined);
    const next: Version = [-1, eventNumber(9, 1)];
    assert.equal(compareVersions(next, versionAt(partner)), 'concurrent');
    const again = { address: ADDRESS, version: next, lease: stamped({ ...lease, hwAddress: OTHER }, next) };
    const merged = partner.replica.takeIn([again]);
    // Said before it is durable: a process that ends here would not find it again.
    assert.deepEqual(partner.dropped, [`h${lease.hwAddress}`]);
    await partner.flushed();
    await merged;
    assert.equal(partner.ledger.leases.getByAddress(ADDRESS)!.hwAddress, OTHER);
  });

  it('is an ordinary event as soon as the leases have been compared', async () => {
    const same = server();
    const given = same.ledger.transact((tx) => tx.put(lease));
    await same.flushed();
    await given;
    assert.ok(strayOf(versionAt(same)) === undefined);
  });
});
