/** Changing the configuration safely: what would change, confirmation, history and the way back. lessor's own. */

import type { HistoryEntry, PendingChange } from '../../services/config-history.js';
import { makePlan, planToJson, planToText } from '../../services/config-plan.js';
import { inSlices } from '../../services/in-slices.js';
import { CORE_WORDING, defineCommand, integer, invalid, memberOf } from '../arguments.js';
import { CONFIRM_WITHIN, originOf } from '../change-origin.js';
import { type CommandRow, type ControlCommand, type JsonMap, Result } from '../command.js';
import { formatSentIssue, wordedForSender } from '../config-words.js';
import type { ControlServices } from '../services.js';
import { readConfiguration } from './config.js';

/** The rows. */
export const CHANGE_COMMANDS: readonly CommandRow<ControlServices>[] = [
  {
    name: 'config-plan',
    access: 'read',
    hook: 'lessor',
    summary:
      'what would change, and for which clients, if this configuration were set, the file reloaded (no arguments), or ' +
      'a configuration of the history returned to (id); changes nothing',
    args: { Dhcp4: { type: 'a map', optional: true }, id: { type: 'an integer', optional: true } },
    async run(command, services) {
      const { config, leases, clock } = services;
      const { snapshot, warnings } = await wordedForSender(() => planned(command, services));
      const nowSec = Math.floor(clock.now() / 1000);
      const plan = await inSlices(makePlan(config.current, snapshot, leases, nowSec), clock);
      return {
        result: Result.success,
        text: planToText(plan),
        arguments: { ...planToJson(plan), warnings: warnings.map(formatSentIssue) },
      };
    },
  },
  defineCommand({
    name: 'config-confirm',
    access: 'write',
    hook: 'lessor',
    summary: 'keeps the change that was made with confirm-within; without it the change undoes itself',
    args: {},
    wording: CORE_WORDING,
    async run(_, { changes }) {
      await changes.confirm();
      return { result: Result.success, text: 'Configuration confirmed.' };
    },
  }),
  defineCommand({
    name: 'config-history',
    access: 'read',
    hook: 'lessor',
    summary: 'the configurations that were in force, newest first, and the change that waits for config-confirm',
    args: {},
    wording: CORE_WORDING,
    run: (_, { changes, clock }) => ({
      result: changes.entries.length === 0 ? Result.empty : Result.success,
      text: `${changes.entries.length} configuration(s) kept.`,
      arguments: {
        history: changes.entries.map(entryToJson),
        ...(changes.pending === undefined ? {} : { pending: pendingToJson(changes.pending, clock.now()) }),
      },
    }),
  }),
  {
    name: 'config-rollback',
    access: 'write',
    hook: 'lessor',
    summary:
      'returns to a configuration of config-history, in memory as config-set does; without id it undoes the change ' +
      'that waits for config-confirm at once',
    args: { id: { type: 'an integer', optional: true }, ...CONFIRM_WITHIN },
    async run(command, { config, changes }) {
      const id = idOf(command);
      await wordedForSender(() => changes.rollback(id, originOf(command)));
      return {
        result: Result.success,
        text: 'Configuration successful.',
        arguments: { hash: await config.hashOf(config.current) },
      };
    },
  },
];

/** The configuration a plan is asked for. */
async function planned(command: ControlCommand, { config, changes }: ControlServices) {
  const id = idOf(command);
  if (id !== undefined) return changes.testRollback(id);
  if (command.args === undefined) return changes.testReload();
  return config.test(readConfiguration(command));
}

/** The member `id`. @throws CommandError */
function idOf({ args }: ControlCommand): number | undefined {
  if (typeof args !== 'object' || args === null || Array.isArray(args)) return undefined;
  const given = memberOf(args as JsonMap, 'id');
  if (given === undefined) return undefined;
  const id = integer.accept(given);
  if (id === undefined) throw invalid(CORE_WORDING.wrongType('id', integer.type));
  return id;
}

function entryToJson({ id, at, who, command, hash, summary }: HistoryEntry): JsonMap {
  return { id, at: Math.floor(at / 1000), who, command, hash, summary };
}

function pendingToJson(pending: PendingChange, now: number): JsonMap {
  return {
    command: pending.command,
    who: pending.who,
    hash: pending.hash,
    'return-to': pending.returnTo,
    'seconds-left': Math.max(0, Math.ceil((pending.deadline - now) / 1000)),
  };
}
