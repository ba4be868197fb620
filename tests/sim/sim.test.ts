/**
 * A slice of the simulation: every seed that ever failed, fresh ones, and the planted bugs. The long form is
 * `npm run sim`.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { repoPath } from '../lib/repo.js';
import { describe as story } from './describe.js';
import { MUTATIONS } from './mutations.js';
import { type Plan, planOf } from './plan.js';
import { type Outcome, runPlan } from './run.js';
import { shrink } from './shrink.js';
import { STYLES } from './styles.js';

/** Fresh seeds, and those of runs with three servers. */
const [SEEDS, HUBS] = [1500, 100];
/** Plans in which a bug may hide before it counts as missed. */
const MOST_PLANS = 1000;

const known = readFileSync(repoPath('tests', 'sim', 'seeds.txt'), 'utf8')
  .split('\n')
  .filter((line) => /^\d/.test(line))
  .map((line) => Number.parseInt(line, 10));

/** Runs made denser than those of a seed, shrunk, each with what it showed. */
const PLANS: readonly { readonly story: string; readonly plan: Plan }[] = JSON.parse(
  readFileSync(repoPath('tests', 'sim', 'plans.json'), 'utf8'),
);

/** Others for every commit, and the same for one: a test that fails, fails again. */
function freshSeed(): number {
  const { stdout } = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: repoPath(), encoding: 'utf8' });
  // Without a repository, as from an archive, the same for all.
  const commit = /^[0-9a-f]{8}/.exec(stdout ?? '')?.[0] ?? '0';
  return 1_000_000_000 + Number.parseInt(commit, 16) * 1000;
}

async function holds(plan: Plan): Promise<Outcome> {
  const outcome = await runPlan(plan);
  if (outcome.violations.length > 0) assert.fail(story(await shrink(outcome)));
  return outcome;
}

describe('Simulated pairs', () => {
  test('what happens follows from the seed', async () => {
    for (const seed of [12, 101]) {
      const [one, other] = [await runPlan(planOf(seed)), await runPlan(planOf(seed))];
      assert.equal(one.history.digest, other.history.digest);
      assert.equal(one.history.stored.length, other.history.stored.length);
      assert.notEqual(one.history.digest, (await runPlan(planOf(seed + 1))).history.digest);
    }
  });

  test('every seed that ever failed holds', async () => {
    assert.ok(known.length > 10);
    for (const seed of known) await holds(planOf(seed));
  });

  for (const { story: failed, plan } of PLANS) {
    test(`holds: ${failed}`, async () => {
      const outcome = await runPlan(plan);
      if (outcome.violations.length > 0) assert.fail(story(outcome));
    });
  }

  test('fresh seeds hold, in all styles of pairs', async (t) => {
    const styles = Object.values(STYLES).filter((style) => style !== STYLES.hub);
    const from = freshSeed();
    let [leases, merged] = [0, 0];
    for (let seed = from; seed < from + SEEDS; seed++) {
      const { history } = await holds(styles[seed % styles.length]!(seed));
      leases += history.holdings.length;
      merged += history.alarms.length;
    }
    t.diagnostic(`seeds ${from}..${from + SEEDS - 1}: ${leases} leases, ${merged} alarms of bindings given up`);
    assert.ok(leases > SEEDS, 'clients got no addresses');
  });

  test('fresh seeds hold of hubs, with two spokes', async (t) => {
    const from = freshSeed();
    let [leases, ofSecond] = [0, 0];
    for (let seed = from; seed < from + HUBS; seed++) {
      const { history } = await holds(STYLES.hub(seed));
      leases += history.holdings.length;
      ofSecond += history.pairs[1]!.holdings.length;
    }
    t.diagnostic(`seeds ${from}..${from + HUBS - 1}: ${leases} leases, ${ofSecond} of them in the second relation`);
    assert.ok(ofSecond > HUBS && leases - ofSecond > HUBS, 'clients of a relation got no addresses');
  });

  for (const mutation of MUTATIONS) {
    test(`notices: ${mutation.name}`, async (t) => {
      let plans = 0;
      for (let seed = mutation.from; plans < MOST_PLANS; seed++) {
        const plan = STYLES[mutation.style](seed);
        if (!mutation.suits(plan)) continue;
        plans++;
        const { violations } = await runPlan(plan, { mutation });
        if (violations.length === 0) continue;
        t.diagnostic(`seed ${seed}, plan ${plans}: ${violations[0]!.invariant}: ${violations[0]!.text}`);
        return;
      }
      assert.fail(`not noticed in ${plans} runs`);
    });
  }
});
