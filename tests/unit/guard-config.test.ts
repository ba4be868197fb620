/** The configuration of the guard of BMC networks: what it is read as, and what is wrong with it, with the path. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FINGERPRINTS } from 'lessor/internal/domain/guard/fingerprints.js';
import { DEFAULT_POLICIES } from 'lessor/internal/domain/guard/policy.js';
import type { Json, JsonMap } from 'lessor/internal/domain/snapshot.js';
import { issuesOf, loadDhcp4 } from './config-helpers.js';

const SUBNET = { id: 1, subnet: '192.0.2.0/24', pools: [{ pool: '192.0.2.10-192.0.2.20' }] };
const lessor = (value: Json): JsonMap => ({ 'user-context': { lessor: value } });

function withBlock(block: Json, more: JsonMap = {}): JsonMap {
  return { 'interfaces-config': { interfaces: [] }, subnet4: [SUBNET], ...lessor({ 'bmc-guard': block }), ...more };
}

/** What is wrong, as path and message. */
function faults(dhcp4: JsonMap): string[] {
  return issuesOf(() => loadDhcp4(dhcp4)).map(({ position, message }) => `${position.path}: ${message}`);
}

const warnings = (dhcp4: JsonMap): string[] =>
  loadDhcp4(dhcp4).warnings.map(({ position, message }) => `${position.path}: ${message}`);

describe('the block bmc-guard', () => {
  it('may be empty: everything is observed', () => {
    const { guard } = loadDhcp4(withBlock({})).snapshot;
    assert.deepEqual(guard?.policies, DEFAULT_POLICIES);
    assert.deepEqual(guard?.thresholds, { alert: 60, quarantine: 80, deny: 80 });
    assert.equal(guard?.signatures.length, FINGERPRINTS.length);
    assert.equal(guard?.presencePing.enabled, false);
  });

  it('is off if it is absent, and a plain file is as it was', () => {
    const { snapshot, warnings: none } = loadDhcp4({ 'interfaces-config': { interfaces: [] }, subnet4: [SUBNET] });
    assert.equal(snapshot.guard, undefined);
    assert.deepEqual(none, []);
    assert.ok(!('role' in snapshot.subnets[0]!));
  });

  it('comes back from config-get as it was written', () => {
    const block = { policies: { R1: 'deny' } };
    const tree = loadDhcp4(withBlock(block)).snapshot.tree as JsonMap;
    assert.deepEqual(tree['user-context'], { lessor: { 'bmc-guard': block } });
  });

  const WRONG: readonly [string, Json, RegExp][] = [
    ['a list', [], /^user-context\.lessor\.bmc-guard: a list where a map is expected/],
    ['an unknown word', { polices: {} }, /bmc-guard\.polices: unknown parameter "polices".*did you mean "policies"/],
    ['an unknown rule', { policies: { R10: 'deny' } }, /bmc-guard\.policies\.R10: unknown parameter/],
    ['an unknown policy', { policies: { R1: 'block' } }, /policies\.R1: "R1" can not be "block", only observe, alert/],
    ['a threshold', { thresholds: { alert: 101 } }, /thresholds\.alert: "alert" is 101, it must be at least 1/],
    ['a ping', { 'presence-ping': { 'per-second': 0 } }, /presence-ping\.per-second: "per-second" is 0/],
    [
      'a rhythm that can not be',
      { 'alternation-minimum': 300 },
      /alternation-minimum: the shortest stay \(300\) is longer than the longest \(200\)/,
    ],
    ['no pattern', { fingerprints: [{ field: 'vendor-class', product: 'x' }] }, /"pattern" is missing/],
    [
      'a field',
      { fingerprints: [{ field: 'option-60', pattern: 'x', product: 'x' }] },
      /fingerprints\[0\]\.field: "field" can not be "option-60"/,
    ],
    [
      'a pattern for everything',
      { fingerprints: [{ field: 'vendor-class', pattern: '*', product: 'x' }] },
      /fingerprints\[0\]\.pattern: a pattern needs some text/,
    ],
    [
      'a pattern with a field that is none',
      { fingerprints: [{ field: 'host-name', pattern: 'x-{serial}', product: 'x' }] },
      /fingerprints\[0\]\.pattern: \{serial\} is no field/,
    ],
    [
      'a product in other letters',
      { fingerprints: [{ field: 'host-name', pattern: 'x-{mac}', product: 'Bürö' }] },
      /fingerprints\[0\]\.product: a product is called in printable ASCII/,
    ],
  ];
  for (const [what, block, expected] of WRONG) {
    it(`is refused for ${what}, with the path`, () => {
      assert.ok(
        faults(withBlock(block)).some((line) => expected.test(line)),
        faults(withBlock(block)).join('\n'),
      );
    });
  }
});

describe('roles', () => {
  const management = lessor({ role: 'management' });

  it('are those of subnets, or of their shared network', () => {
    const { subnets } = loadDhcp4(
      withBlock(
        {},
        {
          subnet4: [{ ...SUBNET, ...lessor({ role: 'host', 'bmc-guard': { policies: { R1: 'deny' } } }) }],
          'shared-networks': [
            {
              name: 'mgmt',
              ...lessor({ role: 'management', 'bmc-guard': { policies: { R2: 'alert', R3: 'alert' } } }),
              subnet4: [
                { id: 2, subnet: '198.51.100.0/24', ...lessor({ 'bmc-guard': { policies: { R2: 'deny' } } }) },
                { id: 3, subnet: '203.0.113.0/24' },
              ],
            },
          ],
        },
      ),
    ).snapshot;
    assert.deepEqual(
      subnets.map(({ role, guardPolicies }) => [role, guardPolicies]),
      [
        ['host', { R1: 'deny' }],
        ['management', { R2: 'deny', R3: 'alert' }],
        ['management', { R2: 'alert', R3: 'alert' }],
      ],
    );
  });

  it('are refused if they are none, if unknown words stand beside them, or if one wire has two', () => {
    assert.match(
      faults(withBlock({}, { subnet4: [{ ...SUBNET, ...lessor({ role: 'bmc' }) }] }))[0]!,
      /subnet4\[0\]\.user-context\.lessor\.role: "role" can not be "bmc", only management, host/,
    );
    assert.match(
      faults(withBlock({}, { subnet4: [{ ...SUBNET, ...lessor({ rolle: 'host' }) }] }))[0]!,
      /lessor\.rolle: unknown parameter "rolle".*did you mean "role"/,
    );
    const two = (network: JsonMap) =>
      withBlock(
        {},
        {
          subnet4: [],
          'shared-networks': [
            {
              name: 'wire',
              ...network,
              subnet4: [
                { ...SUBNET, ...management },
                { id: 2, subnet: '198.51.100.0/24' },
              ],
            },
          ],
        },
      );
    assert.match(faults(two({}))[0]!, /another role than others of its shared network/);
    assert.match(
      faults(two(lessor({ role: 'host' })))[0]!,
      /the role is "management", that of the shared network "host"/,
    );
  });

  it('without the block, and options for BMCs only without a management network, are told of', () => {
    const plain = { 'interfaces-config': { interfaces: [] }, subnet4: [{ ...SUBNET, ...management }] };
    assert.match(warnings(plain)[0]!, /subnet4\[0\]: nothing is guarded without "bmc-guard"/);
    const option = { code: 43, 'csv-format': false, data: '2d70', ...lessor({ 'bmc-only': true }) };
    assert.match(warnings({ ...plain, 'option-data': [option] })[1]!, /are sent to nobody: there is no "bmc-guard"/);
    assert.match(
      warnings(withBlock({}, { 'option-data': [option] }))[0]!,
      /are sent to nobody: no subnet has the role "management"/,
    );
    assert.deepEqual(warnings(withBlock({}, { 'option-data': [option], subnet4: [{ ...SUBNET, ...management }] })), []);
  });

  it('an option 43 with a password that is not for BMCs only is told of, guard or not', () => {
    const data = Buffer.from('-f a.xml -u me -p hunter2').toString('hex');
    const option = { code: 43, 'csv-format': false, data };
    const plain = { 'interfaces-config': { interfaces: [] }, 'option-data': [option] };
    assert.match(warnings(plain)[0]!, /seems to hold a password.*mark it "bmc-only"/);
    assert.match(
      faults(withBlock({}, { 'option-data': [{ ...option, ...lessor({ 'bmc-onli': true }) }] }))[0]!,
      /option-data\[0\]\.user-context\.lessor\.bmc-onli: unknown parameter/,
    );
  });

  it('a pool can be for those in quarantine; the class needs no definition, and can have options but no test', () => {
    const pools = [{ pool: '192.0.2.10-192.0.2.20', 'client-classes': ['BMC_QUARANTINE'] }];
    assert.deepEqual(warnings(withBlock({}, { subnet4: [{ ...SUBNET, pools }] })), []);
    const tested = { 'client-classes': [{ name: 'BMC_QUARANTINE', test: "option[60].text == 'x'" }] };
    assert.match(faults(withBlock({}, tested))[0]!, /"BMC_QUARANTINE" is a built-in class/);
  });
});
