/** The journal of changes by command: what is read back of one that a crash has left, and of one that is damaged. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EditRecord } from 'lessor/internal/config/edit-record.js';
import { digestOfFile } from 'lessor/internal/config/load.js';
import { EditJournal } from 'lessor/internal/services/edit-journal.js';
import type { JournalFile } from 'lessor/internal/services/ports.js';

/** A file in memory. */
class MemoryFile implements JournalFile {
  octets = Buffer.alloc(0);
  sound = false;
  failing = false;

  read(): Buffer {
    return this.octets;
  }
  async append(octets: Uint8Array): Promise<void> {
    if (this.failing) throw new Error('EIO');
    this.octets = Buffer.concat([this.octets, octets]);
  }
  async replace(octets: Uint8Array): Promise<void> {
    if (this.failing) throw new Error('EIO');
    this.octets = Buffer.from(octets);
    this.sound = true;
  }
  close(): void {
    this.sound = false;
  }
}

const [FIRST, SECOND] = ['first file', 'second file'].map((text) => Buffer.from(text)) as [Buffer, Buffer];
const digest = digestOfFile(FIRST);

function edit(client: number): EditRecord {
  const identifier = `\x02\0\0\0\0${String.fromCharCode(client)}`;
  const written = { 'hw-address': `02:00:00:00:00:0${client}`, 'user-context': { n: 2n ** 60n, text: 'caf\xe9 "\\' } };
  return { kind: 'reservations', wishes: [{ scope: 1, type: 'hw-address', identifier, was: false, written }] };
}

async function written(...clients: number[]): Promise<MemoryFile> {
  const file = new MemoryFile();
  const { journal } = EditJournal.open(file);
  for (const client of clients) await journal.append(edit(client), () => digest);
  return file;
}

function reopened(file: MemoryFile) {
  file.sound = false;
  return EditJournal.open(file);
}

describe('the journal of changes', () => {
  it('gives back what was kept, octet for octet', async () => {
    const { journal, damaged } = reopened(await written(1, 2, 3));
    assert.deepEqual(damaged, []);
    assert.deepEqual(journal.missingIn(FIRST), { records: [edit(1), edit(2), edit(3)], exact: true });
    // A file nobody has told it of was changed by hand: everything may be missing there.
    assert.deepEqual(journal.missingIn(SECOND), { records: [edit(1), edit(2), edit(3)], exact: false });
  });

  it('knows what a file holds whose writing it was told of, before and after it is told that it is done', async () => {
    const file = await written(1, 2);
    const { journal } = reopened(file);
    await journal.mark(digestOfFile(SECOND), 2);
    await journal.append(edit(3), () => digest);
    for (const one of [journal, reopened(file).journal]) {
      assert.deepEqual(one.missingIn(FIRST).records, [edit(1), edit(2), edit(3)]);
      assert.deepEqual(one.missingIn(SECOND), { records: [edit(3)], exact: true });
    }
    await journal.settle(digestOfFile(SECOND), 2);
    assert.deepEqual(reopened(file).journal.missingIn(SECOND), { records: [edit(3)], exact: true });
    assert.equal(reopened(file).journal.pending.length, 1);
  });

  it('drops a torn last line, wherever it is torn', async () => {
    const whole = (await written(1, 2)).octets;
    const last = whole.lastIndexOf('\n', whole.length - 2) + 1;
    for (let length = last; length < whole.length; length++) {
      const file = new MemoryFile();
      file.octets = whole.subarray(0, length);
      const { journal, damaged } = reopened(file);
      assert.deepEqual([journal.pending.length, damaged.length], [1, 0], `${length} octets`);
      await journal.append(edit(3), () => digest);
      assert.deepEqual(reopened(file).journal.missingIn(FIRST).records, [edit(1), edit(3)]);
    }
  });

  it('tells a line that is damaged before whole ones, and keeps those', async () => {
    const file = await written(1, 2, 3);
    const at = file.octets.indexOf('02:00:00:00:00:02');
    file.octets[at] = 0x39;
    const { journal, damaged } = reopened(file);
    assert.deepEqual(journal.missingIn(FIRST).records, [edit(1), edit(3)]);
    assert.equal(damaged.length, 1);
    assert.match(damaged[0]!.text, /92:00:00:00:00:02/);
  });

  it('keeps nothing that could not be written, and goes on', async () => {
    const file = await written(1);
    const { journal } = reopened(file);
    file.failing = true;
    await assert.rejects(
      journal.append(edit(2), () => digest),
      /EIO/,
    );
    file.failing = false;
    await journal.append(edit(3), () => digest);
    assert.deepEqual(reopened(file).journal.missingIn(FIRST).records, [edit(1), edit(3)]);
  });
});
