/** config-*: the running configuration (Kea: ctrl_dhcp4_srv.cc). */

import { jsonTypeOf } from '@lessor/kea';
import { CommandError, ConfigError, formatIssue, LessorError } from '../../errors.js';
import { CORE_WORDING, defineCommand, invalid, memberOf, optional, text, type Wording } from '../arguments.js';
import { CONFIRM_WITHIN, originOf } from '../change-origin.js';
import {
  type CommandResult,
  type CommandRow,
  type ControlCommand,
  type Json,
  type JsonMap,
  Result,
} from '../command.js';
import { formatSentIssue, wordedForSender } from '../config-words.js';
import type { ControlServices } from '../services.js';

const WRITE_WORDING: Wording = {
  ...CORE_WORDING,
  noMap: () => 'Argument must be a map',
  wrongType: (member, type) => `passed parameter '${member}' is not ${type}`,
};

const DHCP4_ARGUMENT = { Dhcp4: { type: 'a map', optional: false } };

/** The rows. */
export const CONFIG_COMMANDS: readonly CommandRow<ControlServices>[] = [
  defineCommand({
    name: 'config-get',
    access: 'read',
    hook: 'core',
    summary: 'the whole effective configuration, defaults filled in, and its hash',
    args: {},
    wording: CORE_WORDING,
    async run(_, { config }) {
      const { current } = config;
      return { result: Result.success, arguments: { Dhcp4: current.tree, hash: await config.hashOf(current) } };
    },
  }),
  defineCommand({
    name: 'config-hash-get',
    access: 'read',
    hook: 'core',
    summary: 'SHA-256 of the effective configuration',
    args: {},
    wording: CORE_WORDING,
    run: async (_, { config }) => ({
      result: Result.success,
      arguments: { hash: await config.hashOf(config.current) },
    }),
  }),
  {
    name: 'config-test',
    access: 'read',
    hook: 'core',
    summary: 'checks a configuration without applying it',
    args: DHCP4_ARGUMENT,
    async run(command, { config }) {
      const { warnings } = await wordedForSender(() => config.test(readConfiguration(command)));
      return {
        result: Result.success,
        text:
          'Configuration seems sane. Control-sockets, hook-libraries, and D2 configuration were sanity checked, ' +
          'but not applied.',
        ...(warnings.length === 0 ? {} : { arguments: { warnings: warnings.map(formatSentIssue) } }),
      };
    },
  },
  {
    name: 'config-set',
    access: 'write',
    hook: 'core',
    summary: 'replaces the configuration by the one sent; the file stays as it is',
    args: { ...DHCP4_ARGUMENT, ...CONFIRM_WITHIN },
    async run(command, { config }) {
      const value = readConfiguration(command, ['confirm-within']);
      const { snapshot, warnings } = await wordedForSender(() => config.set(value, originOf(command)));
      return applied(await config.hashOf(snapshot), warnings.map(formatSentIssue));
    },
  },
  {
    name: 'config-reload',
    access: 'write',
    hook: 'core',
    summary: 'reads the configuration file again and applies it',
    args: CONFIRM_WITHIN,
    async run(command, { config, process }) {
      const origin = originOf(command);
      try {
        const { snapshot, warnings } = await config.reload(origin);
        return applied(await config.hashOf(snapshot), warnings.map(formatIssue));
      } catch (error) {
        throw reloadError(error, process.configFile);
      }
    },
  },
  defineCommand({
    name: 'config-write',
    access: 'write',
    hook: 'core',
    summary: 'writes the effective configuration to a file beside the configuration file, by default to that file',
    args: { filename: optional(text) },
    wording: WRITE_WORDING,
    async run({ filename }, { config }) {
      const written = await config.write(filename === '' ? undefined : filename);
      return {
        result: Result.success,
        text: `Configuration written to ${written.filename} successful`,
        arguments: { filename: written.filename, size: written.size },
      };
    },
  }),
  defineCommand({
    name: 'config-backend-pull',
    access: 'write',
    hook: 'core',
    summary: 'fetches what changed in a configuration database; there is none, so nothing comes',
    args: {},
    wording: CORE_WORDING,
    run: () => ({ result: Result.empty, text: 'No config backend.' }),
  }),
];

function applied(hash: string, warnings: readonly string[]): CommandResult {
  return {
    result: Result.success,
    text: 'Configuration successful.',
    arguments: { hash, ...(warnings.length === 0 ? {} : { warnings }) },
  };
}

function reloadError(error: unknown, file: string | undefined): unknown {
  if (!(error instanceof LessorError) || error instanceof CommandError) return error;
  const where = error instanceof ConfigError && file !== undefined ? `configuration error using file '${file}': ` : '';
  return new LessorError(error.code, `Config reload failed: ${where}${error.message}`, { cause: error });
}

/**
 * `{"Dhcp4": {...}}` of config-set, config-test and config-plan. A `hash` beside it, as config-get answers, is dropped:
 * so what was got can be set again (Kea refuses it). `others` are members that may stand beside it too.
 * @throws CommandError
 */
export function readConfiguration(command: ControlCommand, others: readonly string[] = []): Json {
  if (command.args === undefined) throw invalid("Missing mandatory 'arguments' parameter.");
  if (jsonTypeOf(command.args) !== 'map') throw invalid(CORE_WORDING.noMap(command.name));
  const args = command.args as JsonMap;
  const dhcp4 = memberOf(args, 'Dhcp4');
  if (dhcp4 === undefined) throw invalid("Missing mandatory 'Dhcp4' parameter.");
  if (jsonTypeOf(dhcp4) !== 'map') throw invalid("'Dhcp4' parameter expected to be a map.");
  const strangers = Object.keys(args)
    .filter((name) => name !== 'Dhcp4' && name !== 'hash' && !others.includes(name))
    .sort();
  if (strangers.length > 0) {
    const [first, ...rest] = strangers;
    throw invalid(`Unsupported '${first}' parameter${rest.map((name) => ` (and '${name}')`).join('')}.`);
  }
  return { Dhcp4: dhcp4 };
}
