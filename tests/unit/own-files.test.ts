/** Files that are written to are not chosen by other users: links, files of others, names that exist already. */

import assert from 'node:assert/strict';
import {
  chownSync,
  closeSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { AuditFile } from 'lessor/internal/platform/audit-file.js';
import { writeAtomically } from 'lessor/internal/platform/config-environment.js';
import { acquireInstanceLock, lockFile } from 'lessor/internal/platform/lock.js';
import { createFileSink } from 'lessor/internal/platform/log-sinks.js';
import { openFresh, openOwn } from 'lessor/internal/platform/own-files.js';
import { nodeFileOps } from 'lessor/internal/store/file-ops.js';
import { removeScratch, scratchFolder } from '../lib/scratch.js';
import { HandClock, ListLogger } from './control-fakes.js';

/** Somebody else. */
const OTHER = 61_001;
const skip = process.getuid?.() === 0 ? false : 'only root can make files of others';

describe('a file that is written to', () => {
  const folder = scratchFolder();
  after(() => removeScratch(folder));
  let serial = 0;

  /** A link to a file with `precious` in it, made by us or by somebody else. */
  function link(uid = process.getuid!()): { readonly path: string; readonly target: string } {
    const path = join(folder, `link${++serial}`);
    const target = join(folder, `target${serial}`);
    writeFileSync(target, 'precious');
    symlinkSync(target, path);
    lchownSync(path, uid, uid);
    return { path, target };
  }

  const WRITERS: Readonly<Record<string, (path: string) => unknown>> = {
    'an audit file': (path) => {
      const deps = { clock: new HandClock(), logger: new ListLogger() };
      const file = new AuditFile({ path, maxSizeOctets: 1e6, maxVersions: 1 }, deps);
      file.record({ who: 'x' });
      file.close();
    },
    'a log file': (path) => createFileSink({ path, maxSizeOctets: 0, maxVersions: 1, flush: true }),
    'a lock file': (path) => lockFile(path),
    'a PID file': (path) => acquireInstanceLock(path),
    'a configuration file': (path) => writeAtomically(path, Buffer.from('new'), 0o640),
    'a lease file': (path) => nodeFileOps.open(path, 'create'),
    'a lease file that is read': (path) => nodeFileOps.open(path, 'update'),
  };

  for (const [what, write] of Object.entries(WRITERS)) {
    it(`is no link that another user made: ${what}`, { skip }, async () => {
      const { path, target } = link(OTHER);
      await assert.rejects(async () => write(path), /is a symbolic link/);
      assert.equal(readFileSync(target, 'utf8'), 'precious');
      assert.ok(lstatSync(path).isSymbolicLink());
    });
  }

  it('may be a link of our own, which stays one', async () => {
    const { path, target } = link();
    await writeAtomically(path, Buffer.from('new'), 0o640);
    assert.equal(readFileSync(target, 'utf8'), 'new');
    assert.ok(lstatSync(path).isSymbolicLink());
    const fd = openOwn(path, 'append', 0o640);
    writeSync(fd, 'er');
    closeSync(fd);
    assert.equal(readFileSync(target, 'utf8'), 'newer');
  });

  it('is not one of another user, unless his is the directory too', { skip }, () => {
    const shared = join(folder, 'shared');
    mkdirSync(shared);
    const path = join(shared, 'file');
    writeFileSync(path, '');
    chownSync(path, OTHER, OTHER);
    assert.throws(() => openOwn(path, 'append', 0o640), /belongs to user 61001/);
    chownSync(shared, OTHER, OTHER);
    closeSync(openOwn(path, 'append', 0o640));
  });

  it('is made anew where somebody has put a link in place of a temporary file', async () => {
    const { path, target } = link();
    closeSync(openFresh(path, 0o600));
    assert.equal(lstatSync(path).isSymbolicLink(), false);
    assert.equal(readFileSync(target, 'utf8'), 'precious');
    const file = join(folder, 'config');
    symlinkSync(target, `${file}.${process.pid}.tmp`);
    await writeAtomically(file, Buffer.from('new'), 0o640);
    assert.equal(readFileSync(target, 'utf8'), 'precious');
    assert.equal(statSync(file).mode & 0o777, 0o640);
    assert.equal(existsSync(`${file}.${process.pid}.tmp`), false);
  });

  it('is not where a link leads that leads nowhere', () => {
    const path = join(folder, 'dangling');
    symlinkSync(join(folder, 'nothing'), path);
    assert.throws(() => openOwn(path, 'append', 0o640), /link to nothing/);
    assert.equal(existsSync(join(folder, 'nothing')), false);
  });
});
