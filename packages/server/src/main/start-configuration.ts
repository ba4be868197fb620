/** What a server starts with: the configuration file, what was changed by command and is not in it, and the history. */

import { basename, join, resolve } from 'node:path';
import { type ConfigSource, type LoadedConfig, loadConfig } from '../config/load.js';
import { atOnce } from '../domain/slices.js';
import { configFiles } from '../platform/config-environment.js';
import { historyDirectory } from '../platform/history-files.js';
import { ConfigHistory, historyInMemory } from '../services/config-history.js';
import { EditJournal } from '../services/edit-journal.js';
import { loadWithEdits } from '../services/edit-replay.js';
import { chooseStart } from '../services/start-config.js';
import { setAside, WriteThrough } from '../services/write-through.js';
import { nodeFileOps } from '../store/file-ops.js';
import { DiskJournalFile } from '../store/journal-file.js';
import type { StartBase } from './base.js';

/** What the configuration service begins with. */
export interface StartedConfig {
  readonly loaded: LoadedConfig;
  readonly history: ConfigHistory;
  /** How changes by command get into the configuration file; undefined: there is none. */
  readonly file: WriteThrough | undefined;
  /** Once the server has its locks: writes into history and file what came of it. */
  settle(): Promise<void>;
}

/** The configuration to start with and the history. @throws ConfigError if there is no usable one */
export async function startConfiguration(base: StartBase): Promise<StartedConfig> {
  const { options, environment, logger } = base;
  const load = (source: ConfigSource) => loadConfig(source, { ...environment(), generation: 1 });
  const opened = options.config.kind === 'file' ? openFile(options.config.path, base) : undefined;
  const history = await openHistory(base);
  const fromFile = opened?.replayed.loaded ?? load(options.config);
  const choice = await chooseStart(fromFile, history, load, logger);
  return {
    loaded: choice.loaded,
    history,
    file: opened?.file,
    async settle() {
      await choice.settle();
      await opened?.settle();
      // Another configuration is in force: changes by command are not the file's.
      if (choice.loaded !== fromFile) await opened?.file.adopt(undefined);
    },
  };
}

/** The configuration file, and the journal beside it. */
function openFile(path: string, { environment, clock, logger, ending }: StartBase) {
  const whole = resolve(path);
  const { journal, damaged } = EditJournal.open(new DiskJournalFile(`${whole}.edits`, nodeFileOps, clock));
  for (const { text, reason } of damaged) {
    const told = `${whole}.edits has a damaged line, which is left out: ${reason}: ${text}`;
    logger.log('ERROR', 'LESSOR_EDIT_REJECTED', told);
  }
  ending.onEnd(() => journal.close());
  const work = loadWithEdits(path, { ...environment(), generation: 1 }, (octets) => journal.missingIn(octets));
  const replayed = atOnce(work);
  const file = new WriteThrough(whole, configFiles, replayed.base.loaded, { journal, clock, logger });
  return {
    file,
    replayed,
    async settle(): Promise<void> {
      const at = clock.now();
      if (damaged.length > 0) {
        await setAside(
          configFiles,
          whole,
          damaged.map(({ text, reason }) => ({ at, text: reason, line: text })),
        );
      }
      const { length } = journal.pending;
      if (length === 0) return;
      logger.log('INFO', 'LESSOR_EDITS_REPLAYED', `${length} changes by command were not in the file yet`);
      await file.adopt(replayed);
    },
  };
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
