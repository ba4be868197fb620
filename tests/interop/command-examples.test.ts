/** The examples of docs/reference/commands.md, with a real server: every answer is the one the page shows. */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { JsonMap, JsonValue } from '@lessor/kea';
import { COMMANDS } from 'lessor/internal/control/commands/index.js';
import {
  COMMAND_EXAMPLES,
  type CommandExample,
  EXAMPLE_CONFIG,
  EXAMPLE_FOLDER,
  recordedAnswers,
} from '../../scripts/command-examples.js';
import { NOT_THERE } from '../golden/control-differences.js';
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

/** Answers that change with every release. */
const STANDING_FOR_ANSWER: Readonly<Record<string, JsonMap>> = {
  'build-report': { text: 'lessor ...' },
  'list-commands': { arguments: ['build-report', 'class-add', 'class-del', '...'] },
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
  it('show every command of Kea’s', () => {
    const shown = new Set(COMMAND_EXAMPLES.filter(({ hidden }) => hidden === undefined).map(({ command }) => command));
    // Commands of a pair need a partner: docs/ha.md has them. Those that Kea has not have pages of their own.
    const needed = COMMANDS.filter(({ hook }) => hook !== 'high_availability' && hook !== 'lessor');
    const missing = needed.map(({ name }) => name).filter((name) => !shown.has(name));
    assert.deepEqual(missing, []);
  });

  it('are answered as the page says', async () => {
    await withServer(async (server) => {
      const answers: JsonValue[] = [];
      for (const example of COMMAND_EXAMPLES) answers.push(await perform(server, example));
      if (process.env.RECORD_EXAMPLES === '1') {
        writeFileSync(repoPath('scripts', 'command-examples.json'), `${JSON.stringify(answers, null, 2)}\n`);
        return;
      }
      const recorded = recordedAnswers();
      for (const [i, { command }] of COMMAND_EXAMPLES.entries()) assert.deepEqual(answers[i], recorded[i], command);
      assert.equal(recorded.length, answers.length);
    });
  });

  it('are answered the same after every argument was wrong once, and missing once: what is refused changes nothing', async () => {
    const recorded = recordedAnswers();
    let refused = 0;
    await withServer(async (server) => {
      for (const [i, example] of COMMAND_EXAMPLES.entries()) {
        for (const broken of brokenVersions(example)) {
          const answer = await server.command(example.command, broken);
          assert.equal(answer.result, 1, `${example.command} ${JSON.stringify(broken)}: ${answer.text}`);
          assert.ok(answer.text !== undefined && answer.text !== '', example.command);
          refused++;
        }
        assert.deepEqual(await perform(server, example), recorded[i], example.command);
      }
    });
    assert.ok(refused > 100, String(refused));
  });

  it('tell of every argument Kea has', () => {
    const ours = new Map(COMMANDS.map(({ name, args = {} }) => [name, Object.keys(args)]));
    const rows = readFileSync(repoPath('tests', 'golden', 'kea-arguments.tsv'), 'utf8')
      .trimEnd()
      .split('\n')
      .slice(1);
    for (const row of rows) {
      const [command, names] = row.split('\t') as [string, string];
      if (NOT_THERE.some((each) => each.command.test(command))) continue;
      const known = ours.get(command);
      assert.ok(known !== undefined, command);
      const wanted = names === '' ? [] : names.split(' ');
      assert.deepEqual(known.filter((name) => !OWN_ARGUMENTS.has(name)).sort(), wanted.sort(), command);
    }
  });
});

/** Arguments that lessor adds to commands of Kea's. */
const OWN_ARGUMENTS: ReadonlySet<string> = new Set(['confirm-within']);

async function withServer(work: (server: Server) => Promise<void>): Promise<void> {
  // Alone with its loopback, on which it serves: so interface-list and explain4 answer the same everywhere.
  const machine = Netns.create();
  const server = new Server(machine, { subject: SUBJECTS.lessor, interfaces: ['lo'] });
  try {
    server.configure(EXAMPLE_CONFIG);
    await server.start();
    await work(server);
  } finally {
    await server.close();
    machine.destroy();
  }
}

/** The answer of an example, as the page has it. */
async function perform(server: Server, { command, arguments: args, hidden }: CommandExample): Promise<JsonValue> {
  const sent = args && JSON.parse(JSON.stringify(args).replaceAll(EXAMPLE_FOLDER, server.folder));
  const answer = await server.command(command, sent);
  if (hidden) assert.equal(answer.result, 0, `${command}: ${answer.text}`);
  return settled({ ...answer, ...STANDING_FOR_ANSWER[command] } as unknown as JsonValue, server.folder);
}

/** The arguments of an example with each in turn of another type, and each mandatory one left out. */
function brokenVersions({ command, arguments: args }: CommandExample): JsonMap[] {
  if (args === undefined) return [];
  const map = args as JsonMap;
  const row = COMMANDS.find(({ name }) => name === command)!;
  return Object.entries(map).flatMap(([name, value]) => {
    const { [name]: _, ...others } = map;
    const wrong = { ...map, [name]: typeof value === 'object' ? 7 : { bogus: [] } };
    return row.args?.[name]?.optional === false ? [wrong, others] : [wrong];
  });
}
