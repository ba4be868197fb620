/** Driving sliced work so that packets are served between the slices. */

import type { Sliced } from '../domain/slices.js';
import type { Clock } from './ports.js';

/** How long a slice may hold up packets, in milliseconds: it ends at the first stop after this. */
export const SLICE_BUDGET_MS = 4;

/** Does the work in slices of about {@link SLICE_BUDGET_MS}, or `budgetMs`; the loop looks at its I/O between them. */
export async function inSlices<Result>(
  work: Sliced<Result>,
  clock: Pick<Clock, 'monotonic' | 'soon'>,
  budgetMs = SLICE_BUDGET_MS,
): Promise<Result> {
  for (;;) {
    const end = clock.monotonic() + budgetMs;
    do {
      const step = work.next();
      if (step.done === true) return step.value;
    } while (clock.monotonic() < end);
    await new Promise<void>((resolve) => clock.soon(resolve));
  }
}
