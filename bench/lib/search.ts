/** Finding the highest rate a server sustains, by bisection over short runs. */

/** Whether a rate was held. */
export interface Trial {
  readonly ratePerSec: number;
  readonly held: boolean;
  /** The generator could not send as fast as asked: higher rates tell nothing. */
  readonly generatorBound: boolean;
}

/** How to search. */
export interface SearchOptions {
  /** Where to begin. */
  readonly guessPerSec: number;
  /** Ends when the interval between held and not held is narrower than this share of the rate. */
  readonly precision: number;
  readonly maxTrials: number;
}

/** Steps while looking for an interval. */
const STRIDE = 1.4;

/**
 * The highest rate held, and the trials on the way. First strides from the guess up or down until one rate is held and
 * one is not, then halves the interval.
 */
export async function findSustained<T extends Trial>(
  attempt: (ratePerSec: number) => Promise<T>,
  { guessPerSec, precision, maxTrials }: SearchOptions,
): Promise<{ best: T | undefined; trials: T[] }> {
  const trials: T[] = [];
  let best: T | undefined;
  let lowestFailed: number | undefined;
  let rate = guessPerSec;
  while (trials.length < maxTrials && rate >= 1) {
    const trial = await attempt(Math.round(rate));
    trials.push(trial);
    if (trial.held && (best === undefined || trial.ratePerSec > best.ratePerSec)) best = trial;
    if (!trial.held) lowestFailed = Math.min(lowestFailed ?? Number.POSITIVE_INFINITY, trial.ratePerSec);
    if (trial.held && trial.generatorBound) break;
    if (best === undefined) rate /= STRIDE;
    else if (lowestFailed === undefined) rate *= STRIDE;
    else if (lowestFailed / best.ratePerSec - 1 < precision) break;
    else rate = Math.sqrt(best.ratePerSec * lowestFailed);
  }
  return { best, trials };
}

/** The middle value; of an even number of values the mean of the two in the middle. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** The value below which `share` (0..1) of the values are. NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
