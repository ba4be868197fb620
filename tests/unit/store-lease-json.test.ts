/** Leases as JSON, held to what Kea 3.3 answered. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { formatJson } from '@lessor/kea';
import { isLeaseMember, leaseFromJson, leaseToJson, parseColonHex } from 'lessor/internal/domain/lease-json.js';
import type { JsonMap } from 'lessor/internal/domain/snapshot.js';
import { repoPath } from '../lib/repo.js';

interface Step {
  readonly response?: { readonly arguments?: { readonly leases?: readonly JsonMap[] } & JsonMap };
}

function recordedLeases(): JsonMap[] {
  const path = repoPath('tests/golden/transcripts/kea3.3-lease-cmds.json');
  const { steps } = JSON.parse(readFileSync(path, 'utf8')) as { steps: Step[] };
  return steps.flatMap(({ response }) => {
    const answer = response?.arguments;
    if (answer === undefined) return [];
    return answer.leases ?? ('ip-address' in answer ? [answer] : []);
  });
}

const LEASE: JsonMap = {
  'ip-address': '192.0.2.1',
  'subnet-id': 1,
  'hw-address': '1a:1b:1c:1d:1e:1f',
  cltt: 1_700_000_000,
  'valid-lft': 3600,
  'fqdn-fwd': false,
  'fqdn-rev': true,
  hostname: 'Host.Example',
  state: 0,
};

describe('lease JSON', () => {
  it('every lease Kea answered is read and given again, member for member', () => {
    const leases = recordedLeases();
    assert.ok(leases.length > 30, `${leases.length} leases`);
    for (const lease of leases) assert.equal(formatJson(leaseToJson(leaseFromJson(lease))), formatJson(lease));
  });

  it('pool-id and client-id appear only where there is one; the hostname is lower case', () => {
    assert.deepEqual(leaseToJson(leaseFromJson(LEASE)), { ...LEASE, hostname: 'host.example' });
    const more = { ...LEASE, hostname: '', 'pool-id': 3, 'client-id': '01:02', 'user-context': { a: 1 } };
    assert.deepEqual(leaseToJson(leaseFromJson(more)), more);
  });

  it('a user context that is no JSON is shown as the text it is, and members come by name', () => {
    const lease = { ...leaseFromJson({ ...LEASE, 'client-id': '01:02', 'pool-id': 3 }), userContext: '{ "a": ' };
    const json = leaseToJson(lease);
    assert.equal(json['user-context'], '{ "a": ');
    assert.deepEqual(Object.keys(json), Object.keys(json).toSorted());
  });

  it('expire stands in for cltt', () => {
    const { cltt: _, ...rest } = LEASE;
    assert.equal(leaseFromJson({ ...rest, expire: 1_700_003_600 }).clttSec, 1_700_000_000);
    assert.throws(() => leaseFromJson({ ...rest, expire: 5 }), /expiration time must be positive/);
    // Kept in 32 bit, so that it would begin long ago.
    assert.throws(() => leaseFromJson({ ...rest, expire: 2 ** 32 + 3600 }), /expiration time is too large/);
    assert.throws(() => leaseFromJson(rest), /cltt is not present/);
  });

  it('refuses each member that can not be', () => {
    const wrong: JsonMap = {
      'ip-address': '2001:db8::1',
      'subnet-id': 0,
      'pool-id': -1,
      'hw-address': '1a-1b',
      'client-id': 5,
      cltt: 0,
      'valid-lft': 1.5,
      'fqdn-fwd': 'yes',
      'fqdn-rev': null,
      hostname: 3,
      state: 4,
      'user-context': [1],
    };
    for (const [name, value] of Object.entries(wrong)) {
      assert.ok(isLeaseMember(name));
      assert.throws(() => leaseFromJson({ ...LEASE, [name]: value }), { code: 'command-invalid' }, name);
    }
    for (const name of Object.keys(LEASE)) {
      const { [name]: _, ...rest } = LEASE;
      assert.throws(() => leaseFromJson(rest), { code: 'command-invalid' }, name);
    }
    assert.ok(!isLeaseMember('nonsense'));
  });

  it('colon separated hex', () => {
    assert.equal(parseColonHex(''), '');
    assert.equal(parseColonHex('1:ff'), '\x01\xff');
    for (const text of [':', '1:', '1::2', '123', 'g', '1 2']) assert.equal(parseColonHex(text), undefined, text);
  });
});
