import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { LessorError } from 'lessor/internal/errors.js';
import { acquireInstanceLock, isRunningKea } from 'lessor/internal/platform/lock.js';
import { pidFilePath } from 'lessor/internal/platform/paths.js';
import { until } from '../lib/until.js';

const folder = mkdtempSync(join(tmpdir(), 'lessor-lock-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const LOCK_MODULE = import.meta.resolve('lessor/internal/platform/lock.js');

/** Starts a process that takes the lock and says so. */
async function holder(path: string): Promise<ChildProcess> {
  const program = `
    const { acquireInstanceLock } = await import(${JSON.stringify(LOCK_MODULE)});
    acquireInstanceLock(${JSON.stringify(path)});
    console.log('held');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => child.stdout!.once('data', resolve));
  return child;
}

describe('the PID file', () => {
  it('has the name Kea gives it', () => {
    assert.equal(pidFilePath('/run/kea', '/etc/kea/kea-dhcp4.conf'), '/run/kea/kea-dhcp4.kea-dhcp4.pid');
    assert.equal(pidFilePath('/run/kea', 'a.b.json'), '/run/kea/a.b.kea-dhcp4.pid');
    assert.equal(pidFilePath('/run/kea', 'plain'), '/run/kea/plain.kea-dhcp4.pid');
  });

  it('holds our number while we run and goes with us', () => {
    const path = join(folder, 'ours.pid');
    const lock = acquireInstanceLock(path);
    assert.equal(readFileSync(path, 'utf8'), `${process.pid}\n`);
    lock.release();
    assert.equal(existsSync(path), false);
  });

  it('makes its directory', () => {
    const lock = acquireInstanceLock(join(folder, 'new', 'x.pid'));
    assert.ok(existsSync(lock.path));
    lock.release();
  });
});

describe('the instance lock', () => {
  it('is held against another process, by name, until that process is killed', async () => {
    const path = join(folder, 'held.pid');
    const child = await holder(path);
    assert.throws(
      () => acquireInstanceLock(path),
      (error) =>
        error instanceof LessorError &&
        error.code === 'store-locked' &&
        error.message.includes(`process ${child.pid} `),
    );
    assert.equal(readFileSync(path, 'utf8'), `${child.pid}\n`, 'the refused one changes nothing');
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    acquireInstanceLock(path).release();
  });

  it('is not held by a zombie', async () => {
    const path = join(folder, 'zombie.pid');
    // The shell's child takes the lock and is killed; the shell becomes `sleep`, which never asks after its children.
    const program = `import { acquireInstanceLock as lock } from ${JSON.stringify(LOCK_MODULE)};
      lock(${JSON.stringify(path)}); process.kill(process.pid, 'SIGKILL');`;
    const shell = spawn('sh', ['-c', '"$0" --input-type=module -e "$1" & exec sleep 60', process.execPath, program], {
      stdio: 'ignore',
    });
    try {
      const state = (): string => {
        const pid = existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
        const status = `/proc/${pid}/status`;
        return pid !== '' && existsSync(status)
          ? (/^State:\s*(\S)/m.exec(readFileSync(status, 'utf8'))?.[1] ?? '')
          : '';
      };
      await until('it is a zombie', () => state() === 'Z');
      acquireInstanceLock(path).release();
    } finally {
      shell.kill('SIGKILL');
    }
  });

  it('is not held by a stale number, whoever has it now', () => {
    const path = join(folder, 'stale.pid');
    for (const stale of ['1\n', `${process.ppid}\n`, `${process.pid}\n`, '4194999\n', 'garbage', '']) {
      writeFileSync(path, stale);
      acquireInstanceLock(path).release();
    }
  });

  it('is refused beside a running Kea', () => {
    const procfs = join(folder, 'proc');
    const fake = (pid: number, state: string, exe: string): void => {
      mkdirSync(join(procfs, String(pid)), { recursive: true });
      writeFileSync(join(procfs, String(pid), 'status'), `Name:\tkea-dhcp4\nState:\t${state} (x)\n`);
      symlinkSync(exe, join(procfs, String(pid), 'exe'));
    };
    fake(10, 'S', '/usr/sbin/kea-dhcp4');
    fake(11, 'Z', '/usr/sbin/kea-dhcp4');
    fake(12, 'S', '/usr/bin/node');
    fake(13, 'S', '/usr/sbin/kea-dhcp4 (deleted)');
    assert.deepEqual(
      [10, 11, 12, 13, 14, 0].map((pid) => isRunningKea(pid, procfs)),
      [true, false, false, true, false, false],
    );
  });
});
