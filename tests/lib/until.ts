/** Waiting for what is to come: how long that takes is the machine's affair, not the test's. */

import assert from 'node:assert/strict';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';

/** How long a test waits for what must come: much longer than a slow and busy machine takes, and not for ever. */
export const PATIENCE_MS = 60_000;

/**
 * Waits until something holds, asking again and again. @throws AssertionError that says what was waited for
 * @param what what is to hold, or what to say if it does not come to hold
 */
export async function until(
  what: string | (() => string),
  holds: () => boolean | Promise<boolean>,
  everyMs = 20,
): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) assert.fail(typeof what === 'string' ? `in vain waited until ${what}` : what());
    await sleep(everyMs);
  }
}

/** Turns of the event loop in which what is under way between sockets of one process comes to rest. */
const TURNS = 20;

/**
 * Lets the sockets of this process get on, where there is nothing to wait for. The time alone does not tell: whoever gets
 * to run late finds it over, and what has come meanwhile still to be read.
 */
export async function settle(ms = 20): Promise<void> {
  await sleep(ms);
  for (let left = TURNS; left > 0; left--) await turn();
}
