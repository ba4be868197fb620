/** Driving sliced work so that packets are served between the slices. */

import type { Sliced } from '../domain/slices.js';
import { SLICE_BUDGET_MS } from './pace.js';
import type { Clock } from './ports.js';

/** A clock by which long work can be done: with `spare` at the pace of a server, without it in slices of 4 ms. */
export type WorkClock = Pick<Clock, 'monotonic' | 'soon' | 'spare'>;

/** Does the work in slices, the first of them at once where there is no pace to keep. */
export async function inSlices<Result>(work: Sliced<Result>, clock: WorkClock): Promise<Result> {
  if (clock.spare === undefined) return withoutPace(work, clock);
  return new Promise<Result>((resolve, reject) => {
    const slice = (end: number): void => {
      try {
        do {
          const step = work.next();
          if (step.done === true) {
            resolve(step.value);
            return;
          }
        } while (clock.monotonic() < end);
      } catch (error) {
        reject(error);
        return;
      }
      clock.spare!(slice);
    };
    clock.spare!(slice);
  });
}

/** Resolves when packets can spare the time for a step of something long. */
export function spareTurn(clock: Pick<Clock, 'soon' | 'spare'>): Promise<void> {
  return new Promise((resolve) => {
    if (clock.spare === undefined) clock.soon(resolve);
    else clock.spare(() => resolve());
  });
}

async function withoutPace<Result>(work: Sliced<Result>, clock: WorkClock): Promise<Result> {
  for (;;) {
    const end = clock.monotonic() + SLICE_BUDGET_MS;
    do {
      const step = work.next();
      if (step.done === true) return step.value;
    } while (clock.monotonic() < end);
    await new Promise<void>((resolve) => clock.soon(resolve));
  }
}
