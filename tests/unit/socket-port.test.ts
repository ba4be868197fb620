/** The port over a made-up network: batches, backpressure, reconfiguration, retries, addresses that come and go. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InterfacesConfig } from 'lessor/internal/domain/snapshot.js';
import { parseIpv4 } from 'lessor/internal/domain/values.js';
import { LessorError } from 'lessor/internal/errors.js';
import type {
  Clock,
  Datagram,
  InterfaceSocket,
  Logger,
  NetworkInterface,
  NetworkStack,
  SocketRequest,
  TakeDatagram,
} from 'lessor/internal/services/ports.js';
import { type Dhcp4Port, openDhcp4Port } from 'lessor/internal/transports/dhcp4-socket.js';

const ip = (text: string): number => parseIpv4(text)!;

/** Time that passes only when the test says so. */
class TestClock implements Clock {
  #soon: (() => void)[] = [];
  #timers: { delayMs: number; fn: () => void }[] = [];
  now = () => 0;
  monotonic = () => 0;
  after(delayMs: number, fn: () => void): () => void {
    const timer = { delayMs, fn };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }
  soon(fn: () => void): void {
    this.#soon.push(fn);
  }
  turn(): void {
    for (const fn of this.#soon.splice(0)) fn();
  }
  fire(): number[] {
    const due = this.#timers.splice(0);
    for (const { fn } of due) fn();
    return due.map(({ delayMs }) => delayMs);
  }
}

class FakeSocket implements InterfaceSocket {
  readonly framing: boolean;
  waiting: { octets: Buffer; destination: number }[] = [];
  paused = false;
  closed = false;
  sent: string[] = [];
  flushes = 0;
  counters = {
    received: 0,
    kernelDrops: 0,
    oversize: 0,
    sent: 0,
    sendErrors: new Map<string, number>(),
    receiveErrors: new Map<string, number>(),
  };
  constructor(readonly request: SocketRequest) {
    this.framing = request.interface.ethernet && request.address === undefined;
  }
  /** Datagrams arrive: readable until they are read, as with a level-triggered poll. */
  arrive(count: number, destination = 0xffff_ffff): void {
    for (let i = 0; i < count; i++) this.waiting.push({ octets: Buffer.from([i]), destination });
    this.poll();
  }
  poll(): void {
    if (!this.paused && !this.closed && this.waiting.length > 0) this.request.onReadable();
  }
  receive(limit: number, take: TakeDatagram): number {
    const taken = this.waiting.splice(0, limit);
    for (const { octets, destination } of taken) take(octets, 0, 68, destination);
    return taken.length;
  }
  queueDatagram(_octets: Uint8Array, source: number, destination: number, port: number): void {
    this.sent.push(`udp ${source >>> 0}>${destination >>> 0}:${port}`);
  }
  queueFrame(_octets: Uint8Array, _source: number, destination: number, port: number, hwAddress: Uint8Array): void {
    this.sent.push(`frame ${Buffer.from(hwAddress).toString('hex')} ${destination}:${port}`);
  }
  flush(): void {
    this.flushes++;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  close(): void {
    this.closed = true;
  }
}

class FakeNetwork implements NetworkStack {
  sockets: FakeSocket[] = [];
  refusing = new Set<string>();
  changed: (() => void) | undefined;
  constructor(public machine: NetworkInterface[]) {}
  interfaces = () => this.machine;
  watch(changed: () => void): () => void {
    this.changed = changed;
    return () => {
      this.changed = undefined;
    };
  }
  async open(request: SocketRequest): Promise<InterfaceSocket> {
    if (this.refusing.has(request.interface.name)) {
      throw new LessorError('socket-open', `${request.interface.name}: no`);
    }
    const socket = new FakeSocket(request);
    this.sockets.push(socket);
    return socket;
  }
  recycle(): void {}
  socket(name: string): FakeSocket {
    return this.sockets.findLast((socket) => socket.request.interface.name === name)!;
  }
}

function netif(name: string, ...addresses: string[]): NetworkInterface {
  return {
    name,
    index: name.charCodeAt(name.length - 1),
    hwAddress: Buffer.from('020000000001', 'hex'),
    addresses: addresses.map((address) => ({ address: ip(address), prefixLength: 24 })),
    up: true,
    running: true,
    loopback: false,
    ethernet: true,
  };
}

function config(names: string[], more: Partial<InterfacesConfig> = {}): InterfacesConfig {
  return {
    selectors: names.map((name) => ({ name })),
    socketType: 'raw',
    outboundInterface: 'same-as-inbound',
    reDetect: true,
    requireAll: false,
    maxRetries: 0,
    retryWaitMs: 7,
    ...more,
  };
}

interface Fixture {
  readonly network: FakeNetwork;
  readonly clock: TestClock;
  readonly port: Dhcp4Port;
  readonly batches: Datagram[][];
  readonly log: string[];
  readonly gaveUp: LessorError[];
}

async function fixture(machine: NetworkInterface[], settings: InterfacesConfig, refusing: string[] = []) {
  const network = new FakeNetwork(machine);
  for (const name of refusing) network.refusing.add(name);
  const clock = new TestClock();
  const log: string[] = [];
  const gaveUp: LessorError[] = [];
  const logger: Logger = {
    enabled: () => true,
    log: (severity, id, text) => log.push(`${severity} ${id} ${text}`),
    child: () => logger,
  };
  const port = await openDhcp4Port(
    settings,
    { serverPort: 67, maxBatch: 10 },
    { network, clock, logger, onGiveUp: (error) => gaveUp.push(error) },
  );
  const batches: Datagram[][] = [];
  return { network, clock, port, batches, log, gaveUp } satisfies Fixture;
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('all sockets readable in one turn make one batch, each with its share', async () => {
  const f = await fixture([netif('eth0', '10.0.0.1'), netif('eth1', '10.0.1.1')], config(['*']));
  f.port.onBatch((batch) => void f.batches.push([...batch]));
  f.network.socket('eth0').arrive(100);
  f.network.socket('eth1').arrive(3);
  f.clock.turn();
  assert.equal(f.batches.length, 1);
  const names = f.batches[0]!.map((datagram) => datagram.interface.name);
  assert.equal(names.filter((name) => name === 'eth0').length, 5, 'half of ten');
  assert.equal(names.filter((name) => name === 'eth1').length, 3);
});

test('while a batch is in flight sockets are paused and what comes then is one batch', async () => {
  const f = await fixture([netif('eth0', '10.0.0.1'), netif('eth1', '10.0.1.1')], config(['*']));
  let finish = (): void => {};
  f.port.onBatch((batch) => {
    f.batches.push([...batch]);
    return new Promise<void>((resolve) => {
      finish = resolve;
    });
  });
  f.network.socket('eth0').arrive(1);
  f.clock.turn();
  assert.equal(f.batches.length, 1);
  f.network.socket('eth0').arrive(2);
  f.network.socket('eth1').arrive(1);
  assert.ok(f.network.socket('eth0').paused && f.network.socket('eth1').paused);
  f.clock.turn();
  assert.equal(f.batches.length, 1, 'nothing is read meanwhile');
  finish();
  await settle();
  f.clock.turn();
  assert.equal(f.batches.length, 2);
  assert.equal(f.batches[1]!.length, 3);
  assert.ok(!f.network.socket('eth0').paused && !f.network.socket('eth1').paused);
});

test('a handler that fails loses its batch and nothing more', async () => {
  const f = await fixture([netif('eth0', '10.0.0.1')], config(['eth0']));
  let failing = true;
  f.port.onBatch((batch) => {
    if (failing) throw new Error('a defect');
    f.batches.push([...batch]);
  });
  f.network.socket('eth0').arrive(1);
  f.clock.turn();
  assert.match(f.log.at(-1)!, /ERROR DHCP4_BATCH_FAILED .*a defect/);
  failing = false;
  f.network.socket('eth0').arrive(1);
  f.clock.turn();
  assert.equal(f.batches.length, 1);
});

test('what arrived before there was a handler is not lost', async () => {
  const f = await fixture([netif('eth0', '10.0.0.1')], config(['eth0']));
  f.network.socket('eth0').arrive(2);
  f.clock.turn();
  f.port.onBatch((batch) => void f.batches.push([...batch]));
  f.clock.turn();
  assert.equal(f.batches[0]?.length, 2);
});

test('the address a datagram was sent to decides which of an interface is meant', async () => {
  const f = await fixture([netif('eth0', '10.0.0.1', '10.0.9.1')], config(['eth0']));
  f.port.onBatch((batch) => void f.batches.push([...batch]));
  const socket = f.network.socket('eth0');
  for (const destination of ['255.255.255.255', '10.0.9.1', '10.0.0.1', '172.16.0.1'])
    socket.arrive(1, ip(destination));
  f.clock.turn();
  assert.deepEqual(
    f.batches[0]!.map((datagram) => datagram.interface.address),
    [ip('10.0.0.1'), ip('10.0.9.1'), ip('10.0.0.1'), ip('10.0.0.1')],
  );
});

test('with an address named, unicasts to others are not ours, broadcasts are', async () => {
  const named = config(['eth0']);
  const f = await fixture([netif('eth0', '10.0.0.1', '10.0.9.1')], {
    ...named,
    selectors: [{ name: 'eth0', address: ip('10.0.9.1') }],
  });
  f.port.onBatch((batch) => void f.batches.push([...batch]));
  const socket = f.network.socket('eth0');
  for (const destination of ['10.0.0.1', '10.0.9.1', '10.0.0.255', '255.255.255.255']) {
    socket.arrive(1, ip(destination));
  }
  f.clock.turn();
  assert.deepEqual(
    f.batches[0]!.map((datagram) => datagram.destination),
    [ip('10.0.9.1'), ip('10.0.0.255'), ip('255.255.255.255')],
  );
});

test('replies of a batch leave once per interface, framed or not', async () => {
  const f = await fixture([netif('eth0', '10.0.0.1'), netif('eth1', '10.0.1.1')], config(['*']));
  const [eth0, eth1] = f.port.interfaces;
  const octets = Buffer.alloc(1);
  f.port.send([
    { octets, interface: eth0!, destination: ip('10.0.0.5'), port: 68, hwAddress: Buffer.alloc(6, 9) },
    { octets, interface: eth1!, destination: ip('10.9.0.1'), port: 67 },
    { octets, interface: eth0!, destination: ip('10.0.0.6'), port: 68 },
  ]);
  assert.deepEqual(f.network.socket('eth0').sent, [
    `frame 090909090909 ${ip('10.0.0.5')}:68`,
    `udp 0>${ip('10.0.0.6')}:68`,
  ]);
  assert.equal(f.network.socket('eth0').flushes, 1);
  assert.equal(f.network.socket('eth1').flushes, 1);
});

test('reconfiguration keeps sockets that stay, and their interface objects', async () => {
  const f = await fixture([netif('eth0', '10.0.0.1'), netif('eth1', '10.0.1.1')], config(['eth0']));
  const before = f.port.interfaces[0];
  const first = f.network.socket('eth0');
  (await f.port.prepare(config(['eth0', 'eth1']))).apply();
  assert.equal(f.network.sockets.length, 2);
  assert.equal(f.port.interfaces[0], before);
  (await f.port.prepare(config(['eth1']))).apply();
  assert.ok(first.closed);
  assert.ok(!f.network.socket('eth1').closed);
  assert.deepEqual(
    f.port.interfaces.map(({ name }) => name),
    ['eth1'],
  );
});

test('an abandoned or refused reconfiguration changes nothing', async () => {
  const f = await fixture([netif('eth0', '10.0.0.1'), netif('eth1', '10.0.1.1')], config(['eth0']));
  const prepared = await f.port.prepare(config(['eth1']));
  prepared.abandon();
  assert.ok(f.network.socket('eth1').closed);
  assert.ok(!f.network.socket('eth0').closed);
  await assert.rejects(f.port.prepare(config(['eth7'])), { code: 'socket-open', message: /eth7/ });
  f.network.refusing.add('eth1');
  await assert.rejects(f.port.prepare(config(['eth0', 'eth1'], { requireAll: true })), /eth1: no/);
  assert.deepEqual(
    f.port.interfaces.map(({ name }) => name),
    ['eth0'],
  );
});

test('without service-sockets-require-all a failure is a warning and the rest serves', async () => {
  const f = await fixture([netif('eth0', '10.0.0.1'), netif('eth1', '10.0.1.1')], config(['*']), ['eth1']);
  assert.deepEqual(
    f.port.interfaces.map(({ name }) => name),
    ['eth0'],
  );
  assert.ok(f.log.includes('WARN DHCPSRV_OPEN_SOCKET_FAIL failed to open socket: eth1: no'));
});

test('failed sockets are tried again service-sockets-max-retries times', async () => {
  const settings = config(['*'], { maxRetries: 2 });
  const f = await fixture([netif('eth0', '10.0.0.1'), netif('eth1', '10.0.1.1')], settings, ['eth1']);
  assert.deepEqual(f.clock.fire(), [7]);
  await settle();
  f.network.refusing.clear();
  assert.deepEqual(f.clock.fire(), [7]);
  await settle();
  assert.deepEqual(
    f.port.interfaces.map(({ name }) => name),
    ['eth0', 'eth1'],
  );
  assert.deepEqual(f.clock.fire(), []);
});

test('with service-sockets-require-all the server is told to stop when the retries are used up', async () => {
  const settings = config(['*'], { maxRetries: 1, requireAll: true });
  const f = await fixture([netif('eth0', '10.0.0.1'), netif('eth1', '10.0.1.1')], settings, ['eth1']);
  assert.equal(f.gaveUp.length, 0);
  f.clock.fire();
  await settle();
  assert.match(f.gaveUp[0]?.message ?? '', /not all service sockets can be opened: eth1: no/);
});

test('interfaces and addresses that come and go are followed', async () => {
  const f = await fixture([netif('eth0', '10.0.0.1')], config(['*']));
  const eth0 = f.network.socket('eth0');
  f.network.machine = [netif('eth0', '10.0.0.1'), netif('eth1')];
  f.network.changed!();
  await settle();
  assert.deepEqual(
    f.port.interfaces.map(({ name }) => name),
    ['eth0'],
    'no address yet',
  );
  f.network.machine = [netif('eth0', '10.0.0.1'), netif('eth1', '10.0.1.1')];
  f.network.changed!();
  await settle();
  assert.deepEqual(
    f.port.interfaces.map(({ name }) => name),
    ['eth0', 'eth1'],
  );
  assert.ok(!eth0.closed);
  f.network.machine = [netif('eth1', '10.0.1.1')];
  f.network.changed!();
  await settle();
  assert.ok(eth0.closed);
});

test('a reply to a query from before an address was added still leaves', async () => {
  const f = await fixture([netif('eth0', '10.0.0.1')], config(['*']));
  const queried = f.port.interfaces[0]!;
  f.network.machine = [netif('eth0', '10.0.0.1', '10.0.5.1')];
  f.network.changed!();
  await settle();
  f.port.send([{ octets: Buffer.alloc(1), interface: queried, destination: ip('10.9.0.1'), port: 67 }]);
  assert.deepEqual(f.network.socket('eth0').sent, [`udp 0>${ip('10.9.0.1')}:67`]);
  const now = f.port.interfaces.find(({ address }) => address === queried.address)!;
  f.port.send([{ octets: Buffer.alloc(1), interface: now, destination: ip('10.9.0.1'), port: 67 }]);
  assert.equal(f.network.socket('eth0').sent[1], `udp ${queried.address}>${ip('10.9.0.1')}:67`, 'one of several');
});

test('re-detect false does not watch; close ends everything', async () => {
  const f = await fixture([netif('eth0', '10.0.0.1')], config(['*'], { reDetect: false }));
  assert.equal(f.network.changed, undefined);
  (await f.port.prepare(config(['*']))).apply();
  assert.notEqual(f.network.changed, undefined);
  await f.port.close();
  assert.equal(f.network.changed, undefined);
  assert.ok(f.network.socket('eth0').closed);
});
