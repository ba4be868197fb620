/** Arithmetic of limits: a bucket of tokens. Pure; time is handed in. */

/** How full a bucket is at an instant. */
export interface Bucket {
  readonly tokens: number;
  /** Monotonic milliseconds. */
  readonly at: number;
}

/** A full bucket for a rate: twice what comes in a second, so that short bursts pass. */
export function fullBucket(perSecond: number, at: number): Bucket {
  return { tokens: 2 * perSecond, at };
}

/** Takes tokens that have been used already, if need be on credit: then there are fewer than none. */
export function charge({ tokens, at }: Bucket, perSecond: number, now: number, count: number): Bucket {
  const filled = Math.min(2 * perSecond, tokens + (perSecond * Math.max(0, now - at)) / 1000);
  return { tokens: filled - count, at: now };
}

/** Takes one or more tokens; undefined if there are not so many. */
export function take({ tokens, at }: Bucket, perSecond: number, now: number, count = 1): Bucket | undefined {
  const filled = Math.min(2 * perSecond, tokens + (perSecond * Math.max(0, now - at)) / 1000);
  return filled < count ? undefined : { tokens: filled - count, at: now };
}
