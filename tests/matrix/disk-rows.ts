/** Row 9: the disk of the active server is full, fails, or can only be read; and is well again later. */

import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeScratch, scratchFolder } from '../lib/scratch.js';
import { PATIENCE_MS } from '../lib/until.js';
import type { Row, Scene, Stage } from './scene.js';
import { tamper } from './strace.js';
import type { SystemName } from './systems.js';

const SYSTEMS: readonly SystemName[] = ['lessor', 'kea', 'dhcpd'];
const ACTIVE = '10.77.0.1';
/** Calls by which a server changes a file: lessor, Kea and dhcpd have different ones. */
const CHANGES = 'write,pwrite64,writev,pwritev';
const FLUSHES = 'fdatasync,fsync';
/** A full disk still has room in the last block of a file: a lease file that did not grow for so long has none. */
const LAST_BLOCK_MS = 1500;

/** Fills a disk to its last octet. */
function fill(path: string): void {
  const file = openSync(path, 'w');
  for (const size of [4096, 1]) {
    try {
      for (;;) writeSync(file, Buffer.alloc(size));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
  closeSync(file);
}

/** Waits until a file has filled its last block. */
async function fullNow(file: string): Promise<void> {
  for (let [size, since] = [0, performance.now()]; performance.now() < since + LAST_BLOCK_MS; await sleep(20)) {
    const now = statSync(file).size;
    if (now !== size) [size, since] = [now, performance.now()];
  }
}

/** The fault, what must come of it, and that it is over when the disk is well, without a restart. */
async function failing(scene: Scene, begin: () => Promise<() => Promise<void>>): Promise<void> {
  const { system } = scene;
  const pid = system.pid(0);
  const mend = await begin();
  const failed = performance.now();
  await scene.fault();
  const mended = performance.now();
  await mend();
  scene.end();
  const acks = (from: number, to: number) =>
    scene.events.filter(({ res, f, inv, ret }) => res === 'ack' && f !== 'release' && inv > from && ret < to);
  const during = acks(failed, mended);
  const wrong = during.filter(({ sid }) => sid === ACTIVE).length;
  scene.demand(wrong === 0, `${wrong} ACKs by the server that could not write`, 'I11');
  scene.note(`${during.length - wrong} ACKs by the other server meanwhile`);
  if (system.ours) scene.demand(during.length > wrong, 'the other server did not take over');
  await scene.togetherIfTheyCan();
  const deadline = performance.now() + PATIENCE_MS;
  while (acks(mended, Number.POSITIVE_INFINITY).every(({ sid }) => sid !== ACTIVE)) {
    if (performance.now() > deadline) break;
    await sleep(100);
  }
  const [first] = acks(mended, Number.POSITIVE_INFINITY).filter(({ sid }) => sid === ACTIVE);
  if (first === undefined) scene.demand(!system.ours, 'the server does not serve again, though its disk is well');
  scene.note(
    first === undefined ? 'never serves again' : `serves again after ${((first.ret - mended) / 1000).toFixed(1)} s`,
  );
  scene.demand(system.pid(0) === pid, 'the server was not the same process');
  await scene.fault(2000);
}

/** Leases of the active server on a small disk of their own. */
function fullDisk(): Stage {
  const folder = scratchFolder();
  const disk = join(folder, 'disk');
  mkdirSync(disk, { mode: 0o750 });
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=750', 'none', disk]);
  const filler = join(disk, 'filler');
  return {
    variation: { server: [{ leaseFolder: disk, env: { KEA_DHCP_DATA_DIR: disk } }, {}] },
    run: (scene) =>
      failing(scene, async () => {
        fill(filler);
        await fullNow(scene.system.leaseFile(0));
        return async () => rmSync(filler);
      }),
    close() {
      execFileSync('umount', ['-l', disk]);
      removeScratch(folder);
    },
  };
}

/** Every call of these kinds on the files of the active server's database fails. */
function refusing(error: string, calls: string): (scene: Scene) => Promise<void> {
  return (scene) =>
    failing(scene, () => {
      const { system } = scene;
      const leases = system.leaseFile(0);
      return tamper(system.pid(0)!, `${calls}:error=${error}`, [leases, `${leases}.pair`, `${leases}.pair.tmp`]);
    });
}

/** See the head of this file. */
export const DISK_ROWS: readonly Row[] = [
  { id: '9.full', title: 'the disk of the active server is full', systems: SYSTEMS, stage: fullDisk },
  {
    id: '9.eio',
    title: 'the disk of the active server fails (EIO for every write and flush)',
    systems: SYSTEMS,
    run: refusing('EIO', `${CHANGES},${FLUSHES}`),
  },
  {
    id: '9.readonly',
    title: 'the disk of the active server can only be read (EROFS for every write, open and rename)',
    systems: SYSTEMS,
    run: refusing('EROFS', `${CHANGES},openat,rename`),
  },
];
