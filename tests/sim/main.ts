/**
 * Long simulation: `npm run sim -- --seeds 100000 --from 1`, `--hours 10000`, or one run: `--seed 42 --trace`; `--style crowd`
 * for runs of another kind (styles.ts). A run that breaks an invariant is shrunk and printed; the program then ends with 1.
 */

import { parseArgs } from 'node:util';
import { describe } from './describe.js';
import { type Outcome, runPlan } from './run.js';
import { shrink } from './shrink.js';
import { STYLE_NAMES, styleOf } from './styles.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    hours: { type: 'string' },
    from: { type: 'string' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    most: { type: 'string', default: '5' },
    style: { type: 'string', default: 'plain' },
    'no-shrink': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(
    'usage: npm run sim -- [--seeds N | --hours N] [--from SEED] [--most FAILURES] | --seed S [--trace] [--no-shrink]\n' +
      `       each with [--style ${STYLE_NAMES.join(' | ')}]`,
  );
  process.exit(0);
}

const planOf = styleOf(values.style);
if (planOf === undefined) {
  console.error(`no style ${values.style}: there are ${STYLE_NAMES.join(', ')}`);
  process.exit(2);
}
const outcomeOf = (seed: number): Promise<Outcome> => runPlan(planOf(seed));

async function one(seed: number): Promise<void> {
  const outcome = await outcomeOf(seed);
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
      `seeds ${from}..${from + done - 1} (${values.style}): ${done} runs, ${(simulatedMs / 3_600_000).toFixed(1)} simulated hours, ` +
        `${failures} violations, ${(done / seconds).toFixed(1)} runs/s`,
    );
  };
  for (let seed = from; done < seeds && simulatedMs < wantedMs && failures < Number(values.most); seed++) {
    const outcome = await outcomeOf(seed);
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
