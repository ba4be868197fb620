/** Changing the configuration safely: plan, confirmation, history, rollback, and what a start makes of an unconfirmed one. */

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { JsonMap } from '@lessor/kea';
import { loadConfig } from 'lessor/internal/config/load.js';
import { COMMANDS } from 'lessor/internal/control/commands/index.js';
import { Dispatcher } from 'lessor/internal/control/dispatcher.js';
import { FULL_RIGHTS } from 'lessor/internal/domain/access/rights.js';
import type { Lease } from 'lessor/internal/domain/lease.js';
import { historyDirectory } from 'lessor/internal/platform/history-files.js';
import type { AuditRecord } from 'lessor/internal/services/audit.js';
import { ConfigHistory, historyInMemory, MAX_HISTORY } from 'lessor/internal/services/config-history.js';
import { ConfigService } from 'lessor/internal/services/config-service.js';
import type { PrivateFiles } from 'lessor/internal/services/ports.js';
import { chooseStart } from 'lessor/internal/services/start-config.js';
import { changeControl } from '../lib/change-services.js';
import { ip } from '../lib/packet-lab.js';
import { testEnvironment } from './config-helpers.js';
import { controlBench, ListLeases, makeLease } from './control-fakes.js';

const FILE = '/test/etc/kea-dhcp4.conf';
const SUBNET = { id: 1, subnet: '192.0.2.0/24', pools: [{ pool: '192.0.2.10-192.0.2.19' }] };
const dhcp4 = (members: JsonMap): JsonMap => ({ Dhcp4: { 'valid-lifetime': 1000, subnet4: [SUBNET], ...members } });

interface Setup {
  readonly files?: PrivateFiles;
  readonly leases?: readonly Lease[];
  /** The configuration file. */
  readonly disk?: { text: string };
}

/** A server as far as its configuration is concerned. Starting another one on the same `files` is a restart. */
async function startServer({ files = historyInMemory(), leases = [], disk }: Setup = {}) {
  const on = disk ?? { text: JSON.stringify(dhcp4({})) };
  const bench = controlBench(leases);
  const source = { kind: 'file', path: FILE } as const;
  // Insecure: a password in clear text is what the plan must not show.
  const environment = () => ({ ...testEnvironment({}, { insecure: true }), readFile: () => on.text });
  const history = await ConfigHistory.open(files);
  const load = (from: Parameters<typeof loadConfig>[0]) => loadConfig(from, { ...environment(), generation: 1 });
  const { loaded, settle } = await chooseStart(load(source), history, load, bench.logger);
  await settle();
  let failing: string | undefined;
  const configService = new ConfigService({
    initial: loaded,
    source,
    environment,
    clock: bench.clock,
    files: {
      read: async () => Buffer.from(on.text, 'latin1'),
      writeAtomically: async (_path, octets) => {
        on.text = Buffer.from(octets).toString('latin1');
      },
    },
  });
  configService.participate({
    name: 'sockets',
    async prepare() {
      if (failing !== undefined) throw new Error(failing);
      return { commit: () => undefined, abandon: () => undefined };
    },
  });
  const audited: AuditRecord[] = [];
  const audit = { record: (record: AuditRecord) => void audited.push(record) };
  const services = await changeControl(configService, { clock: bench.clock, logger: bench.logger, audit, history });
  const all = { ...bench.services, ...services, leases: new ListLeases(leases) };
  const dispatcher = new Dispatcher(COMMANDS, all, audit, bench.logger);
  const run = (name: string, args?: JsonMap) =>
    dispatcher.dispatch({
      name,
      args,
      service: undefined,
      principal: { name: 'ann', method: 'basic', rights: FULL_RIGHTS },
      listener: 'test',
      receivedAt: bench.clock.now(),
    });
  return {
    run,
    audited,
    clock: bench.clock,
    logger: bench.logger,
    disk: on,
    files,
    history,
    events: services.events,
    fail: (reason: string | undefined) => {
      failing = reason;
    },
    /** Time passes, and what fell due is done. */
    async pass(seconds: number) {
      bench.clock.advance(seconds * 1000);
      await run('config-history');
      // The undoing is in the queue of changes; a refused change is behind it.
      await services.config.edit(() => assert.fail('looked at')).catch(() => undefined);
    },
    get lifetime() {
      return configService.current.tree['valid-lifetime'];
    },
    get hash() {
      return configService.current.hash;
    },
  };
}

type Server = Awaited<ReturnType<typeof startServer>>;

async function ok(server: Server, command: string, args?: JsonMap): Promise<JsonMap> {
  const { result, text, arguments: answer } = await server.run(command, args);
  assert.equal(result, 0, `${command}: ${text}`);
  return (answer ?? {}) as JsonMap;
}

const kinds = ({ events }: Server): string[] => events.after(0, 100).events.map(({ kind }) => kind);

describe('confirm-within', () => {
  it('keeps a change that is confirmed', async () => {
    const server = await startServer();
    await ok(server, 'config-set', { ...dhcp4({ 'valid-lifetime': 2000 }), 'confirm-within': 60 });
    assert.equal(server.lifetime, 2000);
    const { pending } = await ok(server, 'config-history');
    assert.deepEqual(
      { ...(pending as JsonMap), hash: '' },
      {
        command: 'config-set',
        who: 'ann',
        hash: '',
        'return-to': 1,
        'seconds-left': 60,
      },
    );
    await server.pass(59);
    await ok(server, 'config-confirm');
    await server.pass(1000);
    assert.equal(server.lifetime, 2000);
    assert.deepEqual(kinds(server), ['config-changed', 'config-confirmed']);
    assert.equal((await server.run('config-confirm')).result, 3);
  });

  it('undoes one that is not, and says so in log, audit, history and events', async () => {
    const server = await startServer();
    const before = server.hash;
    await ok(server, 'config-set', { ...dhcp4({ 'valid-lifetime': 2000 }), 'confirm-within': 60 });
    await server.pass(59);
    assert.equal(server.lifetime, 2000);
    await server.pass(1);
    assert.equal(server.lifetime, 1000);
    assert.equal(server.hash, before);
    assert.ok(
      server.audited.some(
        ({ command, method, result }) => command === 'config-revert' && method === 'internal' && result === 0,
      ),
    );
    assert.ok(server.logger.lines.some(({ severity, id }) => severity === 'WARN' && id === 'LESSOR_CONFIG_REVERTED'));
    assert.deepEqual(kinds(server), ['config-changed', 'config-reverted']);
    const { history, pending } = await ok(server, 'config-history');
    assert.equal(pending, undefined);
    assert.deepEqual(
      (history as JsonMap[]).map(({ command }) => command),
      ['config-revert', 'config-set', 'start'],
    );
  });

  it('lets no other change in between, and a rollback without id undoes it at once', async () => {
    const server = await startServer();
    await ok(server, 'config-set', { ...dhcp4({ 'valid-lifetime': 2000 }), 'confirm-within': 60 });
    const subnet = { subnet4: [{ id: 9, subnet: '203.0.113.0/24' }] };
    for (const [command, args] of [
      ['config-set', dhcp4({})],
      ['config-reload', undefined],
      ['config-write', undefined],
      ['config-rollback', { id: 1 }],
      ['subnet4-add', subnet],
    ] as const) {
      const { result, text } = await server.run(command, args);
      assert.deepEqual([result, /waits for its confirmation/.test(text ?? '')], [4, true], `${command}: ${text}`);
    }
    await ok(server, 'config-rollback');
    assert.equal(server.lifetime, 1000);
    await ok(server, 'subnet4-add', subnet);
    await server.pass(100);
    assert.equal(server.lifetime, 1000);
  });

  it('tries again when undoing fails', async () => {
    const server = await startServer();
    await ok(server, 'config-set', { ...dhcp4({ 'valid-lifetime': 2000 }), 'confirm-within': 10 });
    server.fail('port is taken');
    await server.pass(10);
    assert.equal(server.lifetime, 2000);
    assert.ok(
      server.logger.lines.some(
        ({ id, text }) => id === 'LESSOR_CONFIG_REVERT_FAILED' && text.includes('port is taken'),
      ),
    );
    server.fail(undefined);
    await server.pass(5);
    assert.equal(server.lifetime, 1000);
  });

  it('waits for nothing if the change is refused or fails', async () => {
    const server = await startServer();
    assert.equal((await server.run('config-set', { ...dhcp4({ bogus: 1 }), 'confirm-within': 10 })).result, 1);
    server.fail('port is taken');
    assert.equal((await server.run('config-set', { ...dhcp4({}), 'confirm-within': 10 })).result, 1);
    server.fail(undefined);
    assert.equal(server.history.pending, undefined);
    await ok(server, 'config-set', dhcp4({ 'valid-lifetime': 3 }));
    for (const wrong of [0, -1, 90_000, 'soon']) {
      assert.equal((await server.run('config-set', { ...dhcp4({}), 'confirm-within': wrong })).result, 1);
    }
  });

  it('writes changes by command into the file again after a config-set was undone', async () => {
    const server = await startServer();
    await ok(server, 'config-set', { ...dhcp4({ 'valid-lifetime': 2000 }), 'confirm-within': 10 });
    await server.pass(10);
    const { text } = await server.run('subnet4-add', { subnet4: [{ id: 9, subnet: '203.0.113.0/24' }] });
    assert.ok(!text!.includes('in memory only'), text);
    assert.ok(server.disk.text.includes('203.0.113.0/24'));
  });
});

describe('a start', () => {
  const reloaded = async () => {
    const server = await startServer();
    server.disk.text = JSON.stringify(dhcp4({ 'valid-lifetime': 2000 }));
    await ok(server, 'config-reload', { 'confirm-within': 60 });
    assert.equal(server.lifetime, 2000);
    return server;
  };

  it('does not use a file that nobody confirmed before the server ended', async () => {
    const { files, disk } = await reloaded();
    const second = await startServer({ files, disk });
    assert.equal(second.lifetime, 1000);
    const third = await startServer({ files, disk });
    assert.equal(third.lifetime, 1000, 'nor the time after');
    await ok(third, 'config-reload');
    assert.equal(third.lifetime, 2000);
    assert.equal((await startServer({ files, disk })).lifetime, 2000);
  });

  it('does not use a file that was undone', async () => {
    const server = await reloaded();
    await server.pass(60);
    assert.equal(server.lifetime, 1000);
    const second = await startServer(server);
    assert.equal(second.lifetime, 1000);
    second.disk.text = JSON.stringify(dhcp4({ 'valid-lifetime': 3000 }));
    assert.equal((await startServer(second)).lifetime, 3000, 'a file that was changed since is used');
  });

  it('uses a file that was confirmed', async () => {
    const server = await reloaded();
    await ok(server, 'config-confirm');
    assert.equal((await startServer(server)).lifetime, 2000);
  });

  it('uses the file after an unconfirmed config-set, as after any config-set', async () => {
    const server = await startServer();
    await ok(server, 'config-set', { ...dhcp4({ 'valid-lifetime': 2000 }), 'confirm-within': 60 });
    const second = await startServer(server);
    assert.equal(second.lifetime, 1000);
    assert.equal(second.history.pending, undefined);
    assert.ok(second.logger.lines.some(({ text }) => text.includes('not confirmed before the server ended')));
  });

  it('uses the file if what was before can not be read', async () => {
    const server = await reloaded();
    await server.files.remove('1.json');
    const second = await startServer(server);
    assert.equal(second.lifetime, 2000);
    assert.ok(second.logger.lines.some(({ severity }) => severity === 'ERROR'));
  });
});

describe('config-history and config-rollback', () => {
  it('return to what was in force, edits by command included', async () => {
    const server = await startServer();
    await ok(server, 'subnet4-add', { subnet4: [{ id: 9, subnet: '203.0.113.0/24' }] });
    const edited = server.hash;
    await ok(server, 'config-set', dhcp4({ 'valid-lifetime': 2000 }));
    await ok(server, 'config-set', dhcp4({ 'valid-lifetime': 3000 }));
    const { history } = await ok(server, 'config-history');
    const rows = (history as JsonMap[]).map(({ id, command, who, summary }) => [id, command, who, summary]);
    assert.deepEqual(rows, [
      [3, 'config-set', 'ann', '1 parameter changed'],
      [2, 'config-set', 'ann', '1 parameter changed, 1 subnet removed'],
      [1, 'start', 'server', 'in force since the start'],
    ]);
    await ok(server, 'config-rollback', { id: 1 });
    assert.equal(server.hash, edited);
    await ok(server, 'config-rollback', { id: 2, 'confirm-within': 5 });
    assert.equal(server.lifetime, 2000);
    await server.pass(5);
    assert.equal(server.hash, edited);
    assert.equal((await server.run('config-rollback', { id: 77 })).result, 3);
    assert.equal((await server.run('config-rollback')).result, 3);
  });

  it('survive a restart and are bounded', async () => {
    const server = await startServer();
    for (let lifetime = 1; lifetime <= MAX_HISTORY + 3; lifetime++) {
      await ok(server, 'config-set', dhcp4({ 'valid-lifetime': lifetime }));
    }
    const second = await startServer(server);
    const { history } = await ok(second, 'config-history');
    const ids = (history as JsonMap[]).map(({ id }) => id as number);
    assert.equal(ids.length, MAX_HISTORY);
    await ok(second, 'config-rollback', { id: ids.at(-1)! });
    assert.equal(second.lifetime, 4);
    assert.equal(await server.files.read('1.json'), undefined, 'what is no longer listed is gone');
  });

  const folder = mkdtempSync(join(tmpdir(), 'lessor-history-'));
  after(() => rmSync(folder, { recursive: true }));

  it('are kept where only the server can read them', async () => {
    const directory = join(folder, 'kea-dhcp4.history');
    const server = await startServer({ files: historyDirectory(directory) });
    await ok(server, 'config-set', dhcp4({ 'valid-lifetime': 2 }));
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    const names = readdirSync(directory).sort();
    assert.deepEqual(names, ['1.json', '2.json', 'index.json']);
    for (const name of names) assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600);
    assert.equal((await ConfigHistory.open(historyDirectory(directory))).entries.length, 2);
  });

  it('do not stand in the way of a config-set when they can not be kept', async () => {
    const files = { ...historyInMemory(), write: () => Promise.reject(new Error('disk full')) };
    const server = await startServer({ files });
    await ok(server, 'config-set', dhcp4({ 'valid-lifetime': 2 }));
    assert.ok(server.logger.lines.some(({ id }) => id === 'LESSOR_CONFIG_HISTORY_FAILED'));
    const { result } = await server.run('config-set', { ...dhcp4({}), 'confirm-within': 5 });
    assert.equal(result, 1, 'but without the way back nothing is changed');
    assert.equal(server.lifetime, 2);
  });
});

describe('config-plan', () => {
  const lease = (address: string, mac: string, change: Partial<Lease> = {}): Lease =>
    makeLease({ address: ip(address), hwAddress: Buffer.from(mac, 'hex').toString('latin1'), ...change });
  const LEASES = [
    lease('192.0.2.10', '020000000010'),
    lease('192.0.2.15', '020000000015', { hostname: 'quince' }),
    lease('192.0.2.16', '020000000016', { validLifetimeSec: 1, clttSec: 5 }),
    lease('192.0.2.18', '020000000018'),
    lease('198.51.100.9', '020000000099', { subnetId: 2 }),
  ];
  const NEXT = dhcp4({
    'valid-lifetime': 500,
    'control-sockets': [
      {
        'socket-type': 'http',
        'socket-address': '127.0.0.1',
        'socket-port': 8001,
        authentication: { type: 'basic', clients: [{ user: 'a', password: 'pst' }] },
      },
    ],
    subnet4: [
      {
        ...SUBNET,
        pools: [{ pool: '192.0.2.10-192.0.2.14' }],
        'option-data': [{ name: 'routers', data: '192.0.2.1' }],
        reservations: [
          { 'hw-address': '02:00:00:00:00:77', 'ip-address': '192.0.2.10' },
          { 'hw-address': '02:00:00:00:00:18', 'ip-address': '192.0.2.18' },
        ],
      },
    ],
    'client-classes': [{ name: 'new' }],
  });

  it('lists what would change and whose lease could not be renewed, and changes nothing', async () => {
    const first = dhcp4({
      subnet4: [SUBNET, { id: 2, subnet: '198.51.100.0/24', pools: [{ pool: '198.51.100.0/24' }] }],
    });
    const server = await startServer({ leases: LEASES, disk: { text: JSON.stringify(first) } });
    const before = server.hash;
    const { text, arguments: args } = await server.run('config-plan', NEXT);
    assert.equal(server.hash, before);
    const plan = args as JsonMap;
    const changes = (plan.changes as JsonMap[]).map(({ kind, action, name, within }) =>
      [kind, action, name, ...(within as string[])].join(' | '),
    );
    for (const expected of [
      'subnet | remove | subnet 2 (198.51.100.0/24)',
      'subnet | change | subnet 1 (192.0.2.0/24)',
      'pool | remove | pool 192.0.2.10-192.0.2.19 | subnet 1 (192.0.2.0/24)',
      'pool | add | pool 192.0.2.10-192.0.2.14 | subnet 1 (192.0.2.0/24)',
      'option | add | option routers (3) | subnet 1 (192.0.2.0/24)',
      'reservation | add | reservation hw-address 02:00:00:00:00:77 (192.0.2.10) | subnet 1 (192.0.2.0/24)',
      'class | add | class new',
      'listener | add | control socket http 127.0.0.1:8001',
      'parameter | change | valid-lifetime',
    ]) {
      assert.ok(changes.includes(expected), `${expected} in\n${changes.join('\n')}`);
    }
    assert.deepEqual(plan.leases, {
      checked: 4,
      homeless: 3,
      'homeless-by-reason': { 'reserved-for-other': 1, 'outside-pools': 1, 'subnet-removed': 1 },
      examples: [
        {
          'ip-address': '192.0.2.10',
          'hw-address': '02:00:00:00:00:10',
          hostname: '',
          'subnet-id': 1,
          expire: 1_795_325_394,
          reason: 'reserved-for-other',
        },
        {
          'ip-address': '192.0.2.15',
          'hw-address': '02:00:00:00:00:15',
          hostname: 'quince',
          'subnet-id': 1,
          expire: 1_795_325_394,
          reason: 'outside-pools',
        },
        {
          'ip-address': '198.51.100.9',
          'hw-address': '02:00:00:00:00:99',
          hostname: '',
          'subnet-id': 2,
          expire: 1_795_325_394,
          reason: 'subnet-removed',
        },
      ],
      'told-something-new': 1,
    });
    assert.match(text!, /^- subnet 2 \(198\.51\.100\.0\/24\)$/m);
    assert.match(text!, /^~ valid-lifetime: 1000 -> 500$/m);
    assert.match(text!, /^ {2}192\.0\.2\.15 {2}02:00:00:00:00:15 {2}quince {2}its address is in no pool/m);
    assert.ok(!JSON.stringify(args).includes('pst') && !text!.includes('pst'), 'no passwords');
  });

  it('agrees with what config-set then does', async () => {
    const server = await startServer();
    const { 'hash-after': hash } = await ok(server, 'config-plan', NEXT);
    await ok(server, 'config-set', NEXT);
    assert.equal(server.hash, hash);
    const { text } = await server.run('config-plan', NEXT);
    assert.equal(text, 'Nothing would change.');
  });

  it('plans the file and the history, and refuses what config-set would refuse', async () => {
    const server = await startServer();
    server.disk.text = JSON.stringify(dhcp4({ 'valid-lifetime': 7 }));
    assert.match((await server.run('config-plan')).text!, /valid-lifetime: 1000 -> 7/);
    await ok(server, 'config-reload');
    assert.match((await server.run('config-plan', { id: 1 })).text!, /valid-lifetime: 7 -> 1000/);
    assert.equal((await server.run('config-plan', { id: 8 })).result, 3);
    const refused = await server.run('config-plan', dhcp4({ bogus: 1 }));
    assert.deepEqual([refused.result, refused.text!.includes('bogus')], [1, true]);
  });
});
