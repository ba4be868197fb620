/**
 * The configurations of tests/golden/configs. Good ones load, come back unchanged when what config-get says is loaded
 * again, and together use every parameter of the table. Each bad one is refused with the lines of its `.errors` file.
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { ConfigEnvironment } from 'lessor/internal/config/environment.js';
import { loadConfig } from 'lessor/internal/config/load.js';
import { SCHEMA } from 'lessor/internal/config/schema.js';
import type { Json } from 'lessor/internal/domain/snapshot.js';
import { repoPath } from '../lib/repo.js';
import { issuesOf, linesOf, testEnvironment } from '../unit/config-helpers.js';

const folder = repoPath('tests', 'golden', 'configs');
const names = readdirSync(folder).filter((name) => name.endsWith('.conf'));
const good = names.filter((name) => !name.startsWith('bad-'));
const bad = names.filter((name) => name.startsWith('bad-'));

const CREDENTIALS: Readonly<Record<string, string>> = {
  '/test/credentials/name': 'anna\nsecond line\n',
  '/test/credentials/secret': 'pass word\r\n',
  '/test/credentials/both': 'bert:with:colon\n',
  '//pw': 'user:x',
  u: 'backup',
  p: 'pass word',
  '/test/credentials/omapi': 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n',
};

/** Reads the folder's files by their bare names. */
function environment(overrides: Partial<ConfigEnvironment> = {}): ConfigEnvironment {
  return testEnvironment(
    {},
    {
      readFile(path) {
        const text = CREDENTIALS[path];
        if (text !== undefined) return text;
        if (path === 'missing.json') throw new Error('no such file');
        return readFileSync(`${folder}/${path}`, 'latin1');
      },
      ...overrides,
    },
  );
}

const load = (path: string, overrides: Partial<ConfigEnvironment> = {}) =>
  loadConfig({ kind: 'file', path }, environment(overrides));

describe('good configurations', () => {
  for (const name of good) {
    it(`${name} loads, and what config-get gives back loads to the same`, () => {
      const { snapshot } = load(name);
      const again = loadConfig({ kind: 'json', value: { Dhcp4: snapshot.tree } }, environment()).snapshot;
      assert.deepEqual(again.tree, snapshot.tree);
      assert.equal(again.hash, snapshot.hash);
      assert.match(snapshot.hash, /^[0-9A-F]{64}$/);
    });
  }

  it('together use every parameter that is not refused', () => {
    const files = [...good.map((name) => `${folder}/${name}`), repoPath('tests', 'golden', 'agent.conf')];
    const text = files.map((path) => readFileSync(path, 'latin1')).join('\n');
    const used = new Set([...text.matchAll(/"([a-z0-9-]+)"\s*:/gi)].map((match) => match[1]!));
    const unused = Object.values(SCHEMA).flatMap((scope) =>
      scope.parameters
        .filter(({ name, status }) => status !== 'unsupported' && !used.has(name) && !DATABASE_ONLY.has(name))
        .map(({ name }) => `${scope.title}: ${name}`),
    );
    assert.deepEqual(unused, []);
  });

  it('say what is not done', () => {
    const old = load('old-names.conf');
    assert.equal(old.warnings.filter(({ message }) => message.includes('is an old name')).length, 8);
    const sockets = old.snapshot.tree['control-sockets'] as Json;
    assert.deepEqual(sockets, [{ 'socket-type': 'unix', 'socket-name': '/test/run/kea4-ctrl-socket' }]);
  });
});

/** Parameters of database access, which only mysql and postgresql have: refused with them. */
const DATABASE_ONLY = new Set(
  SCHEMA['lease-database'].parameters
    .map(({ name }) => name)
    .filter((name) => !['type', 'name', 'persist', 'lfc-interval', 'max-row-errors'].includes(name)),
);

describe('bad configurations', () => {
  for (const name of bad) {
    it(`${name} is refused for all its faults at once`, () => {
      const expected = readFileSync(`${folder}/${name.replace('.conf', '.errors')}`, 'utf8');
      assert.equal(
        `${linesOf(issuesOf(() => load(name, { interfaceNames: ['eth0', 'eth1'] }))).join('\n')}\n`,
        expected,
      );
    });
  }

  it('with -X, restrictions are warnings', () => {
    const { warnings, snapshot } = load('bad-insecure.conf', { insecure: true });
    const refused = issuesOf(() => load('bad-insecure.conf'));
    for (const { message, position } of refused) {
      assert.ok(
        warnings.some((each) => each.message.startsWith(message) && each.position.path === position.path),
        message,
      );
    }
    assert.equal(snapshot.leaseDatabase.path, '/srv/leases.csv');
    assert.equal(snapshot.controlSockets[0]!.path, '/srv/kea.sock');
  });
});
