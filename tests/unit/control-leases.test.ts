/** Lease commands on a real store: what they refuse, that they are durable, and that they take turns with packets. */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { JsonMap } from '@lessor/kea';
import { COMMANDS } from 'lessor/internal/control/commands/index.js';
import { Dispatcher } from 'lessor/internal/control/dispatcher.js';
import type { Role } from 'lessor/internal/domain/access/roles.js';
import { silentLogger } from 'lessor/internal/platform/log.js';
import { createSystemRandom } from 'lessor/internal/platform/random.js';
import { Ledger } from 'lessor/internal/services/ledger.js';
import { SubnetLeaseCounts } from 'lessor/internal/services/subnet-lease-counts.js';
import { nodeFileOps } from 'lessor/internal/store/file-ops.js';
import { exportLeases } from 'lessor/internal/store/lease-export.js';
import { MemfileStore } from 'lessor/internal/store/memfile.js';
import { loadText } from './config-helpers.js';
import { controlBench, makeLease } from './control-fakes.js';

const folder = mkdtempSync(join(tmpdir(), 'lessor-leases-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const CONFIG = `{ "Dhcp4": { "valid-lifetime": 600, "subnet4": [
  { "id": 1, "subnet": "192.0.2.0/24" },
  { "id": 2, "subnet": "10.0.0.0/8", "valid-lifetime": 700, "client-classes": [ "x" ] } ] } }`;

let benches = 0;

async function start() {
  const bench = controlBench();
  const { clock } = bench;
  const path = join(folder, `leases${benches++}.csv`);
  const parts = { fileOps: nodeFileOps, clock, random: createSystemRandom(), logger: silentLogger };
  const open = async () => {
    const store = new MemfileStore({ path, persist: true, maxRowErrors: 0, ...parts });
    await store.open();
    return store;
  };
  const store = await open();
  const ledger = new Ledger(store);
  const counts = new SubnetLeaseCounts(store);
  ledger.observe(counts.changed);
  bench.config.current = loadText(CONFIG).snapshot;
  const write = (file: string) => exportLeases(file, store, nodeFileOps, clock);
  const leaseExporter = { directory: folder, anywhere: false, write };
  const services = { ...bench.services, leases: store, ledger, store, leaseCounts: counts, leaseExporter };
  const dispatcher = new Dispatcher(COMMANDS, services, { record: () => undefined }, silentLogger);
  const run = async (name: string, args?: JsonMap, role: Role = 'admin') => {
    const principal = { name: 'test', method: 'internal', rights: [{ role }] } as const;
    const rest = { service: undefined, listener: 'test', receivedAt: clock.now() };
    const { result, text, arguments: found } = await dispatcher.dispatch({ name, args, principal, ...rest });
    return { result, text, found: found as JsonMap };
  };
  return { run, store, ledger, counts, open, clock };
}

const LEASE: JsonMap = { 'ip-address': '192.0.2.5', 'hw-address': '02:00:00:00:00:01' };

describe('lease commands', () => {
  it('are durable when they answer', async () => {
    const { run, store, open } = await start();
    assert.equal((await run('lease4-add', { ...LEASE, 'pool-id': 4, 'client-id': '0102' })).result, 0);
    assert.equal((await run('lease4-add', { ...LEASE, 'ip-address': '192.0.2.6' })).result, 0);
    assert.equal((await run('lease4-del', { 'ip-address': '192.0.2.6' })).result, 0);
    await store.close();
    const again = await open();
    assert.equal(again.size, 1);
    const { poolId, clientId, validLifetimeSec, subnetId } = again.getByAddress(0xc000_0205)!;
    assert.deepEqual([poolId, clientId, validLifetimeSec, subnetId], [4, '\x01\x02', 600, 1]);
    await again.close();
  });

  it('fit the configuration or are a conflict', async () => {
    const { run, store } = await start();
    const add = async (more: JsonMap) => {
      const { result, text } = await run('lease4-add', { ...LEASE, ...more });
      return `${result} ${text}`;
    };
    assert.match(await add({ 'ip-address': '10.0.0.1' }), /^4 subnet-id not specified and failed to find a subnet/);
    assert.match(await add({ 'ip-address': '10.0.0.1', 'subnet-id': 2 }), /^0 Lease for address 10.0.0.1, subnet-id 2/);
    assert.match(await add({ 'subnet-id': 'x' }), /^1 invalid type specified for parameter 'subnet-id'/);
    assert.equal(await add({ 'valid-lft': -1 }), "1 out of range value (-1) specified for parameter 'valid-lft'");
    assert.equal(await add({ state: 256 }), "1 out of range value (256) specified for parameter 'state'");
    assert.equal(await add({ 'client-id': '01' }), '1 identifier is too short (1), at least 2 is required');
    assert.equal(
      await add({ 'client-id': '01'.repeat(256) }),
      '1 identifier is too large (256), at most 255 is required',
    );
    assert.equal(
      await add({ 'hw-address': Array(21).fill('1').join(':') }),
      '1 address vector size exceeds MAX_HWADDR_LEN',
    );
    assert.match(await add({ 'ip-address': 'a:b' }), /^1 Failed to convert 'a:b' to address: /);
    assert.match(await add({ 'ip-address': '2001:db8::1' }), /^1 Non-IPv4 address specified: 2001:db8::1$/);
    assert.match(await add({ expire: -(2 ** 63) }), /^1 expiration time must be positive for address 192\.0\.2\.5$/);
    // 2^32 is the first second that a lease can not begin at.
    assert.equal(
      await add({ 'valid-lft': 1000, expire: 2 ** 32 + 1000 }),
      "1 out of range value (4294968296) specified for parameter 'expire'",
    );
    assert.match(await add({ 'hw-address': 'zz' }), /^1 'z' is not a valid hexadecimal digit/);
    const nobody = { 'hw-address': '', 'ip-address': '192.0.2.6' };
    assert.match(
      await add(nobody),
      /^1 Lease4: 192\.0\.2\.6, state: default has neither hardware address or client id$/,
    );
    assert.match(await add({ state: 4 }), /^1 DHCPv4 leases do not support registered state$/);
    assert.match(await add({ 'user-context': 1 }), /^1 Invalid user context '1' is not a JSON map\.$/);
    assert.match(await add({ 'user-context': { comment: 'a' }, comment: 'b' }), /^1 Duplicated comment entry '"b"'/);
    assert.equal(store.size, 1);
    await store.close();
  });

  it('of two that add the same lease at once one is refused', async () => {
    const { run, store } = await start();
    const results = await Promise.all([run('lease4-add', LEASE), run('lease4-add', LEASE)]);
    assert.deepEqual(results.map(({ result }) => result).sort(), [0, 4]);
    const nobody = await run('lease4-add', { ...LEASE, 'hw-address': '' });
    assert.equal(nobody.text, 'IPv4 lease already exists.');
    await store.close();
  });

  it('wipe in turns what belongs to configured subnets', async () => {
    const { run, store, ledger, counts, clock } = await start();
    await ledger.transact((tx) => {
      for (let i = 0; i < 2500; i++) {
        tx.put(makeLease({ address: 0x0a00_0000 + i, hwAddress: 'abcdef', subnetId: i % 2 === 0 ? 2 : 99 }));
      }
    });
    let turns = 0;
    const soon = clock.soon.bind(clock);
    clock.soon = (fn) => {
      turns++;
      soon(fn);
    };
    assert.deepEqual(counts.of(2), { assigned: 1250, declined: 0 });
    assert.equal((await run('lease4-wipe')).text, 'Deleted 1250 IPv4 lease(s) from subnet(s) 1 2');
    assert.ok(turns >= 2, 'packets got their turn');
    assert.equal((await run('lease4-wipe', { 'subnet-id': 99 })).text, 'Deleted 1250 IPv4 lease(s) from subnet(s) 99');
    assert.equal((await run('lease4-wipe')).result, 3);
    assert.deepEqual([counts.has(2), store.size], [false, 0]);
    await store.close();
  });

  it('are open to an HA peer as far as it needs them', async () => {
    const { run, store } = await start();
    const update = await run('lease4-update', { ...LEASE, 'force-create': true, origin: 'ha-partner' }, 'ha-peer');
    assert.equal(update.text, 'IPv4 lease added.');
    assert.equal((await run('lease4-update', { ...LEASE, hostname: 'X.' }, 'ha-peer')).text, 'IPv4 lease updated.');
    assert.equal((await run('lease4-wipe', undefined, 'ha-peer')).result, 1);
    assert.equal((await run('lease4-update', LEASE, 'viewer')).result, 1);
    assert.equal(
      (await run('lease4-del', { ...LEASE, 'update-ddns': 1 }, 'ha-peer')).text,
      "'update-ddns' is not a boolean",
    );
    assert.equal((await run('lease4-del', LEASE, 'ha-peer')).result, 0);
    await store.close();
  });

  it('find by hardware address, client, name and state', async () => {
    const { run, store } = await start();
    await run('lease4-add', { ...LEASE, hostname: 'Host.Example', 'client-id': '01:02' });
    await run('lease4-add', { ...LEASE, 'ip-address': '192.0.2.4', state: 1 });
    const addresses = async (name: string, args: JsonMap) => {
      const { found, text } = await run(name, args);
      return found === undefined ? text : (found.leases as JsonMap[]).map((lease) => lease['ip-address']);
    };
    const hw = { 'hw-address': '2:0:0:0:0:1' };
    assert.deepEqual(await addresses('lease4-get-by-hw-address', hw), ['192.0.2.4', '192.0.2.5']);
    assert.deepEqual(await addresses('lease4-get-by-client-id', { 'client-id': '0102' }), ['192.0.2.5']);
    assert.deepEqual(await addresses('lease4-get-by-hostname', { hostname: 'HOST.example' }), ['192.0.2.5']);
    assert.deepEqual(await addresses('lease4-get-by-state', { state: 'assigned' }), ['192.0.2.5']);
    assert.deepEqual(await addresses('lease4-get-by-state', { state: 1, 'subnet-id': 2 }), []);
    assert.equal(
      await addresses('lease4-get-by-state', { state: true }),
      "'state' parameter must be a number or a string",
    );
    assert.equal(
      await addresses('lease4-get-by-hw-address', { 'hw-address': '' }),
      "'hw-address' parameter must not be empty",
    );
    const long = Array(21).fill('1').join(':');
    assert.equal(
      await addresses('lease4-get-by-hw-address', { 'hw-address': long }),
      "bad 'hw-address' parameter: address vector size exceeds MAX_HWADDR_LEN",
    );
    assert.equal(
      await addresses('lease4-get-by-client-id', { 'client-id': '' }),
      "bad 'client-id' parameter: identifier is too short (0), at least 2 is required",
    );
    await store.close();
  });

  it('complain of where a page begins before they look at its limit', async () => {
    const { run, store } = await start();
    const page = async (args: JsonMap) => (await run('lease4-get-page', args)).text;
    assert.equal(await page({ from: '::', limit: null }), "'from' parameter value :: is not an IPv4 address");
    assert.equal(await page({ from: 'start', limit: null }), "'limit' parameter must be a number");
    assert.equal(await page({ from: 'start' }), "'limit' parameter not specified");
    assert.equal(await page({ limit: 1 }), "'from' parameter not specified");
    await store.close();
  });

  it('name a lease by an identifier of the length its type has', async () => {
    const { run, store } = await start();
    const get = async (type: string, identifier: string) =>
      (await run('lease4-get', { 'subnet-id': 1, 'identifier-type': type, identifier })).text;
    assert.equal(
      await get('client-id', '01'),
      "Bad 'client-id' identifier: identifier is too short (1), at least 2 is required",
    );
    assert.equal(
      await get('hw-address', Array(21).fill('1').join(':')),
      "Bad 'hw-address' identifier: address vector size exceeds MAX_HWADDR_LEN",
    );
    assert.equal(
      await get('duid', '0102'),
      "Bad 'duid' identifier: identifier is too short (2), at least 3 is required",
    );
    assert.equal(await get('duid', '010203'), 'Query by duid is not allowed in v4.');
    await store.close();
  });

  it('write all leases to a file of the data directory and keep the one before', async () => {
    const { run, store } = await start();
    await run('lease4-add', { ...LEASE, 'valid-lft': 0 });
    const file = join(folder, 'dump.csv');
    assert.equal((await run('lease4-write', { filename: 'dump.csv' })).text, `IPv4 lease database into '${file}'.`);
    assert.match(readFileSync(file, 'latin1'), /^address,[^\n]*\n192\.0\.2\.5,02:00:00:00:00:01,,0,[^\n]*\n$/);
    await run('lease4-wipe');
    assert.equal((await run('lease4-write', { filename: file })).result, 0);
    assert.match(readFileSync(file, 'latin1'), /^address,[^\n]*\n$/);
    assert.match(readFileSync(`${file}.bak${process.pid}`, 'latin1'), /192\.0\.2\.5/);
    for (const filename of ['/etc/dump.csv', `${folder}/../x.csv`, '', '..', `${folder}/`]) {
      assert.match((await run('lease4-write', { filename })).text!, /^'filename' parameter is invalid/, filename);
    }
    await store.close();
  });
});

describe('stat-lease4-get', () => {
  it('counts leases, whatever was done to the statistics', async () => {
    const { run, store } = await start();
    await run('lease4-add', LEASE);
    await run('lease4-add', { ...LEASE, 'ip-address': '192.0.2.6', state: 1 });
    await run('statistic-reset-all');
    const { found, text } = await run('stat-lease4-get', {
      'subnet-range': { 'first-subnet-id': 1, 'last-subnet-id': 1 },
    });
    assert.equal(text, 'stat-lease4-get[subnets 1 through 1]: 1 rows found');
    assert.deepEqual((found['result-set'] as JsonMap).rows, [[1, 0, 0, 1, 1]]);
    const wrong: JsonMap[] = [{ 'subnet-id': 0 }, { 'subnet-id': 'x' }, { 'subnet-range': 1 }, { 'subnet-range': {} }];
    for (const args of wrong) {
      assert.equal((await run('stat-lease4-get', args)).result, 1, JSON.stringify(args));
    }
    await store.close();
  });
});
