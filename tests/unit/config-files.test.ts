/** Replacing a configuration file: whole or not at all, and still the same file to its owner. */

import assert from 'node:assert/strict';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { writeAtomically } from 'lessor/internal/platform/config-environment.js';

const folder = mkdtempSync(join(tmpdir(), 'lessor-config-'));
after(() => rmSync(folder, { recursive: true, force: true }));

describe('writeAtomically', () => {
  it('gives a new file its mode and lets an old one keep what it has', async () => {
    const path = join(folder, 'a.conf');
    await writeAtomically(path, Buffer.from('one'), 0o640);
    assert.equal(statSync(path).mode & 0o777, 0o640);
    chmodSync(path, 0o604);
    const { ino } = statSync(path);
    await writeAtomically(path, Buffer.from('two'), 0o640);
    assert.deepEqual([readFileSync(path, 'utf8'), statSync(path).mode & 0o777], ['two', 0o604]);
    assert.notEqual(statSync(path).ino, ino, 'a file of its own, renamed');
  });

  it('replaces what a symbolic link points to', async () => {
    const [real, link] = [join(folder, 'real.conf'), join(folder, 'link.conf')];
    writeFileSync(real, 'one');
    symlinkSync('real.conf', link);
    await writeAtomically(link, Buffer.from('two'), 0o640);
    assert.ok(lstatSync(link).isSymbolicLink());
    assert.equal(readFileSync(real, 'utf8'), 'two');
  });

  it('leaves nothing behind when it fails', async () => {
    const path = join(folder, 'taken');
    mkdirSync(path);
    await assert.rejects(writeAtomically(path, Buffer.from('x'), 0o640));
    await assert.rejects(writeAtomically(join(folder, 'none', 'x.conf'), Buffer.from('x'), 0o640));
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith('.tmp')),
      [],
    );
  });
});
