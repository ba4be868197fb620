/** The rows of the command table over fakes; the dispatcher around them. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ControlCommand, Json, JsonMap, Principal } from 'lessor/internal/control/command.js';
import { COMMANDS } from 'lessor/internal/control/commands/index.js';
import { Dispatcher } from 'lessor/internal/control/dispatcher.js';
import { renderAnswers, serverHandler } from 'lessor/internal/control/door.js';
import { parseHexOctets } from 'lessor/internal/control/hex.js';
import { FULL_RIGHTS } from 'lessor/internal/domain/access/rights.js';
import { parseIpv4 } from 'lessor/internal/domain/values.js';
import { LessorError, StoreError } from 'lessor/internal/errors.js';
import { redact } from 'lessor/internal/services/audit.js';
import { type ControlBench, controlBench, makeLease } from './control-fakes.js';

/** Command, arguments, result, text. */
type Case = readonly [name: string, args: Json | undefined, result: number, text: string | undefined];

function check(bench: () => ControlBench, cases: readonly Case[]): void {
  for (const [name, args, result, text] of cases) {
    it(`${name} ${JSON.stringify(args, (_, value) => (typeof value === 'bigint' ? `${value}` : value))}`, async () => {
      const outcome = await bench().run(name, args);
      assert.deepEqual({ result: outcome.result, text: outcome.text }, { result, text });
    });
  }
}

describe('statistic commands', () => {
  const fresh = () => controlBench();
  check(fresh, [
    ['statistic-get', undefined, 1, "Missing mandatory 'name' parameter."],
    ['statistic-get', 'x', 1, "arguments for the 'statistic-get' command must be a map"],
    ['statistic-get', null, 1, "arguments for the 'statistic-get' command must be a map"],
    ['statistic-get', { name: 5 }, 1, "'name' parameter expected to be a string."],
    ['statistic-reset', { name: 'nope' }, 1, "No 'nope' statistic found"],
    ['statistic-remove', { name: 'nope' }, 1, "No 'nope' statistic found"],
    [
      'statistic-sample-count-set',
      { name: 'pkt4-received', 'max-samples': 0 },
      1,
      "'max-samples' parameter must not be zero",
    ],
    [
      'statistic-sample-count-set',
      { name: 'pkt4-received', 'max-samples': -1 },
      1,
      "'max-samples' parameter is out of range",
    ],
    [
      'statistic-sample-count-set',
      { name: 'pkt4-received', 'max-samples': 1.5 },
      1,
      "'max-samples' parameter expected to be an integer.",
    ],
    ['statistic-sample-age-set', { name: 'pkt4-received' }, 1, "Missing mandatory 'duration' parameter."],
    [
      'statistic-sample-age-set',
      { name: 'pkt4-received', duration: 2n ** 70n },
      1,
      "'duration' parameter expected to be an integer.",
    ],
  ]);

  it('answers with samples, newest first', async () => {
    const bench = fresh();
    const counter = bench.services.statistics.counter('pkt4-received');
    counter.add(3, bench.clock.now());
    const { arguments: args } = await bench.run('statistic-get', { name: 'pkt4-received' });
    const samples = (args as Record<string, [number, string][]>)['pkt4-received']!;
    assert.deepEqual(
      samples.map(([value]) => value),
      [3, 0],
    );
    assert.match(samples[0]![1], /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/);
  });

  it('statistic-global-get-all leaves subnets out', async () => {
    const bench = fresh();
    bench.services.statistics.counter('subnet[1].assigned-addresses');
    const names = async (command: string) => Object.keys((await bench.run(command)).arguments as object);
    assert.ok((await names('statistic-get-all')).includes('subnet[1].assigned-addresses'));
    assert.ok(!(await names('statistic-global-get-all')).includes('subnet[1].assigned-addresses'));
    assert.equal((await names('statistic-global-get-all')).length, (await names('statistic-get-all')).length - 1);
  });

  it('a name out of the prototype is no statistic', async () => {
    assert.deepEqual(await fresh().run('statistic-get', { name: 'constructor' }), { result: 0, arguments: {} });
  });
});

describe('dhcp-disable and dhcp-enable', () => {
  check(
    () => controlBench(),
    [
      ['dhcp-disable', { 'max-period': true }, 1, "'max-period' argument must be a number"],
      ['dhcp-disable', { 'max-period': -1 }, 1, "'max-period' must be positive integer"],
      ['dhcp-disable', { origin: [] }, 1, "'origin' argument must be a string or a number"],
      ['dhcp-disable', { origin: '' }, 1, "invalid value used for 'origin' parameter: (empty string)"],
      ['dhcp-disable', { origin: 'nobody', 'origin-id': 2000 }, 0, 'DHCPv4 service disabled'],
      ['dhcp-disable', { origin: null, 'origin-id': 2000 }, 0, 'DHCPv4 service disabled'],
      ['dhcp-disable', { origin: null }, 1, "'origin' argument must be a string or a number"],
      ['dhcp-enable', 5, 1, "arguments for the 'dhcp-enable' command must be a map"],
    ],
  );

  it('holds the service off until the last origin lets go', async () => {
    const { run, services } = controlBench();
    await run('dhcp-disable');
    await run('dhcp-disable', { origin: 'ha-partner' });
    await run('dhcp-disable', { 'origin-id': 1001 });
    await run('dhcp-disable', { origin: 3000 });
    const { arguments: status } = await run('status-get');
    assert.deepEqual((status as Record<string, Json>)['dhcp-state'], {
      'globally-disabled': true,
      'disabled-by-user': true,
      'disabled-by-local-command': [1001],
      'disabled-by-remote-command': [2000],
      'disabled-by-db-connection': [3000],
    });
    for (const origin of ['user', 'ha-partner', 1001]) await run('dhcp-enable', { origin });
    assert.equal(services.serviceSwitch.enabled, false);
    await run('dhcp-enable', { origin: 3000 });
    assert.equal(services.serviceSwitch.enabled, true);
  });

  it('ends by itself after max-period; the newest period counts', async () => {
    const { run, services, clock } = controlBench();
    await run('dhcp-disable', { 'max-period': 10 });
    await run('dhcp-disable', { 'max-period': 20 });
    clock.advance(19_999);
    assert.equal(services.serviceSwitch.enabled, false);
    clock.advance(1);
    assert.equal(services.serviceSwitch.enabled, true);
    assert.equal(clock.pending, 0);
  });

  it('dhcp-enable stops the timer', async () => {
    const { run, services, clock } = controlBench();
    await run('dhcp-disable', { 'max-period': 10 });
    await run('dhcp-enable');
    await run('dhcp-disable');
    clock.advance(60_000);
    assert.equal(services.serviceSwitch.enabled, false);
  });
});

describe('config commands', () => {
  check(
    () => controlBench(),
    [
      ['config-set', undefined, 1, "Missing mandatory 'arguments' parameter."],
      ['config-set', { Dhcp4: {}, Dhcp6: {}, Dhcp5: {} }, 1, "Unsupported 'Dhcp5' parameter (and 'Dhcp6')."],
      ['config-set', { Dhcp4: {}, hash: 'ABCD' }, 0, 'Configuration successful.'],
      ['config-set', { Dhcp4: { bad: true } }, 1, 'bad is not good (bad)'],
      ['config-test', { Dhcp4: { bad: true } }, 1, 'bad is not good (bad)'],
      ['config-write', [], 1, 'Argument must be a map'],
      ['config-write', { filename: 5 }, 1, "passed parameter 'filename' is not a string"],
    ],
  );

  it('answers with the hash, and with warnings if there are any', async () => {
    const { run } = controlBench();
    assert.deepEqual((await run('config-set', { Dhcp4: {} })).arguments, { hash: 'ABCD' });
    assert.deepEqual((await run('config-set', { Dhcp4: { bad: 'a bit' } })).arguments, {
      hash: 'ABCD',
      warnings: ['bad is not good (bad)'],
    });
    assert.deepEqual((await run('config-get')).arguments, { Dhcp4: { 'valid-lifetime': 3600 }, hash: 'ABCD' });
  });

  it('an empty file name means the configuration file', async () => {
    const { run, config } = controlBench();
    await run('config-write', { filename: '' });
    await run('config-write');
    await run('config-write', { filename: 'x' });
    assert.deepEqual(config.written, [undefined, undefined, 'x']);
  });

  it('a reload that fails says which file and why', async () => {
    const { run, config } = controlBench();
    config.reloadError = new LessorError('config-file', 'no such file');
    assert.deepEqual(await run('config-reload'), {
      result: 1,
      text: 'Config reload failed: no such file',
      code: 'config-file',
    });
  });
});

describe('lease commands', () => {
  const address = (text: string) => parseIpv4(text)!;
  const leases = [
    makeLease({
      address: address('192.0.2.10'),
      hwAddress: '\x1a\x1b',
      clientId: '\x01\x02',
      subnetId: 1,
      hostname: 'h',
    }),
    makeLease({ address: address('192.0.2.9'), hwAddress: '\x1a\x1b', subnetId: 2, poolId: 3, state: 1 }),
    makeLease({ address: address('255.0.0.1'), subnetId: 1, userContext: '{ "a": "\\u00e9" }' }),
    makeLease({ address: address('198.51.100.1'), subnetId: 3, userContext: 'not json' }),
  ];
  const bench = () => controlBench(leases);
  check(bench, [
    ['lease4-get', { 'ip-address': 5 }, 1, "'ip-address' is not a string."],
    ['lease4-get', { 'ip-address': '::1' }, 1, 'Invalid IPv4 address specified: ::1'],
    ['lease4-get', { 'ip-address': '1.2.3' }, 1, "Failed to convert string to address '1.2.3': Invalid argument"],
    ['lease4-get', { 'subnet-id': 'x' }, 1, "'subnet-id' parameter is not integer."],
    ['lease4-get', { 'subnet-id': 2 ** 32 }, 1, "'subnet-id' parameter is not a 32 bit unsigned integer."],
    [
      'lease4-get',
      { 'subnet-id': 1, 'identifier-type': 'client-id' },
      1,
      "No 'ip-address' provided and 'identifier' is either missing or not a string.",
    ],
    [
      'lease4-get',
      { 'subnet-id': 1, 'identifier-type': 'hw-address', identifier: 'zz' },
      1,
      "Bad 'hw-address' identifier: 'z' is not a valid hexadecimal digit in decoded string 'zz'",
    ],
    ['lease4-get', { 'subnet-id': 3, 'identifier-type': 'hw-address', identifier: '1a:1b' }, 3, 'Lease not found.'],
    ['lease4-get-all', { subnets: [-1] }, 1, 'out of range subnet identifier -1'],
    ['lease4-get-page', { from: 'start', limit: -1 }, 1, "'limit' parameter is not a 32 bit unsigned integer."],
    [
      'lease4-get-page',
      { from: '300.0.0.1', limit: 1 },
      1,
      "'from' parameter value is neither 'start' keyword nor a valid IPv4 address",
    ],
    ['leases-reclaim', { remove: 1 }, 1, "'remove' parameter expected to be a boolean."],
  ]);

  it('finds by address and by identifier within a subnet', async () => {
    const { run } = bench();
    const found = async (args: Json) =>
      ((await run('lease4-get', args)).arguments as Record<string, Json>)['ip-address'];
    const byHardware = { 'identifier-type': 'hw-address', identifier: '1A:1b' };
    assert.equal(await found({ 'ip-address': '192.0.2.9' }), '192.0.2.9');
    assert.equal(await found({ 'subnet-id': 1, ...byHardware }), '192.0.2.10');
    assert.equal(await found({ 'subnet-id': 2, ...byHardware }), '192.0.2.9');
    assert.equal(await found({ 'subnet-id': 1, 'identifier-type': 'client-id', identifier: '0102' }), '192.0.2.10');
  });

  it('shows what a lease has and nothing else', async () => {
    const { run } = bench();
    const get = async (ip: string) => (await run('lease4-get', { 'ip-address': ip })).arguments as Record<string, Json>;
    assert.deepEqual(await get('192.0.2.10'), {
      'ip-address': '192.0.2.10',
      'subnet-id': 1,
      'hw-address': '1a:1b',
      'client-id': '01:02',
      cltt: 1_795_321_794,
      'valid-lft': 3600,
      'fqdn-fwd': false,
      'fqdn-rev': false,
      hostname: 'h',
      state: 0,
    });
    assert.equal((await get('192.0.2.9'))['pool-id'], 3);
    assert.deepEqual((await get('255.0.0.1'))['user-context'], { a: '\u00e9' });
    assert.equal((await get('198.51.100.1'))['user-context'], 'not json');
  });

  it('lists in address order, by subnet as asked for, and in pages', async () => {
    const { run } = bench();
    const addresses = async (name: string, args?: Json) =>
      ((await run(name, args)).arguments as { leases: Record<string, Json>[] }).leases.map(
        (lease) => lease['ip-address'],
      );
    const all = ['192.0.2.9', '192.0.2.10', '198.51.100.1', '255.0.0.1'];
    assert.deepEqual(await addresses('lease4-get-all'), all);
    assert.deepEqual(await addresses('lease4-get-all', { subnets: [3, 1, 77, 3] }), [all[2], all[1], all[3], all[2]]);
    assert.deepEqual(await addresses('lease4-get-page', { from: 'start', limit: 3 }), all.slice(0, 3));
    assert.deepEqual(await addresses('lease4-get-page', { from: all[2]!, limit: 4_294_967_295 }), all.slice(3));
  });

  it('lists more leases than it takes in one turn, and lets others run in between', async () => {
    const many = Array.from({ length: 3500 }, (_, i) => makeLease({ address: i + 1 }));
    const { run, clock } = controlBench(many);
    let reads = 0;
    clock.monotonic = () => reads++;
    let turns = 0;
    const tick = () => {
      turns++;
      timer = setImmediate(tick);
    };
    let timer = setImmediate(tick);
    const outcome = await run('lease4-get-all');
    clearImmediate(timer);
    assert.equal((outcome.arguments as { leases: Json[] }).leases.length, 3500);
    assert.equal(outcome.text, '3500 IPv4 lease(s) found.');
    assert.ok(turns >= 3, `${turns} turns`);
  });

  it('reclaims with and without removing', async () => {
    const { run, reclaimed } = bench();
    await run('leases-reclaim', { remove: true });
    await run('leases-reclaim', { remove: false });
    assert.deepEqual(reclaimed, [true, false]);
  });
});

describe('server commands', () => {
  it('status-get tells of process, store and sockets', async () => {
    const bench = controlBench();
    const { arguments: status } = await bench.run('status-get');
    assert.deepEqual(status, {
      pid: 42,
      uptime: 12,
      reload: 10,
      'multi-threading-enabled': false,
      'csv-lease-file': '/test/lib/leases4.csv',
      'lease-store': { status: 'ready' },
      sockets: { status: 'ready' },
      'dhcp-state': {
        'globally-disabled': false,
        'disabled-by-user': false,
        'disabled-by-local-command': [],
        'disabled-by-remote-command': [],
        'disabled-by-db-connection': [],
      },
    });
    Object.assign(bench.services.store, {
      health: { ok: false, since: bench.clock.now() - 5000, reason: 'disk full' },
    });
    Object.assign(bench.services.interfaces, { socketStatus: { status: 'failed', errors: ['eth0: no'] } });
    const { arguments: bad } = await bench.run('status-get');
    assert.deepEqual((bad as Record<string, Json>)['lease-store'], {
      status: 'failed',
      reason: 'disk full',
      'failed-for': 5,
    });
    assert.deepEqual((bad as Record<string, Json>).sockets, { status: 'failed', errors: ['eth0: no'] });
  });

  it('shutdown answers first and then stops, with the value asked for', async () => {
    const { run, exits } = controlBench();
    assert.deepEqual(await run('shutdown', { 'exit-value': 3 }), { result: 0, text: 'Shutting down.' });
    assert.deepEqual(exits, []);
    await new Promise(setImmediate);
    assert.deepEqual(exits, [3]);
    assert.equal((await run('shutdown', 5)).text, 'Argument must be a map');
    assert.equal((await run('shutdown', { 'exit-value': 'x' })).text, "parameter 'exit-value' is not an integer");
  });

  it('kea-lfc-start runs one cleanup at a time, and none without persistence', async () => {
    const bench = controlBench();
    let finish = (): void => undefined;
    Object.assign(bench.services.store, { cleanup: () => new Promise<void>((resolve) => (finish = resolve)) });
    assert.equal((await bench.run('kea-lfc-start')).text, 'kea-lfc started');
    assert.deepEqual(await bench.run('kea-lfc-start'), { result: 3, text: 'kea-lfc already running' });
    await new Promise(setImmediate);
    finish();
    await new Promise(setImmediate);
    assert.equal((await bench.run('kea-lfc-start')).text, 'kea-lfc started');
    Object.assign(bench.config.current.leaseDatabase, { persist: false });
    assert.equal((await bench.run('kea-lfc-start')).result, 2);
  });

  it('list-commands has every row, sorted, with a summary and a schema that says something', async () => {
    const { run } = controlBench();
    const names = (await run('list-commands')).arguments as string[];
    assert.deepEqual(names, [...names].sort());
    assert.equal(new Set(names).size, COMMANDS.length);
    for (const { name, summary, args = {} } of COMMANDS) {
      assert.match(name, /^[a-z0-9-]+$/);
      assert.ok(summary.length > 10, name);
      for (const { type } of Object.values(args)) assert.match(type, /^an? /);
    }
  });
});

describe('the dispatcher', () => {
  const command = (name: string, principal: Partial<Principal> = {}): ControlCommand => ({
    name,
    args: undefined,
    service: undefined,
    principal: { name: 'p', method: 'basic', rights: FULL_RIGHTS, ...principal },
    listener: 'l',
    receivedAt: 7,
  });

  it('lets readers read and nothing more', async () => {
    const { dispatcher } = controlBench();
    assert.equal((await dispatcher.dispatch(command('config-get', { rights: [{ role: 'viewer' }] }))).result, 0);
    const denied = await dispatcher.dispatch(command('dhcp-disable', { rights: [{ role: 'viewer' }] }));
    assert.deepEqual(denied, { result: 1, text: "'p' may not use 'dhcp-disable'", code: 'command-denied' });
    assert.equal(
      (await dispatcher.dispatch(command('config-set', { rights: [{ role: 'ha-peer' }] }))).code,
      'command-denied',
    );
  });

  it('answers whatever a row throws', async () => {
    const { services, logger } = controlBench();
    const audited: number[] = [];
    const row = (name: string, error: unknown) => ({
      name,
      access: 'read' as const,
      summary: '',
      hook: 'core' as const,
      run: () => {
        throw error;
      },
    });
    const rows = [row('store', new StoreError('store-unavailable', 'full')), row('bug', new TypeError('x is y'))];
    const dispatcher = new Dispatcher(rows, services, { record: ({ result }) => void audited.push(result) }, logger);
    assert.deepEqual(await dispatcher.dispatch(command('store')), {
      result: 1,
      text: 'full',
      code: 'store-unavailable',
    });
    assert.equal(logger.lines.length, 0);
    const bug = await dispatcher.dispatch(command('bug'));
    assert.equal(bug.text, 'Error during command processing: x is y');
    assert.equal(logger.lines[0]?.id, 'LESSOR_CONTROL_COMMAND_FAILED');
    assert.deepEqual(audited, [1, 1]);
    assert.throws(
      () => new Dispatcher([rows[0]!, rows[0]!], services, { record: () => undefined }, logger),
      /same name/,
    );
  });

  it('audits who, what and with which result, without the arguments themselves', async () => {
    const bench = controlBench();
    const secret = { Dhcp4: { password: 'hunter2', list: [{ secret: 'x' }] } };
    await bench.run('config-set', secret);
    await bench.run('config-set', { Dhcp4: { password: 'other', list: [{ secret: 'y' }] } });
    await bench.run('no-such');
    const [first, second, third] = bench.audited;
    assert.equal(first?.who, 'local');
    assert.equal(first?.command, 'config-set');
    assert.equal(first?.result, 0);
    assert.match(first!.argumentsDigest, /^[0-9a-f]{16}$/);
    assert.equal(first?.argumentsDigest, second?.argumentsDigest, 'secrets do not show in the digest');
    assert.deepEqual([third?.result, third?.argumentsDigest], [2, '']);
    assert.deepEqual(redact(secret), { Dhcp4: { password: '*****', list: [{ secret: '*****' }] } });
  });
});

describe('what doors share', () => {
  const principal: Principal = { name: 'somebody', method: 'none', rights: FULL_RIGHTS };
  const ORIGIN = { principal, listener: 'http', receivedAt: 0 };

  it('answers for each service that is named, its own by running the command', async () => {
    const own = { result: 0 } as const;
    const other = { result: 1, text: "unsupported service 'dhcp6', expected 'dhcp4'" };
    const wrong = (text: string) => [{ result: 1, text }];
    const cases: readonly [Json | undefined, readonly JsonMap[]][] = [
      [undefined, [own]],
      [[], [own]],
      [[''], [own]],
      [['dhcp4'], [own]],
      [['dhcp6'], [other]],
      [
        ['dhcp4', 'dhcp6', 'dhcp4'],
        [own, other, own],
      ],
      ['dhcp4', wrong('service value must be a list')],
      [null, wrong('service value must be a list')],
      [[4], wrong('service name must be a string')],
      [Array(17).fill('dhcp4'), wrong('service value has more than 16 items')],
    ];
    let runs = 0;
    const handle = serverHandler(async ({ name }) => {
      assert.equal(name, 'x');
      runs++;
      return own;
    });
    for (const [service, expected] of cases) {
      runs = 0;
      const request = { command: 'x', ...(service === undefined ? {} : { service }) };
      const answers = await handle(request, ORIGIN);
      assert.deepEqual(
        answers.map((answer) => ({ ...answer, code: undefined })),
        expected.map((answer) => ({ ...answer, code: undefined })),
      );
      assert.equal(runs, expected.filter((answer) => answer === own).length);
    }
  });

  it('formats long answers in turns', async () => {
    const leases = Array.from({ length: 20_000 }, (_, i) => ({
      'ip-address': `10.0.0.${i}`,
      hostname: 'a name'.repeat(5),
    }));
    let turns = 0;
    let ticks = 0;
    const soon = (fn: () => void) => {
      turns++;
      setImmediate(fn);
    };
    const buffers = await renderAnswers([{ result: 0, arguments: { leases } }], { soon, monotonic: () => ticks++ });
    assert.deepEqual(JSON.parse(Buffer.concat(buffers).toString('latin1')), [{ result: 0, arguments: { leases } }]);
    assert.ok(turns > 3);
  });

  it('reads hex as Kea does', () => {
    assert.equal(parseHexOctets('1:02:FF', false), '\x01\x02\xff');
    assert.equal(parseHexOctets('', false), '');
    assert.equal(parseHexOctets('01 02', true), '\x01\x02');
    assert.equal(parseHexOctets('0x102', true), '\x01\x02');
    assert.throws(() => parseHexOctets('01::02', false), /two consecutive separators/);
    assert.throws(() => parseHexOctets('0102', false), /invalid format/);
    assert.throws(() => parseHexOctets('xy', true), /not a valid string of hexadecimal digits/);
  });
});
