/**
 * Whatever subnet, network, reservation and class commands do, one after the other: config-get, the packet path, the
 * directory of reservations, the free addresses and the file say the same, as a restart would.
 */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonMap, JsonValue } from '@lessor/kea';
import fc from 'fast-check';
import type { IdentifierSource } from 'lessor/internal/domain/identity.js';
import type { ConfigSnapshot } from 'lessor/internal/domain/snapshot.js';
import { AddressSpace } from 'lessor/internal/services/address-space.js';
import { preparePacketConfig } from 'lessor/internal/services/packet-config.js';
import { ReservationDirectory } from 'lessor/internal/services/reservation-directory.js';
import { type ConfigBench, configBench } from '../lib/config-bench.js';
import { ListLeases } from '../unit/control-fakes.js';

const START = `{ "Dhcp4": {
  # keep: the whole house
  "valid-lifetime": 3600,
  "reservations-global": true, "reservations-in-subnet": true,
  "option-def": [ { "name": "colour", "code": 230, "type": "string" } ],
  "client-classes": [
    # keep: telephones
    { "name": "voip", "test": "option[60].text == 'voip'" }, // the old ones
  ],
  "reservations": [ { "hw-address": "02:00:00:00:00:09", "hostname": "Büro" } ],
  "subnet4": [
    { "id": 1, "subnet": "10.0.1.0/24", "pools": [ { "pool": "10.0.1.10 - 10.0.1.40" } ],
      # keep: printers
      "reservations": [
        { "client-id": "01:02", "ip-address": "10.0.1.20" }, # the big one
        { "hw-address": "02:00:00:00:00:01", "ip-address": "10.0.1.21" }
      ] },
    { "id": 2, "subnet": "10.0.2.0/24" }
  ],
  "shared-networks": [
    { "name": "frog", "valid-lifetime": 700, // keep: the pond
      "subnet4": [ { "id": 3, "subnet": "10.0.3.0/24" } ] }
  ]
} }
`;

const id = fc.constantFrom(1, 2, 3, 5);
const network = fc.constantFrom('frog', 'toad');
const prefix = (n: number): string => `10.0.${n}.0/24`;
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

/** Leaves absent members out. */
function given(members: Readonly<Record<string, JsonValue | undefined>>): JsonMap {
  return JSON.parse(JSON.stringify(members)) as JsonMap;
}

const option = fc.constantFrom<JsonMap>(
  { name: 'routers', data: '10.0.0.1' },
  { code: 3, data: '10.0.0.2' },
  { name: 'colour', data: 'red', 'always-send': true },
  { name: 'dhcp-server-identifier', data: '10.0.0.9' },
);

const subnet = fc
  .record({
    id,
    other: fc.boolean(),
    lifetime: maybe(fc.constantFrom(300, 900)),
    pools: maybe(fc.uniqueArray(fc.constantFrom('10-19', '30-39', '50-59'), { maxLength: 3 })),
    options: maybe(fc.array(option, { maxLength: 2 })),
    iface: maybe(fc.constant('eth0')),
  })
  .map(({ id: n, other, lifetime, pools, options, iface }) => {
    // Sometimes another prefix than the one of this id: it may be in use, or leave reservations outside.
    const net = other && n === 5 ? 1 : n;
    const pool = (range: string) => ({ pool: range.replace(/(\d+)-(\d+)/, `10.0.${net}.$1-10.0.${net}.$2`) });
    return given({
      id: n,
      subnet: prefix(net),
      'valid-lifetime': lifetime,
      pools: pools?.map(pool),
      'option-data': options,
      interface: iface,
    });
  });

const client = fc.constantFrom<JsonMap>(
  { 'hw-address': '02:00:00:00:00:01' },
  { 'hw-address': '02:00:00:00:00:02' },
  { 'client-id': '0102' },
  { 'flex-id': "'flex'" },
);

const reservation = fc
  .record({
    scope: fc.constantFrom(0, 1, 2, 3),
    who: client,
    host: maybe(fc.constantFrom(20, 21, 35)),
    options: maybe(fc.array(option, { maxLength: 1 })),
  })
  .map(({ scope, who, host, options }) =>
    given({
      'subnet-id': scope,
      ...who,
      'ip-address': host === undefined ? undefined : `10.0.${scope || 1}.${host}`,
      hostname: 'h',
      'option-data': options,
    }),
  );

type Command = readonly [name: string, args?: JsonMap];

const clientClass = fc
  .record({ name: fc.constantFrom('voip', 'b', 'c'), test: maybe(fc.constantFrom("member('voip')", 'pkt4.hlen == 6')) })
  .map(({ name, test }) => given({ name, test }));

const command: fc.Arbitrary<Command> = fc.oneof(
  ...['subnet4-add', 'subnet4-update', 'subnet4-delta-add', 'subnet4-delta-del'].map((name) =>
    subnet.map((one): Command => [name, { subnet4: [one] }]),
  ),
  id.map((n): Command => ['subnet4-del', { id: n }]),
  fc.record({ network, one: fc.option(subnet) }).map(
    ({ network: name, one }): Command => [
      'network4-add',
      {
        'shared-networks': [
          {
            name,
            'rebind-timer': 500,
            ...(one === null ? {} : { subnet4: [{ ...one, reservations: [{ duid: '00:01', hostname: name }] }] }),
          },
        ],
      },
    ],
  ),
  fc
    .record({ name: network, action: fc.constantFrom('keep', 'delete') })
    .map(({ name, action }): Command => ['network4-del', { name, 'subnets-action': action }]),
  ...['network4-subnet-add', 'network4-subnet-del'].map((verb) =>
    fc.record({ name: network, n: id }).map(({ name, n }): Command => [verb, { name, id: n }]),
  ),
  ...['reservation-add', 'reservation-add', 'reservation-add', 'reservation-update'].map((name) =>
    reservation.map((one): Command => [name, { reservation: one }]),
  ),
  reservation.map((one): Command => {
    const [type, identifier] = Object.entries(one).find(([name]) => /^(hw-address|client-id|flex-id)$/.test(name))!;
    return ['reservation-del', { 'subnet-id': one['subnet-id']!, 'identifier-type': type, identifier: identifier! }];
  }),
  ...['class-add', 'class-update'].map((name) =>
    clientClass.map((one): Command => [name, { 'client-classes': [one] }]),
  ),
  fc.constantFrom('voip', 'b').map((name): Command => ['class-del', { name }]),
  fc.constantFrom<Command>(['config-reload'], ['config-write']),
);

/** Every command once, each of which is carried out: chance alone may refuse one of them each time. */
const EACH: Command[] = [
  ['subnet4-add', { subnet4: [{ id: 5, subnet: prefix(5) }] }],
  ['subnet4-update', { subnet4: [{ id: 5, subnet: prefix(5), 'valid-lifetime': 300 }] }],
  ['subnet4-delta-add', { subnet4: [{ id: 5, subnet: prefix(5), pools: [{ pool: '10.0.5.10-10.0.5.19' }] }] }],
  ['subnet4-delta-del', { subnet4: [{ id: 5, subnet: prefix(5), pools: [{ pool: '10.0.5.10-10.0.5.19' }] }] }],
  ['network4-add', { 'shared-networks': [{ name: 'toad' }] }],
  ['network4-subnet-add', { name: 'toad', id: 5 }],
  ['network4-subnet-del', { name: 'toad', id: 5 }],
  ['network4-del', { name: 'toad', 'subnets-action': 'keep' }],
  ['subnet4-del', { id: 5 }],
  ['reservation-add', { reservation: { 'subnet-id': 1, 'flex-id': "'flex'", hostname: 'h' } }],
  ['reservation-update', { reservation: { 'subnet-id': 1, 'flex-id': "'flex'", hostname: 'i' } }],
  ['reservation-del', { 'subnet-id': 1, 'identifier-type': 'flex-id', identifier: "'flex'" }],
  ['class-add', { 'client-classes': [{ name: 'b' }] }],
  ['class-update', { 'client-classes': [{ name: 'b', test: 'pkt4.hlen == 6' }] }],
  ['class-del', { name: 'b' }],
];

describe('changes by command', () => {
  it('leave memory, packets and file in agreement', async () => {
    const done = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 10, maxLength: 30, size: 'max' }), async (commands) => {
        const bench = configBench(START);
        let rewritten = false;
        for (const [name, args] of commands) {
          const before = { tree: bench.config.current.tree, file: bench.file };
          const { result, text } = await bench.run(name, args);
          assert.ok(!/in memory only|Error during/.test(text ?? ''), text);
          if (result === 0) done.set(name, (done.get(name) ?? 0) + 1);
          else assert.deepEqual({ tree: bench.config.current.tree, file: bench.file }, before, `${name}: ${text}`);
          rewritten ||= name === 'config-write';
          agree(bench, `${name} ${JSON.stringify(args)}: ${text}`);
        }
        if (!rewritten) assert.match(bench.file, /# keep: the whole house.*# keep: telephones/s);
      }),
      { numRuns: Number(process.env.LESSOR_PROPERTY_RUNS ?? 60), examples: [[EACH]], includeErrorInReport: true },
    );
    // Every command of the list has been carried out, not only refused.
    for (const [name] of EACH) assert.ok((done.get(name) ?? 0) > 0, `${name} never succeeded`);
  });
});

function agree(bench: ConfigBench, after: string): void {
  const restarted = bench.restarted();
  const { current } = bench.config;
  assert.deepEqual(current.tree, restarted.tree, after);
  assert.equal(bench.config.current.hash, restarted.hash);
  assert.deepEqual(shapeOf(current), shapeOf(restarted), after);

  const fresh = preparePacketConfig(restarted);
  assert.equal(bench.packets.snapshot, current);
  assert.equal(bench.packets.reservations.size, fresh.reservations.size);
  assert.deepEqual([...bench.packets.serverIds].sort(), [...fresh.serverIds].sort(), after);
  const held = (config: typeof fresh) =>
    [...config.reservations.addresses()].map(({ scope, address }) => `${scope} ${address}`).sort();
  assert.deepEqual(held(bench.packets), held(fresh), after);
  const identity = { hwAddress: '\x02\0\0\0\0\x01', clientId: '\x01\x02' };
  const client: IdentifierSource = { identity, relaySubOption: () => undefined, flexId: 'flex' };
  for (const subnet of current.subnets) {
    const other = restarted.subnetById.get(subnet.id)!;
    assert.deepEqual(
      bench.packets.reservations.inForce(subnet, client),
      fresh.reservations.inForce(other, client),
      after,
    );
  }
  const space = new AddressSpace({ below: () => 0 });
  space.rebuild(restarted, fresh.reservations.addresses(), new ListLeases([]), 1);
  assert.deepEqual(
    current.pools.map((pool) => bench.addresses.freeCount(pool)),
    restarted.pools.map((pool) => space.freeCount(pool)),
    after,
  );
  const list = (directory: ReservationDirectory) =>
    directory
      .of(undefined)
      .map(({ reservation, json }) => JSON.stringify([reservation.subnetId, json]))
      .sort();
  assert.deepEqual(list(bench.directories.of(current)), list(new ReservationDirectory(restarted)), after);
}

/** What packets see of a snapshot, without what only tells it from others. */
function shapeOf({ subnets, sharedNetworks, pools, reservations, classes }: ConfigSnapshot): unknown {
  return {
    subnets: subnets.map(({ sharedNetwork, ddns: _, ...subnet }) => ({
      ...subnet,
      pools: subnet.pools.map(({ ddns: __, ...pool }) => pool),
      sharedNetwork: sharedNetwork?.name,
      tied: sharedNetwork === undefined || sharedNetwork.subnets.some((one) => one.id === subnet.id),
    })),
    sharedNetworks: sharedNetworks.map(({ subnets: members, ...one }) => ({
      ...one,
      subnets: members.map((m) => m.id),
    })),
    pools: pools.map(({ subnetId, first, last, index }) => [subnetId, first, last, index]),
    reservations,
    classes: classes.map(({ name, index, dependsOnKnown, options }) => [name, index, dependsOnKnown, options]),
  };
}
