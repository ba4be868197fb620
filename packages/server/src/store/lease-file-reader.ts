/** Reads a lease file from beginning to end in large pieces and hands over row by row. */

import { StoreError } from '../errors.js';
import type { FileOps } from './file-ops.js';
import { LEASE_FILE_HEADER, type LeaseFileSchema, LeaseRowParser, parseLeaseFileHeader } from './lease-file.js';
import type { LeaseRecord } from './lease-record.js';

/** A row that could not be read. */
export interface BadRow {
  readonly path: string;
  /** From 1; the header is line 1. */
  readonly line: number;
  readonly problem: string;
  /** The row, cut to 200 characters. */
  readonly text: string;
}

/** What a reader hands over. */
export interface LeaseFileVisitor {
  /** A good row. `record` is used again for the next. */
  row(record: LeaseRecord): void;
  /** A row that could not be read. May throw to give up. */
  bad(row: BadRow): void;
  /** A last line without newline: an append that was cut short, so nobody was told of it. Not an error. */
  torn(row: BadRow): void;
}

/** What was found in a file. */
export interface LeaseFileSummary {
  /** Undefined if the file holds no header: it is empty, or was cut short while it was created. */
  readonly schema: LeaseFileSchema | undefined;
  /** Octets up to the last newline. */
  readonly soundOctets: number;
  readonly totalOctets: number;
}

const PIECE_OCTETS = 1 << 20;
const MAX_ROW_OCTETS = 1 << 24;
const NEWLINE = 0x0a;
const SHOWN_CHARACTERS = 200;

/**
 * Reads a whole file.
 * @throws StoreError store-corrupt if the header is not that of a lease file; the system's error if reading fails.
 */
export function readLeaseFile(
  ops: FileOps,
  path: string,
  record: LeaseRecord,
  visitor: LeaseFileVisitor,
): LeaseFileSummary {
  const fd = ops.open(path, 'read');
  try {
    return readLines(ops, fd, path, record, visitor);
  } finally {
    ops.close(fd);
  }
}

function readLines(
  ops: FileOps,
  fd: number,
  path: string,
  record: LeaseRecord,
  visitor: LeaseFileVisitor,
): LeaseFileSummary {
  let buffer = Buffer.allocUnsafeSlow(PIECE_OCTETS);
  let held = 0;
  let position = 0;
  let line = 0;
  let schema: LeaseFileSchema | undefined;
  let parser: LeaseRowParser | undefined;
  for (;;) {
    if (held === buffer.length) {
      if (held >= MAX_ROW_OCTETS) throw new StoreError('store-corrupt', `${path}:${line + 1}: the row has no end`);
      buffer = Buffer.concat([buffer], buffer.length * 2);
    }
    const count = ops.read(fd, buffer.subarray(held), position);
    if (count === 0) break;
    position += count;
    held += count;
    let start = 0;
    for (let end = newline(buffer, start, held); end >= 0; end = newline(buffer, start, held)) {
      line++;
      if (parser === undefined) {
        if (end > start) {
          schema = headerOf(path, buffer.toString('latin1', start, end));
          parser = new LeaseRowParser(schema);
        }
      } else if (end > start) {
        const problem = parser.parse(buffer, start, end, record);
        if (problem === '') visitor.row(record);
        else visitor.bad({ path, line, problem, text: shown(buffer, start, end) });
      }
      start = end + 1;
    }
    buffer.copyWithin(0, start, held);
    held -= start;
  }
  if (held > 0) {
    const text = shown(buffer, 0, held);
    // A file cut short in its very first line can only be one that was being created.
    if (schema === undefined && !LEASE_FILE_HEADER.startsWith(text)) headerOf(path, text);
    visitor.torn({ path, line: line + 1, problem: 'the last row is incomplete', text });
  }
  return { schema, soundOctets: position - held, totalOctets: position };
}

function newline(buffer: Buffer, start: number, end: number): number {
  const at = buffer.indexOf(NEWLINE, start);
  return at < end ? at : -1;
}

function headerOf(path: string, line: string): LeaseFileSchema {
  try {
    return parseLeaseFileHeader(line);
  } catch (error) {
    throw new StoreError('store-corrupt', `${path}:1: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function shown(buffer: Buffer, start: number, end: number): string {
  return buffer.toString('latin1', start, Math.min(end, start + SHOWN_CHARACTERS));
}
