/** Rows and headers of the lease file, as Kea writes and reads them. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Lease } from 'lessor/internal/domain/lease.js';
import { formatHex, formatIpv4 } from 'lessor/internal/domain/values.js';
import { LEASE_FILE_HEADER, LeaseRowParser, parseLeaseFileHeader } from 'lessor/internal/store/lease-file.js';
import { LeaseRecord, leaseOf as leaseOfRecord } from 'lessor/internal/store/lease-record.js';
import { LeaseRowBuffer } from 'lessor/internal/store/lease-row-buffer.js';
import { repoPath } from '../lib/repo.js';

const COLUMNS = LEASE_FILE_HEADER.trimEnd();
const COLUMNS_2_2 = COLUMNS.replace(',pool_id', '');
const COLUMNS_1_0 = COLUMNS.slice(0, COLUMNS.indexOf(',state'));

function read(row: string, header = COLUMNS): Lease | string {
  const record = new LeaseRecord();
  const octets = Buffer.from(row, 'latin1');
  const problem = new LeaseRowParser(parseLeaseFileHeader(header)).parse(octets, 0, octets.length, record);
  return problem === '' ? leaseOfRecord(record, record.blob, 0) : problem;
}

function write(row: string, removed = false): string {
  const record = new LeaseRecord();
  const octets = Buffer.from(row, 'latin1');
  assert.equal(new LeaseRowParser(parseLeaseFileHeader(COLUMNS)).parse(octets, 0, octets.length, record), '');
  const rows = new LeaseRowBuffer();
  rows.append(record, removed);
  return rows.view.toString('latin1');
}

describe('lease file rows', () => {
  it('every row Kea 3.3 wrote in the transcripts is read and written octet for octet', () => {
    const transcript = JSON.parse(
      readFileSync(repoPath('tests/golden/transcripts/kea3.3-lease-cmds.json'), 'utf8'),
    ) as {
      steps: { content?: string }[];
    };
    const files = transcript.steps.flatMap((step) => (step.content === undefined ? [] : [step.content]));
    const rows = files.flatMap((content) => content.split('\n').slice(1)).filter((row) => row !== '');
    assert.ok(rows.length > 30, `${rows.length} rows`);
    for (const row of rows) assert.equal(write(row), `${row}\n`);
  });

  it('all fields', () => {
    assert.deepEqual(
      read('192.0.2.1,1a:1b:1c:1d:1e:1f,01:02:03,3600,1700003600,7,1,0,a&#x2cb&#x26.example,2,{ "a": [ 1&#x2c 2 ] },9'),
      {
        address: 0xc0000201,
        hwAddress: '\x1a\x1b\x1c\x1d\x1e\x1f',
        clientId: '\x01\x02\x03',
        validLifetimeSec: 3600,
        clttSec: 1_700_000_000,
        subnetId: 7,
        poolId: 9,
        fqdnFwd: true,
        fqdnRev: false,
        hostname: 'a,b&.example',
        state: 2,
        userContext: '{ "a": [ 1, 2 ] }',
      },
    );
  });

  it('columns of older versions take their defaults, columns of newer ones are ignored', () => {
    const row = '192.0.2.1,1a:1b:1c:1d:1e:1f,,3600,1700003600,7,1,0,name';
    for (const [text, header] of [
      [row, COLUMNS_1_0],
      [`${row},0`, `${COLUMNS_1_0},state`],
      [`${row},0,`, COLUMNS_2_2],
      [`${row},0,,0`, COLUMNS_2_2],
      [`${row},0,,0`, COLUMNS],
      [`${row},0,,0,new,`, `${COLUMNS},one,two`],
    ] as const) {
      const lease = read(text, header);
      assert.ok(typeof lease !== 'string', `${text}: ${String(lease)}`);
      assert.deepEqual([lease.hostname, lease.state, lease.userContext, lease.poolId], ['name', 0, '', 0]);
    }
  });

  it('an infinite lifetime survives', () => {
    const row = '192.0.2.1,1a:1b:1c:1d:1e:1f,,4294967295,5994967295,1,0,0,,0,,0';
    const lease = read(row);
    assert.ok(typeof lease !== 'string');
    assert.equal(lease.clttSec, 1_700_000_000);
    assert.equal(write(row), `${row}\n`);
  });

  it('removal is a lifetime of zero', () => {
    assert.equal(
      write('192.0.2.1,1a:1b:1c:1d:1e:1f,,3600,1700003600,1,0,0,h,0,,0', true),
      '192.0.2.1,1a:1b:1c:1d:1e:1f,,0,1700000000,1,0,0,h,0,,0\n',
    );
  });

  it('identifiers in the forms Kea takes', () => {
    const forms = {
      '1:2:03': '01:02:03',
      '0x010203': '01:02:03',
      '010203': '01:02:03',
      '10203': '01:02:03',
      '01 02 03': '01:02:03',
    };
    for (const [text, octets] of Object.entries(forms)) {
      const lease = read(`192.0.2.1,,${text},3600,1700003600,1,0,0,,0,,0`);
      assert.ok(typeof lease !== 'string', `${text}: ${String(lease)}`);
      assert.equal(formatHex(lease.clientId), octets);
      assert.equal(formatIpv4(lease.address), '192.0.2.1');
    }
  });

  it('escapes that are none stay as they are', () => {
    const lease = read('192.0.2.1,01,,3600,1700003600,1,0,0,a&#x2b&#xzz&#x4,0,,0');
    assert.ok(typeof lease !== 'string');
    assert.equal(lease.hostname, 'a+&#xzz&#x4');
  });

  it('says what is wrong with a row', () => {
    const good = ['192.0.2.1', '01:02:03:04:05:06', '', '3600', '1700003600', '1', '0', '0', 'h', '0', '', '0'];
    const withField = (index: number, value: string) => good.map((field, i) => (i === index ? value : field)).join(',');
    const problems: [string, RegExp][] = [
      ['', /address/],
      ['rubbish', /address/],
      [withField(0, '192.0.2'), /address/],
      [withField(0, '192.0.2.256'), /address/],
      [withField(0, '2001:db8::1'), /address/],
      [withField(1, 'xx'), /hwaddr/],
      [withField(1, '01::02'), /hwaddr/],
      [withField(1, '01:'), /hwaddr/],
      [withField(1, '010203'), /hwaddr/],
      [withField(1, Array(256).fill('01').join(':')), /hwaddr/],
      [withField(2, 'zz'), /client_id/],
      [withField(3, ''), /valid_lifetime/],
      [withField(3, '-1'), /valid_lifetime/],
      [withField(3, '4294967296'), /valid_lifetime/],
      [withField(4, '1e9'), /unexpected/],
      [withField(4, '99999999999'), /expire/],
      [withField(4, '8589934590'), /expire/],
      [withField(5, 'x'), /subnet_id/],
      [withField(6, '2'), /fqdn_fwd/],
      [withField(7, 'true'), /fqdn_rev/],
      [withField(8, 'h'.repeat(40_000)), /hostname/],
      [withField(9, '4'), /state/],
      [withField(10, '[ 1 ]'), /user_context/],
      [withField(10, '{ "a" }'), /user_context/],
      [withField(11, ''), /pool_id/],
      [withField(11, '1x'), /end of row/],
      [withField(1, ''), /neither/],
      [`${good.join(',')},more`, /columns/],
      [good.slice(0, 11).join(','), /columns/],
      [good.slice(0, 5).join(','), /ends before subnet_id/],
    ];
    for (const [row, problem] of problems) assert.match(String(read(row)), problem, row);
  });

  it('a clock that ran backwards gives a lease that is over', () => {
    const lease = read('192.0.2.1,01,,3600,100,1,0,0,,0,,0');
    assert.ok(typeof lease !== 'string');
    assert.equal(lease.clttSec, 0);
  });
});

describe('lease file headers', () => {
  it('other files are refused', () => {
    for (const header of [
      '',
      'address',
      'address,hwaddr,client_id,valid_lifetime,expire,subnet_id',
      `x${COLUMNS}`,
      `${COLUMNS}\r`,
    ]) {
      assert.throws(() => parseLeaseFileHeader(header), { code: 'store-corrupt' }, header);
    }
  });
});
