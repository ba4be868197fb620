import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Lease } from 'lessor/internal/domain/lease.js';
import type { ConfigSnapshot, Subnet } from 'lessor/internal/domain/snapshot.js';
import { formatIpv4, parseIpv4 } from 'lessor/internal/domain/values.js';
import { LeaseReview } from 'lessor/internal/services/lease-review.js';

function subnet(index: number, id: number, prefix: string, prefixLength: number): Subnet {
  return { index, id, prefix: parseIpv4(prefix)!, prefixLength } as Subnet;
}

const SUBNETS = [
  subnet(0, 1, '192.0.2.0', 24),
  subnet(1, 2, '198.51.100.0', 25),
  subnet(2, 3, '10.0.0.0', 8),
  subnet(3, 4, '10.1.0.0', 16),
];

function lease(address: string, subnetId: number): Lease {
  return { address: parseIpv4(address)!, subnetId } as Lease;
}

/** What becomes of a lease (its subnet-id, or undefined if it is dropped) and what is logged. */
function reviewed(leaseChecks: ConfigSnapshot['leaseChecks'], ...leases: Lease[]) {
  const lines: string[] = [];
  const logger = {
    enabled: () => true,
    log: (s: string, id: string) => void lines.push(`${s} ${id}`),
    child: () => logger,
  };
  const subnetById = new Map(SUBNETS.map((each) => [each.id, each]));
  const review = new LeaseReview({ leaseChecks, subnets: SUBNETS, subnetById }, logger);
  const ids = leases.map((each) => review.review(each)?.subnetId);
  review.finish();
  return { ids, lines };
}

describe('lease-checks', () => {
  const fits = [lease('192.0.2.1', 1), lease('198.51.100.127', 2), lease('10.1.2.3', 3), lease('10.1.2.3', 4)];
  const moved = lease('192.0.2.1', 2);
  const outside = lease('198.51.100.128', 2);
  const unknownId = lease('192.0.2.1', 99);

  for (const check of ['none', 'warn', 'fix', 'fix-del', 'del'] as const) {
    it(`${check} leaves leases alone that fit, in any of overlapping subnets`, () => {
      assert.deepEqual(reviewed(check, ...fits), { ids: [1, 2, 3, 4], lines: [] });
    });
  }

  for (const [check, ids, lines] of [
    ['none', [2, 2, 99], []],
    ['warn', [2, 2, 99], Array(3).fill('WARN DHCPSRV_LEASE_SANITY_FAIL')],
    [
      'fix',
      [1, 2, 1],
      ['INFO DHCPSRV_LEASE_SANITY_FIXED', 'WARN DHCPSRV_LEASE_SANITY_FAIL', 'INFO DHCPSRV_LEASE_SANITY_FIXED'],
    ],
    [
      'fix-del',
      [1, undefined, 1],
      ['INFO DHCPSRV_LEASE_SANITY_FIXED', 'INFO DHCPSRV_LEASE_SANITY_FAIL_DISCARD', 'INFO DHCPSRV_LEASE_SANITY_FIXED'],
    ],
    ['del', [undefined, undefined, undefined], Array(3).fill('INFO DHCPSRV_LEASE_SANITY_FAIL_DISCARD')],
  ] as const) {
    it(`${check} on leases that do not fit gives ${ids.map(String).join(', ')}`, () => {
      assert.deepEqual(reviewed(check, moved, outside, unknownId), { ids, lines });
    });
  }

  it('of many says the number instead of naming each', () => {
    const many = Array.from({ length: 100 }, (_, i) => lease(formatIpv4(parseIpv4('203.0.113.0')! + i), 1));
    const { lines } = reviewed('warn', ...many);
    assert.equal(lines.length, 21);
    assert.equal(lines.at(-1), 'WARN LESSOR_LEASE_SANITY_TOTAL');
  });
});
