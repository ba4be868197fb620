/** Fills the table from Kea's set of files at start. */

import { StoreError } from '../errors.js';
import type { Clock, Logger } from '../services/ports.js';
import type { FileOps } from './file-ops.js';
import type { LeaseFileSchema } from './lease-file.js';
import { type BadRow, readLeaseFile } from './lease-file-reader.js';
import { exists, filesToLoad, type LeaseFileSet, refuseIfCleanupRuns, syncFile } from './lease-file-set.js';
import { LeaseRecord } from './lease-record.js';
import type { LeaseTable } from './lease-table.js';

/** What was found. */
export interface LoadedFiles {
  /** `.completed` was there: a cleanup was interrupted just before its end. */
  readonly completed: boolean;
  /** The journal; undefined if there is none yet, or only the beginning of a header. */
  readonly current:
    | { readonly schema: LeaseFileSchema; readonly soundOctets: number; readonly totalOctets: number }
    | undefined;
  /** Unreadable rows in all files. */
  readonly badRows: number;
}

/** Of more unreadable rows than these in one file only the number is logged. */
const LOGGED_BAD_ROWS = 20;

const TYPICAL_ROW_OCTETS = 90;

/**
 * Reads the set of files into an empty table and removes what an interruption left half-written.
 *
 * A row with valid_lifetime 0 removes the lease. Unreadable rows are logged with file and line; the file is then kept
 * as it is in a copy beside it, because the next cleanup will leave them out.
 * @throws StoreError store-locked, store-corrupt; the system's error if a file can not be read or copied.
 */
export function loadLeaseFiles(
  ops: FileOps,
  files: LeaseFileSet,
  table: LeaseTable,
  maxRowErrors: number,
  clock: Clock,
  logger: Logger,
): LoadedFiles {
  refuseIfCleanupRuns(ops, files);
  ops.remove(files.output);
  ops.remove(files.fresh);
  const completed = exists(ops, files.completed);
  let badRows = 0;
  let current: LoadedFiles['current'];
  const paths = filesToLoad(ops, files);
  table.expect(Math.max(0, ...paths.map((path) => ops.lengthOf(path) ?? 0)) / TYPICAL_ROW_OCTETS);
  for (const path of paths) {
    const { summary, bad } = loadFile(ops, path, table, maxRowErrors, logger);
    if (bad > 0) keepCopy(ops, path, bad, clock, logger);
    badRows += bad;
    if (path === files.current)
      current = summary.schema === undefined ? undefined : { ...summary, schema: summary.schema };
    // Kea writes without flushing; what we build upon, and may soon delete the sources of, has to be on the disk.
    else syncFile(ops, path);
  }
  return { completed, current, badRows };
}

function loadFile(ops: FileOps, path: string, table: LeaseTable, maxRowErrors: number, logger: Logger) {
  logger.log('INFO', 'DHCPSRV_MEMFILE_LEASE_FILE_LOAD', `loading leases from ${path}`);
  let bad = 0;
  const summary = readLeaseFile(ops, path, new LeaseRecord(), {
    row(record) {
      if (record.validLifetimeSec === 0) table.delete(record.address);
      else table.putRecord(record);
    },
    bad(row) {
      bad++;
      if (bad <= LOGGED_BAD_ROWS) logBadRow(logger, row);
      if (maxRowErrors > 0 && bad > maxRowErrors) {
        throw new StoreError(
          'store-corrupt',
          `${path} has more than ${maxRowErrors} unreadable rows (max-row-errors), the last at line ${row.line}: ${row.problem}`,
        );
      }
    },
    torn(row) {
      logger.log(
        'WARN',
        'LESSOR_MEMFILE_ROW_TORN',
        `${path}:${row.line}: ${row.problem} and is dropped: '${row.text}'`,
        {
          ...row,
        },
      );
    },
  });
  if (summary.schema !== undefined && !summary.schema.current) {
    logger.log('WARN', 'DHCPSRV_MEMFILE_NEEDS_UPGRADING', `${path} has the columns of another version of Kea`);
  }
  return { summary, bad };
}

function logBadRow(logger: Logger, row: BadRow): void {
  logger.log(
    'ERROR',
    'DHCPSRV_MEMFILE_LEASE_LOAD_ROW_ERROR',
    `${row.path}:${row.line}: the row is left out: ${row.problem}: '${row.text}'`,
    { ...row },
  );
}

function keepCopy(ops: FileOps, path: string, bad: number, clock: Clock, logger: Logger): void {
  let copy = `${path}.damaged-${Math.floor(clock.now() / 1000)}`;
  while (exists(ops, copy)) copy += '+';
  ops.copy(path, copy);
  logger.log('WARN', 'LESSOR_MEMFILE_DAMAGED_KEPT', `${path} has ${bad} unreadable rows; it is kept as ${copy}`);
}
