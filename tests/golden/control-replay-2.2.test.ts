/**
 * Sessions recorded of Kea 2.2, played to lessor: each answer is that of 2.2, or that which Kea 3.3 gave to the same
 * step (which rules where they differ) with the differences of control-differences.ts, or is below with a reason.
 */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonMap } from '@lessor/kea';
import { type ReplayServer, startReplayServer } from './control-bench.js';
import { DIFFERENCES, NOT_THERE } from './control-differences.js';
import {
  declineAndRelease,
  exchange,
  otherStep,
  prepareFile,
  readTranscript,
  type Step,
  type TranscriptName,
  withoutVolatile,
} from './control-replay.js';
import { assertOutcome } from './replay-counts.js';

/** Where lessor answers as neither does. */
const OLD_DIFFERENCES: readonly {
  readonly transcript: TranscriptName;
  readonly step: RegExp;
  readonly lessor: number;
  readonly text?: RegExp;
  readonly reason: string;
}[] = [
  {
    transcript: 'core-unix',
    step: /^config-test: control-socket singular$/,
    lessor: 0,
    text: /^Configuration seems sane\. Control-sockets, /,
    reason: 'The one socket of 2.2 is taken, which 3.3 refuses; success is worded as in 3.3.',
  },
];

/** Steps that are no commands, of which only 3.3 is the measure. */
const LEFT_OUT: ReadonlyMap<string, string> = new Map([
  ['files', 'The socket has the mode of 3.3 (0770), not of 2.2 (0755).'],
  ['file written by config-write', 'The file is written with the parameters and the layout of 3.3.'],
]);

const CONFIG = readTranscript('2.2', 'core-unix').meta.config!;
const usedRows = new Set<unknown>();

type Verdict =
  | 'as 2.2'
  | 'as 3.3'
  | 'as 3.3 but for what is known'
  | 'different'
  | 'not there'
  | 'left out'
  | 'no command';

const TRANSCRIPTS: readonly TranscriptName[] = [
  'core-unix',
  'json-dialect-unix',
  'framing-unix',
  'lease-cmds',
  'stat-cmds',
];

describe('replay of recorded Kea 2.2', () => {
  for (const name of TRANSCRIPTS) {
    it(name, async (t) => {
      const { meta, steps } = readTranscript('2.2', name);
      const server = await startReplayServer(meta.config ?? CONFIG);
      const counts = new Map<Verdict, number>();
      try {
        for (const step of steps) {
          const verdict = await play(name, step, server);
          counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
        }
      } finally {
        await server.close();
      }
      t.diagnostic(`${name}: ${JSON.stringify(Object.fromEntries(counts))}`);
      const sum = (...verdicts: Verdict[]) => verdicts.reduce((total, each) => total + (counts.get(each) ?? 0), 0);
      assertOutcome(`kea2.2-${name}`, {
        same: sum('as 2.2', 'as 3.3', 'no command'),
        different: sum('as 3.3 but for what is known', 'different'),
        leftOut: sum('not there', 'left out'),
      });
    });
  }

  it('every row is needed', () => {
    for (const row of OLD_DIFFERENCES) assert.ok(usedRows.has(row), row.reason);
  });
});

async function play(name: TranscriptName, step: Step, server: ReplayServer): Promise<Verdict> {
  if (step.transport !== 'unix') {
    if (LEFT_OUT.has(step.name)) return 'left out';
    return (await otherStep(step, server)) === undefined ? 'no command' : 'left out';
  }
  prepareFile(step, server, CONFIG);
  if (step.name === 'lease4-get-all after decline and release') await declineAndRelease(server);
  const answer = await exchange(step, server);
  const newer = readTranscript('3.3', name).steps.filter((each) => each.name === step.name);
  if (step.response === undefined) {
    if (answer === step.response_raw) return 'as 2.2';
    assert.ok(
      newer.some((each) => each.response_raw === answer),
      `${step.name}: ${answer}`,
    );
    return 'as 3.3';
  }
  const ours = withoutOldNames(JSON.parse(answer) as JsonMap);
  const is = (theirs: Step['response']) => {
    try {
      assert.deepEqual(withoutVolatile(ours), withoutVolatile(theirs ?? null));
      return true;
    } catch {
      return false;
    }
  };
  const results = newer.map(({ response }) => (response as JsonMap | undefined)?.result);
  const known = DIFFERENCES.find(
    ({ transcript, step: steps, kea }) => transcript === name && steps.test(step.name) && results.includes(kea),
  );
  for (const command of known?.undo ?? []) await server.ask(JSON.stringify(command));
  if (is(step.response)) return 'as 2.2';
  if (newer.some(({ response }) => is(response))) return 'as 3.3';
  if (NOT_THERE.some(({ command }) => command.test(step.request?.command ?? ''))) {
    assert.equal(ours.result, 2);
    return 'not there';
  }
  if (known !== undefined && ours.result === known.lessor) {
    if (known.text !== undefined) assert.match(String(ours.text), known.text);
    return 'as 3.3 but for what is known';
  }
  const row = OLD_DIFFERENCES.find((each) => each.transcript === name && each.step.test(step.name));
  assert.ok(row !== undefined, `${name}: ${step.name}: ${JSON.stringify(step.response)} but here ${answer}`);
  usedRows.add(row);
  assert.equal(ours.result, row.lessor, step.name);
  if (row.text !== undefined) assert.match(String(ours.text), row.text, step.name);
  return 'different';
}

/** Kea 2.2 does not warn of names that it is the last to use. */
function withoutOldNames(answer: JsonMap): JsonMap {
  const { warnings, ...others } = (answer.arguments ?? {}) as { readonly warnings?: readonly string[] };
  const left = (warnings ?? []).filter((text) => !text.includes(' is an old name: '));
  if (warnings === undefined || left.length > 0) return answer;
  const { arguments: _, ...rest } = answer;
  return Object.keys(others).length === 0 ? rest : { ...rest, arguments: others as JsonMap };
}
