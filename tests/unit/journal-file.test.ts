/** Who waits for the disk when a change by command is written down: this thread, or the thread pool. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { DiskJournalFile } from 'lessor/internal/store/journal-file.js';
import { SimulatedDisk } from '../store/simulated-disk.js';

it('this thread waits while no packets come and the disk is quick, and the pool else', async () => {
  let [now, flushMs, packets] = [0, 0.2, false];
  const waited: string[] = [];
  const flush = (where: string): void => {
    waited.push(where);
    now += flushMs;
  };
  class TimedDisk extends SimulatedDisk {
    override dataSync(fd: number): void {
      flush('thread');
      super.dataSync(fd);
    }
    override dataSyncLater(fd: number): Promise<void> {
      flush('pool');
      return super.dataSyncLater(fd);
    }
  }
  const file = new DiskJournalFile('/edits', new TimedDisk(), { monotonic: () => now, packetsCome: () => packets });
  await file.replace(Buffer.from('begun\n'));
  waited.length = 0;
  const appended = async (): Promise<string> => {
    await file.append(Buffer.from('a line\n'));
    return waited.splice(0).join();
  };
  assert.equal(await appended(), 'thread');
  packets = true;
  assert.equal(await appended(), 'pool');
  packets = false;
  flushMs = 5;
  assert.deepEqual([await appended(), await appended(), await appended()], ['thread', 'pool', 'pool'], 'a slow disk');
  flushMs = 0.2;
  assert.deepEqual([await appended(), await appended()], ['pool', 'thread'], 'quick again');
  assert.equal(file.read()?.toString(), `begun\n${'a line\n'.repeat(7)}`);
});
