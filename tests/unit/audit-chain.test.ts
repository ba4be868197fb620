/** The audit file: what is altered, dropped, moved or cut off is found; restarts and rotation are not. */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type AuditHead, chainLine, EMPTY_HEAD, verifyChain } from 'lessor/internal/domain/access/audit-chain.js';
import { AuditFile, linesOfAll, readHead } from 'lessor/internal/platform/audit-file.js';
import type { AuditRecord } from 'lessor/internal/services/audit.js';
import { HandClock, ListLogger } from './control-fakes.js';

const record = (command: string): AuditRecord => ({
  at: 1,
  who: 'ops',
  method: 'basic',
  listener: 'l',
  command,
  argumentsDigest: '',
  result: 0,
  durationMs: 1,
});

function chain(count: number): { lines: string[]; head: AuditHead } {
  const lines: string[] = [];
  let head = EMPTY_HEAD;
  for (let i = 1; i <= count; i++) {
    const next = chainLine(record(`command-${i}`), head);
    lines.push(next.line);
    head = next.head;
  }
  return { lines, head };
}

describe('a chain', () => {
  const { lines, head } = chain(5);
  const faults = (changed: readonly string[]) => verifyChain(changed, [head]).map(({ seq, text }) => `${seq} ${text}`);

  it('is whole', () => {
    assert.deepEqual(faults(lines), []);
    assert.deepEqual(verifyChain([], [EMPTY_HEAD]), []);
  });

  it('shows every record that is altered, dropped, moved, repeated or put in', () => {
    for (let i = 0; i < 5; i++) {
      assert.notDeepEqual(faults(lines.with(i, lines[i]!.replace('ops', 'eve'))), [], `altered ${i + 1}`);
      assert.notDeepEqual(faults(lines.toSpliced(i, 1)), [], `dropped ${i + 1}`);
      assert.notDeepEqual(faults(lines.toSpliced(i, 0, lines[i]!)), [], `repeated ${i + 1}`);
      assert.notDeepEqual(faults(lines.toSpliced(i, 0, '{"seq":1}')), [], `put in ${i + 1}`);
      assert.notDeepEqual(faults(lines.with(i, 'x')), [], `destroyed ${i + 1}`);
      if (i < 4) assert.notDeepEqual(faults(lines.toSpliced(i, 2, lines[i + 1]!, lines[i]!)), [], `moved ${i + 1}`);
    }
  });

  it('shows what is cut off at the end by its head, also where the rest was made anew', () => {
    assert.deepEqual(faults(lines.slice(0, 3)), ['5 is missing: the file was cut off before it']);
    assert.deepEqual(faults([]), ['5 is missing: the file was cut off before it']);
    const forged = chain(4);
    const again = chainLine(record('other'), forged.head);
    assert.deepEqual(faults([...forged.lines, again.line]), [
      '5 is not the one the head was taken from: it was altered',
    ]);
  });
});

describe('the audit file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lessor-audit-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const open = (path: string, maxSizeOctets = 1e6) => {
    const [clock, logger] = [new HandClock(), new ListLogger()];
    return { clock, logger, file: new AuditFile({ path, maxSizeOctets, maxVersions: 2 }, { clock, logger }) };
  };

  it('goes on after a restart, and after a crash that came before its head was written', () => {
    const path = join(folder, 'restart');
    const first = open(path);
    first.file.record(record('a'));
    first.clock.advance(1000);
    assert.equal(readHead(path).seq, 1);
    first.file.record(record('b'));
    // No close: the head says 1, the file has 2.
    const second = open(path);
    second.file.record(record('c'));
    second.file.close();
    assert.deepEqual(second.logger.lines, []);
    assert.equal(readHead(path).seq, 3);
    assert.deepEqual(verifyChain(linesOfAll(path), [readHead(path)]), []);
  });

  it('is one chain over its rotated files, and knows which were removed by rotation', () => {
    const path = join(folder, 'rotated');
    const { file } = open(path, 600);
    for (let i = 0; i < 30; i++) file.record(record(`c${i}`));
    file.close();
    const lines = linesOfAll(path);
    const head = readHead(path);
    assert.equal(head.seq, 30);
    assert.equal(head.first, 31 - lines.length);
    assert.ok(head.first > 1);
    assert.deepEqual(verifyChain(lines, [head]), []);
    rmSync(`${path}.2`);
    assert.notDeepEqual(verifyChain(linesOfAll(path), [head]), []);
  });

  it('complains at the next start of what was done to it', () => {
    const path = join(folder, 'cut');
    const { file } = open(path);
    for (const name of ['a', 'b', 'c']) file.record(record(name));
    file.close();
    writeFileSync(path, readFileSync(path, 'utf8').split('\n').slice(0, 2).join('\n').concat('\n'));
    const { logger, file: again } = open(path);
    assert.match(logger.lines[0]?.text ?? '', /record 3 is missing: the file was cut off/);
    again.record(record('d'));
    again.close();
    assert.notDeepEqual(verifyChain(linesOfAll(path), [readHead(path)]), [], 'and the gap stays to be seen');
  });
});
