/** Changes of the configuration by command: what is written, what is not and why, and what is refused. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonMap } from '@lessor/kea';
import { type ConfigBench, configBench } from '../lib/config-bench.js';

const TEXT = `{ "Dhcp4": {
  "subnet4": [
    { "id": 1, "subnet": "192.0.2.0/24", "pools": [ { "pool": "192.0.2.10-192.0.2.19" } ] }, # ours
    { "id": 2, "subnet": "198.51.100.0/24", "client-classes": [ "voip" ] }
  ],
  "client-classes": [ { "name": "voip" } ],
  "shared-networks": [ { "name": "frog", "subnet4": [ { "id": 3, "subnet": "203.0.113.0/24" } ] } ]
} }
`;

const host = (more: JsonMap = {}): JsonMap => ({
  reservation: { 'subnet-id': 1, 'hw-address': '02:00:00:00:00:01', 'ip-address': '192.0.2.15', ...more },
});

/** Runs a command that must succeed. */
async function ok({ run }: ConfigBench, name: string, args?: JsonMap): Promise<string> {
  const { result, text = '' } = await run(name, args);
  assert.equal(result, 0, `${name}: ${text}`);
  return text;
}

/** Runs a command that must not, and must change nothing. */
async function refused(bench: ConfigBench, name: string, args?: JsonMap): Promise<string> {
  const before = { tree: bench.config.current.tree, file: bench.file, free: freeOf(bench) };
  const { result, text = '' } = await bench.run(name, args);
  assert.notEqual(result, 0, name);
  assert.deepEqual({ tree: bench.config.current.tree, file: bench.file, free: freeOf(bench) }, before);
  return `${result} ${text}`;
}

function freeOf({ config, addresses }: ConfigBench): number[] {
  return config.current.pools.map((pool) => addresses.freeCount(pool));
}

describe('a change by command', () => {
  it('counts for the next packet and is in the file before the answer leaves', async () => {
    const bench = configBench(TEXT);
    assert.equal(await ok(bench, 'reservation-add', host()), 'Host added.');
    assert.deepEqual(freeOf(bench), [9]);
    assert.equal(bench.packets.reservations.size, 1);
    assert.equal(bench.file.split('\n').length, TEXT.split('\n').length);
    assert.ok(bench.file.includes('"reservations": [ { "hw-address": "02:00:00:00:00:01"'));
    assert.ok(bench.file.includes('}, # ours\n'));
    assert.equal(bench.restarted().reservations.length, 1);
    assert.equal(bench.config.reloads, 0);
    await ok(bench, 'reservation-del', { 'subnet-id': 1, 'ip-address': '192.0.2.15' });
    assert.deepEqual(freeOf(bench), [10]);
    assert.equal(bench.packets.reservations.size, 0);
  });

  it('that can not be written is not made', async () => {
    const bench = configBench(TEXT);
    bench.broken = true;
    assert.match(await refused(bench, 'reservation-add', host()), /^1 unable to write .*EROFS/);
    assert.match(await refused(bench, 'subnet4-del', { id: 1 }), /^1 unable to write/);
    assert.equal(bench.packets.reservations.size, 0);
    bench.broken = false;
    await ok(bench, 'reservation-add', host());
  });

  it('does not overwrite what somebody else has done to the file', async () => {
    const bench = configBench(TEXT);
    bench.file = TEXT.replace('# ours', '# theirs');
    assert.match(await refused(bench, 'reservation-add', host()), /^4 .*has been changed since it was read/);
    await ok(bench, 'config-reload');
    assert.equal(await ok(bench, 'reservation-add', host()), 'Host added.');
    assert.ok(bench.file.includes('# theirs'));
  });

  it('stays in memory where the configuration asks for it', async () => {
    const text = TEXT.replace('"subnet4"', '"user-context": { "lessor": { "write-through": false } }, "subnet4"');
    const bench = configBench(text);
    assert.equal(await ok(bench, 'reservation-add', host()), 'Host added.');
    assert.equal(bench.file, text);
    assert.equal(bench.packets.reservations.size, 1);
    await ok(bench, 'config-reload');
    assert.equal(bench.packets.reservations.size, 0, 'as in Kea');
    await ok(bench, 'reservation-add', host());
    await ok(bench, 'config-write');
    assert.equal(bench.restarted().reservations.length, 1);
  });

  it('says so where the file is not what is in force, until config-write', async () => {
    const bench = configBench(TEXT);
    const { Dhcp4 } = { Dhcp4: { ...bench.config.current.tree, 'valid-lifetime': 4000 } };
    await ok(bench, 'config-set', { Dhcp4 });
    const said = await ok(bench, 'subnet4-add', { subnet4: [{ id: 9, subnet: '10.9.0.0/16' }] });
    assert.match(said, /^IPv4 subnet added \(in memory only: .*is not what is in force: config-write/);
    assert.equal(bench.file, TEXT);
    await ok(bench, 'config-write');
    assert.equal(await ok(bench, 'subnet4-del', { id: 9 }), 'IPv4 subnet 10.9.0.0/16 (id 9) deleted');
    assert.deepEqual(bench.restarted().tree, bench.config.current.tree);
    assert.equal(bench.restarted().tree['valid-lifetime'], 4000);
  });

  it('takes a subnet with what libraries in force mean to it', async () => {
    const hooks =
      '"hooks-libraries": [ { "library": "libdhcp_ping_check.so", "parameters": { "reply-timeout": 300 } } ]';
    const bench = configBench(TEXT.replace('"subnet4"', `${hooks}, "subnet4"`));
    const subnet = (pings: JsonMap): JsonMap => ({
      subnet4: [{ id: 9, subnet: '10.9.0.0/16', 'user-context': { 'ping-check': pings } }],
    });
    assert.match(await refused(bench, 'subnet4-add', subnet({ 'min-ping-requests': 0 })), /min-ping-requests/);
    await ok(bench, 'subnet4-add', subnet({ 'min-ping-requests': 2 }));
    const rules = bench.config.current.subnets.map(({ pingCheck }) => pingCheck);
    assert.deepEqual(rules.at(-1), { requests: 2, replyTimeoutMs: 300, clttSec: 60 });
    assert.deepEqual(rules[0], { requests: 1, replyTimeoutMs: 300, clttSec: 60 });
    assert.deepEqual(bench.restarted().subnets, bench.config.current.subnets);
  });

  it('is made one at a time, however many come at once', async () => {
    const bench = configBench(TEXT);
    const adds = Array.from({ length: 30 }, (_, i) =>
      bench.run(
        'reservation-add',
        host({ 'hw-address': `02:00:00:00:01:${i + 10}`, 'ip-address': `192.0.2.${100 + i}` }),
      ),
    );
    const dels = [bench.run('subnet4-del', { id: 2 }), bench.run('class-add', { 'client-classes': [{ name: 'n' }] })];
    for (const { result, text } of await Promise.all([...adds, ...dels])) assert.equal(result, 0, text);
    assert.equal(bench.config.current.reservations.length, 30);
    assert.deepEqual(bench.restarted().tree, bench.config.current.tree);
  });
});

describe('reservation commands', () => {
  it('tell apart what may be twice and what not', async () => {
    const bench = configBench(TEXT);
    await ok(bench, 'reservation-add', host());
    const again = await refused(bench, 'reservation-add', host({ 'hw-address': '02:00:00:00:00:02' }));
    assert.match(again, /^1 failed to add .*There's already a reservation for this address$/);
    assert.match(await refused(bench, 'reservation-add', host({ 'ip-address': '192.0.2.16' })), /already been added$/);
    await ok(bench, 'reservation-add', host({ 'subnet-id': 0 }));
    await ok(bench, 'reservation-add', { reservation: { 'subnet-id': 3, duid: '00:01', hostname: 'x' } });
    const duid = { reservation: { 'subnet-id': 3, duid: '0001' } };
    assert.match(await refused(bench, 'reservation-add', duid), /using the DUID '00:01' to the IPv4 subnet id '3'/);
    const flex = { reservation: { 'subnet-id': 3, 'flex-id': "'ab'" } };
    await ok(bench, 'reservation-add', flex);
    assert.match(await refused(bench, 'reservation-add', flex), /duplicate IPv4 host using identifier: flex-id=6162$/);
  });

  it('remove all of an address where it need not be unique, and only then free it', async () => {
    const bench = configBench(TEXT.replace('"subnet4"', '"ip-reservations-unique": false, "subnet4"'));
    await ok(bench, 'reservation-add', host());
    await ok(bench, 'reservation-add', host({ 'hw-address': '02:00:00:00:00:02' }));
    await ok(bench, 'reservation-del', {
      'subnet-id': 1,
      'identifier-type': 'hw-address',
      identifier: '02:00:00:00:00:02',
    });
    assert.deepEqual(freeOf(bench), [9], 'the other one still has it');
    await ok(bench, 'reservation-add', host({ 'hw-address': '02:00:00:00:00:02' }));
    await ok(bench, 'reservation-del', { 'subnet-id': 1, 'ip-address': '192.0.2.15' });
    assert.deepEqual([freeOf(bench), bench.packets.reservations.size], [[10], 0]);
  });

  it('guess the subnet whose id was forgotten', async () => {
    const bench = configBench(TEXT);
    const add = (address: string) =>
      refused(bench, 'reservation-add', { reservation: { duid: '00:01', 'ip-address': address } });
    assert.match(await add('203.0.113.5'), /belongs to subnet '203.0.113.0\/24' id 3\.$/);
    assert.match(await add('198.51.100.5'), /belongs to guarded subnet '198.51.100.0\/24' id 2\.$/);
    assert.match(await add('10.0.0.1'), /belongs to no configured subnet\.$/);
    const text = await ok(bench, 'reservation-add', { reservation: { duid: '00:01', hostname: 'a' } });
    assert.equal(text, 'Host added. subnet-id not specified, assumed global (subnet-id 0).');
  });

  it('page on by the numbers of what came', async () => {
    const bench = configBench(TEXT);
    for (const n of [1, 2, 3]) {
      await ok(bench, 'reservation-add', { reservation: { 'subnet-id': n, duid: `00:0${n}`, hostname: `h${n}` } });
    }
    const page = async (args: JsonMap) => {
      const { arguments: found } = await bench.run('reservation-get-page', { limit: 2, ...args });
      const { hosts, next } = found as { hosts: { hostname: string }[]; next?: { from: number } };
      return [hosts.map(({ hostname }) => hostname), next?.from];
    };
    assert.deepEqual(await page({}), [['h1', 'h2'], 2]);
    await ok(bench, 'reservation-del', { 'subnet-id': 2, 'identifier-type': 'duid', identifier: '00:02' });
    await ok(bench, 'reservation-update', { reservation: { 'subnet-id': 1, duid: '00:01', hostname: 'h1b' } });
    assert.deepEqual(await page({ from: 2 }), [['h3', 'h1b'], 4]);
    assert.deepEqual(await page({ from: 4 }), [[], undefined]);
    assert.deepEqual(await page({ 'subnet-id': 1 }), [['h1b'], 4]);
  });

  it('complain as Kea does', async () => {
    const bench = configBench(TEXT);
    const said: readonly (readonly [string, JsonMap | undefined, RegExp])[] = [
      ['reservation-add', undefined, /^1 no parameters specified/],
      ['reservation-add', host({ 'subnet-id': 'x' }), /^1 'subnet-id' parameter is not integer/],
      ['reservation-add', host({ 'subnet-id': -1 }), /must be between 0 and 4294967294 \(inclusive\)/],
      ['reservation-update', host({}), /^1 Host not updated/],
      ['reservation-update', { reservation: { duid: '00' } }, /^1 Mandatory 'subnet-id'/],
      ['reservation-get', { 'ip-address': '192.0.2.1' }, /use 'reservation-get-by-address' with 'ip-address' set to/],
      ['reservation-get', { 'subnet-id': 1, 'identifier-type': 'duid', identifier: '' }, /empty 'identifier'/],
      ['reservation-get', { 'subnet-id': 1, 'identifier-type': 'duid', identifier: 'xyz' }, /Unable to parse/],
      ['reservation-get-by-id', { 'subnet-id': 1, 'identifier-type': 'duid', identifier: '00' }, /is forbidden/],
      ['reservation-get-by-hostname', { hostname: '' }, /^1 Empty hostname/],
      ['reservation-get-page', { limit: 0 }, /page size of retrieved hosts must not be 0/],
      ['reservation-get-page', { limit: 1, 'source-index': 11 }, /not within expected range: \(0 - 10\)/],
      ['reservation-get-all', { 'subnet-id': 1, 'operation-target': 'database' }, /^3 0 IPv4 host/],
    ];
    for (const [name, args, text] of said) assert.match(await refused(bench, name, args), text, name);
  });
});

describe('subnet commands', () => {
  it('update a subnet and leave its reservations and the comments of what stays', async () => {
    const bench = configBench(
      TEXT.replace(
        '"pools": [',
        '\n      "renew-timer": 10, # soon\n      "reservations": [ { "duid": "00:01" /* me */ } ], "pools": [',
      ),
    );
    const subnet = { id: 1, subnet: '192.0.2.0/24', 'renew-timer': 10, 'rebind-timer': 20 };
    await ok(bench, 'subnet4-update', { subnet4: [subnet] });
    assert.ok(bench.file.includes('# soon') && bench.file.includes('/* me */') && !bench.file.includes('pools'));
    assert.deepEqual([freeOf(bench), bench.config.current.reservations.length], [[], 1]);
    const moved = { id: 1, subnet: '192.0.3.0/24' };
    await ok(bench, 'subnet4-update', { subnet4: [moved] });
    assert.deepEqual(bench.restarted().tree, bench.config.current.tree);
    assert.equal(bench.packets.topology.select(query('192.0.3.7'))?.id, 1);
    assert.equal(bench.packets.topology.select(query('192.0.2.7')), undefined);
  });

  it('refuse a prefix that leaves a reservation outside', async () => {
    const bench = configBench(TEXT);
    await ok(bench, 'reservation-add', host());
    const away = { subnet4: [{ id: 1, subnet: '10.0.0.0/24' }] };
    assert.match(await refused(bench, 'subnet4-update', away), /192\.0\.2\.15 is outside the subnet 10\.0\.0\.0\/24/);
  });

  it('add and take away parts', async () => {
    const bench = configBench(TEXT);
    const delta = (name: string, part: JsonMap) =>
      ok(bench, name, { subnet4: [{ id: 1, subnet: '192.0.2.0/24', ...part }] });
    await delta('subnet4-delta-add', {
      'renew-timer': 50,
      'user-context': { floor: 1, room: 2 },
      'option-data': [{ name: 'routers', data: '192.0.2.1' }],
      pools: [{ pool: '192.0.2.10 - 192.0.2.19', 'pool-id': 7 }, { pool: '192.0.2.32/28' }],
    });
    assert.deepEqual(freeOf(bench), [10, 16]);
    assert.equal(bench.config.current.pools[0]!.id, 7, 'the pool that was there got a number');
    await delta('subnet4-delta-add', { 'option-data': [{ code: 3, data: '192.0.2.2' }] });
    assert.deepEqual([...bench.config.current.subnets[0]!.options[0]!.data], [192, 0, 2, 2], 'the same option by code');
    await delta('subnet4-delta-del', {
      'renew-timer': 50,
      'user-context': { room: 0 },
      'option-data': [{ code: 3 }],
      pools: [{ pool: '192.0.2.32-192.0.2.47' }, { pool: '192.0.2.10-192.0.2.19', 'pool-id': 7 }],
    });
    const [subnet] = bench.config.current.subnets;
    assert.deepEqual([subnet!.renewTimerSec, subnet!.options, subnet!.userContext], [undefined, [], { floor: 1 }]);
    assert.deepEqual(
      subnet!.pools.map(({ id, first }) => [id, first & 255]),
      [[0, 10]],
      'one pool went, of the other only its number',
    );
    assert.deepEqual(bench.restarted().tree, bench.config.current.tree);
  });

  it('move subnets between networks with what they inherit', async () => {
    const bench = configBench(TEXT.replace('"name": "frog"', '"name": "frog", "valid-lifetime": 77'));
    const lifetime = (id: number) => bench.config.current.subnetById.get(id)!.lifetime.defaultSec;
    await ok(bench, 'network4-subnet-add', { name: 'frog', id: 1 });
    assert.deepEqual([lifetime(1), lifetime(3)], [77, 77]);
    assert.deepEqual(
      bench.config.current.sharedNetworks[0]!.subnets.map(({ id }) => id),
      [1, 3],
    );
    await ok(bench, 'network4-del', { name: 'frog' });
    assert.deepEqual([lifetime(1), lifetime(3)], [7200, 7200]);
    assert.deepEqual(bench.restarted().tree, bench.config.current.tree);
  });

  it('take the reservations of a subnet along when it goes', async () => {
    const bench = configBench(TEXT);
    await ok(bench, 'reservation-add', host());
    await ok(bench, 'reservation-add', host({ 'subnet-id': 3, 'ip-address': '203.0.113.9' }));
    await ok(bench, 'subnet4-del', { id: 1 });
    await ok(bench, 'network4-del', { name: 'frog', 'subnets-action': 'delete' });
    assert.deepEqual([bench.config.current.reservations, bench.packets.reservations.size], [[], 0]);
    assert.deepEqual(bench.restarted().tree, bench.config.current.tree);
  });

  it('complain as Kea does', async () => {
    const bench = configBench(TEXT);
    const list = (more: JsonMap): JsonMap => ({ subnet4: [{ id: 1, subnet: '192.0.2.0/24', ...more }] });
    const said: readonly (readonly [string, JsonMap | undefined, RegExp])[] = [
      ['subnet4-add', undefined, /^1 no arguments specified for the 'subnet4-add' command$/],
      ['subnet4-add', list({ reservations: [] }), /must not specify host reservations with 'subnet4-add'\. Use/],
      ['subnet4-update', { subnet4: [{ subnet: '192.0.2.0/24' }] }, /must specify subnet id with 'subnet4-update'/],
      ['subnet4-update', { subnet4: [{ id: 0 }] }, /not within expected range: \(1 - 4294967294\)/],
      ['subnet4-delta-add', list({ 'renew-timer': null }), /null where an integer is expected/],
      ['subnet4-del', { id: 'x' }, /is not a number$/],
      ['network4-subnet-add', { name: 'frog' }, /missing 'id' argument/],
      ['network4-get', {}, /missing mandatory 'name' parameter/],
      [
        'network4-add',
        { 'shared-networks': [{ name: 'n', subnet4: [{ id: 1, subnet: '10.0.0.0/8' }] }] },
        /already in use/,
      ],
    ];
    for (const [name, args, text] of said) assert.match(await refused(bench, name, args), text, name);
  });
});

describe('subnet4-select-test', () => {
  it('chooses as packets do', async () => {
    const bench = configBench(TEXT);
    const select = async (args?: JsonMap) => (await bench.run('subnet4-select-test', args)).text;
    assert.equal(await select({ relay: '198.51.100.1' }), 'no subnet selected');
    assert.equal(await select({ relay: '198.51.100.1', classes: ['voip'] }), "selected subnet '198.51.100.0/24' id 2");
    assert.match((await select({ address: '203.0.113.1' }))!, /^selected shared network 'frog' starting with subnet/);
    assert.equal(await select({ link: '192.0.2.9', subnet: '203.0.113.1' }), "selected subnet '192.0.2.0/24' id 1");
    assert.equal(await select({ address: '192.0.2.9', local: '255.255.255.255' }), 'no subnet selected');
    assert.equal(
      await select({ interface: 'nope' }),
      "interface nope doesn't exist and therefore it is impossible to find a suitable subnet for its IPv4 address",
    );
    assert.equal(await select({ relay: '::1' }), "bad 'relay' entry: not IPv4");
    assert.equal(await select({ classes: [1] }), "'classes' entry must be a list of strings");
    assert.equal(await select(), 'empty arguments');
  });
});

/** A packet that came through a relay. */
function query(relay: string) {
  const giaddr = relay.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  return {
    selected: 0,
    giaddr,
    ciaddr: 0,
    source: 0,
    unicast: true,
    interfaceName: '',
    interfaceAddress: 0,
    isMember: () => false,
  };
}
