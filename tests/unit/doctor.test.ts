/** lessor doctor isolation: what should be, what was found, and the exit code; and the kernel's answers it is made from. */

import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { UsageError } from 'lessor/internal/cli/args.js';
import { runDoctor } from 'lessor/internal/cli/doctor.js';
import {
  cellOf,
  type Door,
  exitCodeOf,
  expectationOf,
  type KernelWord,
  reachOf,
} from 'lessor/internal/cli/doctor-matrix.js';
import type { LinkFact } from 'lessor/internal/domain/isolation/facts.js';
import { addressOfOctets, octetsOfAddress } from 'lessor/internal/platform/ip-octets.js';
import { decodeProbe, encodeProbe } from 'lessor/internal/platform/leak-probe.js';
import { decodeLink } from 'lessor/internal/platform/links.js';
import { decodeListening } from 'lessor/internal/platform/listening-sockets.js';
import { decodeAttributes, decodeMessages, encodeAttribute, NetlinkRefusal } from 'lessor/internal/platform/netlink.js';
import { ClientSide } from 'lessor/internal/services/client-side.js';
import { HandClock, ListLeases, makeLease } from './control-fakes.js';

function link(name: string, index: number, ...addresses: string[]): LinkFact {
  return {
    name,
    index,
    hwAddress: '02:00:00:00:00:01',
    up: true,
    running: true,
    loopback: name === 'lo',
    ethernet: name !== 'lo',
    addresses: addresses.map((address) => ({ address, prefixLength: 24 })),
  };
}

const LO = link('lo', 1, '127.0.0.1');
const LAN = link('lan0', 2, '192.0.2.1');
const MG = link('mg0', 3, '203.0.113.1');
const BOUND: Door = { name: 'ops', kind: 'kea-http', address: '203.0.113.1', port: 8000, interface: 'mg0' };
const { interface: _, ...UNBOUND } = BOUND;
const DELIVERED: KernelWord = { kind: 'delivered' };

describe('the matrix of lessor doctor', () => {
  it('knows from where a listener is to be reachable', () => {
    const of = (door: Door, on: LinkFact) => expectationOf(door, on, ['lan0']);
    assert.deepEqual([of(BOUND, MG), of(BOUND, LAN), of(BOUND, LO)], ['must', 'must-not', 'may']);
    assert.equal(of(BOUND, link('other0', 4)), 'must-not');
    assert.deepEqual([of(UNBOUND, MG), of(UNBOUND, LAN)], ['may', 'must-not']);
    assert.equal(of({ ...UNBOUND, allow: ['shared-device'] }, LAN), 'may');
    const local: Door = { ...UNBOUND, address: '127.0.0.1' };
    assert.deepEqual([of(local, LO), of(local, MG)], ['must', 'must-not']);
  });

  it('lets the kernel decide where an attempt proves nothing', () => {
    // A connection of the machine to itself does not come in by the interface it was made through.
    assert.equal(reachOf(DELIVERED, ['silent']).reach, 'reachable');
    assert.equal(reachOf(DELIVERED, ['turned-away']).reach, 'turned-away');
    assert.equal(reachOf({ kind: 'bound-elsewhere', device: 'mg0' }, ['silent']).reach, 'refused');
    assert.equal(reachOf({ kind: 'bound-elsewhere', device: 'mg0' }, ['open']).reach, 'reachable');
    assert.equal(reachOf({ kind: 'dropped', reason: 'blackhole' }, ['silent']).reach, 'silent');
    assert.equal(reachOf({ kind: 'nobody-listens' }, ['refused']).reach, 'unknown');
    assert.equal(reachOf({ kind: 'elsewhere' }, ['refused', 'open']).reach, 'reachable');
    assert.equal(reachOf({ kind: 'elsewhere' }, ['needs root']).reach, 'unknown');
  });

  it('ends with 0 if all is as it should be, 1 if a listener is exposed, 2 if it can not be told', () => {
    const cell = (door: Door, on: LinkFact, word: KernelWord, ...tried: string[]) =>
      cellOf(door, on, ['lan0'], word, tried);
    const good = [cell(BOUND, MG, DELIVERED, 'open'), cell(BOUND, LAN, { kind: 'bound-elsewhere', device: 'mg0' })];
    const code = (...cells: typeof good) => exitCodeOf([{ door: BOUND, cells }]);
    assert.equal(code(...good), 0);
    assert.equal(code(...good, cell(UNBOUND, LAN, DELIVERED, 'silent')), 1);
    assert.equal(code(good[0]!, cell(BOUND, LAN, { kind: 'nobody-listens' })), 2);
    assert.equal(code(cell(BOUND, MG, { kind: 'dropped', reason: 'down' }, 'silent')), 2);
    assert.equal(exitCodeOf([]), 0);
  });

  it('expects nothing to be open from another machine unless its address is named', () => {
    const sources = [
      { address: '203.0.113.0', prefixLength: 28 },
      { address: '2001:db8::', prefixLength: 64 },
    ];
    const from = (address: string) =>
      cellOf({ ...BOUND, sources }, link('eth0', 2, address), [], { kind: 'elsewhere' }, ['open']);
    assert.equal(from('203.0.113.15').ok, true);
    assert.equal(from('203.0.113.16').ok, false);
    assert.equal(from('2001:db8::77').ok, true);
    assert.equal(from('2001:db8:0:1::77').ok, false);
    assert.equal(from('192.0.2.9').expected, 'must-not');
  });
});

describe('lessor doctor', () => {
  it('ends with 2, and says why, where it does not know what to try', {
    skip: process.platform !== 'linux',
  }, async () => {
    for (const [argv, said] of [
      [['isolation', '--socket', '/nonexistent/ctrl'], /what to try is not known:.*ENOENT/],
      [['isolation', '-c', '/nonexistent.conf'], /what to try is not known:.*nonexistent\.conf/],
    ] as const) {
      const stderr = new PassThrough();
      assert.equal(await runDoctor(argv, { stdout: stderr, stderr, env: {} }), 2);
      assert.match(String(stderr.read()), said);
    }
    await assert.rejects(
      runDoctor(['isolation'], { stdout: process.stdout, stderr: process.stderr, env: {} }),
      UsageError,
    );
  });
});

describe("the kernel's answers", () => {
  it('are decoded whatever they hold', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
        const buffer = Buffer.from(octets);
        try {
          decodeMessages(buffer);
        } catch (error) {
          assert.ok(error instanceof NetlinkRefusal);
        }
        decodeAttributes(buffer);
        decodeLink(buffer, new Map());
        decodeListening(buffer);
        decodeProbe(buffer);
      }),
      { numRuns: 2000 },
    );
  });

  it('hold attributes, addresses and nonces as they were put in', () => {
    const two = Buffer.concat([
      encodeAttribute(3, Buffer.from('mg0\0')),
      encodeAttribute(5, Buffer.from([7, 0, 0, 0])),
    ]);
    assert.deepEqual([...decodeAttributes(two).keys()], [3, 5]);
    assert.equal(decodeAttributes(two).get(5)?.readUInt32LE(0), 7);
    for (const address of ['203.0.113.1', '2001:db8::1', '::', 'fe80::1', '2001:db8:1:2:3:4:5:6']) {
      assert.equal(addressOfOctets(octetsOfAddress(address)), address);
    }
    const nonce = Buffer.alloc(16, 0xa5);
    const frame = encodeProbe('02:00:00:00:00:01', nonce);
    assert.equal(frame.toString('hex', 0, 14), 'ffffffffffff02000000000188b5');
    assert.equal(decodeProbe(frame), nonce.toString('hex'));
    assert.equal(decodeProbe(Buffer.alloc(60)), undefined);
  });
});

describe('who is a client', () => {
  const routes: Readonly<Record<string, number | 'local'>> = {
    '2001:db8:1::77': 2,
    '203.0.113.50': 3,
    '192.0.2.1': 'local',
  };
  const side = new ClientSide({
    network: {
      links: () => [LO, LAN, MG],
      route({ destination }) {
        const found = routes[destination];
        if (found === 'local') return { kind: 'local' };
        return found === undefined ? { kind: 'none', reason: 'unreachable' } : { kind: 'out', index: found };
      },
    },
    clock: new HandClock(),
    leases: new ListLeases([makeLease({ address: 0xc6336405 })]),
    config: () => CONFIG,
  });
  const subnet = (prefix: number, prefixLength: number) =>
    ({ prefix, prefixLength }) as (typeof CONFIG)['subnets'][number];
  const CONFIG: ReturnType<ConstructorParameters<typeof ClientSide>[0]['config']> = {
    subnets: [subnet(0xcb007180, 26), subnet(0xc0000200, 24)],
    interfaces: { selectors: [{ name: 'lan0' }] },
  };

  it('is whoever has an address that is served or leased, or comes from where clients are', () => {
    for (const client of [
      '192.0.2.77',
      '::ffff:192.0.2.77',
      '203.0.113.130',
      '198.51.100.5',
      '2001:db8:1::77',
      'fe80::77%lan0',
    ]) {
      assert.equal(side.isClient(client), true, client);
    }
  });

  it('is neither an operator nor this machine', () => {
    for (const other of [
      '203.0.113.50',
      '203.0.113.127',
      '203.0.113.192',
      '198.51.100.6',
      'fe80::50%mg0',
      '127.0.0.1',
      '::1',
      '192.0.2.1',
      'name',
      '',
    ]) {
      assert.equal(side.isClient(other), false, other);
    }
  });
});
