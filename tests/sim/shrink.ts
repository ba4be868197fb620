/** Makes a failing run smaller while it still fails: fewer faults, fewer clients, less time. */

import type { Plan } from './plan.js';
import { type Outcome, type RunOptions, runPlan } from './run.js';

/** Runs at most this often. */
const MOST_RUNS = 150;

/** The smallest failing run found that breaks the same invariant. */
export async function shrink(outcome: Outcome, options: RunOptions = {}): Promise<Outcome> {
  const wanted = outcome.violations[0]!.invariant;
  let best = outcome;
  let runs = 0;
  const attempt = async (plan: Plan): Promise<boolean> => {
    if (runs++ >= MOST_RUNS) return false;
    const result = await runPlan(plan, options);
    if (!result.violations.some(({ invariant }) => invariant === wanted)) return false;
    best = result;
    return true;
  };
  let smaller = true;
  while (smaller && runs < MOST_RUNS) {
    smaller = await withoutParts(() => best.plan, 'faults', attempt);
    smaller = (await withoutParts(() => best.plan, 'clients', attempt)) || smaller;
    const { plan } = best;
    const last = Math.max(10_000, ...plan.faults.map((fault) => fault.at + 1000));
    const healAtMs = Math.round((plan.healAtMs + last) / 2);
    if (healAtMs < plan.healAtMs - 5000) smaller = (await attempt({ ...plan, healAtMs })) || smaller;
  }
  return best;
}

/** Tries to leave out halves, quarters and single ones of a list. */
async function withoutParts(
  current: () => Plan,
  part: 'faults' | 'clients',
  attempt: (plan: Plan) => Promise<boolean>,
): Promise<boolean> {
  let any = false;
  for (let size = Math.ceil(current()[part].length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < current()[part].length; ) {
      const list: readonly unknown[] = current()[part];
      const less = { ...current(), [part]: [...list.slice(0, at), ...list.slice(at + size)] };
      if (list.length > 0 && (await attempt(less))) any = true;
      else at += size;
    }
  }
  return any;
}
