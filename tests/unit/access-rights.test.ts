/** Who may run what: the tables held to a matrix written down here by hand, and rights for some subnets. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { missingFor } from 'lessor/internal/control/access/authorise.js';
import { COMMANDS_WITH_RIGHTS, rightsOf } from 'lessor/internal/control/access/command-rights.js';
import { changesSecurity } from 'lessor/internal/control/access/security-parts.js';
import type { ControlCommand } from 'lessor/internal/control/command.js';
import { COMMANDS } from 'lessor/internal/control/commands/index.js';
import { Dispatcher } from 'lessor/internal/control/dispatcher.js';
import { FAMILIES, FAMILY_NAMES, type Family } from 'lessor/internal/domain/access/families.js';
import { FULL_RIGHTS, missingRight, type Right } from 'lessor/internal/domain/access/rights.js';
import { ROLE_NAMES, ROLES, type Role } from 'lessor/internal/domain/access/roles.js';
import type { Json, JsonMap } from 'lessor/internal/domain/snapshot.js';
import { parseIpv4 } from 'lessor/internal/domain/values.js';
import type { AuditRecord } from 'lessor/internal/services/audit.js';
import { loadDhcp4 } from './config-helpers.js';
import { controlBench, makeLease } from './control-fakes.js';

const COLUMNS: readonly Role[] = [
  'metrics',
  'viewer',
  'lease-operator',
  'config-operator',
  'ha-peer',
  'omapi-provisioner',
  'admin',
];

/** What each role has, in the order of COLUMNS: x has the family, h only the commands of HA_COMMANDS. */
const MATRIX: Readonly<Record<Family, string>> = {
  status: /*             */ 'x x x x h . x',
  statistics: /*         */ 'x x x x . . x',
  'statistics-change': /**/ '. . . x . . x',
  leases: /*             */ '. x x x h x x',
  'leases-change': /*    */ '. . x . h x x',
  'leases-wipe': /*      */ '. . . . . . x',
  reservations: /*       */ '. x x x . x x',
  'reservations-change': '. . x x . x x',
  networks: /*           */ '. x x x . x x',
  'networks-change': /*  */ '. . . x . . x',
  classes: /*            */ '. x x x . x x',
  'classes-change': /*   */ '. . . x . x x',
  config: /*             */ '. x x x . . x',
  'config-change': /*    */ '. . . x . . x',
  security: /*           */ '. . . . . . x',
  service: /*            */ '. . . x h . x',
  maintenance: /*        */ '. . . x . . x',
  process: /*            */ '. . . . . . x',
  replication: /*        */ '. . . . x . .',
};

/** What a Kea partner sends, of the families of others. */
const HA_COMMANDS = [
  'status-get',
  'version-get',
  'lease4-get-page',
  'lease4-update',
  'lease4-del',
  'dhcp-disable',
  'dhcp-enable',
];

const NET: JsonMap = {
  subnet4: [
    { id: 1, subnet: '192.0.2.0/24', pools: [{ pool: '192.0.2.10 - 192.0.2.99' }] },
    { id: 2, subnet: '198.51.100.0/24', pools: [{ pool: '198.51.100.10 - 198.51.100.99' }] },
  ],
};

function bench() {
  const stray = makeLease({ address: parseIpv4('203.0.113.9')!, subnetId: 2 });
  const made = controlBench([stray]);
  made.config.current = loadDhcp4(NET).snapshot;
  return made;
}

function command(name: string, rights: readonly Right[], args?: Json, admits?: readonly string[]): ControlCommand {
  const principal = { name: 'p', method: 'basic' as const, rights, ...(admits === undefined ? {} : { admits }) };
  return { name, args, service: undefined, principal, listener: 'l', receivedAt: 0 };
}

function expected(name: string, role: Role): boolean {
  const cell = MATRIX[rightsOf(name).family].split(' ')[COLUMNS.indexOf(role)];
  return cell === 'x' || (cell === 'h' && HA_COMMANDS.includes(name));
}

describe('the tables of rights', () => {
  it('have a row for every command, and rows for nothing else', () => {
    assert.deepEqual([...COMMANDS_WITH_RIGHTS].sort(), COMMANDS.map(({ name }) => name).sort());
    assert.deepEqual([...COLUMNS].sort(), [...ROLE_NAMES].sort());
    for (const { commands } of Object.values(ROLES)) {
      for (const name of commands) assert.ok(COMMANDS_WITH_RIGHTS.includes(name), name);
    }
    assert.equal(rightsOf('made-up').family, 'security');
    assert.equal(rightsOf('toString').family, 'security');
  });

  it('agree with what the command table says of looking and changing', () => {
    // Checking a configuration changes nothing, but it reads files: it is with those that change.
    const exceptions = ['config-test', 'config-plan'];
    for (const { name, access } of COMMANDS) {
      const changes = FAMILIES[rightsOf(name).family].changes;
      assert.equal(changes, access !== 'read' || exceptions.includes(name), name);
    }
  });

  it('give each role the families of the matrix, and each command to whom its family is', async () => {
    const { services, logger } = bench();
    const audited: AuditRecord[] = [];
    const rows = COMMANDS.map((row) => ({ ...row, run: () => ({ result: 0 as const, text: 'ran' }) }));
    const dispatcher = new Dispatcher(rows, services, { record: (record) => void audited.push(record) }, logger);
    let cells = 0;
    for (const role of COLUMNS) {
      for (const { name } of COMMANDS) {
        const { code, text } = await dispatcher.dispatch(command(name, [{ role }]));
        assert.equal(text === 'ran', expected(name, role), `${role} ${name}`);
        assert.equal(code, expected(name, role) ? undefined : 'command-denied', `${role} ${name}`);
        const { missing } = audited.at(-1)!;
        assert.equal(missing, expected(name, role) ? undefined : rightsOf(name).family);
        assert.ok(missing === undefined || !text!.includes(`${missing} `), 'the answer does not tell the right');
        cells++;
      }
    }
    assert.equal(cells, COLUMNS.length * COMMANDS.length);
    for (const family of FAMILY_NAMES) {
      COLUMNS.forEach((role, column) => {
        const has = missingRight([{ role }], { command: '', family, reach: () => 'everything' }) === undefined;
        assert.equal(has, MATRIX[family].split(' ')[column] === 'x', `${role} ${family}`);
      });
    }
  });

  it('let nobody without rights do anything, and whom a plain Kea file lets in do everything', () => {
    const { services } = bench();
    for (const { name } of COMMANDS) {
      assert.notEqual(missingFor(command(name, []), services), undefined, name);
      assert.equal(missingFor(command(name, FULL_RIGHTS), services), undefined, name);
      assert.equal(missingFor(command(name, [{ command: name }]), services), undefined, name);
      assert.equal(missingFor(command(name, [{ family: rightsOf(name).family }]), services), undefined, name);
    }
  });

  it('are cut down by what a listener lets through', () => {
    const { services } = bench();
    const through = (name: string) =>
      missingFor(command(name, FULL_RIGHTS, undefined, ['leases', 'status-get']), services);
    assert.equal(through('lease4-get-all'), undefined);
    assert.equal(through('status-get'), undefined);
    assert.equal(through('version-get'), 'status through this listener');
    assert.equal(through('shutdown'), 'process through this listener');
  });
});

/** Arguments of every command whose reach depends on them: in subnet 1, and what reaches subnet 2 or everything. */
const SCOPED: Readonly<Record<string, { readonly inside: JsonMap; readonly outside: readonly Json[] }>> = {
  'stat-lease4-get': {
    inside: { 'subnet-id': 1 },
    outside: [
      { 'subnet-id': 2 },
      { 'subnet-range': { 'first-subnet-id': 1, 'last-subnet-id': 2 } },
      { 'subnet-range': { 'first-subnet-id': 5, 'last-subnet-id': 9 } },
      {},
    ],
  },
  'lease4-get': {
    inside: { 'ip-address': '192.0.2.20' },
    outside: [
      { 'ip-address': '198.51.100.20' },
      // The address goes before the subnet.
      { 'ip-address': '198.51.100.20', 'subnet-id': 1 },
      // In no subnet, but leased in one.
      { 'ip-address': '203.0.113.9' },
      { 'ip-address': '10.1.1.1' },
      { 'subnet-id': 2, 'identifier-type': 'hw-address', identifier: '02:00:00:00:00:01' },
      { 'ip-address': 7, 'subnet-id': 1 },
    ],
  },
  'bmc-list': { inside: { 'subnet-id': 1 }, outside: [{ 'subnet-id': 2 }, {}, { 'subnet-id': '1' }] },
  'lease4-get-all': {
    inside: { subnets: [1] },
    outside: [{ subnets: [1, 2] }, { subnets: [] }, {}, { subnets: ['1'] }],
  },
  'lease4-get-by-state': {
    inside: { state: 0, 'subnet-id': 1 },
    outside: [{ state: 0 }, { state: 0, 'subnet-id': 0 }],
  },
  'lease4-add': {
    inside: { 'ip-address': '192.0.2.20', 'subnet-id': 1 },
    outside: [
      { 'ip-address': '198.51.100.20' },
      { 'ip-address': '198.51.100.20', 'subnet-id': 1 },
      { 'ip-address': '192.0.2.20', 'subnet-id': 2 },
      { 'subnet-id': 1 },
    ],
  },
  'lease4-update': {
    inside: { 'ip-address': '192.0.2.20' },
    outside: [{ 'ip-address': '203.0.113.9', 'subnet-id': 1 }, { 'subnet-id': 1 }],
  },
  'lease4-resend-ddns': {
    inside: { 'ip-address': '192.0.2.9' },
    outside: [{ 'ip-address': '203.0.113.9' }, {}],
  },
  'lease4-del': {
    inside: { 'subnet-id': 1, 'identifier-type': 'client-id', identifier: '01:02' },
    outside: [{ 'ip-address': '203.0.113.9' }, { 'subnet-id': 2 }, { 'subnet-id': '1' }],
  },
  'lease4-wipe': { inside: { 'subnet-id': 1 }, outside: [{ 'subnet-id': 2 }, { 'subnet-id': 0 }, {}] },
  'reservation-get': { inside: { 'subnet-id': 1 }, outside: [{ 'subnet-id': 2 }, { 'subnet-id': 0 }, {}] },
  'reservation-get-all': { inside: { 'subnet-id': 1 }, outside: [{ 'subnet-id': 0 }] },
  'reservation-get-page': { inside: { 'subnet-id': 1, limit: 5 }, outside: [{ limit: 5 }] },
  'reservation-get-by-address': { inside: { 'subnet-id': 1 }, outside: [{ 'ip-address': '192.0.2.20' }] },
  'reservation-get-by-hostname': { inside: { 'subnet-id': 1 }, outside: [{ hostname: 'a' }] },
  'reservation-add': {
    inside: { reservation: { 'subnet-id': 1, 'ip-address': '192.0.2.20' } },
    outside: [
      { reservation: { 'subnet-id': 2 } },
      { reservation: { 'ip-address': '192.0.2.20' } },
      { reservation: 7 },
      { 'subnet-id': 1 },
    ],
  },
  'reservation-update': {
    inside: { reservation: { 'subnet-id': 1 } },
    outside: [{ reservation: { 'subnet-id': 2 } }, { reservation: {} }],
  },
  'reservation-del': { inside: { 'subnet-id': 1 }, outside: [{ 'subnet-id': 0 }, {}] },
  'subnet4-get': {
    inside: { subnet: '192.0.2.0/24' },
    outside: [{ id: 2 }, { subnet: '198.51.100.0/24' }, { subnet: 1 }],
  },
  'subnet4-update': {
    inside: { subnet4: [{ id: 1, subnet: '192.0.2.0/24' }] },
    outside: [
      { subnet4: [{ id: 1, subnet: '10.0.0.0/8' }] },
      { subnet4: [{ id: 2 }] },
      { subnet4: [{ id: 1 }, { id: 2 }] },
      { subnet4: { id: 1 } },
      { subnet4: [{ id: 3 }] },
    ],
  },
  'subnet4-delta-add': { inside: { subnet4: [{ id: 1 }] }, outside: [{ subnet4: [{ id: 2 }] }] },
  'subnet4-delta-del': { inside: { subnet4: [{ id: 1 }] }, outside: [{ subnet4: [] }] },
  'subnet4-del': { inside: { id: 1 }, outside: [{ id: 2 }, {}] },
};

const ODD_ARGUMENTS: readonly (Json | undefined)[] = [undefined, {}, { 'subnet-id': 1 }, [1], 'x', null, 7];

describe('rights for some subnets', () => {
  const { services } = bench();
  const missing = (name: string, args: Json | undefined, subnets: readonly string[]) =>
    missingFor(command(name, [{ family: rightsOf(name).family, subnets }], args), services);

  it('reach into these subnets, by id and by prefix, and no further', () => {
    for (const [name, { inside, outside }] of Object.entries(SCOPED)) {
      assert.equal(missing(name, inside, ['1']), undefined, name);
      assert.equal(missing(name, inside, ['192.0.2.0/24']), undefined, name);
      assert.match(missing(name, inside, ['2']) ?? '', / on 192\.0\.2\.0\/24 \(id 1\)$/, name);
      for (const args of outside) {
        assert.notEqual(missing(name, args, ['1']), undefined, `${name} ${JSON.stringify(args)}`);
        assert.equal(missing(name, args, []) === undefined, false);
      }
    }
  });

  it('hold for all other commands only where no subnet is involved', () => {
    for (const { name } of COMMANDS) {
      if (Object.hasOwn(SCOPED, name)) continue;
      const free = rightsOf(name).family === 'status' || name === 'statistic-global-get-all';
      for (const args of ODD_ARGUMENTS) {
        assert.equal(missing(name, args, ['1']) === undefined, free, name);
      }
    }
  });

  it('add up', () => {
    const rights: Right[] = [
      { role: 'viewer', subnets: ['1'] },
      { command: 'lease4-get-all', subnets: ['198.51.100.0/24'] },
    ];
    assert.equal(missingFor(command('lease4-get-all', rights, { subnets: [1, 2] }), services), undefined);
    assert.equal(
      missingFor(command('lease4-get-by-state', rights, { 'subnet-id': 2 }), services),
      'leases on 198.51.100.0/24 (id 2)',
    );
  });
});

describe('a configuration that is read', () => {
  it('has its secrets for administrators only', async () => {
    const { config, dispatcher } = bench();
    config.current = { ...config.current, tree: { a: [{ secret: 'hunter2' }] } };
    const shown = async (role: Role) =>
      JSON.stringify((await dispatcher.dispatch(command('config-get', [{ role }]))).arguments);
    assert.match(await shown('admin'), /hunter2/);
    for (const role of ['viewer', 'config-operator'] as const) assert.match(await shown(role), /"secret":"\*{5}"/);
  });
});

describe('a configuration that is set by command', () => {
  it('needs more rights where it is about security', () => {
    const { services } = bench();
    const set = (more: JsonMap) =>
      missingFor(command('config-set', [{ role: 'config-operator' }], { Dhcp4: { ...NET, ...more } }), services);
    const { tree } = services.config.current;
    assert.equal(changesSecurity(tree, tree), false);
    for (const name of ['config-set', 'config-test']) {
      const same = command(name, [{ role: 'config-operator' }], { Dhcp4: { ...tree, 'valid-lifetime': 77 } });
      assert.equal(missingFor(same, services), undefined);
    }
    const logger = { name: 'kea-dhcp4', 'output-options': [{ output: '/etc/cron.d/x' }] };
    const lessor = { access: { principals: [{ name: 'p', rights: [{ role: 'admin' }] }] } };
    const changes: readonly JsonMap[] = [
      { 'control-sockets': [{ 'socket-type': 'http', 'socket-address': '0.0.0.0' }] },
      { 'hooks-libraries': [{ library: 'libdhcp_run_script.so' }] },
      { loggers: [logger] },
      { 'user-context': { lessor } },
    ];
    for (const more of changes) {
      const whole: JsonMap = { ...tree, ...more };
      assert.equal(changesSecurity(tree, whole), true);
      assert.equal(set(whole), 'security');
    }
    assert.equal(changesSecurity(tree, { ...tree, 'user-context': { note: 'x' } }), false);
  });
});
