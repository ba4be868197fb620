/** The operator's script of a server: its queue, the process that runs it, and what a configuration means to them. */

import { accessSync, constants, statSync } from 'node:fs';
import type { ConfigSnapshot, RunScriptConfig } from '../domain/snapshot.js';
import { LessorError } from '../errors.js';
import { ScriptRunner } from '../platform/script-runner.js';
import type { PreparedSwap, SwapParticipant } from '../services/config-service.js';
import { LeaseScripts } from '../services/run-script/lease-scripts.js';
import { ScriptQueue } from '../services/run-script/script-queue.js';
import type { metricsText } from '../transports/metrics-http.js';
import { type Base, DEFAULT_SERVER_PORT } from './base.js';

/** Scripts, and their part in a change of configuration. */
export interface RunScript {
  readonly scripts: LeaseScripts;
  readonly queue: ScriptQueue;
  readonly participant: SwapParticipant;
}

/**
 * Makes ready to call the script, if there is one. To be called before leases are loaded: the process that runs scripts is
 * begun while this one is small.
 * @throws LessorError config-file if the script can not be run
 */
export function openRunScript({ options, clock, logger, ending }: Base, snapshot: ConfigSnapshot): RunScript {
  const log = logger.child('run-script-hooks');
  const programs = new ScriptRunner();
  const queue = new ScriptQueue({ programs, clock, logger: log });
  ending.onEnd(() => queue.close());
  const scripts = new LeaseScripts(queue, options.serverPort ?? DEFAULT_SERVER_PORT);
  let inForce: RunScriptConfig | undefined;
  const use = (next: RunScriptConfig | undefined): void => {
    if (next?.path === inForce?.path) return;
    inForce = next;
    scripts.use(next);
    if (next === undefined) log.log('INFO', 'RUN_SCRIPT_UNLOAD', 'no script is called any more');
    else {
      programs.start();
      log.log('INFO', 'RUN_SCRIPT_LOAD', `${next.path} is called when leases change`);
    }
  };
  checkScript(snapshot.runScript);
  use(snapshot.runScript);
  const prepare = async ({ runScript }: ConfigSnapshot): Promise<PreparedSwap> => {
    checkScript(runScript);
    return { commit: () => use(runScript), abandon: () => undefined };
  };
  return { scripts, queue, participant: { name: 'run-script', testable: true, prepare } };
}

/** Scripts in numbers; nothing where there never was one. */
export function scriptGauges({ counts }: ScriptQueue): NonNullable<Parameters<typeof metricsText>[1]> {
  const { waiting, running, ended, failed, dropped } = counts;
  if (waiting + running + ended + dropped === 0) return {};
  return {
    lessor_scripts_running: { value: running, help: 'scripts that run' },
    lessor_scripts_waiting: { value: waiting, help: 'calls of scripts that wait for one to end' },
    lessor_scripts_ended: { value: ended, help: 'scripts that have ended, since the start' },
    lessor_scripts_failed: { value: failed, help: 'scripts that ended with another status than 0 or could not be run' },
    lessor_scripts_dropped: { value: dropped, help: 'calls of scripts that were not made because too many waited' },
  };
}

function checkScript(config: RunScriptConfig | undefined): void {
  if (config === undefined) return;
  try {
    accessSync(config.path, constants.X_OK);
    if (!statSync(config.path).isFile()) throw new Error('it is no file');
  } catch (error) {
    throw new LessorError('config-file', `the script ${config.path} can not be run: ${(error as Error).message}`);
  }
}
