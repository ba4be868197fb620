/**
 * No DHCPACK leaves before its lease is on record: the server is killed at any instant and at every step of a commit,
 * its disk fills up and fails, and each time every promise seen on the wire must be kept by its successor.
 */

import assert from 'node:assert/strict';
import { appendFileSync, closeSync, cpSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Lab } from '../lib/lab.js';
import { AckRecord, churn } from '../lib/load.js';
import { getPeer, skipUnless } from '../lib/peers.js';
import type { Server } from '../lib/server.js';
import { type SubjectName, subject } from '../lib/subject.js';
import { PATIENCE_MS, until } from '../lib/until.js';
import { TYPE } from '../lib/wire.js';

const dhcp4 = (more: Record<string, unknown> = {}) => ({
  'valid-lifetime': 3600,
  authoritative: true,
  subnet4: [{ id: 2, subnet: '10.2.0.0/16', pools: [{ pool: '10.2.0.10 - 10.2.255.250' }] }],
  ...more,
});
const GIADDR = '10.2.0.1';

describe('SIGKILL at any instant', { skip: subject.skipReason() }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open(dhcp4());
  });
  after(async () => await lab?.close());

  test('while 40 clients get and renew leases, five times: nothing acknowledged is lost', async () => {
    const record = new AckRecord(lab);
    const path = lab.relay(GIADDR);
    for (let round = 0; round < 5; round++) {
      const before = record.count;
      let over = false;
      const load = churn(path, { clients: 40, until: () => over, timeoutMs: 600 });
      await sleep(250 + 61 * round);
      await until('clients are served', () => record.count > before + 20);
      await lab.server.kill();
      over = true;
      await load;
      await lab.server.start();
      await record.assertKept(lab.server);
    }
    record.stop();
  });
});

/** A server under strace, which tampers with its system calls on these files: suffixes of the lease file's name, or `/` for its folder. */
function tampered(lab: Lab, files: readonly string[], inject: string): Server {
  const { server } = lab;
  const paths = files.flatMap((file) => [
    '-P',
    file === '/' ? dirname(server.leaseFile) : `${server.leaseFile}${file}`,
  ]);
  const prefix = [getPeer('strace'), '-f', '-qq', '-o', '/dev/null', ...paths, '-e', `inject=${inject}`];
  return lab.another({ folder: server.folder, prefix });
}

/** One kind of step: which calls on which files, and at which of them the server dies. */
interface Step {
  readonly what: string;
  readonly calls: string;
  readonly files: readonly string[];
  readonly times: readonly number[];
  /** Clean up the lease file every second. */
  readonly cleanup?: boolean;
  /** Let the file end in half a row, as a machine that lost power leaves it. */
  readonly torn?: boolean;
}

const WRITE = 'write,pwrite64,writev,pwritev';
const FLUSH = 'fdatasync,fsync';
const RENAME = 'rename,renameat,renameat2';
/** What Kea calls the files of a cleanup; `.new` is lessor's alone. */
const FAMILY = ['', '.1', '.2', '.output', '.completed', '.new'];

/** Every step of a commit and of a cleanup that touches the disk. */
const STEPS: Readonly<Record<SubjectName, readonly Step[]>> = {
  lessor: [
    { what: 'journal write', calls: WRITE, files: [''], times: [1, 2, 3, 9] },
    { what: 'journal flush', calls: FLUSH, files: [''], times: [1, 2, 3, 9] },
    { what: 'removal of a torn row', calls: 'ftruncate', files: [''], times: [1], torn: true },
    { what: 'new journal, write', calls: WRITE, files: ['.new'], times: [1], cleanup: true },
    { what: 'new journal, flush', calls: FLUSH, files: ['.new'], times: [1], cleanup: true },
    { what: 'snapshot, write', calls: WRITE, files: ['.output'], times: [1], cleanup: true },
    { what: 'snapshot, flush', calls: FLUSH, files: ['.output'], times: [1], cleanup: true },
    { what: 'rename of a file', calls: RENAME, files: FAMILY, times: [1, 2, 3, 4], cleanup: true },
    { what: 'removal of a file', calls: 'unlink,unlinkat', files: FAMILY, times: [1, 2], cleanup: true },
    { what: 'flush of the folder', calls: FLUSH, files: ['/'], times: [1, 2, 3, 4, 5], cleanup: true },
  ],
  // Kea does not flush, and its cleanup is another process.
  kea: [{ what: 'journal write', calls: WRITE, files: [''], times: [1, 2, 3, 9] }],
};

describe('SIGKILL at every step of a commit and of a cleanup', {
  skip: subject.skipReason() || skipUnless('strace'),
}, () => {
  let lab: Lab;
  let record: AckRecord;
  before(async () => {
    lab = await Lab.open(dhcp4());
    record = new AckRecord(lab);
    await lab.client({}, lab.relay(GIADDR)).lease();
  });
  after(async () => await lab?.close());

  for (const { what, calls, files, times, cleanup, torn } of STEPS[subject.name]) {
    for (const time of times) {
      test(`${what}, number ${time}`, async (t) => {
        await lab.server.kill();
        if (torn) appendFileSync(lab.server.leaseFile, '10.2.200.200,02:00:00:00:00:0');
        const victim = tampered(lab, files, `${calls}:signal=KILL:when=${time}`);
        const database = { type: 'memfile', persist: true, name: lab.server.leaseFile, 'lfc-interval': 1 };
        victim.configure(dhcp4(cleanup ? { 'lease-database': database } : {}));
        const before = record.count;
        // It may die while it starts: opening the file is one of the steps.
        await victim.start().catch(() => undefined);
        // Clients of little patience have little to wait for when it is dead; where it is slow they get nowhere.
        for (const [timeoutMs, forMs] of [
          [150, 4000],
          [2000, PATIENCE_MS],
        ] as const) {
          const deadline = performance.now() + forMs;
          const over = () => !victim.running || performance.now() > deadline;
          await churn(lab.relay(GIADDR), { clients: 2, until: over, timeoutMs });
        }
        assert.ok(!victim.running, 'it never came to this step');
        assert.equal(victim.ending, 'SIGKILL', lab.server.log().slice(-1000));
        t.diagnostic(`killed after ${record.count - before} ACKs`);
        lab.server.configure(dhcp4());
        await lab.server.start();
        await record.assertKept(lab.server);
        await lab.client({}, lab.relay(GIADDR)).lease();
      });
    }
  }
});

describe('The order of things', { skip: failingDiskSkip() }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open(dhcp4());
  });
  after(async () => await lab?.close());

  test('write, then flush, then ACK: seen in the system calls of five leases', async () => {
    await lab.server.kill();
    const trace = join(lab.server.folder, 'strace');
    const calls = `${WRITE},${FLUSH},sendto,sendmsg,sendmmsg`;
    const prefix = [getPeer('strace'), '-f', '-qq', '-yy', '-s', '0', '-o', trace, '-e', `trace=${calls}`];
    const traced = lab.another({ folder: lab.server.folder, prefix });
    await traced.start();
    for (let n = 0; n < 5; n++) await lab.client({}, lab.relay(GIADDR)).lease();
    await traced.kill();
    // One client at a time: after each row only its flush may stand between it and the next datagram.
    const steps = readFileSync(trace, 'utf8')
      .split('\n')
      .flatMap((line) => stepOf(line, traced.leaseFile) ?? []);
    const order = steps.join('').replace(/^.*?(?=s)/, '');
    assert.match(order, /^(s+w+f+s){5}s*$/, `w = row written, f = flushed, s = datagram sent: ${order}`);
  });
});

/** A line of strace's output as a letter: journal written, journal flushed, datagram sent; undefined for all else. */
function stepOf(line: string, leaseFile: string): 'w' | 'f' | 's' | undefined {
  const [, call = '', descriptor = ''] = /^\d+\s+(\w+)\(\d+<([^>]*)>/.exec(line) ?? [];
  if (call.startsWith('send')) return /^(UDP|PACKET)/.test(descriptor) ? 's' : undefined;
  if (descriptor !== leaseFile) return undefined;
  return FLUSH.includes(call) ? 'f' : 'w';
}

describe('A disk that fails (fdatasync: EIO)', { skip: failingDiskSkip() }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open(dhcp4());
  });
  after(async () => await lab?.close());

  test('what could not be made durable is not acknowledged, and service resumes', async () => {
    const record = new AckRecord(lab);
    await lab.server.kill();
    const victim = tampered(lab, [''], `${FLUSH}:error=EIO:when=6..9`);
    await victim.start();
    const path = lab.relay(GIADDR);
    // Before the disk fails.
    await lab.client({}, path).lease();
    const outcomes: boolean[] = [];
    for (let n = 0; n < 60 && !(outcomes.includes(false) && outcomes.at(-1)); n++) {
      const client = lab.client({}, path);
      const offer = await client.ask(TYPE.discover, {}, 1500);
      const ack = offer && (await client.ask(TYPE.request, client.selecting(offer), 1500));
      outcomes.push(ack?.type === TYPE.ack);
    }
    assert.ok(outcomes.includes(false), `every request was acknowledged though the disk failed: ${outcomes}`);
    assert.equal(outcomes.at(-1), true, `no ACK after the disk recovered: ${outcomes}`);
    assert.ok(victim.running, 'the server ended');
    await victim.kill();
    await lab.server.start();
    await record.assertKept(lab.server);
  });
});

/** Kea never flushes, so a failing flush is nothing it could notice. */
function failingDiskSkip(): string | false {
  return subject.skipReason() || skipUnless('strace') || (subject.name === 'kea' && 'kea: never calls fdatasync');
}

describe('A full disk (ENOSPC)', { skip: subject.skipReason() }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open(dhcp4());
    await lab.server.kill();
  });
  after(async () => await lab?.close());

  test('no ACK while the disk is full, ACKs again when space returns, nothing acknowledged is lost', async () => {
    const record = new AckRecord(lab);
    const disk = join(lab.server.folder, 'disk');
    mkdirSync(disk, { mode: 0o750 });
    // ip-netns gives the server a mount namespace of its own: the little disk goes when the server does.
    const mount = 'mount -t tmpfs -o size=64k none "$0" && exec "$@"';
    const victim = lab.another({
      folder: lab.server.folder,
      leaseFolder: disk,
      prefix: ['/bin/sh', '-c', mount, disk],
      env: { KEA_DHCP_DATA_DIR: disk },
    });
    victim.configure(dhcp4());
    await victim.start();
    const inside = join('/proc', String(victim.pid), 'root', disk);
    const path = lab.relay(GIADDR);
    const acked = async (): Promise<boolean> => {
      const client = lab.client({}, path);
      const offer = await client.ask(TYPE.discover, {}, 400);
      const ack = offer && (await client.ask(TYPE.request, client.selecting(offer), 400));
      return ack?.type === TYPE.ack;
    };
    await lab.client({}, path).lease();

    fill(join(inside, 'filler'));
    // Kea does not tell; of lessor it is known when an ACK is missing because of the disk, and not because it is slow.
    const isFull = async (): Promise<boolean> =>
      subject.name !== 'lessor' || /ENOSPC|no space/i.test(JSON.stringify(await victim.must('status-get')));
    let last = true;
    for (let n = 0; n < 200 && (last || !(await isFull())); n++) last = await acked();
    assert.equal(last, false, 'ACKs in spite of a full disk');
    for (let n = 0; n < 4; n++) assert.equal(await acked(), false, 'an ACK while the disk is full');
    assert.ok(victim.running, 'the server ended');
    const status = JSON.stringify(await victim.must('status-get'));
    if (subject.name === 'lessor') assert.match(status, /ENOSPC|no space/i, `status-get does not show it: ${status}`);

    rmSync(join(inside, 'filler'));
    await until('there are ACKs again', acked);
    for (let n = 0; n < 10; n++) await lab.client({}, path).lease();
    record.stop();

    cpSync(inside, join(lab.server.folder, 'data'), { recursive: true });
    await victim.kill();
    lab.server.configure(dhcp4());
    await lab.server.start();
    await record.assertKept(lab.server);
  });
});

/** Fills a disk to its last octet with a file. */
function fill(path: string): void {
  const file = openSync(path, 'w');
  for (const size of [4096, 1]) {
    try {
      for (;;) writeSync(file, Buffer.alloc(size));
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
    }
  }
  closeSync(file);
}
