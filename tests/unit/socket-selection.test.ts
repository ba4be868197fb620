/** Which sockets interfaces-config asks for, and how a reply leaves them. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InterfacesConfig } from 'lessor/internal/domain/snapshot.js';
import { formatIpv4, parseIpv4 } from 'lessor/internal/domain/values.js';
import { gatherInterfaces, type InterfaceRecord } from 'lessor/internal/platform/interfaces.js';
import type { NetworkInterface } from 'lessor/internal/services/ports.js';
import { deliveryOf } from 'lessor/internal/transports/dhcp4-delivery.js';
import { selectSockets } from 'lessor/internal/transports/dhcp4-selection.js';

const ip = (text: string): number => parseIpv4(text)!;

function netif(name: string, addresses: string[], more: Partial<NetworkInterface> = {}): NetworkInterface {
  return {
    name,
    index: name.length,
    hwAddress: Buffer.from('020000000001', 'hex'),
    addresses: addresses.map((address) => ({ address: ip(address), prefixLength: 24 })),
    up: true,
    running: true,
    loopback: false,
    ethernet: true,
    ...more,
  };
}

const LO = netif('lo', ['127.0.0.1'], { loopback: true, ethernet: false, hwAddress: new Uint8Array(0) });
const ETH0 = netif('eth0', ['10.0.0.1', '10.0.1.1']);
const VLAN = netif('eth0.17', ['10.17.0.1']);
const MACHINE = [LO, ETH0, VLAN];

function config(selectors: string[], more: Partial<InterfacesConfig> = {}): InterfacesConfig {
  return {
    selectors: selectors.map((text) => {
      const [name, address] = text.split('/');
      return { name: name!, ...(address === undefined ? {} : { address: ip(address) }) };
    }),
    socketType: 'raw',
    outboundInterface: 'same-as-inbound',
    reDetect: true,
    requireAll: false,
    maxRetries: 0,
    retryWaitMs: 0,
    ...more,
  };
}

/** A selection in short: what is opened with which addresses, and what stands against the rest. */
function brief(selectors: string[], interfaces = MACHINE, more: Partial<InterfacesConfig> = {}): string[] {
  const { plans, problems } = selectSockets(config(selectors, more), interfaces);
  return [
    ...plans.map((plan) => {
      const place = plan.bindAddress === undefined ? 'device' : formatIpv4(plan.bindAddress);
      const addresses = plan.endpoints.map(({ address }) => formatIpv4(address)).join('+');
      return `${plan.interface.name} ${place} ${addresses}${plan.exclusive ? ' only' : ''}`;
    }),
    ...problems.map(({ text, refused }) => `${refused ? 'refused' : 'problem'}: ${text}`),
  ];
}

test('* is every interface but the loopback', () => {
  assert.deepEqual(brief(['*']), ['eth0 device 10.0.0.1+10.0.1.1', 'eth0.17 device 10.17.0.1']);
});

test('the loopback interface is served when it is named, by address', () => {
  assert.deepEqual(brief(['*', 'lo']).at(0), 'lo 127.0.0.1 127.0.0.1');
});

test('a named address restricts its interface, also beside *', () => {
  assert.deepEqual(brief(['eth0/10.0.1.1']), ['eth0 device 10.0.1.1 only']);
  assert.deepEqual(brief(['*', 'eth0/10.0.1.1']), ['eth0 device 10.0.1.1 only', 'eth0.17 device 10.17.0.1']);
});

test('udp sockets are bound to each address', () => {
  assert.deepEqual(brief(['eth0'], MACHINE, { socketType: 'udp' }), [
    'eth0 10.0.0.1 10.0.0.1',
    'eth0 10.0.1.1 10.0.1.1',
  ]);
});

test("Kea's words for what can not be served", () => {
  const broken = [
    netif('down', ['10.1.0.1'], { up: false, running: false }),
    netif('nolink', ['10.2.0.1'], { running: false }),
    netif('bare', []),
  ];
  assert.deepEqual(brief(['*', 'eth7'], broken), [
    "refused: interface 'eth7' doesn't exist in the system",
    'problem: the interface down is down',
    'problem: the interface nolink is not running',
    'problem: the interface bare has no usable IPv4 addresses configured',
  ]);
  assert.deepEqual(brief(['eth0/10.9.9.9']), ["problem: interface 'eth0' doesn't have address 10.9.9.9 assigned"]);
});

test('the key changes with what needs another socket, and with nothing else', () => {
  const key = (selectors: string[], interfaces: NetworkInterface[], more: Partial<InterfacesConfig> = {}) =>
    selectSockets(config(selectors, more), interfaces).plans.map((plan) => plan.key);
  const before = key(['eth0'], [ETH0]);
  assert.deepEqual(key(['eth0/10.0.0.1'], [ETH0]), before);
  assert.deepEqual(key(['*'], [netif('eth0', ['10.0.0.1', '10.0.7.1', '10.0.8.1'])]), before);
  assert.notDeepEqual(key(['eth0'], [{ ...ETH0, index: 99 }]), before, 'removed and made again');
  assert.notDeepEqual(key(['eth0'], [ETH0], { outboundInterface: 'use-routing' }), before);
  assert.notDeepEqual(key(['eth0'], [ETH0], { socketType: 'udp' }), before);
});

test('records of one interface are joined, alias labels included', () => {
  const hwAddress = Buffer.from('020000000001', 'hex');
  const records: InterfaceRecord[] = [
    { name: 'lo', flags: 0x49, link: { index: 1, type: 772, hwAddress: new Uint8Array(0) } },
    { name: 'eth0', flags: 0x1043, link: { index: 2, type: 1, hwAddress } },
    { name: 'tun0', flags: 0x1002, link: { index: 3, type: 65534, hwAddress: new Uint8Array(0) } },
    { name: 'lo', flags: 0x49, inet: { address: ip('127.0.0.1'), prefixLength: 8 } },
    { name: 'eth0', flags: 0x1043, inet: { address: ip('10.0.0.1'), prefixLength: 24 } },
    { name: 'eth0:1', flags: 0x1043, inet: { address: ip('10.0.1.1'), prefixLength: 25 } },
  ];
  const [lo, eth0, tun0] = gatherInterfaces(records);
  assert.deepEqual([lo!.loopback, lo!.ethernet, lo!.running, lo!.addresses.length], [true, false, true, 1]);
  assert.deepEqual(eth0!.addresses, [
    { address: ip('10.0.0.1'), prefixLength: 24 },
    { address: ip('10.0.1.1'), prefixLength: 25 },
  ]);
  assert.deepEqual([eth0!.ethernet, eth0!.index, eth0!.up], [true, 2, true]);
  assert.deepEqual([tun0!.ethernet, tun0!.up, tun0!.addresses.length], [false, false, 0]);
});

test('delivery: a frame where one can be made, else a broadcast; by address on the loopback', () => {
  const eth = { loopback: false, address: ip('10.0.0.1') };
  const lo = { loopback: true, address: ip('127.0.0.1') };
  const hwAddress = Buffer.from('020000000009', 'hex');
  const destination = ip('10.0.0.50');
  const broadcast = 0xffff_ffff;
  assert.deepEqual(deliveryOf({ destination, hwAddress }, eth, { framing: true }), { destination, frameTo: hwAddress });
  assert.deepEqual(deliveryOf({ destination, hwAddress }, eth, { framing: false }), { destination: broadcast });
  const infiniband = { destination, hwAddress: Buffer.alloc(20) };
  assert.deepEqual(deliveryOf(infiniband, eth, { framing: true }), { destination: broadcast });
  assert.deepEqual(deliveryOf({ destination }, eth, { framing: true }), { destination });
  assert.deepEqual(deliveryOf({ destination, hwAddress }, lo, { framing: false }), { destination: lo.address });
  assert.deepEqual(deliveryOf({ destination: broadcast }, lo, { framing: false }), { destination: lo.address });
  assert.deepEqual(deliveryOf({ destination: ip('127.0.0.7') }, lo, { framing: false }), {
    destination: ip('127.0.0.7'),
  });
});
