/** A hub: which relation an address belongs to, what one relation sees and may change of the leases, who answers for whom. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { loadConfig } from 'lessor/internal/config/load.js';
import type { Exchange } from 'lessor/internal/domain/exchange.js';
import { RelationMap, snapshotOf } from 'lessor/internal/domain/ha/relations.js';
import { type Lease, LeaseState } from 'lessor/internal/domain/lease.js';
import { atOnce } from 'lessor/internal/domain/slices.js';
import type { Json } from 'lessor/internal/domain/snapshot.js';
import { type Ipv4, parseIpv4 } from 'lessor/internal/domain/values.js';
import { reportFor } from 'lessor/internal/services/ha-report.js';
import { hubRedundancy } from 'lessor/internal/services/hub-redundancy.js';
import { Ledger } from 'lessor/internal/services/ledger.js';
import { LedgerParts } from 'lessor/internal/services/ledger-parts.js';
import { fingerprintsOf } from 'lessor/internal/services/pair/fingerprints.js';
import type { AckVerdict, Redundancy } from 'lessor/internal/services/redundancy.js';
import { repoPath } from '../lib/repo.js';
import { SimDisk, SimLeaseStore } from '../sim/disk.js';
import { issuesOf, testEnvironment } from './config-helpers.js';

const TEXT = readFileSync(repoPath('tests', 'golden', 'configs', 'hub.conf'), 'utf8');

type Tree = { Dhcp4: { subnet4: Record<string, Json>[]; 'shared-networks': Record<string, Json>[] } };

/** The hub of the golden configuration, changed. */
function changed(change: (dhcp4: Tree['Dhcp4']) => void): { Dhcp4: Json } {
  const tree = JSON.parse(TEXT) as Tree;
  change(tree.Dhcp4);
  return JSON.parse(JSON.stringify(tree));
}

const load = (value: { Dhcp4: Json }) => loadConfig({ kind: 'json', value }, testEnvironment());
const hub = () => load(changed(() => undefined)).snapshot;
const at = (text: string): Ipv4 => parseIpv4(text)!;

function faultsOf(change: (dhcp4: Tree['Dhcp4']) => void): string {
  return issuesOf(() => load(changed(change)))
    .map(({ message }) => message)
    .join('\n');
}

describe('the relations of a hub', () => {
  it('are told by the label of a subnet or its network, with the name of any of their servers', () => {
    const map = new RelationMap(hub());
    assert.deepEqual(map.faults, []);
    assert.deepEqual([map.ofSubnet(1), map.ofSubnet(2), map.ofSubnet(3)], [0, 1, undefined]);
    const addresses = ['10.0.255.255', '10.1.0.0', '10.1.255.255', '10.2.0.0', '10.2.255.255', '10.3.0.0'];
    assert.deepEqual(
      addresses.map((text) => map.ofAddress(at(text))),
      [undefined, 0, 0, 1, 1, undefined],
    );
  });

  it('have each its part of the configuration, the same as the spoke has', () => {
    const snapshot = hub();
    const map = new RelationMap(snapshot);
    const part = snapshotOf(snapshot, 0, map);
    assert.deepEqual(
      [part.subnets.map(({ id }) => id), part.pools.map(({ subnetId }) => subnetId), part.sharedNetworks],
      [[1], [1], []],
    );
    // The spoke: one relation, one subnet, and no label on it.
    const tree = changed((dhcp4) => {
      const { 'user-context': _, ...bare } = dhcp4.subnet4[0]!;
      dhcp4.subnet4 = [bare];
      dhcp4['shared-networks'] = [];
    });
    const text = JSON.stringify(tree)
      .replace(/,\{"this-server-name":"hub-south".*?\}\]\}/, '')
      .replace('"this-server-name":"hub-north"', '"this-server-name":"north"');
    const spoke = load(JSON.parse(text)).snapshot;
    assert.equal(spoke.ha.length, 1);
    const [mine, theirs] = [part, spoke].map((one) => atOnce(fingerprintsOf(one)));
    assert.equal(mine!.addressSpace, theirs!.addressSpace);
    assert.deepEqual(mine!.sections, theirs!.sections);
  });

  it('are refused where they could not be told apart', () => {
    const label = (name: string) => ({ 'user-context': { 'ha-server-name': name } });
    assert.match(
      faultsOf(({ subnet4 }) => Object.assign(subnet4[0]!, label('nobody'))),
      /subnet 1 \(10\.1\.0\.0\/16\): "nobody" is no server of any relation/,
    );
    assert.match(
      faultsOf(({ subnet4 }) => subnet4.push({ id: 3, subnet: '10.1.7.0/24', ...label('south') })),
      /subnet 3 .* lies in subnet 1 .*not in the same relation/,
    );
    assert.match(
      faultsOf((dhcp4) => {
        const list = dhcp4['shared-networks'][0]!.subnet4 as Json[];
        list.push({ id: 3, subnet: '10.3.0.0/16', ...label('north') });
      }),
      /shared network south: all its subnets have to be in one relation/,
    );
    const twice = TEXT.replace('192.0.2.1:8766', '192.0.2.1:8765');
    const told = issuesOf(() => load(JSON.parse(twice))).map(({ message }) => message);
    assert.match(told.join(), /192\.0\.2\.1:8765 is already where hub-north is heard/);
    const { warnings } = load(changed(({ subnet4 }) => subnet4.push({ id: 3, subnet: '10.3.0.0/16' })));
    assert.match(warnings.map(({ message }) => message).join(), /subnets 3 have no "ha-server-name"/);
  });
});

describe('the leases of a hub', () => {
  const leaseAt = (address: Ipv4, subnetId: number): Lease => ({
    ...{ address, subnetId, hwAddress: '\x02\0\0\0\0\x01', clientId: '', validLifetimeSec: 50, clttSec: 1000 },
    ...{ poolId: 0, fqdnFwd: false, fqdnRev: false, hostname: '', state: LeaseState.default, userContext: '' },
  });
  const [north, south, nowhere] = [leaseAt(at('10.1.1.1'), 1), leaseAt(at('10.2.1.1'), 2), leaseAt(at('10.9.1.1'), 9)];

  function ledger() {
    const flushes: (() => void)[] = [];
    const store = new SimLeaseStore({
      ...{ disk: new SimDisk(), step: () => undefined, torn: () => 0 },
      after: (_delayMs, run) => flushes.push(run),
    });
    let map = new RelationMap(hub());
    const whole = new Ledger(store);
    const parts = new LedgerParts(whole, () => map);
    const use = (next: RelationMap): void => {
      const before = map;
      map = next;
      parts.moved(before);
    };
    return { whole, parts, use };
  }

  it('are seen, told of, stamped and changed by the relation they belong to', async () => {
    const { whole, parts } = ledger();
    const [first, second] = [parts.of(0), parts.of(1)];
    const [told, undone]: [string[], string[]] = [[], []];
    for (const [name, part] of Object.entries({ first, second })) {
      part.observe((address) => told.push(`${name} ${address}`));
      part.useStamp({
        put: (lease) => ({ ...lease, hostname: name }),
        remove: () => undefined,
        committed: () => undefined,
        undone: (addresses) => undone.push(`${name} ${addresses.join()}`),
      });
    }
    await whole.transact((tx) => {
      for (const lease of [north, south, nowhere]) tx.put(lease);
    });
    assert.deepEqual(told, [`first ${north.address}`, `second ${south.address}`]);
    const names = [north, south, nowhere].map(({ address }) => whole.leases.getByAddress(address)!.hostname);
    assert.deepEqual(names, ['first', 'second', '']);
    assert.deepEqual(
      [...first.leases.all()].map(({ address }) => address),
      [north.address],
    );
    assert.deepEqual(
      second.leases.page(undefined, 1).map(({ address }) => address),
      [south.address],
    );
    assert.equal(first.leases.getByAddress(south.address), undefined);
    assert.equal(second.leases.size, 1);
    assert.equal(
      first.leases.findByHwAddress(south.hwAddress, (id) => id === 2),
      undefined,
    );
    await assert.rejects(
      async () => await first.transact((tx) => tx.put({ ...south, hostname: 'stolen' })),
      /10\.2\.1\.1 belongs to no subnet of this relation/,
    );
    await assert.rejects(async () => await first.transact((tx) => tx.delete(south.address)), /belongs to no subnet/);
    assert.equal(whole.leases.getByAddress(south.address)!.hostname, 'second');
    const broken = (): never => {
      throw new Error('broken');
    };
    undone.length = 0;
    await assert.rejects(
      async () =>
        await whole.transact((tx) => {
          tx.put(south);
          broken();
        }),
      /broken/,
    );
    assert.deepEqual(undone, ['first ', `second ${south.address}`]);
  });

  it('are told of as lost and got when subnets come and go', async () => {
    const { whole, parts, use } = ledger();
    await whole.transact((tx) => tx.put(north));
    const told: string[] = [];
    parts.of(0).observe((_address, before, after) => told.push(`${before !== undefined} -> ${after !== undefined}`));
    use(new RelationMap({ ...hub(), subnets: [], sharedNetworks: [] }));
    use(new RelationMap(hub()));
    assert.deepEqual(told, ['true -> false', 'false -> true']);
  });
});

describe('the packet path of a hub', () => {
  const verdict = (seconds: number): AckVerdict => ({ kind: 'limited', seconds });
  const member = (seconds: number, late: boolean): Redundancy => ({
    rules: {
      mayGive: () => true,
      mayRenew: () => true,
      lifetimeLimitSec: () => seconds,
      mayRefuse: () => true,
    },
    selective: true,
    admit: () => (late ? 'ha-partners-client' : undefined),
    gate: (acks) => {
      const given = acks.map(() => verdict(seconds));
      return late ? Promise.resolve(given) : given;
    },
  });
  const map = new RelationMap(hub());
  const switches = [{ enabled: true }, { enabled: true }];
  const members = [member(1, false), member(2, true)].map((redundancy, i) => ({
    redundancy,
    serviceSwitch: switches[i]!,
  }));
  const both = hubRedundancy(members, () => map);
  const from = (id: number) => ({ candidates: id === 0 ? [] : [{ id }] }) as unknown as Exchange;

  it('asks the relation of the subnet or address, and gives nothing that is in none', async () => {
    assert.equal(both.admit(from(1)), undefined);
    assert.equal(both.admit(from(2)), 'ha-partners-client');
    assert.equal(both.admit(from(9)), 'ha-no-relation');
    assert.equal(both.admit(from(0)), 'ha-no-relation');
    assert.equal(both.rules.lifetimeLimitSec(at('10.2.1.1'), '', 9, 0), 2);
    assert.equal(both.rules.mayGive(at('10.9.1.1')), false);
    const acks = ['10.2.1.1', '10.1.1.1', '10.9.1.1', '10.2.1.2'].map((text) => ({ address: at(text) }));
    const verdicts = await both.gate(acks as unknown as Parameters<Redundancy['gate']>[0]);
    assert.deepEqual(verdicts, [verdict(2), verdict(1), { kind: 'withheld' }, verdict(2)]);
    switches[0]!.enabled = false;
    assert.equal(both.admit(from(1)), 'ha-not-serving', 'one relation holds off, the other goes on');
    assert.equal(both.admit(from(2)), 'ha-partners-client');
  });
});

it('a command for a hub has to say which relation it is for', () => {
  const report = (relationship: string, servers: string[]) =>
    ({ relationship, servers }) as unknown as Parameters<typeof reportFor>[0][number];
  const [one, two] = [report('a-b', ['a', 'b']), report('c-d', ['c', 'd'])];
  assert.equal(reportFor([one], 'ha-sync', undefined), one);
  assert.equal(reportFor([one, two], 'ha-sync', 'd'), two);
  assert.throws(
    () => reportFor([one, two], 'ha-sync', undefined),
    /which one ha-sync is for: a or b \(a-b\), c or d \(c-d\)/,
  );
  assert.throws(() => reportFor([one, two], 'ha-sync', 'e'), /e matches no configured 'server-name'/);
});
