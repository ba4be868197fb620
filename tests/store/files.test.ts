/** The set of files: what Kea and interruptions leave, what we leave to Kea. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { formatJson } from '@lessor/kea';
import { type Lease, LeaseState } from 'lessor/internal/domain/lease.js';
import { leaseToJson } from 'lessor/internal/domain/lease-json.js';
import { systemClock } from 'lessor/internal/platform/clock.js';
import { nodeFileOps } from 'lessor/internal/store/file-ops.js';
import type { MemfileStore } from 'lessor/internal/store/memfile.js';
import { repoPath } from '../lib/repo.js';
import {
  keaFile,
  keaRow,
  keaWouldLoad,
  leaseOf,
  ManualClock,
  newStore,
  RecordingLogger,
  turnUntil,
} from './harness.js';
import { SimulatedDisk } from './simulated-disk.js';

const PATH = '/leases/kea-leases4.csv';
const KEA_LFC = '/usr/sbin/kea-lfc';

/** A store opened on files given by suffix. */
async function openOn(files: Record<string, string>, options: Parameters<typeof newStore>[2] = {}) {
  const disk = new SimulatedDisk();
  for (const [suffix, content] of Object.entries(files)) disk.place(`${PATH}${suffix}`, content);
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const store = newStore(disk, clock, { logger, ...options });
  await turnUntil(clock, store.open());
  return { disk, clock, logger, store };
}

function addresses(store: MemfileStore): number[] {
  return store.page(undefined, 1000).map((lease) => lease.address);
}

const [one, two, three, four] = [leaseOf(1), leaseOf(2), leaseOf(3), leaseOf(4)];
const oneLater = leaseOf(1, { clttSec: 1_700_000_500 });
const twoRemoved = leaseOf(2, { validLifetimeSec: 0 });

describe('lease files an interrupted cleanup left', () => {
  it('.2, .1 and current are read in this order', async () => {
    const { store } = await openOn({
      '.2': keaFile(keaRow(one), keaRow(two)),
      '.1': keaFile(keaRow(oneLater), keaRow(twoRemoved), keaRow(three)),
      '': keaFile(keaRow(four)),
    });
    assert.deepEqual(store.page(undefined, 10), [oneLater, three, four]);
  });

  it('.completed stands for .2 and .1, and takes the place of .2', async () => {
    const { store, disk } = await openOn({
      '.completed': keaFile(keaRow(oneLater)),
      '.2': keaFile(keaRow(one), keaRow(two)),
      '.1': keaFile(keaRow(three)),
      '': keaFile(keaRow(four)),
    });
    assert.deepEqual(store.page(undefined, 10), [oneLater, four]);
    assert.deepEqual(disk.list(), [PATH, `${PATH}.2`]);
    assert.equal(disk.content(`${PATH}.2`), keaFile(keaRow(oneLater)));
  });

  it('.output is incomplete and ignored', async () => {
    const { store } = await openOn({ '.output': keaFile(keaRow(three)), '': keaFile(keaRow(one)) });
    assert.deepEqual(addresses(store), [one.address]);
  });

  it('an interrupted cleanup is completed in the background', async () => {
    const { store, disk, clock } = await openOn({ '.1': keaFile(keaRow(one)), '': keaFile(keaRow(two)) });
    assert.ok(store.cleaning);
    await turnUntil(clock, store.cleanup());
    assert.deepEqual(disk.list(), [PATH, `${PATH}.2`]);
    assert.deepEqual(
      [...keaWouldLoad((suffix) => disk.content(`${PATH}${suffix}`)).values()],
      [keaRow(one), keaRow(two)],
    );
  });

  it('a journal that was only being created is created again', async () => {
    for (const content of ['', 'address,hwa']) {
      const { store, disk } = await openOn({ '': content });
      assert.equal(store.size, 0);
      assert.equal(disk.content(PATH), keaFile());
    }
  });

  it('a running kea-lfc is not disturbed, a dead one is no obstacle', async () => {
    const disk = new SimulatedDisk();
    disk.place(`${PATH}.pid`, '4711\n');
    disk.place(`${PATH}`, keaFile(keaRow(one)));
    disk.place('/proc/4711/comm', 'kea-lfc\n');
    const clock = new ManualClock();
    await assert.rejects(turnUntil(clock, newStore(disk, clock).open()), { code: 'store-locked' });
    disk.place('/proc/4711/comm', 'sshd\n');
    const store = newStore(disk, clock);
    await turnUntil(clock, store.open());
    assert.equal(store.size, 1);
  });
});

describe('damaged lease files', () => {
  it('a torn last row is dropped, logged with its line, and does not spoil the next row', async () => {
    const torn = keaRow(two).slice(0, -20);
    const { store, disk, logger } = await openOn({ '': keaFile(keaRow(one)) + torn });
    assert.deepEqual(addresses(store), [one.address]);
    assert.match(logger.texts('LESSOR_MEMFILE_ROW_TORN')[0]!, /kea-leases4\.csv:3: .*192\.0\.2\.2/);
    store.put(three);
    store.commit();
    assert.equal(disk.content(PATH), keaFile(keaRow(one), keaRow(three)));
  });

  it('a corrupt row in the middle is reported with its line and kept in a copy', async () => {
    const damaged = keaFile(keaRow(one), 'rubbish', keaRow(two));
    const { store, disk, clock, logger } = await openOn({ '': damaged });
    assert.deepEqual(addresses(store), [one.address, two.address]);
    assert.match(logger.texts('DHCPSRV_MEMFILE_LEASE_LOAD_ROW_ERROR')[0]!, /kea-leases4\.csv:3: .*'rubbish'/);
    await turnUntil(clock, store.cleanup());
    const copy = disk.list().find((name) => name.includes('.damaged-'));
    assert.ok(copy !== undefined);
    assert.equal(disk.content(copy), damaged);
    // The live files are clean, so the next start has nothing to report.
    const again = new RecordingLogger();
    await turnUntil(clock, store.close());
    await turnUntil(clock, newStore(disk, clock, { logger: again }).open());
    assert.deepEqual(again.texts('DHCPSRV_MEMFILE_LEASE_LOAD_ROW_ERROR'), []);
  });

  it('max-row-errors is the number tolerated in a file', async () => {
    const damaged = keaFile('rubbish', keaRow(one), 'more rubbish');
    const tolerated = await openOn({ '': damaged }, { maxRowErrors: 2 });
    assert.equal(tolerated.store.size, 1);
    await assert.rejects(openOn({ '': damaged }, { maxRowErrors: 1 }), { code: 'store-corrupt', message: /:4|line 4/ });
  });

  it('a file that is no lease file is refused and left alone', async () => {
    const disk = new SimulatedDisk();
    disk.place(PATH, 'address,duid,valid_lifetime\n');
    const clock = new ManualClock();
    await assert.rejects(turnUntil(clock, newStore(disk, clock).open()), { code: 'store-corrupt', message: /csv:1: / });
    assert.equal(disk.content(PATH), 'address,duid,valid_lifetime\n');
  });

  it('lines longer than a piece of reading are read', async () => {
    const long = leaseOf(5, { userContext: `{ "text": "${'x'.repeat(400_000)}" }` });
    const rows = Array.from({ length: 9 }, (_, n) => keaRow({ ...long, address: long.address + n }));
    const { store } = await openOn({ '': keaFile(...rows) });
    assert.equal(store.size, 9);
    assert.deepEqual(store.getByAddress(long.address), long);
  });
});

describe('lease files of other versions of Kea', () => {
  it('a file without pool_id is converted before the first row is written', async () => {
    const old = keaFile(keaRow(one), keaRow(two)).replace(',pool_id\n', '\n').replaceAll(/,0\n/g, '\n');
    const { store, disk, logger } = await openOn({ '': old, '.1': old });
    assert.deepEqual(store.page(undefined, 10), [one, two]);
    assert.equal(logger.texts('DHCPSRV_MEMFILE_CONVERTING_LEASE_FILES').length, 1);
    store.put(three);
    store.commit();
    assert.equal(disk.content(PATH), keaFile(keaRow(three)));
    assert.equal(disk.content(`${PATH}.2`), keaFile(keaRow(one), keaRow(two)));
  });

  it('reads what Kea 2.2 wrote as Kea 2.2 itself showed it', async () => {
    const { store } = await openOn({ '': readFileSync(repoPath('tests/golden/kea2.2-leases4.csv'), 'latin1') });
    const leases = store.page(undefined, 100).map(leaseToJson);
    const answer = { arguments: { leases }, result: 0, text: `${leases.length} IPv4 lease(s) found.` };
    assert.equal(`${formatJson(answer)}\n`, readFileSync(repoPath('tests/golden/kea2.2-leases4.answer.txt'), 'utf8'));
  });

  it('Kea reads what we write', { skip: existsSync(KEA_LFC) ? false : `${KEA_LFC} is not installed` }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lessor-store-'));
    try {
      const path = join(folder, 'leases.csv');
      const store = newStore(nodeFileOps, systemClock, { path });
      await store.open();
      const leases: Lease[] = [
        leaseOf(1, { hostname: 'a,b&c.example.org', userContext: '{ "comment": "x,y", "n": [ 1, 2 ] }' }),
        leaseOf(2, { validLifetimeSec: 0xffff_ffff, clientId: '' }),
        leaseOf(3, { hwAddress: '', clientId: '', state: LeaseState.declined }),
        leaseOf(4, { hwAddress: '', fqdnFwd: true, fqdnRev: true, hostname: 'h\xe9.example.org' }),
        leaseOf(5, { state: LeaseState.expiredReclaimed }),
      ];
      for (const lease of leases) store.put(lease);
      store.put(leaseOf(6));
      await store.commit();
      await store.cleanup();
      store.delete(leaseOf(6).address);
      store.put(leaseOf(7));
      await store.commit();
      await store.close();
      assert.equal(statSync(path).mode & 0o777, 0o640);

      execFileSync(KEA_LFC, [
        '-4',
        '-x',
        `${path}.2`,
        '-i',
        path,
        '-o',
        `${path}.o`,
        '-f',
        `${path}.f`,
        '-c',
        'none',
        '-p',
        `${path}.p`,
      ]);
      // Kea 2.2 has no pool_id; it leaves its result in the place of the older input.
      const result = readFileSync(`${path}.2`, 'latin1')
        .replaceAll(/([^x])\n/g, '$1,0\n')
        .replace(',0\n', ',pool_id\n');
      writeFileSync(path, result, 'latin1');
      for (const suffix of ['.1', '.2']) rmSync(`${path}${suffix}`, { force: true });
      const again = newStore(nodeFileOps, systemClock, { path });
      await again.open();
      assert.deepEqual(again.page(undefined, 100), [...leases, leaseOf(7)]);
      await again.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
