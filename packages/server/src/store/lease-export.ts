/** Writes all leases to a file of its own, in the form of the lease file (Kea: lease4-write). */

import type { Ipv4 } from '../domain/values.js';
import type { Clock, LeaseReader } from '../services/ports.js';
import { type FileOps, writeAll } from './file-ops.js';
import { LeaseRecord } from './lease-record.js';
import { LeaseRowBuffer } from './lease-row-buffer.js';
import { SLICE_ROWS } from './lease-snapshot.js';

/**
 * Writes the leases in address order, a slice at a time, so that service goes on in between; a lease that changes
 * meanwhile is in the file as it was when its turn came. A file that is there is kept, with `.bak` and the process
 * number behind its name, as Kea keeps it.
 * @returns how many leases were written
 * @throws the system's error; a file that is there is then untouched
 */
export async function exportLeases(
  path: string,
  leases: Pick<LeaseReader, 'page'>,
  ops: FileOps,
  clock: Pick<Clock, 'soon'>,
): Promise<number> {
  const temporary = `${path}.tmp${process.pid}`;
  let written = 0;
  const fd = ops.open(temporary, 'create');
  try {
    const rows = new LeaseRowBuffer();
    const record = new LeaseRecord();
    rows.appendHeader();
    let position = 0;
    let after: Ipv4 | undefined;
    for (let more = true; more; ) {
      const page = leases.page(after, SLICE_ROWS);
      for (const lease of page) {
        record.setLease(lease);
        rows.append(record);
      }
      writeAll(ops, fd, rows.view, position);
      position += rows.length;
      rows.clear();
      written += page.length;
      after = page.at(-1)?.address;
      more = page.length === SLICE_ROWS;
      await new Promise<void>((resolve) => clock.soon(resolve));
    }
    await ops.dataSyncLater(fd);
  } catch (error) {
    ops.close(fd);
    ops.remove(temporary);
    throw error;
  }
  ops.close(fd);
  if (ops.lengthOf(path) !== undefined) ops.rename(path, `${path}.bak${process.pid}`);
  ops.rename(temporary, path);
  await ops.directorySyncLater(path);
  return written;
}
