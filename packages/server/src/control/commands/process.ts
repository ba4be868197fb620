/** What every daemon answers of its own process: version, build, shutdown (Kea: d_controller.cc). */

import type { Clock } from '../../services/ports.js';
import { CORE_WORDING, defineCommand, integer, optional, type Wording } from '../arguments.js';
import { type CommandRow, Result } from '../command.js';
import type { ProcessInfo } from '../services.js';

/** What these rows work on. */
export interface ProcessServices {
  readonly clock: Clock;
  readonly process: ProcessInfo;
  /** Stops the daemon in order, then the process ends with this value. Returns at once. */
  shutdown(exitValue: number): void;
}

const SHUTDOWN_WORDING: Wording = {
  ...CORE_WORDING,
  noMap: () => 'Argument must be a map',
  wrongType: (member, type) => `parameter '${member}' is not ${type}`,
};

/** The rows. @param goodbye the text of the answer to shutdown */
export function processCommands(goodbye: string): readonly CommandRow<ProcessServices>[] {
  return [
    defineCommand({
      name: 'version-get',
      access: 'read',
      hook: 'core',
      summary: 'the version, and what it is built on',
      args: {},
      wording: CORE_WORDING,
      run: (_, { process }: ProcessServices) => ({
        result: Result.success,
        text: process.version,
        arguments: { extended: process.extendedVersion },
      }),
    }),
    defineCommand({
      name: 'build-report',
      access: 'read',
      hook: 'core',
      summary: 'what this build is made of',
      args: {},
      wording: CORE_WORDING,
      run: (_, { process }: ProcessServices) => ({ result: Result.success, text: process.buildReport }),
    }),
    defineCommand({
      name: 'shutdown',
      access: 'write',
      hook: 'core',
      summary: 'answers, then stops the server; the process ends with exit-value',
      args: { 'exit-value': optional(integer) },
      wording: SHUTDOWN_WORDING,
      run({ 'exit-value': exitValue = 0 }, services: ProcessServices) {
        // The answer leaves first.
        services.clock.soon(() => services.shutdown(exitValue));
        return { result: Result.success, text: goodbye };
      },
    }),
  ];
}
