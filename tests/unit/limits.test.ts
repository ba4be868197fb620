/** Limits of leases and packets by class and subnet (libdhcp_limits). */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LeaseState } from 'lessor/internal/domain/lease.js';
import { leaseClasses, mergeClasses } from 'lessor/internal/domain/limits/lease-classes.js';
import { parseRate, RATE_UNITS } from 'lessor/internal/domain/limits/limits.js';
import type { Json } from 'lessor/internal/domain/snapshot.js';
import { ClassLeaseCounts } from 'lessor/internal/services/class-lease-counts.js';
import { RateLimiter, rateWindow } from 'lessor/internal/services/rate-limiter.js';
import { swapAtOnce } from 'lessor/internal/services/sliced-swap.js';
import { type Answer, ip, PacketLab, type RequestFields } from '../lib/packet-lab.js';
import { issuesOf, loadDhcp4 } from './config-helpers.js';

const [DISCOVER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM] = [1, 3, 4, 5, 6, 7, 8];
const mac = (n: number): string => `02:00:00:00:01:${n.toString(16).padStart(2, '0')}`;
const HOOK = [{ library: 'libdhcp_limits.so' }];

interface Wish {
  readonly subnet?: Json;
  readonly classes?: readonly Record<string, Json>[];
  readonly more?: Record<string, Json>;
}

const dhcp4 = ({ subnet, classes = [], more = {} }: Wish): Record<string, Json> => ({
  'hooks-libraries': HOOK,
  'valid-lifetime': 3600,
  'client-classes': classes,
  subnet4: [
    {
      id: 1,
      subnet: '192.0.2.0/24',
      pools: [{ pool: '192.0.2.10-192.0.2.20' }],
      ...(subnet === undefined ? {} : { 'user-context': { limits: subnet } }),
    },
  ],
  ...more,
});

const lab = (wish: Wish): Promise<PacketLab> => PacketLab.open(dhcp4(wish));
const limited = (name: string, limits: Json, test?: Record<string, Json>): Record<string, Json> => ({
  name,
  ...(test ?? { test: "substring(option[60].hex, 0, 1) == 'a'" }),
  'user-context': { limits },
});
const vendor = (text: string): RequestFields['options'] => ({ 60: [...Buffer.from(text)] });

/** Asks for a lease of an address without a DISCOVER. */
const request = (net: PacketLab, n: number, options: RequestFields['options'] = {}): Promise<Answer | undefined> =>
  net.ask({ type: REQUEST, mac: mac(n), options: { ...options, 50: `192.0.2.${10 + n}`, 54: '192.0.2.1' } });
const kind = async (answer: Promise<Answer | undefined>): Promise<number | undefined> =>
  (await answer)?.message.messageType;

describe('the text of a rate', () => {
  it('is a number of packets per unit', () => {
    assert.deepEqual(parseRate('1 packet per second'), { packets: 1, windowMs: 1000 });
    assert.deepEqual(parseRate('4 packets per minute'), { packets: 4, windowMs: 60_000 });
    assert.deepEqual(parseRate('0 packets per year'), { packets: 0, windowMs: 365 * 86_400_000 });
    assert.deepEqual(parseRate('4294967295 packets per month'), { packets: 0xffff_ffff, windowMs: 30 * 86_400_000 });
    fc.assert(
      fc.property(
        fc.nat(0xffff_ffff),
        fc.constantFrom(...RATE_UNITS),
        fc.constantFrom('packet', 'packets'),
        (n, unit, p) => {
          assert.equal(parseRate(`${n} ${p} per ${unit}`)?.packets, n);
        },
      ),
    );
  });

  it('is nothing else', () => {
    const wrong = [
      '',
      '1',
      '1 packet',
      '1 packets per',
      '-1 packets per day',
      '1.5 packets per day',
      '4294967296 packets per day',
    ];
    const more = [
      '1 packets per fortnight',
      '1 packets per seconds',
      'x packets per day',
      '1 packets per toString',
      '1 packets per day ',
    ];
    for (const text of [...wrong, ...more]) assert.equal(parseRate(text), undefined, text);
    fc.assert(fc.property(fc.string(), (text) => void parseRate(text)));
  });
});

describe('a window', () => {
  it('of few packets lets through what Kea would', () => {
    const steps = fc.array(fc.nat(700), { maxLength: 60 });
    fc.assert(
      fc.property(fc.nat(9), fc.integer({ min: 1, max: 1000 }), steps, (packets, windowMs, waits) => {
        const window = rateWindow({ packets, windowMs });
        const through: number[] = [];
        let now = 0;
        for (const wait of waits) {
          now += wait;
          const expected = through.filter((at) => at + windowMs >= now).length < packets;
          assert.equal(window.hasRoom(now), expected, `at ${now}`);
          if (!expected) continue;
          through.push(now);
          window.count(now);
        }
      }),
    );
  });

  it('of many never lets too many through, and all again soon after', () => {
    const steps = fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 3000 })), { maxLength: 40 });
    fc.assert(
      fc.property(steps, fc.nat(100_000), (bursts, start) => {
        const [packets, windowMs] = [5000, 1000];
        const window = rateWindow({ packets, windowMs });
        const through: { at: number; count: number }[] = [];
        let now = start;
        for (const [wait, wanted] of bursts) {
          now += wait;
          let count = 0;
          for (; count < wanted && window.hasRoom(now); count++) window.count(now);
          through.push({ at: now, count });
          const within = (ms: number): number =>
            through.filter(({ at }) => at + ms >= now).reduce((sum, each) => sum + each.count, 0);
          assert.ok(within(windowMs) <= packets);
          if (count < wanted) assert.ok(within(windowMs + 2 * (windowMs / 256)) >= packets, 'refused too early');
        }
      }),
    );
  });
});

describe('a rate', () => {
  it('of a class drops what is too much, of every type, and nothing of others', async () => {
    const net = await lab({ classes: [limited('a', { 'rate-limit': '2 packets per minute' })] });
    const ask = (type: number, n: number) =>
      net.ask({ type, mac: mac(n), ciaddr: type === INFORM ? '192.0.2.9' : '0.0.0.0', options: vendor('abc') });
    assert.ok(await ask(DISCOVER, 1));
    assert.ok(await ask(DISCOVER, 2));
    assert.equal(await ask(DISCOVER, 3), undefined);
    assert.equal(await ask(INFORM, 1), undefined);
    assert.ok(await net.ask({ type: DISCOVER, mac: mac(4), options: vendor('other') }));
    assert.equal(net.count('pkt4-limit-exceeded'), 2);
    assert.equal(net.count('pkt4-receive-drop'), 2);
    net.clock.advance(60_000);
    assert.equal(await ask(DISCOVER, 3), undefined, 'Kea: a packet counts until more than a minute has passed');
    net.clock.advance(1);
    assert.ok(await ask(DISCOVER, 3));
  });

  it('of 0 packets is none, and a packet that one class keeps out counts for no other', async () => {
    const always = { test: 'option[60].exists' };
    const net = await lab({
      classes: [
        limited('all', { 'rate-limit': '1 packet per day' }, always),
        limited('a', { 'rate-limit': '0 packets per second' }),
      ],
    });
    assert.equal(await net.ask({ type: DISCOVER, mac: mac(1), options: vendor('abc') }), undefined);
    assert.ok(await net.ask({ type: DISCOVER, mac: mac(2), options: vendor('b') }));
    assert.equal(await net.ask({ type: DISCOVER, mac: mac(3), options: vendor('b') }), undefined);
  });

  it('of a template is for each class that it makes', async () => {
    const template = { 'template-test': 'option[60].hex' };
    const net = await lab({ classes: [limited('t', { 'rate-limit': '1 packet per hour' }, template)] });
    for (const [text, answered] of [
      ['x', true],
      ['x', false],
      ['y', true],
    ] as const) {
      const answer = await net.ask({ type: DISCOVER, mac: mac(1), options: vendor(text) });
      assert.equal(answer !== undefined, answered, text);
    }
  });

  it('of a subnet is for all that comes from there', async () => {
    const net = await lab({ subnet: { 'rate-limit': '3 packets per hour' } });
    for (let n = 0; n < 3; n++) assert.ok(await net.ask({ type: DISCOVER, mac: mac(n) }));
    assert.equal(await net.ask({ type: DISCOVER, mac: mac(0) }), undefined);
    // Another limit begins anew.
    net.configure(dhcp4({ subnet: { 'rate-limit': '4 packets per hour' } }));
    assert.ok(await net.ask({ type: DISCOVER, mac: mac(0) }));
  });

  it('forgets the oldest of very many classes', () => {
    const { snapshot } = loadDhcp4(
      dhcp4({ classes: [limited('t', { 'rate-limit': '1 packet per year' }, { 'template-test': 'option[60].hex' })] }),
    );
    const limiter = new RateLimiter();
    const admit = (n: number): boolean => limiter.admitClasses(['ALL', `SPAWN_t_${n}`, 't'], snapshot, 1);
    for (let n = 0; n < 65_536; n++) assert.ok(admit(n));
    assert.equal(admit(0), false);
    assert.ok(admit(65_536));
    assert.ok(admit(0), 'forgotten');
  });
});

describe('a limit of leases', () => {
  it('of a class: DISCOVERs are not answered, REQUESTs are refused, renewals go on', async () => {
    const net = await lab({ classes: [limited('a', { 'address-limit': 2 })] });
    const a = vendor('a');
    assert.equal(await kind(request(net, 1, a)), ACK);
    assert.equal(await kind(request(net, 2, a)), ACK);
    assert.equal(await kind(request(net, 3, a)), NAK);
    assert.equal(await net.ask({ type: DISCOVER, mac: mac(3), options: a }), undefined);
    assert.equal(net.count('lessor-dropped-address-limit'), 1);
    assert.equal(net.count('pkt4-receive-drop'), 0);
    assert.equal(await kind(request(net, 4, vendor('b'))), ACK, 'another class');
    assert.equal(await kind(request(net, 2, a)), ACK, 'its own');
    assert.ok(await net.ask({ type: DISCOVER, mac: mac(2), options: a }), 'its own');
    await net.ask({ type: RELEASE, mac: mac(1), ciaddr: '192.0.2.11' });
    assert.equal(await kind(request(net, 3, a)), ACK);
  });

  it('of a class counts the classes of the lease, as Kea writes them', async () => {
    const net = await lab({ classes: [limited('a', { 'address-limit': 1 })] });
    await request(net, 1, vendor('a'));
    const context = net.ledger.leases.getByAddress(ip('192.0.2.11'))!.userContext;
    assert.deepEqual(JSON.parse(context), { ISC: { 'client-classes': ['ALL', 'VENDOR_CLASS_a', 'a', 'UNKNOWN'] } });
    // Renewed as somebody of no class, it counts for none.
    net.clock.advance(2_000_000);
    assert.equal(await kind(request(net, 1, vendor('b'))), ACK);
    assert.equal(await kind(request(net, 2, vendor('a'))), ACK);
  });

  it('of a class counts what was there before', async () => {
    const net = await lab({ classes: [limited('a', { 'address-limit': 1 })] });
    await request(net, 1, vendor('a'));
    net.configure(dhcp4({ more: { 'hooks-libraries': [] } }));
    assert.equal(net.numbers.ofClass('a'), 0, 'nothing is counted without the library');
    net.configure(dhcp4({ classes: [limited('a', { 'address-limit': 1 })] }));
    assert.equal(await kind(request(net, 2, vendor('a'))), NAK);
  });

  it('of a subnet counts declined addresses too', async () => {
    const net = await lab({ subnet: { 'address-limit': 2 } });
    await request(net, 1);
    await request(net, 2);
    await net.ask({ type: DECLINE, mac: mac(1), options: { 50: '192.0.2.11' } });
    assert.equal(await kind(request(net, 3)), NAK);
    await net.ask({ type: RELEASE, mac: mac(2), ciaddr: '192.0.2.12' });
    assert.equal(await kind(request(net, 3)), ACK);
  });

  it('does not count the lease that ran out and is taken over', async () => {
    const net = await lab({ subnet: { 'address-limit': 1 }, classes: [limited('a', { 'address-limit': 1 })] });
    await request(net, 1, vendor('a'));
    net.clock.advance(3_700_000);
    assert.equal(await kind(request(net, 1, vendor('a'))), ACK);
    net.clock.advance(3_700_000);
    const options = { ...vendor('a'), 50: '192.0.2.11', 54: '192.0.2.1' };
    assert.equal(await kind(net.ask({ type: REQUEST, mac: mac(9), options })), ACK, 'another client takes it');
  });

  it('of 0 is none, and BOOTP clients are not refused but not answered', async () => {
    const net = await lab({
      subnet: { 'address-limit': 0 },
      more: { 'hooks-libraries': [...HOOK, { library: 'libdhcp_bootp.so' }] },
    });
    assert.equal(await net.ask({ type: DISCOVER, mac: mac(1) }), undefined);
    assert.equal(await kind(request(net, 1)), NAK);
    assert.equal(await net.ask({ mac: mac(2) }), undefined);
    assert.equal(net.ledger.leases.size, 0);
  });
});

describe('the classes of leases', () => {
  it('are kept beside what else is in the user-context', () => {
    const context = '{ "ISC": { "relay-agent-info": { "sub-options": "0x01" }, "client-classes": [ "old" ] }, "a": 1 }';
    const merged = mergeClasses(context, ['x', 'y"z']);
    assert.deepEqual(leaseClasses(merged), ['x', 'y"z']);
    assert.deepEqual(JSON.parse(merged), {
      ISC: { 'relay-agent-info': { 'sub-options': '0x01' }, 'client-classes': ['x', 'y"z'] },
      a: 1,
    });
    for (const text of ['', '{', '[]', '{"ISC":{"client-classes":"x"}}', '{"client-classes":["x"]}']) {
      assert.deepEqual(leaseClasses(text), [], text);
    }
    assert.deepEqual(leaseClasses('{"ISC":{"client-classes":["x",1,null]}}'), ['x']);
    fc.assert(fc.property(fc.string(), (text) => void leaseClasses(`${text}"client-classes"${text}`)));
  });

  it('are counted right while leases change under the count', async () => {
    const net = await lab({});
    const template = { 'template-test': 'option[60].hex' };
    net.configure(dhcp4({ classes: [limited('t', {}, template)] }));
    for (let n = 0; n < 8; n++) await request(net, n, vendor(n % 2 === 0 ? 'x' : 'y'));
    const counts = new ClassLeaseCounts();
    let paged = 0;
    const one = {
      page: (after: number | undefined) => {
        // The page is short, so one is all there is: the change comes before the first and after it.
        const leases = net.ledger.leases.page(after, 256);
        paged++;
        return leases;
      },
    };
    const steps = counts.prepare(true, one);
    const [first] = net.ledger.leases.page(undefined, 1);
    counts.changed(first!.address, first, undefined);
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    step.value.commit();
    assert.equal(paged, 1);
    assert.deepEqual([counts.of('SPAWN_t_x'), counts.of('SPAWN_t_y')], [4, 4], 'what came before was not followed');
    counts.changed(first!.address, first, { ...first!, state: LeaseState.released });
    assert.equal(counts.of('SPAWN_t_x'), 3);
    swapAtOnce(counts.prepare(true, one));
    assert.equal(paged, 1, 'not counted again');
  });
});

describe('the configuration', () => {
  it('is refused with what is wrong in it, and means nothing without the library', () => {
    const wrong = { 'address-limit': -1, 'rate-limit': '5 per second', leases: 1 };
    const issues = issuesOf(() => loadDhcp4(dhcp4({ subnet: wrong, classes: [limited('a', wrong)] })));
    assert.equal(issues.length, 6);
    assert.ok(issues.some(({ message }) => /"5 per second" is not "N packets per UNIT"/.test(message)));
    const { snapshot } = loadDhcp4(
      dhcp4({ subnet: wrong, classes: [limited('a', wrong)], more: { 'hooks-libraries': [] } }),
    );
    assert.equal(snapshot.subnets[0]!.limits, undefined);
    assert.equal(snapshot.classes[0]!.limits, undefined);
  });

  it('warns of limits that are never asked for', () => {
    const known = { test: "member('KNOWN')" };
    const { warnings } = loadDhcp4(
      dhcp4({
        classes: [
          limited('k', { 'rate-limit': '1 packet per day' }, known),
          limited('late', { 'address-limit': 1 }, { 'only-in-additional-list': true }),
        ],
      }),
    );
    assert.equal(
      warnings.filter(({ message }) => /has no (rate|limits)/.test(message)).length,
      2,
      JSON.stringify(warnings),
    );
  });
});
