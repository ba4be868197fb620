/** What an operator can ask and tell a pair (Kea: hooks/dhcp/high_availability, and lessor's own ha-partner-down). */

import { CommandError } from '../../errors.js';
import { type HaReport, reportFor } from '../../services/ha-report.js';
import { argumentMap, boolean, CORE_WORDING, defineCommand, integer, optional, text } from '../arguments.js';
import { type CommandResult, type CommandRow, type ControlCommand, Result } from '../command.js';
import type { ControlServices } from '../services.js';

/** A command of Kea's, and what is to be said or done in its place in a pair of lessors. */
interface KeaRow {
  readonly name: string;
  readonly access: 'read' | 'write';
  readonly summary: string;
  readonly instead: string | ((ha: HaReport) => CommandResult);
}

const KEA_ROWS: readonly KeaRow[] = [
  {
    name: 'ha-heartbeat',
    access: 'read',
    summary: 'state, time and scopes of this server of a pair',
    instead: (ha) => ({ result: Result.success, text: 'HA peer status returned.', arguments: ha.heartbeat() }),
  },
  {
    name: 'ha-continue',
    access: 'write',
    summary:
      'lets a paused state machine go on, or a server serve that has not heard from its partner since it started',
    instead(ha) {
      ha.continueAlone?.();
      return { result: Result.success, text: 'HA state machine continues.' };
    },
  },
  {
    name: 'ha-sync',
    access: 'write',
    summary: 'fetches the leases of the partner (with a Kea partner)',
    instead: 'two lessors compare their leases all the time, by digest: there is nothing to start',
  },
  {
    name: 'ha-scopes',
    access: 'write',
    summary: 'sets which clients this server serves until its next state (with a Kea partner)',
    instead:
      'who serves whom follows from the state: see status-get; ha-partner-down where the partner is known to be down',
  },
  {
    name: 'ha-reset',
    access: 'write',
    summary: 'begins anew with the partner (with a Kea partner)',
    instead: 'a pair of lessors is never stuck: it goes on as soon as the servers reach each other',
  },
  {
    name: 'ha-maintenance-start',
    access: 'write',
    summary: 'prepares for maintenance of the partner (with a Kea partner)',
    instead: 'stop the partner in order (shutdown, SIGTERM): its last message hands everything to this server at once',
  },
  {
    name: 'ha-maintenance-cancel',
    access: 'write',
    summary: 'ends what ha-maintenance-start began (with a Kea partner)',
    instead: 'start the partner again: it fetches what it missed and takes its part back by itself',
  },
  {
    name: 'ha-maintenance-notify',
    access: 'write',
    summary: 'what ha-maintenance-start sends to the partner (with a Kea partner)',
    instead: 'this is what Kea servers tell each other; operators send ha-maintenance-start',
  },
  {
    name: 'ha-sync-complete-notify',
    access: 'write',
    summary: 'what a Kea partner sends when it has fetched all leases',
    instead: 'this is what Kea servers tell each other; two lessors compare their leases by digest',
  },
];

/** Which relation of a hub is meant: the name of any of its servers. */
const OF = { 'server-name': optional(text) };

/** Longest time to wait for leases nobody knows of, seconds: that of a lease with an end. */
const MAX_WAIT_SEC = 0xffff_fffe;

/** The rows. */
export const HA_COMMANDS: readonly CommandRow<ControlServices>[] = [
  defineCommand({
    name: 'ha-partner-down',
    access: 'write',
    hook: 'lessor',
    summary:
      'says that the partner is down, so that its addresses can be used when its promises have run out; with ' +
      'without-its-leases that it never comes back: leases it alone knew are given up, and for wait seconds (the longest ' +
      'lifetime if absent) only clients that renew are answered',
    args: { ...OF, 'without-its-leases': optional(boolean), wait: optional(integer) },
    wording: CORE_WORDING,
    run({ 'without-its-leases': without = false, wait }, { ha }, command) {
      if (wait !== undefined && (!without || wait < 0 || wait > MAX_WAIT_SEC)) {
        const message = `"wait" goes with "without-its-leases": true, and is 0 to ${MAX_WAIT_SEC} seconds`;
        throw new CommandError('command-invalid', message);
      }
      return { result: Result.success, text: need(ha, command).partnerIsDown(without ? { waitSec: wait } : undefined) };
    },
  }),
  defineCommand({
    name: 'ha-config-diff',
    access: 'read',
    hook: 'lessor',
    summary: 'where the configurations of the two servers of a pair differ: paths, with what each says',
    args: OF,
    wording: CORE_WORDING,
    async run(_, { ha }, command) {
      const drift = await betweenLessors(need(ha, command).configDiff?.());
      return {
        result: drift.length === 0 ? Result.empty : Result.success,
        text: drift.length === 0 ? 'The configurations are the same.' : `${drift.length} difference(s).`,
        arguments: {
          differences: drift.map(({ path, section, here = null, there = null }) => ({ path, section, here, there })),
        },
      };
    },
  }),
  defineCommand({
    name: 'ha-config-push',
    access: 'write',
    hook: 'lessor',
    summary:
      'what the configuration of this server would change on its partner; with apply it is put in force there, but for ' +
      "the partner's own sockets, files, names and certificates",
    args: { ...OF, apply: optional(boolean) },
    wording: CORE_WORDING,
    async run({ apply = false }, { ha }, command) {
      const { text, ...plan } = await betweenLessors(need(ha, command).configPush?.(apply));
      return { result: Result.success, text: typeof text === 'string' ? text : '', arguments: plan };
    },
  }),
  ...KEA_ROWS.map((row) =>
    defineCommand({
      name: row.name,
      access: row.access,
      hook: 'high_availability',
      summary: row.summary,
      args: {},
      wording: CORE_WORDING,
      run: (_, { ha }, command) => act(row, ha.length === 1 ? ha[0]! : need(ha, command), command),
    }),
  ),
];

/** With a Kea partner what Kea does, else what stands in its place. */
async function act({ instead }: KeaRow, ha: HaReport, command: ControlCommand): Promise<CommandResult> {
  const performed = ha.command?.(command.name, argumentMap(command, CORE_WORDING));
  if (performed !== undefined) {
    const { result, ...answer } = await performed;
    return { result: result as Result, ...answer };
  }
  return typeof instead === 'string' ? { result: Result.unsupported, text: instead } : instead(ha);
}

async function betweenLessors<T>(answer: Promise<T> | undefined): Promise<T> {
  if (answer !== undefined) return await answer;
  throw new CommandError('command-failed', 'only two lessors compare their configurations', Result.unsupported);
}

/** The relation a command is for. */
function need(ha: readonly HaReport[], command: ControlCommand): HaReport {
  if (ha.length > 0) return reportFor(ha, command.name, argumentMap(command, CORE_WORDING)?.['server-name']);
  const text = 'this server has no partner: there is no libdhcp_ha.so in hooks-libraries';
  throw new CommandError('command-failed', text, Result.unsupported);
}
