/**
 * Kea's recorded control sessions, replayed over a real unix socket. Every answer is Kea's, apart from volatile values
 * (transcripts/README.md), or is in a table of differences with its reason.
 */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatJson, type JsonMap, parseCommandJson } from '@lessor/kea';
import { type ReplayServer, startReplayServer } from './control-bench.js';
import { DIFFERENCES, NOT_THERE, OTHER_STEPS } from './control-differences.js';
import {
  declineAndRelease,
  exchange,
  otherStep,
  prepareFile,
  readTranscript,
  type Step,
  type TranscriptName,
  without,
  withoutVolatile,
} from './control-replay.js';
import { assertOutcome } from './replay-counts.js';

const CONFIG = readTranscript('3.3', 'core-unix').meta.config!;
const usedRows = new Set<unknown>();

const TRANSCRIPTS: readonly TranscriptName[] = [
  'core-unix',
  'json-dialect-unix',
  'framing-unix',
  'lease-cmds',
  'stat-cmds',
  'host-cmds',
  'subnet-cmds',
  'class-cmds',
];

describe('replay of recorded Kea', () => {
  for (const name of TRANSCRIPTS) {
    it(name, (t) => replay(name, (line) => t.diagnostic(line)));
  }

  it('every row of the tables is needed', () => {
    for (const row of [...DIFFERENCES, ...NOT_THERE, ...OTHER_STEPS]) assert.ok(usedRows.has(row), row.reason);
  });

  it('our formatter writes every recorded text as Kea did', () => {
    let texts = 0;
    for (const name of TRANSCRIPTS) {
      for (const { response_raw: raw } of readTranscript('3.3', name).steps) {
        if (!raw?.startsWith('{')) continue;
        assert.equal(formatJson(parseCommandJson(raw, { comments: false })), raw);
        texts++;
      }
    }
    assert.ok(texts > 50);
  });
});

async function replay(name: TranscriptName, tell: (line: string) => void): Promise<void> {
  const { meta, steps } = readTranscript('3.3', name);
  const server = await startReplayServer(meta.config ?? CONFIG);
  const counts = { same: 0, different: 0, 'not there': 0, 'not a command': 0, 'left out': 0 };
  try {
    for (const step of steps) counts[await replayStep(name, step, server)]++;
  } finally {
    await server.close();
  }
  tell(`${name}: ${JSON.stringify(counts)}`);
  assertOutcome(`kea3.3-${name}`, {
    same: counts.same + counts['not a command'],
    different: counts.different,
    leftOut: counts['not there'] + counts['left out'],
  });
  assert.equal(
    Object.values(counts).reduce((sum, count) => sum + count, 0),
    steps.length,
  );
}

type Outcome = 'same' | 'different' | 'not there' | 'not a command' | 'left out';

async function replayStep(name: TranscriptName, step: Step, server: ReplayServer): Promise<Outcome> {
  if (step.transport !== 'unix') {
    const leftOut = await otherStep(step, server);
    if (leftOut === undefined) return 'not a command';
    usedRows.add(leftOut);
    return 'left out';
  }
  prepareFile(step, server, CONFIG);
  if (step.name === 'lease4-get-all after decline and release') await declineAndRelease(server);
  const answer = await exchange(step, server);
  if (step.response === undefined) {
    assert.equal(answer, step.response_raw, step.name);
    return 'same';
  }
  assert.equal(formatJson(parseCommandJson(answer, { comments: false })), answer, 'the text is in canonical form');
  const ours = JSON.parse(answer) as JsonMap;
  const kea = step.response as JsonMap;
  const command = step.request?.command ?? '';

  const missing = NOT_THERE.find((row) => row.command.test(command));
  if (missing !== undefined) {
    usedRows.add(missing);
    assert.deepEqual(ours, { result: 2, text: `'${command}' command not supported.` });
    return 'not there';
  }
  const row = DIFFERENCES.find(
    (each) => each.transcript === name && each.step.test(step.name) && each.kea === kea.result,
  );
  if (row === undefined) {
    assert.deepEqual(withoutVolatile(ours), withoutVolatile(kea), step.name);
    return 'same';
  }
  usedRows.add(row);
  assert.notDeepEqual(withoutVolatile(ours), withoutVolatile(kea), `${step.name} is as in Kea now: the row is stale`);
  assert.equal(ours.result, row.lessor, `${step.name}: ${answer}`);
  if (row.text === undefined) assert.equal(ours.text, kea.text);
  else assert.match(String(ours.text), row.text, step.name);
  for (const command of row.undo ?? []) await server.ask(JSON.stringify(command));
  if (row.members !== undefined) {
    assert.deepEqual(without(ours.arguments, row.members), without(kea.arguments, row.members), step.name);
  }
  return 'different';
}
