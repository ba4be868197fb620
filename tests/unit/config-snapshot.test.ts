/** What configurations come to: inheritance, topology, options, classes, and config-get's form of them. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { diffConfigs, isUnchanged } from 'lessor/internal/config/diff.js';
import { directoriesFrom, loadConfig } from 'lessor/internal/config/load.js';
import type { Json, JsonMap } from 'lessor/internal/domain/snapshot.js';
import { bytesOf, formatIpv4, parseIpv4 } from 'lessor/internal/domain/values.js';
import { repoPath } from '../lib/repo.js';
import { issuesOf, linesOf, loadDhcp4, loadText, testEnvironment } from './config-helpers.js';

const ip = (text: string): number => parseIpv4(text)!;

function golden(name: string) {
  const text = readFileSync(repoPath('tests', 'golden', 'configs', name), 'utf8');
  const credentials = {
    '/test/credentials/name': 'anna\nx',
    '/test/credentials/secret': 'pass word\r\n',
    '/test/credentials/both': 'bert:with:colon\n',
  };
  return loadConfig({ kind: 'file', path: name }, testEnvironment({ [name]: text, ...credentials })).snapshot;
}

/** A member of the canonical tree, by path. */
function treeAt(tree: Json, ...path: (string | number)[]): Json | undefined {
  let at: Json | undefined = tree;
  for (const step of path) at = (at as Record<string | number, Json> | undefined)?.[step];
  return at;
}

describe('inheritance', () => {
  const snapshot = golden('campus.conf');
  const subnet = (id: number) => snapshot.subnetById.get(id)!;

  it('takes the nearest level, parameter by parameter', () => {
    assert.deepEqual(subnet(12).lifetime, { defaultSec: 7200, minSec: 600, maxSec: 86400 });
    assert.deepEqual(subnet(30).lifetime, { defaultSec: 14400, minSec: 600, maxSec: 86400 });
    assert.equal(subnet(30).renewTimerSec, 1200);
    assert.equal(subnet(7).renewTimerSec, 3600);
    assert.equal(subnet(7).rebindTimerSec, undefined);
    assert.equal(subnet(30).matchClientId, false);
    assert.equal(subnet(7).matchClientId, true);
    assert.equal(subnet(12).authoritative, true);
    assert.deepEqual([subnet(7).t1Percent, subnet(7).t2Percent, subnet(7).allocator], [0.25, 0.75, 'flq']);
  });

  it('resolves boot fields, and 0.0.0.0 unsets', () => {
    assert.deepEqual(subnet(12).boot, { nextServer: ip('10.1.0.6'), bootFileName: '/dorm.img' });
    assert.deepEqual(subnet(30).boot, { nextServer: ip('10.1.0.5'), bootFileName: '/dorm.img' });
    assert.deepEqual(subnet(7).boot, {});
  });

  it('relays of the network hold for subnets without their own', () => {
    assert.deepEqual(subnet(30).relayAddresses.map(formatIpv4), ['10.1.255.1', '10.1.255.2']);
    assert.deepEqual(subnet(12).relayAddresses.map(formatIpv4), ['10.1.255.9']);
  });

  it('config-get shows what is copied down, and only that', () => {
    const [network] = snapshot.tree['shared-networks'] as JsonMap[];
    const [first] = network!.subnet4 as JsonMap[];
    assert.equal(first!.id, 12, 'subnets are in the order of their ids');
    assert.equal(first!['renew-timer'], 1200);
    assert.equal(first!['min-valid-lifetime'], 600);
    for (const name of ['match-client-id', 'authoritative', 'boot-file-name', 'hostname-char-set']) {
      assert.equal(Object.hasOwn(first!, name), false, name);
    }
    assert.equal(network!.authoritative, true);
    assert.equal(first!['next-server'], '10.1.0.6');
  });

  it('understands POSIX character classes', () => {
    assert.equal(
      'a_b-c.d ö'.replace(subnet(7).ddns.hostnameCharSet!, subnet(7).ddns.hostnameCharReplacement),
      'axb-c.dxx',
    );
  });
});

describe('topology', () => {
  const snapshot = golden('campus.conf');

  it('numbers subnets, pools and networks densely, and links them both ways', () => {
    assert.deepEqual(
      snapshot.subnets.map(({ id }) => id),
      [7, 12, 30],
    );
    for (const [i, subnet] of snapshot.subnets.entries()) assert.equal(subnet.index, i);
    for (const [i, pool] of snapshot.pools.entries()) assert.equal(pool.index, i);
    assert.deepEqual(
      snapshot.pools,
      snapshot.subnets.flatMap(({ pools }) => pools),
    );
    const [dormitory] = snapshot.sharedNetworks;
    assert.deepEqual(
      dormitory!.subnets.map(({ id }) => id),
      [12, 30],
    );
    for (const subnet of dormitory!.subnets) assert.equal(subnet.sharedNetwork, dormitory);
    assert.deepEqual(dormitory!.userContext, { building: 7, ratio: 0.75 });
  });

  it('keeps pools by first address, and writes prefixes as such', () => {
    const pools = snapshot.subnetById.get(12)!.pools;
    assert.deepEqual(
      pools.map(({ first }) => formatIpv4(first)),
      ['10.1.5.0', '10.1.6.0'],
    );
    assert.equal(treeAt(snapshot.tree, 'shared-networks', 0, 'subnet4', 0, 'pools', 0, 'pool'), '10.1.5.0/24');
    assert.equal(snapshot.subnetById.get(30)!.pools[0]!.id, 4);
  });

  it('takes interface selectors', () => {
    assert.deepEqual(snapshot.interfaces, {
      selectors: [{ name: '*' }, { name: 'uplink0' }, { name: 'uplink1', address: ip('192.0.2.10') }],
      socketType: 'udp',
      outboundInterface: 'use-routing',
      reDetect: true,
      requireAll: true,
      maxRetries: 3,
      retryWaitMs: 250,
    });
  });

  it('cuts host bits off a subnet', () => {
    const { tree } = loadDhcp4({ subnet4: [{ id: 1, subnet: '10.1.2.3/16' }] }).snapshot;
    assert.equal(treeAt(tree, 'subnet4', 0, 'subnet'), '10.1.0.0/16');
  });

  it('stays quick with many subnets and reservations', () => {
    const subnet4 = Array.from({ length: 3000 }, (_, i) => ({
      id: i + 1,
      subnet: `10.${i >> 8}.${i & 255}.0/24`,
      reservations: [{ 'hw-address': `02:00:00:00:${(i >> 8).toString(16)}:${(i & 255).toString(16)}` }],
    }));
    assert.equal(loadDhcp4({ subnet4 }).snapshot.reservations.length, 3000);
  });
});

describe('options', () => {
  const snapshot = golden('boot.conf');
  const option = (code: number, space = 'dhcp4') =>
    snapshot.options.find((each) => each.code === code && each.space === space)!;
  const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');

  it('encodes by definition, hexadecimal and quoted', () => {
    assert.equal(hex(option(230).data), `030a000009${hex(bytesOf('\x04boot\x07example\x03net\x00'))}`);
    assert.equal(hex(option(2, 'menu-space').data), '000500100258');
    assert.equal(hex(option(200, 'vendor-9').data), '0a0b0c');
    assert.equal(hex(option(250).data), hex(bytesOf('raw text')));
    assert.equal(hex(option(1, 'menu-space').data), hex(bytesOf('Choose, please')));
    assert.equal(hex(option(2).data), 'fffff1f0');
  });

  it('knows carriers, flags and guards', () => {
    assert.equal(option(231).encapsulates, 'menu-space');
    assert.equal(option(231).alwaysSend, true);
    assert.deepEqual(option(119).clientClasses, ['pxe']);
    assert.equal(option(42).neverSend, true);
  });

  it('config-get gives text back as text, octets in upper case, by space', () => {
    const rendered = snapshot.tree['option-data'] as JsonMap[];
    assert.deepEqual(
      [...new Set(rendered.map(({ space }) => space))],
      ['dhcp4', 'menu-space', 'vendor-9', 'vendor-25506'],
    );
    const find = (code: number, space: string) => rendered.find((each) => each.code === code && each.space === space);
    assert.deepEqual(find(200, 'vendor-9'), {
      space: 'vendor-9',
      code: 200,
      'csv-format': false,
      data: '0A0B0C',
      'always-send': false,
      'never-send': false,
    });
    assert.equal(find(1, 'menu-space')!.data, 'Choose\\, please');
    assert.deepEqual(Object.keys(find(42, 'dhcp4')!).sort(), ['always-send', 'code', 'name', 'never-send', 'space']);
  });

  it('reads data in UTF-8', () => {
    const { snapshot: accented } = loadText(
      '{ "Dhcp4": { "option-data": [ { "name": "domain-name", "data": "café" } ] } }',
    );
    assert.equal(hex(accented.options[0]!.data), hex(Buffer.from('café', 'utf8')));
  });

  it('gives a class definitions of its own', () => {
    const pxe = snapshot.classByName.get('pxe')!;
    assert.equal(pxe.options[0]!.encapsulates, 'pxe-space');
    assert.notEqual(snapshot.registry.find('dhcp4', 43)?.encapsulates, 'pxe-space');
  });
});

describe('classes', () => {
  it('know when they depend on the host lookup, also through others', () => {
    const { classByName } = loadDhcp4({
      'client-classes': [
        { name: 'a', test: "member('KNOWN')" },
        { name: 'b', test: "member('a')" },
        { name: 'c', test: "member('ALL')" },
        { name: 'd', 'template-test': "ifelse(member('UNKNOWN'), 'x', '')" },
      ],
    }).snapshot;
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((name) => classByName.get(name)!.dependsOnKnown),
      [true, true, false, true],
    );
  });

  it('a bound alone is all three lifetimes', () => {
    const { classes, tree } = loadDhcp4({ 'client-classes': [{ name: 'a', 'min-valid-lifetime': 5 }] }).snapshot;
    assert.deepEqual(classes[0]!.lifetime, { defaultSec: 5, minSec: 5, maxSec: 5 });
    assert.equal(treeAt(tree, 'client-classes', 0, 'valid-lifetime'), 5);
    assert.equal(treeAt(tree, 'client-classes', 0, 'min-valid-lifetime'), undefined);
  });

  it('warns of guards nobody can pass', () => {
    const { warnings } = loadDhcp4({
      'client-classes': [{ name: 'phones' }],
      subnet4: [{ id: 1, subnet: '10.0.0.0/24', 'client-classes': ['phone', 'KNOWN', 'VENDOR_CLASS_x'] }],
    });
    assert.deepEqual(
      warnings.map(({ message }) => message),
      ['no class "phone" is defined: no client will be in it; did you mean "phones"?'],
    );
  });
});

describe('reservations', () => {
  const { reservations, identifierTypes, flexIdentifier, tree } = golden('reservations.conf');

  it('take every notation, global ones first, each scope by octets', () => {
    assert.deepEqual(
      reservations.map(({ subnetId, identifierType, identifier }) => [subnetId, identifierType, identifier]),
      [
        [0, 'hw-address', '\x02\0\0\0\0\x01'],
        [0, 'client-id', 'console-7'],
        [3, 'duid', '\0\x03\0\x01\x02\0\0\0\0\x0b'],
        [3, 'client-id', '\0\x10\x20\0\0\0\0\x0c'],
        [3, 'hw-address', '\x02\0\0\0\0\x0a'],
        [3, 'flex-id', 'port-13'],
        [3, 'circuit-id', 'port12'],
      ],
    );
    assert.deepEqual(identifierTypes, ['flex-id', 'circuit-id', 'hw-address', 'duid', 'client-id']);
    assert.equal(flexIdentifier!.replaceClientId, true);
  });

  it('config-get writes identifiers as Kea does', () => {
    const rendered = treeAt(tree, 'subnet4', 0, 'reservations') as JsonMap[];
    assert.equal(rendered[0]!.duid, '00:03:00:01:02:00:00:00:00:0b');
    assert.equal(rendered[4]!['circuit-id'], '706F72743132');
    assert.deepEqual(rendered[1]!['user-context'], { comment: 'shares the address' });
  });
});

describe('services', () => {
  const snapshot = golden('everything.conf');

  it('resolves sockets and credentials', () => {
    const [https, unix] = snapshot.controlSockets;
    assert.deepEqual(https!.authentication, {
      realm: 'lessor',
      clients: [
        { user: 'anna', password: 'pass word' },
        { user: 'bert', password: 'with:colon' },
      ],
    });
    assert.deepEqual([https!.address, https!.port, https!.tls!.certRequired], ['::1', 8443, false]);
    assert.equal(unix!.path, '/test/run/all.sock');
    assert.deepEqual(
      (snapshot.tree['control-sockets'] as JsonMap[]).map((each) => each['socket-type']),
      ['unix', 'https'],
    );
  });

  it('never shows a password that came from a file', () => {
    assert.equal(JSON.stringify(snapshot.tree).includes('pass word'), false);
  });

  it('resolves files and timers', () => {
    assert.deepEqual(snapshot.leaseDatabase, {
      persist: false,
      path: '/test/lib/all.csv',
      lfcIntervalSec: 60,
      maxRowErrors: 100,
    });
    assert.equal(snapshot.loggers[0]!.outputs[0]!.output, '/test/log/leases.log');
    assert.deepEqual(Object.values(snapshot.expiration), [1, 2, 3, 4, 5, 6]);
    assert.equal(snapshot.subnetById.get(5)!.pools[0]!.ddns.qualifyingSuffix, 'pool.example.net.');
    assert.equal(snapshot.subnetById.get(5)!.ddns.sendUpdates, false);
    assert.equal(snapshot.subnetById.get(6)!.ddns.sendUpdates, true);
  });

  it('keeps members of open maps, comments and contexts', () => {
    assert.equal(treeAt(snapshot.tree, 'dhcp-queue-control', 'made-up'), 5);
    assert.deepEqual(snapshot.tree['user-context'], { site: 'test', comment: 'one of each' });
    assert.deepEqual(snapshot.userContext, { site: 'test', comment: 'one of each' });
  });

  it('a lease database without anything is memfile in the data directory', () => {
    const { leaseDatabase, tree } = loadDhcp4({}).snapshot;
    assert.equal(leaseDatabase.path, '/test/lib/kea-leases4.csv');
    assert.deepEqual(tree['lease-database'], { type: 'memfile' });
  });
});

describe('restrictions', () => {
  const socket = { 'control-sockets': [{ 'socket-type': 'unix', 'socket-name': 'x' }] };

  it('the directory of a unix socket must be closed to others', () => {
    assert.equal(issuesOf(() => loadDhcp4(socket, { directoryMode: () => 0o755 })).length, 1);
    assert.equal(loadDhcp4(socket, { directoryMode: () => 0o755, insecure: true }).warnings.length, 1);
    for (const mode of [0o750, 0o700, undefined]) {
      assert.equal(loadDhcp4(socket, { directoryMode: () => mode }).warnings.length, 0);
    }
  });

  it('a socket in another directory is one complaint, and /var/run is no other directory than /run', () => {
    const named = (name: string) => ({ 'control-sockets': [{ 'socket-type': 'unix', 'socket-name': name }] });
    const [only, ...more] = linesOf(issuesOf(() => loadDhcp4(named('/tmp/x'), { directoryMode: () => 0o777 })));
    assert.match(only!, /may be in \/test\/run only, not in \/tmp: write x/);
    assert.deepEqual(more, []);
    const directories = directoriesFrom({ KEA_CONTROL_SOCKET_DIR: '/run/kea' });
    const [listener] = loadDhcp4(named('/var/run/kea/x'), { directories }).snapshot.controlSockets;
    assert.equal(listener?.path, '/run/kea/x');
  });

  it('one listener is one listener, however its address is spelled', () => {
    const socket = (address: string, port: number) => ({
      'socket-type': 'http',
      'socket-address': address,
      'socket-port': port,
    });
    const load =
      (...sockets: JsonMap[]) =>
      () =>
        loadDhcp4({ 'control-sockets': sockets }, { insecure: true });
    assert.equal(issuesOf(load(socket('::1', 8000), socket('0:0:0:0:0:0:0:1', 8000)))[0]!.code, 'config-duplicate');
    assert.doesNotThrow(load(socket('::1', 8000), socket('127.0.0.1', 8000), socket('::1', 0), socket('::1', 0)));
  });

  it('default passwords are refused even with -X', () => {
    const clients = [{ user: 'u', password: '1234' }];
    const http = { 'control-sockets': [{ 'socket-type': 'http', authentication: { clients } }] };
    assert.equal(issuesOf(() => loadDhcp4(http, { insecure: true })).length, 1);
  });

  it('hook libraries may be anywhere unless KEA_HOOKS_PATH says where', () => {
    const hooks = { 'hooks-libraries': [{ library: '/usr/lib/x86_64-linux-gnu/kea/hooks/libdhcp_lease_cmds.so' }] };
    assert.equal(issuesOf(() => loadDhcp4(hooks)).length, 1);
    const { directories } = testEnvironment();
    assert.equal(loadDhcp4(hooks, { directories: { ...directories, hooks: undefined } }).warnings.length, 0);
  });
});

describe('diffConfigs', () => {
  const base: JsonMap = {
    subnet4: [{ id: 1, subnet: '10.0.0.0/24' }],
    'client-classes': [{ name: 'a', test: 'option[1].exists' }],
  };
  const changed = (next: JsonMap): string[] => {
    const diff = diffConfigs(loadDhcp4(base).snapshot, loadDhcp4({ ...base, ...next }).snapshot);
    return Object.entries(diff).flatMap(([part, flag]) => (flag ? [part] : []));
  };

  it('finds nothing where only defaults were written out', () => {
    assert.deepEqual(
      changed({ 'valid-lifetime': 7200, 'lease-database': { type: 'memfile', 'lfc-interval': 3600 } }),
      [],
    );
    assert.ok(isUnchanged(diffConfigs(loadDhcp4(base).snapshot, loadDhcp4(base).snapshot)));
  });

  const cases: readonly [JsonMap, string[]][] = [
    [{ 'interfaces-config': { interfaces: ['*'] } }, ['interfaces']],
    [{ 'lease-database': { type: 'memfile', name: 'other.csv' } }, ['leaseDatabase']],
    [{ 'control-sockets': [{ 'socket-type': 'unix', 'socket-name': 'x' }] }, ['controlSockets']],
    [{ loggers: [{ name: 'kea-dhcp4', severity: 'DEBUG' }] }, ['loggers']],
    [{ subnet4: [{ id: 1, subnet: '10.0.0.0/25' }] }, ['topology']],
    [{ 'match-client-id': false }, ['topology']],
    [{ 'client-classes': [{ name: 'a', test: 'option[2].exists' }] }, ['classes']],
    [{ reservations: [{ 'hw-address': '01:02' }] }, ['reservations']],
    [{ 'expired-leases-processing': { 'hold-reclaimed-time': 1 } }, ['expiration']],
    [{ 'hooks-libraries': [{ library: 'libdhcp_bootp.so' }] }, ['hooks']],
  ];
  for (const [next, parts] of cases) it(Object.keys(next).join(), () => assert.deepEqual(changed(next), parts));
});

describe('a subnet whose prefix is none', () => {
  it('has everything else that is wrong with it reported', () => {
    const subnet = {
      id: 1,
      subnet: '10.0.0.300/24',
      pools: [{ pool: '10.0.0.20 - 10.0.0.10' }, { pool: '10.0.0.30 - 10.0.0.40' }, { pool: '10.0.0.35/32' }],
      reservations: [{ 'hw-address': '02:00:00:00:00:01', 'ip-address': '10.0.0' }],
    };
    const issues = issuesOf(() => loadDhcp4({ subnet4: [subnet, { id: 1, subnet: '10.1.0.0/24' }] }));
    const paths = issues.map(({ position }) => position.path);
    assert.deepEqual(paths.sort(), [
      'subnet4[0].pools[0].pool',
      'subnet4[0].pools[2].pool',
      'subnet4[0].reservations[0].ip-address',
      'subnet4[0].subnet',
      'subnet4[1].id',
    ]);
  });
});
