import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeaseState } from 'lessor/internal/domain/lease.js';
import type { Json } from 'lessor/internal/domain/snapshot.js';
import { ip, PacketLab, quad } from '../lib/packet-lab.js';

const DISCOVER = 1;
const OFFER = 2;
const REQUEST = 3;
const DECLINE = 4;
const ACK = 5;
const NAK = 6;
const RELEASE = 7;
const INFORM = 8;

const subnet = (extra: Record<string, Json> = {}): Record<string, Json> => ({
  id: 1,
  subnet: '192.0.2.0/24',
  pools: [{ pool: '192.0.2.10-192.0.2.20' }],
  ...extra,
});
const lab = (extra: Record<string, Json> = {}, ...subnets: Record<string, Json>[]): Promise<PacketLab> =>
  PacketLab.open({ 'valid-lifetime': 3600, subnet4: subnets.length === 0 ? [subnet()] : subnets, ...extra });

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';
const octets = (address: string): number[] => [...quad(ip(address))];

test('a lease goes to the store before its ACK leaves, and none with an OFFER', async () => {
  const net = await lab();
  await net.ask({ type: DISCOVER, mac: A });
  assert.equal(net.ledger.leases.size, 0);
  const ack = await net.lease({ mac: A });
  const lease = net.ledger.leases.getByAddress(ack.message.yiaddr)!;
  assert.equal(Buffer.from(lease.hwAddress, 'latin1').toString('hex'), '02000000000a');
  assert.equal(lease.validLifetimeSec, 3600);
  assert.equal(net.count('pkt4-ack-sent'), 1);
});

test('two clients in one batch are offered different addresses, and the last one goes to the quicker request', async () => {
  const net = await lab({}, subnet({ pools: [{ pool: '192.0.2.10-192.0.2.10' }] }));
  const [first, second] = await net.batch({ type: DISCOVER, mac: A }, { type: DISCOVER, mac: B });
  assert.equal(first?.message.yiaddr, ip('192.0.2.10'));
  // The only address is on offer to A; B takes the offer over, and whoever asks first has it.
  assert.equal(second?.message.yiaddr, ip('192.0.2.10'));
  const options = { 50: octets('192.0.2.10'), 54: octets('192.0.2.1') };
  const answers = await net.batch({ type: REQUEST, mac: B, options }, { type: REQUEST, mac: A, options });
  assert.deepEqual(
    answers.map(({ message }) => message.messageType),
    [ACK, NAK],
  );
  assert.equal(net.ledger.leases.getByAddress(ip('192.0.2.10'))?.hwAddress, '\x02\0\0\0\0\x0b');
});

test('an offer is repeated, and not made to another while it stands', async () => {
  const net = await lab({}, subnet({ pools: [{ pool: '192.0.2.10-192.0.2.11' }] }));
  const first = await net.ask({ type: DISCOVER, mac: A });
  const again = await net.ask({ type: DISCOVER, mac: A });
  assert.equal(again?.message.yiaddr, first?.message.yiaddr);
  const other = await net.ask({ type: DISCOVER, mac: B, options: { 50: [...quad(first!.message.yiaddr)] } });
  assert.notEqual(other?.message.yiaddr, first?.message.yiaddr);
});

test('a client without an address gets its answer at link level; ciaddr and the flag change that', async () => {
  const net = await lab();
  const offer = await net.ask({ type: DISCOVER, mac: A });
  assert.equal(offer?.reply.destination, offer?.message.yiaddr);
  assert.deepEqual([...offer!.reply.hwAddress!], [2, 0, 0, 0, 0, 10]);
  const broadcast = await net.ask({ type: DISCOVER, mac: A, flags: 0x8000 });
  assert.equal(broadcast?.reply.destination, 0xffffffff);
  assert.equal(broadcast?.reply.hwAddress, undefined);
});

/** INIT-REBOOT (RFC 2131 §4.3.2): known or not, right or wrong address, authoritative or not. */
const reboots: [string, boolean, boolean, string, number | undefined][] = [
  ['a known client with its address is confirmed', true, false, '192.0.2.10', ACK],
  ['a known client with another address is refused', true, false, '192.0.2.19', NAK],
  ['a stranger is left to other servers', false, false, '192.0.2.15', undefined],
  ['a stranger is refused where we are authoritative', false, true, '192.0.2.15', NAK],
  ['a stranger from another network likewise', false, true, '10.9.9.9', NAK],
];
for (const [name, known, authoritative, wanted, expected] of reboots) {
  test(`INIT-REBOOT: ${name}`, async () => {
    const net = await lab({ authoritative });
    if (known) await net.lease({ mac: A, options: { 50: octets('192.0.2.10') } });
    const answer = await net.ask({ type: REQUEST, mac: A, options: { 50: octets(wanted) } });
    assert.equal(answer?.message.messageType, expected);
  });
}

test('RENEWING keeps the address, prolongs the lease and answers at ciaddr', async () => {
  const net = await lab({ 'cache-threshold': 0 });
  const first = await net.lease({ mac: A });
  net.clock.at += 1_000_000;
  const ciaddr = '192.0.2.10';
  const answer = await net.ask({ type: REQUEST, mac: A, ciaddr, source: ciaddr, destination: '192.0.2.1' });
  assert.equal(answer?.message.messageType, ACK);
  assert.equal(answer?.message.yiaddr, first.message.yiaddr);
  assert.equal(answer?.reply.destination, ip(ciaddr));
  assert.equal(net.ledger.leases.getByAddress(ip(ciaddr))?.clttSec, Math.floor(net.clock.at / 1000));
});

test('a young lease is confirmed from the cache: no write, and only what is left is promised', async () => {
  const net = await lab({ 'cache-threshold': 0.25 });
  await net.lease({ mac: A });
  const before = net.ledger.leases.getByAddress(ip('192.0.2.10'))!;
  net.clock.at += 600_000;
  const renew = { type: REQUEST, mac: A, ciaddr: '192.0.2.10', destination: '192.0.2.1' };
  const cached = await net.ask(renew);
  assert.equal(cached?.message.number(51), 3000);
  assert.equal(net.ledger.leases.getByAddress(ip('192.0.2.10'))?.clttSec, before.clttSec);
  assert.equal(net.count('subnet[1].v4-lease-reuses'), 1);
  net.clock.at += 301_000;
  assert.equal((await net.ask(renew))?.message.number(51), 3600, 'past the threshold it is written again');
});

test("another client's address is refused to a renewal", async () => {
  const net = await lab();
  await net.lease({ mac: A });
  const answer = await net.ask({ type: REQUEST, mac: B, ciaddr: '192.0.2.10', destination: '192.0.2.1' });
  assert.equal(answer?.message.messageType, NAK);
});

test('RELEASE keeps the binding for its client, and gives the address away when it is needed', async () => {
  const net = await lab({}, subnet({ pools: [{ pool: '192.0.2.10-192.0.2.11' }] }));
  await net.lease({ mac: A });
  assert.equal(await net.ask({ type: RELEASE, mac: A, ciaddr: '192.0.2.10' }), undefined);
  assert.equal(net.ledger.leases.getByAddress(ip('192.0.2.10'))?.state, LeaseState.released);
  assert.equal((await net.lease({ mac: A })).message.yiaddr, ip('192.0.2.10'), 'lease affinity');
  await net.ask({ type: RELEASE, mac: A, ciaddr: '192.0.2.10' });
  await net.lease({ mac: B });
  const third = await net.lease({ mac: '02:00:00:00:00:0c' });
  assert.ok(third.message.yiaddr === ip('192.0.2.10') || third.message.yiaddr === ip('192.0.2.11'));
});

test('a RELEASE by somebody else changes nothing', async () => {
  const net = await lab();
  await net.lease({ mac: A });
  await net.ask({ type: RELEASE, mac: B, ciaddr: '192.0.2.10' });
  assert.equal(net.ledger.leases.getByAddress(ip('192.0.2.10'))?.state, LeaseState.default);
});

test('a declined address is nobody’s until its probation is over', async () => {
  const net = await lab({ 'decline-probation-period': 60 }, subnet({ pools: [{ pool: '192.0.2.10-192.0.2.10' }] }));
  await net.lease({ mac: A });
  await net.ask({ type: DECLINE, mac: A, options: { 50: octets('192.0.2.10') } });
  const lease = net.ledger.leases.getByAddress(ip('192.0.2.10'))!;
  assert.deepEqual([lease.state, lease.hwAddress, lease.clientId], [LeaseState.declined, '', '']);
  assert.equal(await net.ask({ type: DISCOVER, mac: A }), undefined);
  assert.equal(net.count('v4-allocation-fail'), 1);
  net.clock.at += 62_000;
  assert.equal((await net.ask({ type: DISCOVER, mac: A }))?.message.messageType, OFFER);
});

test('INFORM gets options at ciaddr, no address and no lease time', async () => {
  const net = await lab({ 'option-data': [{ name: 'domain-name', data: 'example.org' }] });
  const answer = await net.ask({
    type: INFORM,
    mac: A,
    ciaddr: '192.0.2.77',
    destination: '192.0.2.1',
    options: { 55: [15] },
  });
  assert.equal(answer?.message.messageType, ACK);
  assert.equal(answer?.message.yiaddr, 0);
  assert.equal(answer?.message.has(51), false);
  assert.equal(answer?.message.octets(15), 'example.org');
  assert.equal(answer?.reply.destination, ip('192.0.2.77'));
});

test('a reservation: in force, not given to others, and waiting while somebody holds it', async () => {
  const reservations = [{ 'hw-address': A, 'ip-address': '192.0.2.10', hostname: 'printer' }];
  const net = await lab({}, subnet());
  await net.lease({ mac: B });
  net.configure({ 'valid-lifetime': 3600, subnet4: [subnet({ reservations })] });
  const meanwhile = await net.lease({ mac: A });
  assert.notEqual(meanwhile.message.yiaddr, ip('192.0.2.10'), 'B still holds it');
  assert.equal(net.count('v4-reservation-conflicts') > 0, true);
  const renewal = await net.ask({ type: REQUEST, mac: B, ciaddr: '192.0.2.10', destination: '192.0.2.1' });
  assert.equal(renewal?.message.messageType, NAK, 'B has to give it up');
  net.clock.at += 3_700_000;
  const reserved = await net.lease({ mac: A });
  assert.equal(reserved.message.yiaddr, ip('192.0.2.10'));
  assert.equal(reserved.message.octets(12), 'printer');
});

test('a shared network overflows into its next subnet', async () => {
  const net = await PacketLab.open({
    'shared-networks': [
      {
        name: 'n',
        subnet4: [
          { id: 1, subnet: '192.0.2.0/24', pools: [{ pool: '192.0.2.10-192.0.2.10' }] },
          { id: 2, subnet: '198.51.100.0/24', pools: [{ pool: '198.51.100.10-198.51.100.10' }] },
        ],
      },
    ],
  });
  assert.equal((await net.lease({ mac: A })).message.yiaddr, ip('192.0.2.10'));
  const second = await net.lease({ mac: B });
  assert.equal(second.message.yiaddr, ip('198.51.100.10'));
  assert.deepEqual([...second.message.option(1)!], [255, 255, 255, 0]);
  assert.equal(await net.ask({ type: DISCOVER, mac: '02:00:00:00:00:0c' }), undefined);
  assert.equal(net.count('v4-allocation-fail-shared-network'), 1);
});

test('option 82 comes back as it was, last (RFC 3046 §2.2)', async () => {
  const net = await lab();
  const relay = [1, 3, 97, 98, 99];
  const answer = await net.ask({
    type: DISCOVER,
    mac: A,
    giaddr: '192.0.2.1',
    options: { 82: relay, 61: [1, 2, 3, 4] },
  });
  assert.deepEqual([...answer!.message.option(82)!], relay);
  assert.equal(answer!.message.optionCodes().at(-1), 82);
  assert.equal(answer!.reply.port, 67);
});

test('the maximum message size is kept with overload, and nothing is lost (RFC 2131 §4.1)', async () => {
  const long = 'x'.repeat(100);
  const codes = [17, 40, 64];
  const net = await lab({ 'option-data': codes.map((code) => ({ code, data: long, 'always-send': true })) });
  const small = await net.ask({ type: DISCOVER, mac: A, options: { 57: [2, 64] } });
  assert.ok(small!.reply.octets.length <= 576 - 28);
  assert.deepEqual(
    codes.map((code) => small!.message.octets(code)),
    [long, long, long],
  );
  assert.equal(small!.message.number(51), 3600, 'the lease time is patched in the slow way, too');
});

test('a client that names no size gets everything, in a frame; one that names 576 does without what does not fit', async () => {
  const long = 'x'.repeat(200);
  const net = await lab({ 'option-data': [17, 40].map((code) => ({ code, data: long, 'always-send': true })) });
  const unnamed = await net.ask({ type: DISCOVER, mac: A });
  assert.deepEqual([unnamed?.message.octets(17), unnamed?.message.octets(40)], [long, long]);
  const named = await net.ask({ type: DISCOVER, mac: A, options: { 57: [2, 64] } });
  assert.ok(named!.reply.octets.length <= 576 - 28);
  assert.deepEqual([named?.message.octets(17), named?.message.has(40)], [long, false]);
});

test('what is not for us goes no further, each with its reason', async () => {
  const net = await lab({ 'client-classes': [{ name: 'DROP', test: "option[60].hex == 'bad'" }] });
  const cases: [string, Parameters<PacketLab['ask']>[0]][] = [
    ['server-id-mismatch', { type: REQUEST, options: { 50: octets('192.0.2.10'), 54: octets('203.0.113.9') } }],
    ['unexpected-server-id', { type: DISCOVER, options: { 54: octets('192.0.2.1') } }],
    ['class-drop', { type: DISCOVER, options: { 60: [...Buffer.from('bad')] } }],
    ['unexpected-message-type', { type: OFFER }],
    ['bootp-not-supported', {}],
    ['malformed', { type: DISCOVER, options: { 61: new Array<number>(300).fill(7) } }],
    ['no-subnet', { type: DISCOVER, giaddr: '203.0.113.1' }],
  ];
  for (const [reason, fields] of cases) {
    assert.equal(await net.ask(fields), undefined, reason);
    assert.equal(net.count(`lessor-dropped-${reason}`), 1, reason);
  }
  assert.deepEqual(net.logger.errors, []);
});

test('overload: DISCOVERs are shed before REQUESTs', async () => {
  const net = await lab({}, subnet({ subnet: '10.0.0.0/8', pools: [{ pool: '10.0.0.10-10.0.255.255' }] }));
  const mac = (n: number): string =>
    `02:00:00:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}`;
  const relay = { giaddr: '10.0.0.1', destination: '10.0.0.1' };
  const requests = Array.from({ length: 300 }, (_, n) => ({
    type: REQUEST,
    mac: mac(n),
    ...relay,
    options: { 50: octets(`10.0.${1 + (n >> 8)}.${n & 255}`), 54: octets('192.0.2.1') },
  }));
  const discovers = Array.from({ length: 600 }, (_, n) => ({ type: DISCOVER, mac: mac(1000 + n), ...relay }));
  // A single large batch is what gathered during a pause: all of it is served.
  const after = await net.batch(...discovers.map((fields) => ({ ...fields, mac: fields.mac.replace('02:', '06:') })));
  assert.equal(after.length, 600);
  const answers = await net.batch(...discovers, ...requests);
  assert.equal(answers.filter(({ message }) => message.messageType === ACK).length, 300);
  const offers = answers.filter(({ message }) => message.messageType === OFFER).length;
  assert.ok(offers > 0 && offers < 600);
  assert.equal(net.count('lessor-dropped-queue-full'), 600 - offers);
});

test('the service switched off answers nobody', async () => {
  const net = await lab();
  net.serviceSwitch.disable(1);
  assert.equal(await net.ask({ type: DISCOVER }), undefined);
  net.serviceSwitch.enable(1);
  assert.notEqual(await net.ask({ type: DISCOVER }), undefined);
});

test('option 108: a client that can do without IPv4 gets no address (RFC 8925)', async () => {
  const data = [{ name: 'v6-only-preferred', data: '1800' }];
  const net = await lab({}, subnet({ 'option-data': data }));
  const answer = await net.ask({ type: DISCOVER, options: { 55: [1, 108] } });
  assert.equal(answer?.message.yiaddr, 0);
  assert.equal(answer?.message.number(108), 1800);
  assert.notEqual((await net.ask({ type: DISCOVER, options: { 55: [1] } }))?.message.yiaddr, 0);
});

test('server identifiers that relays dictate do not wear the template cache out (RFC 5107)', async () => {
  const net = await lab({}, subnet({ subnet: '10.0.0.0/8', pools: [{ pool: '10.0.0.10-10.0.255.255' }] }));
  const ask = (n: number): ReturnType<PacketLab['ask']> =>
    net.ask({
      type: DISCOVER,
      giaddr: '10.0.0.1',
      destination: '10.0.0.1',
      options: { 82: [11, 4, 10, 9, n >> 8, n & 255] },
    });
  assert.deepEqual([...(await ask(258))!.message.option(54)!], [10, 9, 1, 2]);
  assert.deepEqual([...(await ask(3))!.message.option(54)!], [10, 9, 0, 3]);
});

test('a clock set back gives nobody the address of a lease that is in force again', async () => {
  const net = await lab({}, subnet({ pools: [{ pool: '192.0.2.10-192.0.2.11' }] }));
  await net.lease({ mac: A });
  await net.lease({ mac: B });
  net.clock.at += 3_700_000;
  await net.ask({ type: DISCOVER, mac: '02:00:00:00:00:0c' });
  net.clock.at -= 3_600_000;
  assert.equal(await net.ask({ type: DISCOVER, mac: '02:00:00:00:00:0d' }), undefined);
  const leases = [...net.ledger.leases.all()].map(({ hwAddress }) => hwAddress.charCodeAt(5)).sort();
  assert.deepEqual(leases, [10, 11]);
});

test('offers of a busy subnet do not keep a small one from taking its own back', async () => {
  const busy = { id: 1, subnet: '10.0.0.0/16', pools: [{ pool: '10.0.0.10-10.0.255.250' }] };
  const small = { id: 2, subnet: '10.1.0.0/24', pools: [{ pool: '10.1.0.10-10.1.0.11' }] };
  const net = await lab({}, busy, small);
  const discover = (n: number, giaddr: string): ReturnType<PacketLab['ask']> =>
    net.ask({ type: DISCOVER, mac: `02:00:00:00:01:${n.toString(16).padStart(2, '0')}`, giaddr, destination: giaddr });
  for (let n = 0; n < 100; n++) await discover(n, '10.0.0.1');
  for (let n = 100; n < 102; n++) await discover(n, '10.1.0.1');
  assert.equal((await discover(102, '10.1.0.1'))?.message.yiaddr, ip('10.1.0.10'));
});

test('INIT-REBOOT is about the lease that is in force, not about one the client gave back before', async () => {
  const net = await lab({}, subnet({ pools: [{ pool: '192.0.2.10-192.0.2.12' }] }));
  await net.lease({ mac: A });
  await net.ask({ type: RELEASE, mac: A, ciaddr: '192.0.2.10' });
  // In a pair the address it gave back can not be given yet, so the client has another one now.
  const released = net.ledger.leases.getByAddress(ip('192.0.2.10'))!;
  await net.ledger.transact((tx) => {
    tx.put({ ...released, address: ip('192.0.2.12'), state: LeaseState.default, clttSec: released.clttSec + 1 });
    tx.delete(released.address);
    tx.put(released);
  });
  const answer = await net.ask({ type: REQUEST, mac: A, options: { 50: [192, 0, 2, 12] } });
  assert.equal(answer?.message.messageType, ACK);
  assert.equal(answer?.message.yiaddr, ip('192.0.2.12'));
  // Nor is the other one refused if both are in force: each server gave it one while they were apart.
  await net.ledger.transact((tx) => {
    tx.put({ ...released, state: LeaseState.default, clttSec: released.clttSec + 2 });
  });
  const other = await net.ask({ type: REQUEST, mac: A, options: { 50: [192, 0, 2, 10] } });
  assert.equal(other?.message.messageType, ACK);
});

test('an iterative subnet goes on to its next pool, and back to the first after the last', async () => {
  const pools = [{ pool: '192.0.2.10-192.0.2.11' }, { pool: '192.0.2.20-192.0.2.21' }];
  const net = await lab({}, subnet({ pools }));
  const given: number[] = [];
  for (let n = 0; n < 4; n++) given.push((await net.lease({ mac: `02:00:00:00:02:0${n}` })).message.yiaddr & 255);
  assert.deepEqual(given, [10, 11, 20, 21]);
});

test('match-client-id false: the lease is the hardware address’s, whatever client identifier comes', async () => {
  const net = await lab({}, subnet({ 'match-client-id': false }));
  const first = await net.lease({ mac: A, options: { 61: [1, 2, 3] } });
  const again = await net.lease({ mac: A, options: { 61: [9, 9, 9] } });
  assert.equal(again.message.yiaddr, first.message.yiaddr);
  assert.equal(net.ledger.leases.getByAddress(first.message.yiaddr)?.clientId, '');
  await net.ask({ type: RELEASE, mac: A, ciaddr: '192.0.2.10', options: { 61: [7, 7, 7] } });
  assert.equal(net.ledger.leases.getByAddress(first.message.yiaddr)?.state, LeaseState.released);
});

test('libdhcp_flex_id with replace-client-id: the lease is kept by the flexible identifier', async () => {
  const parameters = { 'identifier-expression': 'relay4[1].hex', 'replace-client-id': true };
  const net = await lab({ 'hooks-libraries': [{ library: 'libdhcp_flex_id.so', parameters }] });
  const port = { giaddr: '192.0.2.1', destination: '192.0.2.1', options: { 82: [1, 2, 65, 66] } };
  const first = await net.lease({ mac: A, ...port });
  assert.equal(net.ledger.leases.getByAddress(first.message.yiaddr)?.clientId, '\0AB');
  const swapped = await net.lease({ mac: B, ...port });
  assert.equal(swapped.message.yiaddr, first.message.yiaddr, 'another device at the same port');
});

test('a BOOTP client gets an address for ever, the subnet mask and no DHCP options (RFC 1497)', async () => {
  const net = await lab({ 'hooks-libraries': [{ library: 'libdhcp_bootp.so' }] });
  const reply = await net.ask({ mac: A });
  assert.deepEqual(reply?.message.optionCodes(), [1]);
  assert.equal(net.ledger.leases.getByAddress(reply!.message.yiaddr)?.validLifetimeSec, 0xffffffff);
});
