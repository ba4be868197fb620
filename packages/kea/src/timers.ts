/** The one place that names the machine's timer. */

import { TimeoutError } from './errors.js';

/** Bounds of one call. */
export interface CallOptions {
  /** Ends the call; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** For the whole exchange, waiting for a free connection included; 0 = no bound. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Runs work under a signal that aborts when the caller's does, or when the time is over.
 * @throws TimeoutError; the reason of the caller's signal
 */
export async function withDeadline<T>(
  { signal, timeoutMs = 0 }: CallOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const controller = new AbortController();
  const follow = (): void => controller.abort(signal?.reason);
  signal?.addEventListener('abort', follow, { once: true });
  const late = (): void => controller.abort(new TimeoutError(`no answer within ${timeoutMs} ms`));
  const timer = timeoutMs > 0 ? setTimeout(late, timeoutMs) : undefined;
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', follow);
  }
}
