import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SharedNetwork, Subnet } from 'lessor/internal/domain/snapshot.js';
import { candidateSubnets, contains, maskOf, type SubnetQuery, Topology } from 'lessor/internal/domain/topology.js';
import { parseIpv4 } from 'lessor/internal/domain/values.js';

const ip = (text: string): number => parseIpv4(text)!;

/** Only what the topology reads; the rest of a Subnet does not matter here. */
function subnet(id: number, prefix: string, extra: Partial<Subnet> = {}): Subnet {
  const [address, length] = prefix.split('/');
  return {
    id,
    index: id,
    prefix: ip(address!),
    prefixLength: Number(length),
    relayAddresses: [],
    clientClasses: [],
    ...extra,
  } as unknown as Subnet;
}

const query = (change: Partial<SubnetQuery>): SubnetQuery => ({
  selected: 0,
  giaddr: 0,
  ciaddr: 0,
  source: 0,
  unicast: false,
  interfaceName: 'eth0',
  interfaceAddress: 0,
  isMember: () => false,
  ...change,
});

const plain = subnet(1, '192.0.2.0/24');
const byRelay = subnet(2, '198.51.100.0/24', { relayAddresses: [ip('10.0.0.1')] });
const byInterface = subnet(3, '203.0.113.0/24', { interface: 'eth7' });
const guarded = subnet(4, '10.9.0.0/16', { clientClasses: ['phones'] });
const wide = subnet(5, '10.0.0.0/8');
const topology = new Topology({ subnets: [plain, byRelay, byInterface, guarded, wide] });

/** Each selector of Kea's order, and that it beats the next. */
const rows: [string, Partial<SubnetQuery>, Subnet | undefined][] = [
  ['the selected address beats giaddr', { selected: ip('192.0.2.9'), giaddr: ip('198.51.100.1') }, plain],
  [
    'a selected address nobody has selects nothing, whatever else is there',
    { selected: ip('8.8.8.8'), giaddr: ip('192.0.2.1') },
    undefined,
  ],
  ['a relay address beats the prefix giaddr lies in', { giaddr: ip('10.0.0.1') }, byRelay],
  ['giaddr by prefix', { giaddr: ip('192.0.2.254') }, plain],
  ['ciaddr of a unicast renewal', { ciaddr: ip('192.0.2.77'), unicast: true, interfaceName: 'eth7' }, plain],
  ['ciaddr of a broadcast is not a selector', { ciaddr: ip('192.0.2.77'), interfaceName: 'eth7' }, byInterface],
  ['the interface by name', { interfaceName: 'eth7', interfaceAddress: ip('192.0.2.1') }, byInterface],
  ['the interface by its address', { interfaceAddress: ip('192.0.2.1') }, plain],
  ['a guard sends the client on to the next prefix', { giaddr: ip('10.9.0.1') }, wide],
  [
    'who passes the guard gets the subnet with the lower id',
    { giaddr: ip('10.9.0.1'), isMember: (name) => name === 'phones' },
    guarded,
  ],
  ['nothing fits', { giaddr: ip('172.16.0.1') }, undefined],
];
for (const [name, change, expected] of rows) {
  test(name, () => assert.equal(topology.select(query(change)), expected));
}

test('the candidates of a shared network: the selected first, then the open ones in order', () => {
  const network: { name: string; subnets: Subnet[] } & Partial<SharedNetwork> = {
    name: 'n',
    index: 0,
    subnets: [],
    relayAddresses: [],
    clientClasses: [],
  };
  const a = subnet(11, '192.0.2.0/25', { sharedNetwork: network as SharedNetwork });
  const b = subnet(12, '192.0.2.128/25', { sharedNetwork: network as SharedNetwork, clientClasses: ['x'] });
  const c = subnet(13, '198.51.100.0/24', { sharedNetwork: network as SharedNetwork });
  network.subnets.push(a, b, c);
  assert.deepEqual(
    candidateSubnets(c, () => false),
    [c, a],
  );
  assert.deepEqual(
    candidateSubnets(c, (name) => name === 'x'),
    [c, a, b],
  );
  assert.deepEqual(
    candidateSubnets(plain, () => false),
    [plain],
  );
});

test('masks at the edges', () => {
  assert.equal(maskOf(0), 0);
  assert.equal(maskOf(32), 0xffffffff);
  assert.ok(contains({ prefix: 0, prefixLength: 0 }, ip('255.255.255.255')));
  assert.ok(!contains({ prefix: ip('128.0.0.0'), prefixLength: 1 }, ip('127.255.255.255')));
});
