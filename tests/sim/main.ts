/**
 * Long simulation: `npm run sim -- --seeds 100000 --from 1`, `--hours 10000`, or one run: `--seed 42 --trace`. A run that
 * breaks an invariant is shrunk and printed; the program then ends with 1.
 */

import { parseArgs } from 'node:util';
import { describe } from './describe.js';
import { planOf } from './plan.js';
import { runPlan } from './run.js';
import { shrink } from './shrink.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    hours: { type: 'string' },
    from: { type: 'string' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    most: { type: 'string', default: '5' },
    'no-shrink': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(
    'usage: npm run sim -- [--seeds N | --hours N] [--from SEED] [--most FAILURES] | --seed S [--trace] [--no-shrink]',
  );
  process.exit(0);
}

async function one(seed: number): Promise<void> {
  const outcome = await runPlan(planOf(seed));
  const failed = outcome.violations.length > 0;
  const least = failed && !values['no-shrink'] ? await shrink(outcome) : outcome;
  // The trace is that of the smallest run that fails.
  if (values.trace) for (const line of (await runPlan(least.plan, { trace: true })).history.lines) console.log(line);
  if (failed) process.exitCode = 1;
  console.log(failed ? describe(least) : `seed ${seed}: ${least.history.holdings.length} leases, nothing violated`);
}

async function many(): Promise<void> {
  const from = Number(values.from ?? Math.floor(Date.now() / 1000) * 1000);
  const seeds = values.hours === undefined ? Number(values.seeds) : Number.POSITIVE_INFINITY;
  const wantedMs = values.hours === undefined ? Number.POSITIVE_INFINITY : Number(values.hours) * 3_600_000;
  const began = performance.now();
  let [done, simulatedMs, failures, saidAt] = [0, 0, 0, began];
  const say = (): void => {
    const seconds = (performance.now() - began) / 1000;
    console.log(
      `seeds ${from}..${from + done - 1}: ${done} runs, ${(simulatedMs / 3_600_000).toFixed(1)} simulated hours, ` +
        `${failures} violations, ${(done / seconds).toFixed(1)} runs/s`,
    );
  };
  for (let seed = from; done < seeds && simulatedMs < wantedMs && failures < Number(values.most); seed++) {
    const outcome = await runPlan(planOf(seed));
    done++;
    simulatedMs += outcome.simulatedMs;
    if (outcome.violations.length > 0) {
      failures++;
      console.log(describe(values['no-shrink'] ? outcome : await shrink(outcome)));
    }
    if (performance.now() - saidAt > 30_000) {
      saidAt = performance.now();
      say();
    }
  }
  say();
  if (failures > 0) process.exitCode = 1;
}

if (values.seed === undefined) await many();
else await one(Number(values.seed));
