/** A failure as people read it. */

import { nameOfClient } from './client.js';
import type { Plan } from './plan.js';
import type { Outcome } from './run.js';

/** Seed, what was violated, the faults that were active then, and the plan. */
export function describe({ plan, violations }: Outcome): string {
  const style = plan.style === undefined ? '' : ` --style ${plan.style}`;
  const lines = [`seed ${plan.seed} FAILED (npm run sim -- --seed ${plan.seed}${style} --trace)`];
  for (const { invariant, at, text } of violations.slice(0, 6)) {
    lines.push(`  ${invariant} at ${(at / 1000).toFixed(1)} s: ${text}`);
    lines.push(`    faults then: ${activeAt(plan, at) || 'none'}`);
  }
  if (violations.length > 6) lines.push(`  and ${violations.length - 6} more`);
  lines.push(
    `  ${plan.clients.length} clients (${plan.clients.map(nameOfClient).join(' ')}), ${JSON.stringify(plan.settings)}`,
  );
  for (const fault of plan.faults) lines.push(`  ${JSON.stringify(fault)}`);
  return lines.join('\n');
}

function activeAt(plan: Plan, at: number): string {
  return plan.faults
    .filter((fault) => fault.at <= at && ('forMs' in fault ? fault.at + fault.forMs >= at : true))
    .map(({ kind }) => kind)
    .join(', ');
}
