/**
 * Every recorded session of Kea that is replayed, by which test, and with what outcome. The tests hold these numbers to
 * what they count; docs/kea-compatibility.md shows them.
 */

import assert from 'node:assert/strict';

/** What came of one session's steps. */
export interface ReplayOutcome {
  /** As Kea (sessions of 2.2: as 2.2, or as 3.3 where the two differ). */
  readonly same: number;
  /** Different, each by a row with its reason. */
  readonly different: number;
  /** Of commands that are not there, or of the matter of another test. */
  readonly leftOut: number;
}

/** One session: the name of its file without extension. */
export interface ReplayedSession extends ReplayOutcome {
  readonly session: string;
  readonly test: string;
}

const rows = (test: string, sessions: Readonly<Record<string, readonly [number, number, number]>>): ReplayedSession[] =>
  Object.entries(sessions).map(([session, [same, different, leftOut]]) => ({
    session,
    test,
    same,
    different,
    leftOut,
  }));

/** All of one server; sessions of pairs are replayed by ha-replay.test.ts. */
export const REPLAYED: readonly ReplayedSession[] = [
  ...rows('golden/control-replay.test.ts', {
    'kea3.3-core-unix': [98, 79, 2],
    'kea3.3-json-dialect-unix': [42, 2, 0],
    'kea3.3-framing-unix': [11, 0, 0],
    'kea3.3-lease-cmds': [97, 2, 3],
    'kea3.3-stat-cmds': [9, 2, 0],
    'kea3.3-host-cmds': [50, 6, 0],
    'kea3.3-subnet-cmds': [44, 6, 0],
    'kea3.3-class-cmds': [19, 3, 0],
  }),
  ...rows('golden/control-replay-2.2.test.ts', {
    'kea2.2-core-unix': [98, 79, 2],
    'kea2.2-json-dialect-unix': [42, 2, 0],
    'kea2.2-framing-unix': [10, 0, 1],
    'kea2.2-lease-cmds': [97, 2, 2],
    'kea2.2-stat-cmds': [9, 2, 0],
  }),
  ...rows('golden/http-replay.test.ts', {
    'kea3.3-http': [63, 25, 0],
    'kea3.3-http-auth': [18, 1, 0],
    'kea3.3-https': [5, 0, 0],
    'kea3.3-http-timeouts': [5, 0, 0],
    'kea3.3-http-reconfigure': [9, 28, 0],
    'kea2.2-http': [63, 25, 0],
    'kea2.2-http-auth': [16, 3, 0],
    'kea2.2-https': [5, 0, 0],
  }),
  ...rows('interop/kea-shell-replay.test.ts', {
    'kea3.3-kea-shell': [11, 1, 0],
    'kea2.2-kea-shell': [12, 0, 0],
    'kea3.3-shutdown': [4, 0, 0],
    'kea2.2-shutdown': [4, 0, 0],
  }),
  ...rows('golden/expressions.test.ts', { 'kea3.3-expressions': [176, 0, 0] }),
];

/** @throws AssertionError unless the table says the same of a session */
export function assertOutcome(session: string, outcome: ReplayOutcome): void {
  const row = REPLAYED.find((each) => each.session === session);
  assert.ok(row !== undefined, `${session} is not in replay-counts.ts`);
  const { same, different, leftOut } = row;
  assert.deepEqual({ same, different, leftOut }, outcome, `${session}: say so in replay-counts.ts`);
}
