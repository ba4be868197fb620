/** The examples of docs/reference/commands.md, with a real server: every answer is the one the page shows. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { JsonMap, JsonValue } from '@lessor/kea';
import { COMMANDS } from 'lessor/internal/control/commands/index.js';
import { COMMAND_EXAMPLES, EXAMPLE_CONFIG, EXAMPLE_FOLDER, recordedAnswers } from '../../scripts/command-examples.js';
import { Netns } from '../lib/netns.js';
import { repoPath } from '../lib/repo.js';
import { Server } from '../lib/server.js';
import { SUBJECTS } from '../lib/subject.js';

const RECORDED = 1_767_225_600;

/** What differs from run to run, and what stands in the page for it. */
const STANDING_FOR: Readonly<Record<string, JsonValue>> = {
  at: RECORDED,
  cltt: RECORDED,
  expire: RECORDED + 3600,
  extended: 'lessor ... Node.js ...',
  hash: '9C6D7E'.padEnd(64, '0'),
  'hash-after': '9C6D7E'.padEnd(64, '0'),
  'hash-before': '31F00A'.padEnd(64, '0'),
  pid: 4711,
  reload: 60,
  'seconds-left': 60,
  size: 2048,
  uptime: 60,
};

/** An answer as the page has it. */
function settled(value: JsonValue, folder: string): JsonValue {
  if (typeof value === 'string') {
    return value
      .replaceAll(folder, EXAMPLE_FOLDER)
      .replace(/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\b/g, '2026-01-01 00:00:00.000000')
      .replace(/^[0-9a-f]{8,}-(\d+)$/, '5f3a9c10-$1');
  }
  if (value === null || typeof value !== 'object') return value;
  // Not every machine has IPv6.
  if (Array.isArray(value)) return value.filter((item) => item !== '::1').map((item) => settled(item, folder));
  return Object.fromEntries(
    Object.entries(value as JsonMap).map(([name, item]) => [name, STANDING_FOR[name] ?? settled(item, folder)]),
  );
}

describe('examples of the command reference', () => {
  it('show every command', () => {
    const shown = new Set(COMMAND_EXAMPLES.filter(({ hidden }) => hidden === undefined).map(({ command }) => command));
    // Commands of a pair need a partner: docs/ha.md has them.
    const missing = COMMANDS.filter(({ name }) => !shown.has(name) && !name.startsWith('ha-')).map(({ name }) => name);
    assert.deepEqual(missing, []);
  });

  it('are answered as the page says', async () => {
    // Alone with its loopback, on which it serves: so interface-list and explain4 answer the same everywhere.
    const machine = Netns.create();
    const server = new Server(machine, { subject: SUBJECTS.lessor, interfaces: ['lo'] });
    try {
      server.configure(EXAMPLE_CONFIG);
      await server.start();
      const answers: JsonValue[] = [];
      for (const { command, arguments: args, hidden } of COMMAND_EXAMPLES) {
        const sent = args && JSON.parse(JSON.stringify(args).replaceAll(EXAMPLE_FOLDER, server.folder));
        const answer = await server.command(command, sent);
        if (hidden) assert.equal(answer.result, 0, `${command}: ${answer.text}`);
        const text = command === 'build-report' ? { ...answer, text: 'lessor ...' } : answer;
        answers.push(settled(text as unknown as JsonValue, server.folder));
      }
      if (process.env.RECORD_EXAMPLES === '1') {
        writeFileSync(repoPath('scripts', 'command-examples.json'), `${JSON.stringify(answers, null, 2)}\n`);
        return;
      }
      const recorded = recordedAnswers();
      for (const [i, { command }] of COMMAND_EXAMPLES.entries()) assert.deepEqual(answers[i], recorded[i], command);
      assert.equal(recorded.length, answers.length);
    } finally {
      await server.close();
      machine.destroy();
    }
  });
});
