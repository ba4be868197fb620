/** What the Control Agent answers itself: the commands without a `service` (Kea up to 3.0: ca_controller.cc). */

import { AGENT_MAP } from '../../config/agent.js';
import { ConfigError, type ConfigIssue, formatIssue, LessorError } from '../../errors.js';
import type { AgentConfigService } from '../../services/agent-config.js';
import type { IsolationMonitor } from '../../services/isolation.js';
import { CORE_WORDING, defineCommand, optional, text, type Wording } from '../arguments.js';
import { type CommandResult, type CommandRow, Result } from '../command.js';
import { isolationCheck, isolationStatus } from '../commands/listeners.js';
import { type ProcessServices, processCommands } from '../commands/process.js';
import { readConfiguration } from '../config-arguments.js';
import { formatSentIssue, wordedForSender } from '../config-words.js';
import { configFor } from '../secrets.js';

/** What these rows work on. */
export interface AgentServices extends ProcessServices {
  readonly config: Pick<AgentConfigService, 'current' | 'lastReloadAt' | 'test' | 'set' | 'reload' | 'write'>;
  /** Whether its door stands apart from clients. */
  readonly isolation: Pick<IsolationMonitor, 'states' | 'check'>;
}

const WRITE_WORDING: Wording = {
  ...CORE_WORDING,
  noMap: () => 'Argument must be a map',
  wrongType: (member, type) => `passed parameter '${member}' is not ${type}`,
};

const CONFIG_ARGUMENT = { [AGENT_MAP]: { type: 'a map', optional: false } };

/** The rows. */
export const AGENT_COMMANDS: readonly CommandRow<AgentServices>[] = [
  ...processCommands('Control Agent is shutting down'),
  defineCommand({
    name: 'config-get',
    access: 'read',
    hook: 'core',
    summary: "the agent's own configuration, defaults filled in",
    args: {},
    wording: CORE_WORDING,
    run: (_, { config: { current } }: AgentServices, { principal }) => ({
      result: Result.success,
      arguments: { [AGENT_MAP]: configFor(principal, current.tree), hash: current.hash },
    }),
  }),
  defineCommand({
    name: 'config-hash-get',
    access: 'read',
    hook: 'core',
    summary: "SHA-256 of the agent's configuration",
    args: {},
    wording: CORE_WORDING,
    run: (_, { config }: AgentServices) => ({ result: Result.success, arguments: { hash: config.current.hash } }),
  }),
  {
    name: 'config-test',
    access: 'read',
    hook: 'core',
    summary: 'checks a configuration of the agent without applying it',
    args: CONFIG_ARGUMENT,
    async run(command, { config }) {
      const sent = readConfiguration(command, AGENT_MAP, config.current.tree);
      const { warnings } = await wordedForSender(() => config.test(sent));
      return withWarnings(
        { result: Result.success, text: 'Configuration check successful' },
        warnings,
        formatSentIssue,
      );
    },
  },
  {
    name: 'config-set',
    access: 'write',
    hook: 'core',
    summary: "replaces the agent's configuration; the file stays as it is",
    args: CONFIG_ARGUMENT,
    async run(command, { config }) {
      const sent = readConfiguration(command, AGENT_MAP, config.current.tree);
      const { warnings } = await wordedForSender(() => config.set(sent));
      return withWarnings(APPLIED, warnings, formatSentIssue);
    },
  },
  defineCommand({
    name: 'config-reload',
    access: 'write',
    hook: 'core',
    summary: "reads the agent's configuration file again and applies it",
    args: {},
    wording: CORE_WORDING,
    async run(_, { config }: AgentServices) {
      try {
        return withWarnings(APPLIED, (await config.reload()).warnings, formatIssue);
      } catch (error) {
        if (!(error instanceof LessorError)) throw error;
        const text = `Configuration parsing failed: ${error.message}`;
        throw new LessorError(error instanceof ConfigError ? error.code : 'command-failed', text, { cause: error });
      }
    },
  }),
  defineCommand({
    name: 'config-write',
    access: 'write',
    hook: 'core',
    summary: "writes the agent's configuration to a file beside its own, by default to that one",
    args: { filename: optional(text) },
    wording: WRITE_WORDING,
    async run({ filename }, { config }: AgentServices) {
      const written = await config.write(filename === '' ? undefined : filename);
      return {
        result: Result.success,
        text: `Configuration written to ${written.filename} successful`,
        arguments: { filename: written.filename, size: written.size },
      };
    },
  }),
  defineCommand({
    name: 'status-get',
    access: 'read',
    hook: 'core',
    summary: 'process number and times of the agent, and whether its door stands apart from clients',
    args: {},
    wording: CORE_WORDING,
    run: (_, { clock, config, isolation, process }: AgentServices) => {
      const secondsSince = (at: number) => Math.max(0, Math.floor((clock.now() - at) / 1000));
      const doors = isolationStatus(isolation);
      return {
        result: Result.success,
        arguments: {
          pid: process.pid,
          uptime: secondsSince(process.startedAt),
          reload: secondsSince(config.lastReloadAt),
          ...(doors === undefined ? {} : { 'control-isolation': doors }),
        },
      };
    },
  }),
  isolationCheck(),
  defineCommand({
    name: 'list-commands',
    access: 'read',
    hook: 'core',
    summary: 'the names of all commands of the agent itself',
    args: {},
    wording: CORE_WORDING,
    run: () => ({ result: Result.success, arguments: AGENT_COMMANDS.map(({ name }) => name).sort() }),
  }),
];

const APPLIED: CommandResult = { result: Result.success, text: 'Configuration applied successfully.' };

function withWarnings(
  result: CommandResult,
  warnings: readonly ConfigIssue[],
  format: (issue: ConfigIssue) => string,
): CommandResult {
  return warnings.length === 0 ? result : { ...result, arguments: { warnings: warnings.map(format) } };
}
