/** Pings before offers (libdhcp_ping_check): which offers wait, what becomes of them, and what nobody can forge. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LeaseState } from 'lessor/internal/domain/lease.js';
import { internetChecksum } from 'lessor/internal/domain/ping/echo.js';
import type { Json } from 'lessor/internal/domain/snapshot.js';
import { LessorError } from 'lessor/internal/errors.js';
import { explainSteps } from 'lessor/internal/services/explain-steps.js';
import { Explainer } from 'lessor/internal/services/explain4.js';
import type { OpenEchoSocket } from 'lessor/internal/services/ports.js';
import type { Redundancy } from 'lessor/internal/services/redundancy.js';
import { ip, PacketLab, type RequestFields } from '../lib/packet-lab.js';
import { issuesOf, loadDhcp4 } from './config-helpers.js';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';
const DISCOVER = 1;
const FIRST = ip('192.0.2.10');

/** A request that went out. */
interface Asked {
  readonly device: string | undefined;
  readonly to: number;
  readonly octets: Uint8Array;
}

/** A network that answers when it is told to. */
class Network {
  readonly asked: Asked[] = [];
  readonly open = new Map<string, (icmp: Uint8Array, from: number) => void>();
  closed = 0;
  refuses = false;
  unreachable = false;

  readonly opener: OpenEchoSocket = (device, received) => {
    if (this.refuses) throw new LessorError('socket-open', 'not permitted');
    this.open.set(device ?? '', received);
    return {
      identifier: 0x1234,
      send: (octets, to) => {
        if (this.unreachable) return false;
        this.asked.push({ device, to, octets: Uint8Array.from(octets) });
        return true;
      },
      close: () => {
        this.closed++;
        this.open.delete(device ?? '');
      },
    };
  };

  /** The echo reply to a request, with changes, from an address, in through a device. */
  answer(
    { device, to, octets }: Asked = this.asked.at(-1)!,
    more: { from?: number; device?: string; spoil?: number } = {},
  ): void {
    const reply = Uint8Array.from(octets);
    reply[0] = 0;
    if (more.spoil !== undefined) reply[more.spoil]! ^= 1;
    this.#deliver(reply, more.device ?? device, more.from ?? to);
  }

  /** A router says that there is nobody. */
  saysUnreachable({ device, to, octets }: Asked = this.asked.at(-1)!): void {
    const packet = Buffer.alloc(20 + 8);
    packet[0] = 0x45;
    packet[9] = 1;
    packet.writeUInt32BE(to, 16);
    packet.set(octets.subarray(0, 8), 20);
    this.#deliver(Uint8Array.from([3, 1, 0, 0, 0, 0, 0, 0, ...packet]), device, ip('192.0.2.254'));
  }

  #deliver(icmp: Uint8Array, device: string | undefined, from: number): void {
    icmp.set([0, 0], 2);
    const sum = internetChecksum(icmp);
    icmp.set([sum >>> 8, sum & 0xff], 2);
    this.open.get(device ?? '')?.(icmp, from);
  }
}

interface Wish {
  readonly parameters?: Record<string, Json>;
  readonly subnet?: Record<string, Json>;
  readonly dhcp4?: Record<string, Json>;
  readonly redundancy?: Redundancy;
}

async function lab({ parameters = {}, subnet = {}, dhcp4 = {}, redundancy }: Wish = {}) {
  const network = new Network();
  const net = await PacketLab.open(
    {
      'valid-lifetime': 3600,
      'hooks-libraries': [{ library: 'libdhcp_ping_check.so', parameters }],
      subnet4: [{ id: 1, subnet: '192.0.2.0/24', pools: [{ pool: '192.0.2.10-192.0.2.12' }], ...subnet }],
      ...dhcp4,
    },
    { echo: network.opener, ...(redundancy === undefined ? {} : { redundancy }) },
  );
  /** A DISCOVER; what was sent by the time it was handled. */
  const discover = (mac: string, more: RequestFields = {}) => net.ask({ type: DISCOVER, mac, ...more });
  /** Addresses offered so far. */
  const offered = (): number[] => net.sent.map(({ octets }) => Buffer.from(octets).readUInt32BE(16));
  return { net, network, discover, offered };
}

describe('an offer whose address is pinged first', () => {
  it('leaves when nobody has answered in time, and not before', async () => {
    const { net, network, discover, offered } = await lab();
    assert.equal(await discover(A), undefined);
    assert.deepEqual(
      network.asked.map(({ device, to }) => [device, to]),
      [['eth0', FIRST]],
    );
    net.clock.advance(99);
    assert.deepEqual(offered(), []);
    assert.equal(net.count('pkt4-offer-sent'), 0);
    net.clock.advance(1);
    assert.deepEqual(offered(), [FIRST]);
    assert.equal(net.count('pkt4-offer-sent'), 1);
    assert.equal(net.count('lessor-ping-checks'), 1);
    assert.equal(net.ledger.leases.size, 0);
    const lease = await net.ask({ type: 3, mac: A, options: { 50: '192.0.2.10', 54: '192.0.2.1' } });
    assert.equal(lease?.message.yiaddr, FIRST);
    assert.equal(network.asked.length, 1, 'a REQUEST is not checked');
  });

  it('is not sent if somebody answers: the address is declined, and the next one is tried', async () => {
    const { net, network, discover, offered } = await lab({ dhcp4: { 'decline-probation-period': 600 } });
    await discover(A);
    network.answer();
    net.clock.advance(1000);
    assert.deepEqual(offered(), []);
    const lease = net.ledger.leases.getByAddress(FIRST)!;
    assert.deepEqual(
      [lease.state, lease.hwAddress, lease.validLifetimeSec, lease.subnetId],
      [LeaseState.declined, '', 600, 1],
    );
    await discover(A);
    net.clock.advance(100);
    assert.deepEqual(offered(), [FIRST + 1]);
    assert.equal(net.count('lessor-dropped-address-in-use'), 1);
    assert.equal(net.count('pkt4-receive-drop'), 0);
  });

  it('is declined once, whatever else comes', async () => {
    const { net, network, discover } = await lab();
    await discover(A);
    const [asked] = network.asked;
    network.answer(asked);
    network.answer(asked);
    network.saysUnreachable(asked);
    assert.equal(net.count('lessor-dropped-address-in-use'), 1);
    assert.equal(net.ledger.leases.size, 1);
  });

  it('leaves at once when the address is said to be unreachable, or nothing can be sent', async () => {
    const { net, network, discover, offered } = await lab();
    await discover(A);
    network.saysUnreachable();
    assert.deepEqual(offered(), [FIRST]);
    network.unreachable = true;
    assert.equal((await discover(B))?.message.yiaddr, FIRST + 1);
    assert.equal(net.count('lessor-ping-checks-skipped'), 1);
    assert.equal(net.count('pkt4-offer-sent'), 2);
  });

  it('waits for each of min-ping-requests', async () => {
    const { net, network, discover, offered } = await lab({
      parameters: { 'min-ping-requests': 3, 'reply-timeout': 200 },
    });
    await discover(A);
    net.clock.advance(400);
    assert.equal(network.asked.length, 3);
    net.clock.advance(199);
    assert.deepEqual(offered(), []);
    net.clock.advance(1);
    assert.deepEqual(offered(), [FIRST]);
    // A late answer to the first of several still says that somebody is there.
    await discover(B);
    const first = network.asked.at(-1)!;
    net.clock.advance(450);
    network.answer(first);
    assert.equal(net.ledger.leases.getByAddress(FIRST + 1)?.state, LeaseState.declined);
  });

  it('is not made again by a repeated DISCOVER, in the same batch or later', async () => {
    const { net, network, discover, offered } = await lab();
    await net.batch({ type: DISCOVER, mac: A }, { type: DISCOVER, mac: A });
    await discover(A);
    assert.equal(network.asked.length, 1);
    assert.equal(net.count('pkt4-duplicate'), 2);
    net.clock.advance(100);
    assert.deepEqual(offered(), [FIRST]);
  });

  it('keeps its octets while other packets use the buffers, and nobody waits for it', async () => {
    const { net, network, discover } = await lab();
    await discover(A);
    const [b] = await net.batch({ type: DISCOVER, mac: B }, { type: 3, mac: B, options: { 50: '192.0.2.12' } });
    assert.equal(b, undefined);
    network.answer(network.asked[1]);
    net.clock.advance(100);
    assert.equal(net.sent.length, 1);
    const octets = Buffer.from(net.sent[0]!.octets);
    assert.equal(octets.toString('hex', 28, 34), '02000000000a');
    assert.equal(octets.readUInt32BE(16), FIRST);
    assert.deepEqual([...net.sent[0]!.hwAddress!], [2, 0, 0, 0, 0, 10]);
  });

  it('of a relayed client is checked by the routing table', async () => {
    const { network, discover } = await lab();
    await discover(A, { giaddr: '192.0.2.254', source: '192.0.2.254', destination: '192.0.2.1' });
    assert.deepEqual(network.asked[0]?.device, undefined);
    assert.equal(network.asked[0]?.to, FIRST);
  });

  it('is dropped if somebody else got the address meanwhile, or the service was switched off', async () => {
    const { net, discover, offered } = await lab();
    await discover(A);
    const taken = { ...net.ledger.leases.getByAddress(FIRST), address: FIRST, hwAddress: '\x02zzzzz', clientId: '' };
    const lease = {
      validLifetimeSec: 60,
      clttSec: Math.floor(net.clock.at / 1000),
      subnetId: 1,
      poolId: 0,
      hostname: '',
    };
    net.ledger.transact((tx) =>
      tx.put({ ...taken, ...lease, fqdnFwd: false, fqdnRev: false, state: LeaseState.default, userContext: '' }),
    );
    net.clock.advance(100);
    await discover(B);
    net.serviceSwitch.disable(1);
    net.clock.advance(100);
    assert.deepEqual(offered(), []);
    assert.equal(net.count('lessor-dropped-address-gone'), 2);
  });

  it('that is stored (offer-lifetime) is taken back when somebody answers', async () => {
    const { net, network, discover, offered } = await lab({ subnet: { 'offer-lifetime': 60 } });
    await discover(A);
    assert.equal(net.ledger.leases.getByAddress(FIRST)?.state, LeaseState.default);
    await discover(A);
    assert.equal(net.count('pkt4-duplicate'), 1, 'the stored offer is not told unchecked');
    network.answer();
    assert.equal(net.ledger.leases.getByAddress(FIRST)?.state, LeaseState.declined);
    await discover(A);
    net.clock.advance(100);
    assert.deepEqual(offered(), [FIRST + 1]);
    await discover(A);
    assert.deepEqual(offered(), [FIRST + 1, FIRST + 1], 'the second offer of a stored one is not checked (Kea)');
  });

  it('is declined only if nobody leased the address meanwhile', async () => {
    const { net, network, discover } = await lab();
    await discover(A);
    // RFC 2131 allows a REQUEST without an offer: the client then answers the ping itself.
    await net.ask({ type: 3, mac: A, options: { 50: '192.0.2.10', 54: '192.0.2.1' } });
    network.answer();
    assert.equal(net.ledger.leases.getByAddress(FIRST)?.state, LeaseState.default);
  });
});

describe('an offer goes out unchecked', () => {
  it('where the library is not there, or is off here', async () => {
    for (const wish of [
      { dhcp4: { 'hooks-libraries': [] }, subnet: { 'user-context': { 'ping-check': { 'enable-ping-check': true } } } },
      { parameters: { 'enable-ping-check': false } },
      { subnet: { 'user-context': { 'ping-check': { 'enable-ping-check': false } } } },
    ]) {
      const { network, discover } = await lab(wish);
      assert.equal((await discover(A))?.message.yiaddr, FIRST);
      assert.equal(network.asked.length, 0);
      assert.equal(network.open.size, 0, 'no socket is opened');
    }
  });

  it('of a reserved address, and of a lease in force', async () => {
    const reservations = [{ 'hw-address': A, 'ip-address': '192.0.2.77' }];
    const { net, network, discover } = await lab({ subnet: { reservations } });
    assert.equal((await discover(A))?.message.yiaddr, ip('192.0.2.77'));
    await net.ask({ type: 3, mac: B, options: { 50: '192.0.2.11', 54: '192.0.2.1' } });
    assert.equal((await discover(B))?.message.yiaddr, FIRST + 1);
    assert.equal(network.asked.length, 0);
  });

  it('to who had the address less than ping-cltt-secs ago, and to nobody else', async () => {
    const { net, network, discover } = await lab({
      subnet: { pools: [{ pool: '192.0.2.10/32' }], 'user-context': { 'ping-check': { 'ping-cltt-secs': 300 } } },
    });
    const cases: [string, number, number][] = [
      [A, 299, 0],
      [A, 300, 1],
      [B, 10, 1],
    ];
    for (const [mac, afterSec, pings] of cases) {
      network.asked.length = 0;
      await net.ask({ type: 3, mac: A, options: { 50: '192.0.2.10', 54: '192.0.2.1' } });
      await net.ask({ type: 7, mac: A, ciaddr: '192.0.2.10' });
      net.clock.advance(afterSec * 1000);
      await discover(mac);
      assert.equal(network.asked.length, pings, `${mac} after ${afterSec} s`);
      net.clock.advance(20_000);
    }
  });

  it('when parked-packet-limit offers wait, which is counted', async () => {
    const { net, network, discover } = await lab({ dhcp4: { 'parked-packet-limit': 2 } });
    assert.equal(await discover(A), undefined);
    assert.equal(await discover(B), undefined);
    assert.equal((await discover('02:00:00:00:00:0c'))?.message.yiaddr, FIRST + 2);
    assert.equal(network.asked.length, 2);
    assert.equal(net.count('lessor-ping-checks-skipped'), 1);
  });

  it('when there is no socket: said once, and tried again later', async () => {
    const { net, network, discover } = await lab();
    network.refuses = true;
    assert.equal((await discover(A))?.message.yiaddr, FIRST);
    assert.equal((await discover(B))?.message.yiaddr, FIRST + 1);
    assert.equal(net.logger.errors.length, 1);
    network.refuses = false;
    net.clock.advance(10_000);
    assert.equal(await discover('02:00:00:00:00:0c'), undefined);
  });
});

describe('what is no answer', () => {
  const forged: [string, (network: Network) => void][] = [
    ['a reply from another address', (network) => network.answer(undefined, { from: FIRST + 1 })],
    ['a reply with another identifier', (network) => network.answer(undefined, { spoil: 4 })],
    ['a reply with another sequence number', (network) => network.answer(undefined, { spoil: 6 })],
    ['a reply without the octets that went along', (network) => network.answer(undefined, { spoil: 20 })],
  ];
  for (const [what, forge] of forged) {
    it(`${what} declines nothing`, async () => {
      const { net, network, discover, offered } = await lab();
      await discover(A);
      forge(network);
      assert.equal(net.ledger.leases.size, 0);
      net.clock.advance(100);
      assert.deepEqual(offered(), [FIRST]);
    });
  }

  it('a reply through another socket', async () => {
    const { net, network, discover } = await lab();
    await discover(A);
    const [direct] = network.asked;
    await discover(B, { giaddr: '192.0.2.254', source: '192.0.2.254', destination: '192.0.2.1' });
    network.answer(direct, { device: '' });
    assert.equal(net.ledger.leases.size, 0);
  });

  it('a reply that comes after the time', async () => {
    const { net, network, discover } = await lab();
    await discover(A);
    net.clock.advance(100);
    network.answer();
    assert.equal(net.ledger.leases.size, 0);
  });
});

describe('the sockets of pings', () => {
  it('are closed when they have not been used for a while, and at the end', async () => {
    const { net, network, discover } = await lab();
    await discover(A);
    net.clock.advance(100);
    net.clock.advance(29_000);
    assert.equal(network.closed, 0);
    net.clock.advance(1000);
    assert.equal(network.closed, 1);
    await discover(B);
    net.prober!.close();
    assert.equal(network.closed, 2);
    net.clock.advance(1000);
    assert.equal(net.sent.length, 1, 'what waits at the end is not sent');
  });

  it('are made anew when nothing can be sent any more', async () => {
    const { network, discover } = await lab();
    network.unreachable = true;
    await discover(A);
    assert.equal(network.closed, 1);
    network.unreachable = false;
    await discover(B);
    assert.equal(network.asked.length, 1);
  });
});

describe('the configuration', () => {
  const hooks = (parameters: Json): Json => [{ library: 'libdhcp_ping_check.so', parameters }];
  const subnet4 = (pings: Json): Json => [
    { id: 1, subnet: '192.0.2.0/24', 'user-context': { 'ping-check': pings, site: 'a' } },
  ];
  const rule = (dhcp4: Json) => loadDhcp4(dhcp4).snapshot.subnets[0]!.pingCheck;

  it('of a subnet counts before that of the library, member by member', () => {
    const parameters = { 'min-ping-requests': 2, 'reply-timeout': 250, 'ping-cltt-secs': 7 };
    const whole = { requests: 2, replyTimeoutMs: 250, clttSec: 7 };
    assert.deepEqual(rule({ 'hooks-libraries': hooks(parameters), subnet4: subnet4({}) }), whole);
    assert.deepEqual(rule({ 'hooks-libraries': hooks(parameters), subnet4: subnet4({ 'reply-timeout': 9 }) }), {
      ...whole,
      replyTimeoutMs: 9,
    });
    const off = hooks({ ...parameters, 'enable-ping-check': false });
    assert.equal(rule({ 'hooks-libraries': off, subnet4: subnet4({ 'reply-timeout': 9 }) }), undefined);
    assert.deepEqual(rule({ 'hooks-libraries': off, subnet4: subnet4({ 'enable-ping-check': true }) }), whole);
    assert.deepEqual(rule({ 'hooks-libraries': hooks({}), subnet4: subnet4({}) }), {
      requests: 1,
      replyTimeoutMs: 100,
      clttSec: 60,
    });
  });

  it('is refused with all that is wrong in it, and means nothing without the library', () => {
    const faults = { 'min-ping-requests': 0, 'reply-timeout': -1, 'ping-cltt-secs': 'x', pings: 1 };
    const [library, subnet] = [{ 'hooks-libraries': hooks(faults) }, { 'hooks-libraries': hooks({}) }];
    const paths = (dhcp4: Json): string[] =>
      issuesOf(() => loadDhcp4(dhcp4)).map(({ position }) => position.path.replace(/^.*[.]/, ''));
    assert.deepEqual(paths(library), Object.keys(faults));
    assert.deepEqual(paths({ ...subnet, subnet4: subnet4(faults) }), Object.keys(faults));
    assert.equal(rule({ subnet4: subnet4(faults) }), undefined);
    assert.equal(rule({ subnet4: subnet4('off') }), undefined);
    assert.match(issuesOf(() => loadDhcp4({ ...subnet, subnet4: subnet4('off') }))[0]!.message, /a map is expected/);
  });

  it('is told by explain4, which pings nobody', async () => {
    const { net, network } = await lab({ parameters: { 'min-ping-requests': 2 } });
    const deps = {
      ...{ config: () => net.exchange.config, leases: net.ledger.leases, addresses: net.addresses },
      ...{ offers: net.offers, serviceSwitch: net.serviceSwitch, clock: net.clock, interfaces: () => [net.interface] },
      ...{ isOwnAddress: () => false, serverPort: 67, clientPort: 68 },
    };
    const datagram = net.datagram(net.octets({ type: DISCOVER, mac: A }));
    const lines = explainSteps(new Explainer(deps).explain(datagram)).map(({ text }) => text);
    const told = 'it is pinged first, and the offer waits 100 ms for an answer, 2 times: there must be none';
    assert.ok(lines.includes(told), lines.join('\n'));
    assert.equal(network.open.size, 0);
  });
});

describe('a pair of servers', () => {
  const redundancy = (mine: boolean): Redundancy => ({
    rules: {
      mayGive: () => mine,
      mayRenew: () => mine,
      lifetimeLimitSec: (_a, _h, wanted) => wanted,
      mayRefuse: () => true,
    },
    admit: () => 'ha-partners-client',
    selective: false,
    gate: (acks) => acks.map(() => ({ kind: 'whole' })),
  });

  it('pings where the client is answered, and not at the other one', async () => {
    const { network, discover } = await lab({ redundancy: { ...redundancy(true), selective: true } });
    await discover(A);
    assert.equal(network.asked.length, 0);
  });

  it('puts nothing aside that has become the partner’s to give', async () => {
    let mine = true;
    const base = redundancy(true);
    const rules = { ...base.rules, mayGive: () => mine };
    const { net, network, discover } = await lab({ redundancy: { ...base, rules } });
    await discover(A);
    mine = false;
    network.answer();
    assert.equal(net.ledger.leases.size, 0);
    assert.equal(net.count('lessor-dropped-address-in-use'), 1);
  });
});
