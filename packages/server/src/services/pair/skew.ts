/** How far the clocks of the two servers are apart, from the time a heartbeat and its answer took. */

/** An answer that took longer says too little. */
const LONGEST_ROUND_MS = 4000;

/** A measurement. */
export interface Apart {
  /** How far the partner's clock is ahead of ours. */
  readonly aheadMs: number;
  /** It may be that much more or less. */
  readonly errorMs: number;
}

/**
 * Undefined if it can not be told.
 * @param sentAtMs, gotAtMs our clock when the heartbeat left and when the answer came
 * @param theirsMs the partner's, in the answer
 */
export function measureApart(sentAtMs: number, gotAtMs: number, theirsMs: number): Apart | undefined {
  const roundMs = gotAtMs - sentAtMs;
  if (roundMs < 0 || roundMs > LONGEST_ROUND_MS) return undefined;
  return { aheadMs: Math.round(theirsMs - (sentAtMs + gotAtMs) / 2), errorMs: Math.ceil(roundMs / 2) };
}

/** Seconds the partner's clock is ahead of ours for certain, rounded away from zero. */
export function skewSecOf({ aheadMs, errorMs }: Apart): number {
  const certainMs = Math.max(0, Math.abs(aheadMs) - errorMs);
  return Math.sign(aheadMs) * Math.ceil(certainMs / 1000);
}
