/** Rows of the lease file: what is written is read again, and nothing that is read can do harm. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Lease } from 'lessor/internal/domain/lease.js';
import { LEASE_FILE_HEADER, LeaseRowParser, parseLeaseFileHeader } from 'lessor/internal/store/lease-file.js';
import { LeaseRecord, leaseOf as leaseOfRecord } from 'lessor/internal/store/lease-record.js';
import { LeaseRowBuffer } from 'lessor/internal/store/lease-row-buffer.js';

const SEED = Number(process.env.LESSOR_PROPERTY_SEED ?? 20261122);
const RUNS = Number(process.env.LESSOR_PROPERTY_RUNS ?? 500);
const schema = parseLeaseFileHeader(LEASE_FILE_HEADER.trimEnd());

const octet = fc.integer({ min: 0, max: 255 }).map((n) => String.fromCharCode(n));
const lease: fc.Arbitrary<Lease> = fc.record(
  {
    address: fc.nat(0xffff_ffff),
    hwAddress: fc.string({ unit: octet, minLength: 1, maxLength: 20 }),
    clientId: fc.string({ unit: octet, maxLength: 255 }),
    validLifetimeSec: fc.oneof(fc.nat(0xffff_ffff), fc.constant(0xffff_ffff)),
    clttSec: fc.nat(0xffff_ffff),
    subnetId: fc.nat(0xffff_ffff),
    poolId: fc.nat(0xffff_ffff),
    fqdnFwd: fc.boolean(),
    fqdnRev: fc.boolean(),
    hostname: fc.string({ unit: octet, maxLength: 300 }),
    state: fc.constantFrom(0, 1, 2, 3),
    userContext: fc.oneof(
      fc.constant(''),
      fc.string({ maxLength: 30 }).map((text) => JSON.stringify({ text }).replaceAll(/[^\0-\xff]/g, '?')),
    ),
  },
  { noNullPrototype: true },
);

function parse(row: Buffer, record = new LeaseRecord()): string {
  return new LeaseRowParser(schema).parse(row, 0, row.length, record);
}

describe('lease file rows', () => {
  it('what is written is read again', () => {
    fc.assert(
      fc.property(lease, (one) => {
        const record = new LeaseRecord();
        record.setLease(one);
        const rows = new LeaseRowBuffer();
        rows.append(record);
        const row = Buffer.from(rows.view);
        assert.equal(row.indexOf('\n'), row.length - 1);
        assert.match(row.toString('latin1'), /^[\x20-\x7e]+\n$/);
        const read = new LeaseRecord();
        assert.equal(parse(row.subarray(0, -1), read), '');
        assert.deepEqual(leaseOfRecord(read, read.blob, 0), one);
      }),
      { seed: SEED, numRuns: RUNS },
    );
  });

  it('octets of any kind give a lease or a problem, never an exception', () => {
    const soup = fc.uint8Array({ maxLength: 300 }).map((octets) => Buffer.from(octets));
    const almost = fc.tuple(lease, fc.nat(200), fc.nat(255), fc.nat(200)).map(([one, at, value, cut]) => {
      const record = new LeaseRecord();
      record.setLease(one);
      const rows = new LeaseRowBuffer();
      rows.append(record);
      const row = Buffer.from(rows.view.subarray(0, -1));
      row[at % row.length] = value;
      return cut < 100 ? row.subarray(0, cut % row.length) : row;
    });
    fc.assert(
      fc.property(fc.oneof(soup, almost), (row) => {
        const record = new LeaseRecord();
        if (parse(row, record) !== '') return;
        const read = leaseOfRecord(record, record.blob, 0);
        assert.ok(read.clttSec >= 0 && read.clttSec <= 0xffff_ffff);
        // A row that is accepted is written again as a row that means the same.
        const rows = new LeaseRowBuffer();
        rows.append(record);
        const again = new LeaseRecord();
        assert.equal(parse(Buffer.from(rows.view.subarray(0, -1)), again), '');
        assert.deepEqual(leaseOfRecord(again, again.blob, 0), read);
      }),
      { seed: SEED, numRuns: RUNS * 4 },
    );
  });
});
