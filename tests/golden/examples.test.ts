/** The configurations of examples/: they are what somebody copies first, so each loads without a word of complaint. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { loadConfig } from 'lessor/internal/config/load.js';
import { repoPath } from '../lib/repo.js';
import { testEnvironment } from '../unit/config-helpers.js';

describe('examples', () => {
  for (const name of readdirSync(repoPath('examples'))) {
    it(`${name} loads without a warning`, () => {
      // The quickstart's password file is made by the quickstart.
      const readFile = (path: string): string =>
        path.endsWith('http-password') ? 'user:secret\n' : readFileSync(path, 'latin1');
      const { interfaceNames: _, ...environment } = testEnvironment({}, { readFile });
      const directories = { ...environment.directories, controlSocket: '/run/kea' };
      const source = { kind: 'file', path: repoPath('examples', name) } as const;
      const { snapshot, warnings } = loadConfig(source, { ...environment, directories });
      assert.deepEqual(warnings, []);
      assert.ok(snapshot.subnets.length > 0);
    });
  }
});
