/** How far the clocks of the two servers are apart, from the time a heartbeat and its answer took. */

/** An answer that took longer says too little. */
const LONGEST_ROUND_MS = 4000;

/**
 * Seconds the partner's clock is ahead of ours, rounded away from zero; undefined if it can not be told.
 * @param sentAtMs, gotAtMs our clock when the heartbeat left and when the answer came
 */
export function skewSecOf(sentAtMs: number, gotAtMs: number, theirsMs: number): number | undefined {
  const roundMs = gotAtMs - sentAtMs;
  if (roundMs < 0 || roundMs > LONGEST_ROUND_MS) return undefined;
  const apartMs = theirsMs - (sentAtMs + gotAtMs) / 2;
  const certainMs = Math.max(0, Math.abs(apartMs) - roundMs / 2);
  return Math.sign(apartMs) * Math.ceil(certainMs / 1000);
}
