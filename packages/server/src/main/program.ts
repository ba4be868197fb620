/** What programs that serve have in common: a log unless they are part of another program, and an orderly end. */

import { type ConfigIssue, formatIssue } from '../errors.js';
import { systemClock } from '../platform/clock.js';
import { exitOnDefects } from '../platform/defects.js';
import { LogTree } from '../platform/log.js';
import { Ending } from '../services/ending.js';
import type { Logger } from '../services/ports.js';

const LOG_DRAIN_MS = 2000;

/** What is said of a program before it starts. */
export interface ProgramOptions {
  /** process.env: Kea's variables for early logging. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** -d: log everything. */
  readonly verbose?: boolean;
  /** Present: part of another program, which keeps its own log. */
  readonly logger?: Logger;
}

/**
 * Runs `start` with a log and an ending. If it throws, that is logged, whatever had been opened is closed again, and the
 * error passed on.
 * @param root name of the root logger; kea-dhcp4 if absent
 * @param failureId message identifier of a failed start
 */
export async function startProgram<Running>(
  { variables, verbose = false, logger: given }: ProgramOptions,
  { root, failureId }: { readonly root?: string; readonly failureId: string },
  start: (logger: Logger, log: LogTree | undefined, ending: Ending) => Promise<Running>,
): Promise<Running> {
  const named = root === undefined ? {} : { root };
  const log =
    given === undefined ? new LogTree({ clock: systemClock, verbose, environment: variables, ...named }) : undefined;
  const logger = given ?? log!.root;
  const ending = new Ending();
  if (log !== undefined) {
    ending.onEnd(() => log.drained(LOG_DRAIN_MS));
    ending.onEnd(exitOnDefects(log));
  }
  try {
    return await start(logger, log, ending);
  } catch (error) {
    // Whoever reads the console gets the error from our caller.
    if (log?.onConsole !== true) logger.log('FATAL', failureId, (error as Error).message);
    await ending.end(1);
    throw error;
  }
}

/** Logs what is doubtful in a configuration. */
export function reportWarnings(warnings: readonly ConfigIssue[], logger: Logger): void {
  for (const warning of warnings) {
    logger.log('WARN', 'LESSOR_CONFIG_WARNING', formatIssue(warning), { code: warning.code });
  }
}
