/**
 * Who may do what, asked at the real doors of a real server: every command of the table, every role, every door. What is
 * expected is read from the tables of families and roles, so a new command or role is in the matrix by being in its table.
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import {
  deleteRequest,
  type Entry,
  encodeUint32,
  OmapiClient,
  type OmapiMessage,
  openRequest,
  type Request,
  Result,
  readStatus,
  refreshRequest,
  updateRequest,
} from '@lessor/omapi';
import { COMMANDS_WITH_RIGHTS, rightsOf } from 'lessor/internal/control/access/command-rights.js';
import { COMMANDS } from 'lessor/internal/control/commands/index.js';
import { OBJECT_FAMILIES } from 'lessor/internal/control/omapi/demands.js';
import { OBJECT_ROWS } from 'lessor/internal/control/omapi/server.js';
import type { Family } from 'lessor/internal/domain/access/families.js';
import { ROLES, type RoleRow } from 'lessor/internal/domain/access/roles.js';
import { AccessLab, basic, type HttpDoor, keyOf, PEOPLE, type Person, passwordOf, uidOf } from '../lib/access-lab.js';
import { skipUnless } from '../lib/peers.js';
import { repoPath } from '../lib/repo.js';

const skip = process.getuid?.() === 0 ? skipUnless('openssl') : 'only root can connect as other users';

/** What the tables say. */
function mayUse(person: Person, command: string): boolean {
  if (person === 'nobody') return false;
  const { families, commands }: RoleRow = ROLES[person];
  return families.includes(rightsOf(command).family) || commands.includes(command);
}

/**
 * Arguments with which a command that is allowed does no harm to the commands after it: they are refused once the right
 * has been found to be there.
 */
const HARMLESS: Readonly<Record<string, unknown>> = {
  shutdown: { 'exit-value': 'never' },
  'dhcp-disable': { 'max-period': 'for ever' },
  'config-write': { filename: 7 },
};

type Verdict = 'allowed' | 'denied' | `unexpected: ${string}`;

/** One door: sends a command as somebody, and says what became of it. */
type Ask = (person: Person, command: string, args: unknown) => Promise<Verdict>;

describe('The matrix of commands, roles and doors', { skip }, () => {
  let lab: AccessLab;
  const names = COMMANDS.map(({ name }) => name);

  before(async () => {
    lab = await AccessLab.open();
  });
  after(() => lab?.close());

  it('leaves no command without a row of rights, and no row without a command', async () => {
    assert.deepEqual([...COMMANDS_WITH_RIGHTS].sort(), [...names].sort());
    const { arguments: told } = await lab.server.command('list-commands');
    assert.deepEqual(told, [...names].sort());
  });

  const http =
    (door: HttpDoor, prove: (person: Person) => Parameters<AccessLab['post']>[2]): Ask =>
    async (person, command, args) => {
      const body = JSON.stringify({ command, arguments: args });
      const { status, text } = await lab.post(door, body, { person, ...prove(person) });
      if (status === 403) return 'denied';
      return status === 200 && !text.includes('may not use') ? 'allowed' : `unexpected: ${status} ${text}`;
    };

  const DOORS: Readonly<Record<string, Ask>> = {
    unix: async (person, command, args) => {
      const { result, text = '' } = await lab.unix(uidOf(person), command, args);
      return result === 1 && text.includes('may not use') ? 'denied' : 'allowed';
    },
    'http by password': http('http', (person) => ({ authorization: basic(person, passwordOf(person)) })),
    'https by certificate': http('https', () => ({})),
    'https by both': http('both', (person) => ({ authorization: basic(person, passwordOf(person)) })),
  };

  for (const [door, ask] of Object.entries(DOORS)) {
    it(`is that of the tables through ${door}`, async () => {
      const before = lab.audit().length;
      const wrong: string[] = [];
      await Promise.all(
        PEOPLE.map(async (person) => {
          for (const command of names) {
            const verdict = await ask(person, command, HARMLESS[command]);
            const expected = mayUse(person, command) ? 'allowed' : 'denied';
            if (verdict !== expected) wrong.push(`${person} ${command}: ${verdict}, not ${expected}`);
          }
        }),
      );
      assert.deepEqual(wrong, []);
      // Every one of them is in the audit, what was denied with the right that was missing.
      const records = lab.audit().slice(before);
      assert.equal(records.length, PEOPLE.length * names.length);
      const told = records
        .filter(({ missing }) => missing !== undefined)
        .map(({ command, who }) => `${who} ${command}`);
      const denied = PEOPLE.flatMap((person) =>
        names.flatMap((name) => (mayUse(person, name) ? [] : [[person, name]])),
      );
      assert.equal(told.length, denied.length);
    });
  }

  describe('over OMAPI', () => {
    const clients = new Map<Person, OmapiClient>();
    const named = (name: string): Entry => ['name', Buffer.from(name)];
    const bytes = (...octets: number[]): Uint8Array => Uint8Array.from(octets);
    /** Attributes that make an object, for the types that can be made. */
    const MADE: Readonly<Record<string, readonly Entry[]>> = {
      host: [named('h'), ['hardware-address', bytes(2, 0, 0, 0, 0, 1)], ['ip-address', bytes(192, 0, 2, 60)]],
      group: [named('g'), ['statements', Buffer.from('filename "x";')]],
      class: [named('c'), ['match', Buffer.from('hardware')]],
      subclass: [named('c'), ['hashstring', bytes(1, 2, 0, 0, 0, 0, 2)]],
    };
    /** Attributes that find an object that is always there. */
    const FOUND: Readonly<Record<string, readonly Entry[]>> = {
      lease: [['ip-address', bytes(192, 0, 2, 10)]],
      control: [],
    };
    /** The types whose objects are made or found, and so have handles. */
    const HAVE_HANDLES = [...Object.keys(MADE), ...Object.keys(FOUND)];

    before(() => {
      for (const person of PEOPLE) {
        const key = keyOf(person);
        clients.set(person, new OmapiClient({ host: '127.0.0.1', port: lab.ports.omapi, key, reconnect: false }));
      }
    });
    after(() => {
      for (const client of clients.values()) client.close();
    });

    const send = (person: Person, request: Request): Promise<OmapiMessage> => clients.get(person)!.request(request);

    async function verdict(person: Person, request: Request): Promise<Verdict> {
      return readStatus(await send(person, request))?.result === Result.NOPERM ? 'denied' : 'allowed';
    }

    /** The handle of an object that is there or is made; undefined for types without. */
    async function handleOf(name: string): Promise<number> {
      const made = MADE[name];
      if (name === 'subclass') await handleOf('class');
      const there = await send('admin', openRequest(name, made ?? FOUND[name]!));
      if (there.handle !== 0) return there.handle;
      const answer = await send('admin', openRequest(name, made ?? [], { create: true }));
      assert.notEqual(answer.handle, 0, `${name}: ${JSON.stringify(readStatus(answer))}`);
      return answer.handle;
    }

    const has = (person: Person, family: Family): boolean =>
      person !== 'nobody' && (ROLES[person].families as readonly Family[]).includes(family);

    it('has a row of demands for each object, and no other', () => {
      assert.deepEqual(Object.keys(OBJECT_FAMILIES).sort(), [...OBJECT_ROWS.keys()].sort());
    });

    /** Every verb on a type, and the families of which all are needed. */
    const VERBS: readonly [
      name: string,
      make: (type: string) => Promise<Request>,
      needs: readonly ('look' | 'change')[],
    ][] = [
      ['open', async (name) => openRequest(name, MADE[name] ?? FOUND[name] ?? []), ['look']],
      ['open to create', async (name) => openRequest(name, [['x', bytes(1)]], { create: true }), ['look', 'change']],
      ['open to update', async (name) => openRequest(name, [['x', bytes(1)]], { update: true }), ['look', 'change']],
      ['refresh', async (name) => refreshRequest(await handleOf(name)), ['look']],
      ['update', async (name) => updateRequest(await handleOf(name), [['x', bytes(1)]]), ['change']],
      ['delete', async (name) => deleteRequest(await handleOf(name)), ['change']],
    ];

    it('is that of the tables for every verb and object', async () => {
      const wrong: string[] = [];
      await lab.server.must('lease4-add', { 'ip-address': '192.0.2.10', 'hw-address': '02:00:00:00:00:03' });
      for (const [name, make, needs] of VERBS) {
        const types = make.toString().includes('handleOf') ? HAVE_HANDLES : [...OBJECT_ROWS.keys()];
        for (const one of types) {
          for (const person of PEOPLE) {
            const families = needs.map((need) => OBJECT_FAMILIES[one]![need]);
            // There are objects that nobody can remove, and it is said so with the same code.
            const never = name === 'delete' && OBJECT_ROWS.get(one)!.removal === Result.NOPERM;
            const expected = !never && families.every((family) => has(person, family)) ? 'allowed' : 'denied';
            const was = await verdict(person, await make(one));
            if (was !== expected) wrong.push(`${person} ${name} ${one}: ${was}, not ${expected}`);
          }
        }
      }
      assert.deepEqual(wrong, []);
    });

    it('lists nothing that may not be looked at', async () => {
      for (const [name, { list }] of OBJECT_ROWS) {
        if (list === undefined) continue;
        for (const person of PEOPLE) {
          const was = await verdict(person, openRequest('list', [['of', Buffer.from(name)]]));
          assert.equal(was, has(person, OBJECT_FAMILIES[name]!.look) ? 'allowed' : 'denied', `${person} lists ${name}`);
        }
      }
    });

    it('stops the server for nobody but an administrator', async () => {
      const shutdown = updateRequest(await handleOf('control'), [['state', encodeUint32(2)]]);
      for (const person of PEOPLE.filter((one) => one !== 'admin'))
        assert.equal(await verdict(person, shutdown), 'denied');
    });

    it('is in the audit, what was looked at and what was denied', () => {
      const records = lab.audit().filter(({ method }) => method === 'omapi-key');
      const of = (who: string, command: string) => records.filter((one) => one.who === who && one.command === command);
      assert.ok(of('viewer', 'omapi-host-open').some(({ result, missing }) => result === 3 && missing === undefined));
      assert.ok(of('viewer', 'omapi-host-open').some(({ missing }) => missing === 'reservations-change'));
      assert.ok(of('metrics', 'omapi-host-open').every(({ missing }) => missing === 'reservations'));
      assert.ok(of('key-nobody', 'omapi-lease-open').every(({ missing }) => missing === 'leases'));
    });
  });

  it('lets nobody administer through the listener of the partner, and the partner only replicate', async () => {
    const wrong: string[] = [];
    await Promise.all(
      PEOPLE.map(async (person) => {
        for (const command of names) {
          const { status, text } = await lab.post('peer', JSON.stringify({ command }), { person });
          // A heartbeat is what a pair says; it has a command of its name in the table, for Kea's partners.
          const expected = person === 'ha-peer' ? 200 : 403;
          const refused = expected === 403 || command === 'ha-heartbeat' || /"result":[12]\b/.test(text);
          if (status !== expected || !refused) wrong.push(`${person} ${command}: ${status} ${text}`);
        }
      }),
    );
    assert.deepEqual(wrong, []);
  });

  it('has no commands at the door of metrics', async () => {
    for (const person of PEOPLE) {
      const authorization = basic(person, passwordOf(person));
      const replies = await Promise.all(
        names.map((command) => lab.post('metrics', JSON.stringify({ command }), { person, authorization })),
      );
      assert.deepEqual([...new Set(replies.map(({ status }) => status))], [404]);
    }
  });

  it('is found again whole by the audit', () => {
    const lessor = repoPath('packages', 'server', 'bin', 'lessor');
    const out = execFileSync(process.execPath, [lessor, 'audit', 'verify', lab.auditFile], { encoding: 'utf8' });
    assert.match(out, /records, whole/);
  });
});
