/**
 * Kea's own example files. They are not in this repository (their licence is not ours): give their directory, doc/examples
 * of Kea 3.3's source, in KEA_EXAMPLES. What Kea loads with -X must load, what it refuses must be refused.
 */

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadConfig } from 'lessor/internal/config/load.js';
import { issuesOf, testEnvironment } from '../unit/config-helpers.js';

const directory = process.env.KEA_EXAMPLES;

/** What Kea 3.3.1 refuses with -X, and a word our message has. Everything else in kea4 loads. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  'kea4/all-keys.json': /well-known/,
  'kea4/all-keys-netconf.json': /well-known/,
  'kea4/comments.json': /well-known/,
  'kea4/config-backend.json': /libdhcp_mysql\.so/,
  'kea4/hooks-radius.json': /libdhcp_radius\.so/,
  'kea4/hooks-rbac.json': /libdhcp_rbac\.so/,
  'kea4/hooks.json': /charging\.so/,
  'kea4/mysql-reservations.json': /libdhcp_mysql\.so/,
  'kea4/pgsql-reservations.json': /libdhcp_pgsql\.so/,
  'template-ha-mt-tls/kea-dhcp4-1.conf': /"id" is missing/,
  'template-ha-mt-tls/kea-dhcp4-2.conf': /"id" is missing/,
  'template-power-user-home/kea-dhcp4-1.conf': /"id" is missing/,
  'template-power-user-home/kea-dhcp4-2.conf': /"id" is missing/,
};

/** kea4/* and the DHCPv4 templates. */
function exampleFiles(root: string): string[] {
  const files = readdirSync(join(root, 'kea4')).map((name) => `kea4/${name}`);
  const templates = Object.keys(REFUSED).filter((name) => name.startsWith('template-'));
  return [...files, ...templates.filter((name) => existsSync(join(root, name)))].filter((name) =>
    /\.(json|conf)$/.test(name),
  );
}

// Not a skip where it is not set: no test run can install what may not be copied.
if (directory !== undefined)
  describe('examples of Kea 3.3', () => {
    const environment = testEnvironment(
      {},
      { readFile: (path) => readFileSync(path, 'latin1'), insecure: true, directories: testEnvironment().directories },
    );
    for (const file of exampleFiles(directory)) {
      const reason = REFUSED[file];
      const load = () => loadConfig({ kind: 'file', path: join(directory!, file) }, environment);
      if (reason === undefined) {
        it(`${file} loads`, () => {
          const { snapshot } = load();
          const again = loadConfig({ kind: 'json', value: { Dhcp4: snapshot.tree } }, environment).snapshot;
          assert.equal(again.hash, snapshot.hash);
        });
      } else {
        it(`${file} is refused`, () => {
          const issues = issuesOf(load);
          assert.ok(issues.some(({ message }) => reason.test(message)));
          for (const { position } of issues) assert.ok(position.line > 0 && position.column > 0);
        });
      }
    }
  });
