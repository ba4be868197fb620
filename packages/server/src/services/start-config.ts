/**
 * Which configuration a start uses: the file, unless the file is what somebody put in force with confirm-within and
 * nobody confirmed, because the time was up or the server ended before.
 */

import type { ConfigSource, LoadedConfig } from '../config/load.js';
import type { ConfigHistory } from './config-history.js';
import type { Logger } from './ports.js';

/** The configuration to start with, and what is to be kept of that once the server has its locks. */
export interface StartChoice {
  readonly loaded: LoadedConfig;
  /** Writes the outcome into the history. */
  settle(): Promise<void>;
}

/** Chooses. `load` must not apply anything. @throws what reading the history throws */
export async function chooseStart(
  fromFile: LoadedConfig,
  history: ConfigHistory,
  load: (source: ConfigSource) => LoadedConfig,
  logger: Logger,
): Promise<StartChoice> {
  const { pending, rejected } = history;
  if (pending === undefined && rejected === undefined) return { loaded: fromFile, settle: async () => undefined };
  const { hash } = fromFile.snapshot;
  const useInstead =
    pending?.hash === hash ? pending.returnTo : rejected?.hash === hash ? rejected.useInstead : undefined;
  if (useInstead === undefined) {
    if (pending !== undefined) {
      const text = `${pending.command} by ${pending.who} was not confirmed before the server ended: it is gone`;
      logger.log('WARN', 'LESSOR_CONFIG_REVERTED', text);
    }
    return { loaded: fromFile, settle: () => history.settle(undefined) };
  }
  try {
    const before = load({ kind: 'json', value: await history.source(useInstead) });
    const text =
      `the configuration file was not confirmed: configuration ${useInstead} of the history is used instead. ` +
      'config-reload takes the file';
    logger.log('WARN', 'LESSOR_CONFIG_REVERTED', text);
    return { loaded: before, settle: () => history.settle({ hash, useInstead }) };
  } catch (error) {
    const text = `configuration ${useInstead} of the history can not be used, so the file is: ${(error as Error).message}`;
    logger.log('ERROR', 'LESSOR_CONFIG_REVERT_FAILED', text);
    return { loaded: fromFile, settle: () => history.settle(undefined) };
  }
}
