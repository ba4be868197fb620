/** What an operator can ask and tell a pair (Kea: hooks/dhcp/high_availability, and lessor's own ha-partner-down). */

import { CommandError } from '../../errors.js';
import type { HaReport } from '../../services/ha-report.js';
import { CORE_WORDING, defineCommand } from '../arguments.js';
import { type CommandResult, type CommandRow, Result } from '../command.js';
import type { ControlServices } from '../services.js';

/** Commands of Kea's that a pair of lessors has no use for, and what to do in their place. */
const NEEDLESS: Readonly<Record<string, { readonly summary: string; readonly instead: string }>> = {
  'ha-sync': {
    summary: 'fetches the leases of the partner (with a Kea partner)',
    instead: 'two lessors compare their leases all the time, by digest: there is nothing to start',
  },
  'ha-scopes': {
    summary: 'sets which clients this server serves (with a Kea partner)',
    instead:
      'who serves whom follows from the state: see status-get; ha-partner-down where the partner is known to be down',
  },
  'ha-reset': {
    summary: 'begins anew with the partner (with a Kea partner)',
    instead: 'a pair of lessors is never stuck: it goes on as soon as the servers reach each other',
  },
  'ha-maintenance-start': {
    summary: 'prepares for maintenance of the partner (with a Kea partner)',
    instead: 'stop the partner in order (shutdown, SIGTERM): its last message hands everything to this server at once',
  },
  'ha-maintenance-cancel': {
    summary: 'ends what ha-maintenance-start began (with a Kea partner)',
    instead: 'start the partner again: it fetches what it missed and takes its part back by itself',
  },
};

/** The rows. */
export const HA_COMMANDS: readonly CommandRow<ControlServices>[] = [
  defineCommand({
    name: 'ha-heartbeat',
    access: 'read',
    hook: 'high_availability',
    summary: 'state, time and scopes of this server of a pair',
    args: {},
    wording: CORE_WORDING,
    run: (_, { ha }) => ({
      result: Result.success,
      text: 'HA peer status returned.',
      arguments: need(ha).heartbeat(),
    }),
  }),
  defineCommand({
    name: 'ha-partner-down',
    access: 'write',
    hook: 'lessor',
    summary: 'says that the partner is down, so that its addresses can be used when its promises have run out',
    args: {},
    wording: CORE_WORDING,
    run(_, { ha }) {
      need(ha).partnerIsDown();
      return {
        result: Result.success,
        text: 'this server serves alone; make sure that the partner does not: it has to reach this server before it serves',
      };
    },
  }),
  defineCommand({
    name: 'ha-continue',
    access: 'write',
    hook: 'high_availability',
    summary: 'lets a server serve that has not heard from its partner since it started',
    args: {},
    wording: CORE_WORDING,
    run(_, { ha }) {
      need(ha).continueAlone();
      return { result: Result.success, text: 'HA state machine continues.' };
    },
  }),
  ...Object.entries(NEEDLESS).map(([name, { summary, instead }]) =>
    defineCommand({
      name,
      access: 'write',
      hook: 'high_availability',
      summary,
      args: {},
      wording: CORE_WORDING,
      run: (_, { ha }) => act(name, need(ha), instead),
    }),
  ),
];

/** What means something with a Kea partner is done, else the answer says what to do in its place. */
async function act(name: string, ha: HaReport, instead: string): Promise<CommandResult> {
  if (name === 'ha-reset' && ha.reset !== undefined) {
    ha.reset();
    return { result: Result.success, text: 'HA state machine reset.' };
  }
  if (name.startsWith('ha-maintenance-') && ha.maintenance !== undefined) {
    return { result: Result.success, text: await ha.maintenance(name === 'ha-maintenance-cancel') };
  }
  return { result: Result.unsupported, text: instead };
}

function need(ha: HaReport | undefined): HaReport {
  if (ha !== undefined) return ha;
  const text = 'this server has no partner: there is no libdhcp_ha.so in hooks-libraries';
  throw new CommandError('command-failed', text, Result.unsupported);
}
