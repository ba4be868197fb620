/** What becomes of errors nobody expected. */

import type { LogTree } from './log.js';

/**
 * From now on an error that nobody catches is logged and ends the process with 1: after it the state is unknown, and
 * the leases are safe on disk. Returns how to undo it.
 */
export function exitOnDefects(log: LogTree): () => void {
  const exit = (error: unknown): void => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    log.root.log('FATAL', 'LESSOR_DEFECT', `unexpected error, the server ends: ${text}`);
    log.flushSync();
    process.exit(1);
  };
  process.on('uncaughtException', exit).on('unhandledRejection', exit);
  return () => void process.off('uncaughtException', exit).off('unhandledRejection', exit);
}
