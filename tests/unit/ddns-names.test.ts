/** Names in the DNS: the DHCID of RFC 4701, what a change of a lease means, and the request as Kea writes it. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { dhcidOf, presentedName, wireName } from 'lessor/internal/domain/ddns/dhcid.js';
import { nameChanges, requestFor, ttlFor } from 'lessor/internal/domain/ddns/name-change.js';
import { encodeNcr, ncrToJson } from 'lessor/internal/domain/ddns/ncr-json.js';
import type { Lease } from 'lessor/internal/domain/lease.js';
import { leaseOf } from '../store/harness.js';

const latin1 = (hex: string): string => Buffer.from(hex.replaceAll(':', ''), 'hex').toString('latin1');
const NOW = 1_700_000_100;

describe('DHCID', () => {
  // RFC 4701 §3.6.
  const VECTORS = [
    {
      what: 'a client identifier',
      client: { clientId: latin1('01:07:08:09:0a:0b:0c'), hwAddress: '' },
      name: 'chi.example.com',
      rdata: 'AAEBOSD+XR3Os/0LozeXVqcNc7FwCfQdWL3b/NaiUDlW2No=',
    },
    {
      what: 'a hardware address',
      client: { clientId: '', hwAddress: latin1('01:02:03:04:05:06') },
      name: 'client.example.com',
      rdata: 'AAABxLmlskllE0MVjd57zHcWmEH3pCQ6VytcKD//7es/deY=',
    },
    {
      what: 'a DUID in the client identifier',
      client: { clientId: latin1('ff:00:00:00:01:00:01:00:06:41:2d:f1:66:01:02:03:04:05:06'), hwAddress: '' },
      name: 'chi6.example.com',
      rdata: 'AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=',
    },
  ] as const;
  for (const { what, client, name, rdata } of VECTORS) {
    it(`of ${what} is that of RFC 4701`, () => {
      for (const form of [name, `${name}.`, name.toUpperCase()]) {
        assert.equal(Buffer.from(dhcidOf(client, wireName(form)!)!, 'hex').toString('base64'), rdata);
      }
    });
  }

  it('needs an identifier', () => {
    const name = wireName('a.example')!;
    assert.equal(dhcidOf({ clientId: '', hwAddress: '' }, name), undefined);
    assert.equal(dhcidOf({ clientId: latin1('ff:00:00:00:01'), hwAddress: 'x' }, name), undefined);
    assert.equal(dhcidOf({ clientId: `\xff${'x'.repeat(4 + 131)}`, hwAddress: 'x' }, name), undefined);
  });

  it('is of names the DNS can have', () => {
    assert.equal(wireName('a..b'), undefined);
    assert.equal(wireName(''), undefined);
    assert.equal(wireName(`${'x'.repeat(64)}.example`), undefined);
    assert.equal(wireName(`${'x'.repeat(63)}.`.repeat(4)), undefined);
    assert.deepEqual(Buffer.from(wireName('B.c.')!), Buffer.from('\x01b\x01c\0'));
  });

  it('is made of any lease without a defect', () => {
    const text = fc.string({ unit: 'binary-ascii', maxLength: 300 });
    fc.assert(
      fc.property(text, text, text, (clientId, hwAddress, hostname) => {
        const lease = leaseOf(1, { clientId, hwAddress, hostname, fqdnFwd: true });
        const request = requestFor({ change: 'add', lease }, undefined);
        if (typeof request === 'string') return;
        const octets = encodeNcr(request);
        assert.equal(octets.readUInt16BE(0), octets.length - 2);
        assert.match(String(JSON.parse(octets.toString('latin1', 2)).fqdn), /^[!-~]+\.$/);
      }),
    );
  });
});

describe('a change of a lease', () => {
  const rules = { sendUpdates: true, updateOnRenew: false };
  const named = leaseOf(1, { hostname: 'a.example.org', fqdnFwd: true, fqdnRev: true });
  const changed = (change: Partial<Lease>): Lease => ({ ...named, clttSec: NOW, ...change });
  const other = leaseOf(2, { ...named, hwAddress: 'other', clientId: 'other', clttSec: NOW });

  const ROWS: readonly {
    readonly what: string;
    readonly before?: Lease;
    readonly after?: Lease;
    readonly rules?: Partial<typeof rules>;
    readonly means: string;
  }[] = [
    { what: 'a grant with a name', after: named, means: 'add a' },
    { what: 'a grant without a name', after: leaseOf(1), means: '' },
    { what: 'a name and no direction', after: changed({ fqdnFwd: false, fqdnRev: false }), means: '' },
    { what: 'a renewal', before: named, after: changed({}), means: '' },
    {
      what: 'a renewal with update-on-renew',
      before: named,
      after: changed({}),
      rules: { updateOnRenew: true },
      means: 'remove a, add a',
    },
    {
      what: 'a name that changed',
      before: named,
      after: changed({ hostname: 'b.example.org' }),
      means: 'remove a, add b',
    },
    { what: 'a name in other capitals', before: named, after: changed({ hostname: 'A.Example.Org' }), means: '' },
    { what: 'a direction that changed', before: named, after: changed({ fqdnFwd: false }), means: 'remove a, add a' },
    { what: 'a name that went', before: named, after: changed({ hostname: '' }), means: 'remove a' },
    {
      what: 'a renewal where updates are off',
      before: named,
      after: changed({ hostname: 'b.example.org' }),
      rules: { sendUpdates: false },
      means: '',
    },
    {
      what: 'a lease that had run out',
      before: { ...named, validLifetimeSec: 1 },
      after: changed({}),
      means: 'remove a, add a',
    },
    { what: 'another client', before: { ...named, validLifetimeSec: 1 }, after: other, means: 'remove a, add a' },
    {
      what: 'another client where updates are off',
      before: { ...named, validLifetimeSec: 1 },
      after: other,
      rules: { sendUpdates: false },
      means: 'remove a',
    },
    { what: 'a release', before: named, after: changed({ state: 3, validLifetimeSec: 0 }), means: 'remove a' },
    { what: 'a decline', before: named, after: changed({ state: 1, hostname: '' }), means: 'remove a' },
    { what: 'a lease that is gone', before: named, means: 'remove a' },
    { what: 'a lease without a name that is gone', before: leaseOf(1), means: '' },
    {
      what: 'a released address given again',
      before: { ...named, state: 3, validLifetimeSec: 0 },
      after: changed({}),
      means: 'add a',
    },
  ];
  for (const row of ROWS) {
    it(`${row.what}: ${row.means || 'nothing'}`, () => {
      const changes = nameChanges(row.before, row.after, { ...rules, ...row.rules }, NOW);
      assert.equal(
        changes.map(({ change, lease }) => `${change} ${lease.hostname.split('.')[0]}`).join(', '),
        row.means,
      );
    });
  }
});

describe('the TTL', () => {
  const ROWS = [
    { lifetime: 6000, ttl: {}, is: 2000 },
    { lifetime: 1200, ttl: {}, is: 600 },
    { lifetime: 0xffff_ffff, ttl: {}, is: 1_431_641_448 },
    { lifetime: 6000, ttl: { fixedSec: 42 }, is: 42 },
    { lifetime: 6000, ttl: { fixedSec: 0, share: 0 }, is: 2000 },
    { lifetime: 6000, ttl: { share: 0.5 }, is: 3000 },
    { lifetime: 6000, ttl: { share: 0.5, maxSec: 1000 }, is: 1000 },
    { lifetime: 600, ttl: { share: 0.5, minSec: 100 }, is: 300 },
    { lifetime: 100, ttl: { share: 0.5, minSec: 100 }, is: 100 },
    { lifetime: 0xffff_ffff, ttl: { share: 3 }, is: 0xffff_ffff },
  ];
  for (const { lifetime, ttl, is } of ROWS) {
    it(`of ${lifetime} s with ${JSON.stringify(ttl)} is ${is}`, () => assert.equal(ttlFor(lifetime, ttl), is));
  }
});

describe('a request', () => {
  it('has the members of Kea 2.2 and of Kea 3, and two octets of length', () => {
    const lease = leaseOf(1, { hostname: 'a.example.org', fqdnFwd: true, clientId: '', clttSec: 1_709_164_799 });
    const request = requestFor({ change: 'remove', lease }, { conflictResolution: 'no-check-without-dhcid', ttl: {} });
    assert.ok(typeof request !== 'string');
    const octets = encodeNcr(request);
    assert.equal(octets.readUInt16BE(0), octets.length - 2);
    assert.deepEqual(JSON.parse(octets.toString('latin1', 2)), {
      'change-type': 1,
      'forward-change': true,
      'reverse-change': false,
      fqdn: 'a.example.org.',
      'ip-address': '192.0.2.1',
      dhcid: request.dhcid,
      'lease-expires-on': '20240229005959',
      'lease-length': 1200,
      'use-conflict-resolution': false,
      'conflict-resolution-mode': 'no-check-without-dhcid',
    });
  });

  it('says when the lease ends as any calendar does', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 8_589_934_590 }), (expiresAtSec) => {
        const digits = new Date(expiresAtSec * 1000).toISOString().replace(/\D/g, '').slice(0, 14);
        const request = { change: 'add', forward: true, reverse: true, fqdn: 'a.', address: 1, dhcid: '' } as const;
        const json = ncrToJson({ ...request, expiresAtSec, ttlSec: 1, conflictResolution: 'check-with-dhcid' });
        assert.equal(json['lease-expires-on'], digits);
      }),
    );
  });

  it('escapes what has a meaning in a zone file', () => {
    assert.equal(presentedName('a "b"\\.Example'), 'a\\032\\"b\\"\\\\.Example.');
  });
});
