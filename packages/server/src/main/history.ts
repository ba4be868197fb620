/** The history of configurations of a server: where it is kept, and what a start takes from it. */

import { basename, join } from 'node:path';
import { type ConfigSource, loadConfig } from '../config/load.js';
import { historyDirectory } from '../platform/history-files.js';
import { ConfigHistory, historyInMemory } from '../services/config-history.js';
import { chooseStart, type StartChoice } from '../services/start-config.js';
import type { StartBase } from './base.js';

/** The configuration to start with and the history. @throws ConfigError if there is no usable one */
export async function startConfiguration(base: StartBase): Promise<StartChoice & { readonly history: ConfigHistory }> {
  const { options, environment, logger } = base;
  const load = (source: ConfigSource) => loadConfig(source, { ...environment(), generation: 1 });
  const fromFile = load(options.config);
  const history = await openHistory(base);
  return { ...(await chooseStart(fromFile, history, load, logger)), history };
}

/** In the data directory, named after the configuration file; an embedded server's is gone with it. */
async function openHistory({ options, logger, log, environment }: StartBase): Promise<ConfigHistory> {
  const { config } = options;
  if (config.kind !== 'file' || log === undefined) return ConfigHistory.open(historyInMemory());
  const name = `${basename(config.path).replace(/\.[^.]*$/, '')}.history`;
  try {
    return await ConfigHistory.open(historyDirectory(join(environment().directories.data, name)));
  } catch (error) {
    logger.log('ERROR', 'LESSOR_CONFIG_HISTORY_FAILED', `kept in memory only: ${(error as Error).message}`);
    return ConfigHistory.open(historyInMemory());
  }
}
