/** docs/reference is what the tables say: `npm run docs` was run after the last change of one. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { ERRORS } from 'lessor/internal/errors.js';
import { referencePages } from '../../scripts/reference.js';
import { REPLAYED } from '../golden/replay-counts.js';
import { repoPath } from '../lib/repo.js';

const read = (file: string): string => readFileSync(repoPath('docs', 'reference', file), 'utf8');

describe('generated reference', () => {
  for (const { file, text } of referencePages()) {
    it(`${file} is up to date (npm run docs)`, () => assert.equal(read(file), text));
  }

  it('tells of every recorded session of one server that there is', () => {
    const files = readdirSync(repoPath('tests', 'golden', 'transcripts')).filter((name) =>
      /^kea\d\.\d-.*\.json$/.test(name),
    );
    const sessions = files.map((name) => name.replace(/\.json$/, '')).filter((name) => !name.includes('-ha-'));
    assert.deepEqual(REPLAYED.map(({ session }) => session).sort(), sessions.sort());
  });

  it('explains every error code', () => {
    const page = read('errors.md');
    for (const code of Object.keys(ERRORS)) assert.ok(page.includes(`\`${code}\``), code);
  });
});
