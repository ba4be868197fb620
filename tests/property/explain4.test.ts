/** What explain4 says would be answered is what is answered then; and saying it changes nothing. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonMap } from '@lessor/kea';
import { AddressSpace } from 'lessor/internal/services/address-space.js';
import { explainSteps } from 'lessor/internal/services/explain-steps.js';
import { Explainer } from 'lessor/internal/services/explain4.js';
import { PacketLab, type RequestFields } from '../lib/packet-lab.js';

const ROUNDS = Number(process.env.EXPLAIN_ROUNDS ?? 300);

const CONFIG: JsonMap = {
  'valid-lifetime': 600,
  'cache-threshold': 0.25,
  'host-reservation-identifiers': ['hw-address', 'client-id', 'circuit-id'],
  'reservations-global': true,
  'client-classes': [
    {
      name: 'phone',
      test: "substring(option[60].hex,0,5) == 'phone'",
      'option-data': [{ name: 'tftp-server-name', data: 'x' }],
    },
    { name: 'odd', test: 'substring(pkt4.mac,5,1) == 0x03', 'valid-lifetime': 77 },
    { name: 'guest', test: "not member('KNOWN')" },
    { name: 'DROP', test: 'substring(pkt4.mac,5,1) == 0x07' },
    {
      name: 'late',
      'only-in-additional-list': true,
      test: "member('ALL')",
      'option-data': [{ name: 'domain-name', data: 'late' }],
    },
  ],
  'option-data': [{ name: 'domain-name-servers', data: '192.0.2.53' }],
  reservations: [{ 'hw-address': '02:00:00:00:00:05', hostname: 'five' }],
  subnet4: [
    {
      id: 1,
      subnet: '192.0.2.0/24',
      interface: 'eth0',
      'evaluate-additional-classes': ['late'],
      'calculate-tee-times': true,
      pools: [{ pool: '192.0.2.100-192.0.2.104' }, { pool: '192.0.2.200-192.0.2.202', 'client-classes': ['phone'] }],
      reservations: [
        { 'hw-address': '02:00:00:00:00:01', 'ip-address': '192.0.2.102' },
        { 'hw-address': '02:00:00:00:00:02', 'ip-address': '192.0.2.9', 'client-classes': ['phone'] },
      ],
    },
  ],
  'shared-networks': [
    {
      name: 'frog',
      relay: { 'ip-addresses': ['198.51.100.1'] },
      subnet4: [
        { id: 2, subnet: '198.51.100.0/28', 'offer-lifetime': 20, pools: [{ pool: '198.51.100.2-198.51.100.4' }] },
        { id: 3, subnet: '203.0.113.0/24', 'client-classes': ['phone'], pools: [{ pool: '203.0.113.8-203.0.113.9' }] },
      ],
    },
  ],
};

/** A small generator of its own, so that a failure can be played again. */
function random(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

function randomRequest(below: (bound: number) => number, known: readonly string[]): RequestFields {
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const type = pick([1, 1, 1, 3, 3, 3, 3, 4, 7, 8, undefined, 5]);
  const address = known.length > 0 && below(3) > 0 ? pick(known) : pick(['192.0.2.101', '198.51.100.3', '10.0.0.1']);
  const relayed = below(3) === 0;
  const renewing = type === 7 || type === 8 || (type === 3 && below(3) === 0);
  const options: Record<number, readonly number[] | string> = {};
  if (!renewing && (type === 3 || type === 4 || below(3) === 0)) options[50] = address;
  if ((type === 3 && !renewing && below(2) === 0) || below(20) === 0) options[54] = pick(['192.0.2.1', '192.0.2.77']);
  if (below(2) === 0) options[55] = [1, 3, 6, 15, 66, 51, 58, 59];
  if (below(3) === 0) options[60] = [...Buffer.from(pick(['phone 7', 'PXEClient']))];
  if (below(3) === 0) options[61] = [1, 2, below(3)];
  if (below(4) === 0) options[51] = [0, 0, 2, below(256)];
  if (relayed && below(2) === 0) options[82] = [1, 2, 65, below(4)];
  return {
    ...(type === undefined ? {} : { type }),
    mac: `02:00:00:00:00:0${below(9)}`,
    xid: below(2 ** 31),
    flags: below(2) * 0x8000,
    ...(renewing ? { ciaddr: address } : {}),
    ...(relayed ? { giaddr: '198.51.100.1', destination: '192.0.2.1', source: '198.51.100.1' } : {}),
    ...(renewing && !relayed && below(2) === 0 ? { destination: '192.0.2.1', source: address } : {}),
    options,
  };
}

function explainerOf(lab: PacketLab): Explainer {
  return new Explainer({
    config: () => lab.exchange.config,
    leases: lab.ledger.leases,
    addresses: lab.addresses,
    offers: lab.offers,
    serviceSwitch: lab.serviceSwitch,
    clock: lab.clock,
    interfaces: () => [lab.interface],
    isOwnAddress: (address) => address === lab.interface.address,
    serverPort: 67,
    clientPort: 68,
  });
}

/** Everything explaining might have touched. */
function stateOf(lab: PacketLab) {
  return {
    leases: [...lab.ledger.leases.all()],
    offers: lab.offers.size,
    free: lab.exchange.config.snapshot.pools.map((pool) => lab.addresses.freeCount(pool)),
    statistics: [...lab.statistics.all()].map(({ name, value }) => [name, value]),
    sent: lab.sent.length,
  };
}

describe('explain4', () => {
  for (const seed of [1, 2, 3]) {
    it(`says what is then sent, ${ROUNDS} packets from seed ${seed}`, async () => {
      const lab = await PacketLab.open(CONFIG);
      const explainer = explainerOf(lab);
      const below = random(seed);
      const known: string[] = [];
      let answered = 0;
      for (let round = 0; round < ROUNDS; round++) {
        if (below(10) === 0) lab.clock.at += below(300) * 1000;
        const fields = randomRequest(below, known);
        const datagram = lab.datagram(lab.octets(fields), fields);
        const before = stateOf(lab);
        const explanation = explainer.explain(datagram);
        const steps = explainSteps(explanation);
        const after = stateOf(lab);
        // What ran out meanwhile is let go, as by any packet.
        assert.deepEqual({ ...after, free: 0, offers: 0 }, { ...before, free: 0, offers: 0 });
        assert.deepEqual(stateOf(lab), after);
        assert.deepEqual(explainSteps(explainer.explain(datagram)), steps, 'it says the same again');
        assert.deepEqual(stateOf(lab), after);

        const leasesBefore = new Map([...lab.ledger.leases.all()].map((lease) => [lease.address, lease]));
        const answer = await lab.ask(fields);
        assert.deepEqual(
          explanation.reply && Buffer.from(explanation.reply.octets),
          answer && Buffer.from(answer.reply.octets),
          `seed ${seed} round ${round}`,
        );
        assert.deepEqual(
          explanation.reply && { ...explanation.reply, octets: 0 },
          answer && { ...answer.reply, octets: 0 },
        );
        const expected = new Map(leasesBefore);
        for (const change of explanation.changes) {
          if (change.kind === 'put') expected.set(change.lease.address, change.lease);
          else expected.delete(change.address);
        }
        const now = new Map([...lab.ledger.leases.all()].map((lease) => [lease.address, lease]));
        assert.deepEqual(now, expected);
        assert.equal(explanation.dropped === undefined, answer !== undefined);
        assert.equal(steps.at(-1)!.stage, 'answer');
        if (answer === undefined) continue;
        answered++;
        const { yiaddr } = answer.message;
        if (yiaddr !== 0) known.push([24, 16, 8, 0].map((shift) => (yiaddr >>> shift) & 255).join('.'));
      }
      assert.ok(answered > ROUNDS / 4, `${answered} of ${ROUNDS} were answered`);
      assert.deepEqual(lab.logger.errors, []);
    });
  }
});

describe('AddressSpace.preview', () => {
  for (const allocator of ['iterative', 'random', 'flq'] as const) {
    it(`gives what is picked next: ${allocator}`, async () => {
      const lab = await PacketLab.open({
        subnet4: [
          {
            id: 1,
            subnet: '192.0.2.0/24',
            allocator,
            pools: [{ pool: '192.0.2.8-192.0.2.15' }, { pool: '192.0.2.32/30' }],
          },
        ],
      });
      let drawn = 7;
      let peeking = 0;
      // Chance that can be played twice: peeking sees the draws that come next.
      const addresses = new AddressSpace({ below: (bound) => ((drawn + peeking++) * 2_654_435_761) % bound });
      const { snapshot } = lab.exchange.config;
      addresses.rebuild(snapshot, [], lab.ledger.leases, 0);
      drawn += peeking;
      const subnet = snapshot.subnets[0]!;
      const all = () => true;
      for (let round = 0; round < 200; round++) {
        peeking = 0;
        const foreseen = addresses.preview(subnet, all);
        peeking = 0;
        assert.equal(addresses.preview(subnet, all), foreseen);
        peeking = 0;
        const picked = addresses.pickFromSubnet(subnet, all);
        assert.equal(picked, foreseen);
        drawn += peeking;
        if (picked !== undefined && round % 3 > 0) addresses.hold(picked);
        if (round % 4 === 0) addresses.unhold(subnet.pools[0]!.first + (round % 8));
        if (round % 30 === 0)
          for (const pool of subnet.pools) for (let at = pool.first; at <= pool.last; at++) addresses.unhold(at);
      }
    });
  }
});
