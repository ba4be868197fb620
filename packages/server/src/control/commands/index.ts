/** THE command table: every control action of lessor, whichever door it is reached through. */

import { CORE_WORDING, defineCommand } from '../arguments.js';
import { type CommandRow, Result } from '../command.js';
import type { ControlServices } from '../services.js';
import { CHANGE_COMMANDS } from './change.js';
import { CLASS_COMMANDS } from './classes.js';
import { CONFIG_COMMANDS } from './config.js';
import { EVENT_COMMANDS } from './events.js';
import { EXPLAIN_COMMANDS } from './explain.js';
import { GUARD_COMMANDS } from './guard.js';
import { HA_COMMANDS } from './ha.js';
import { INTERFACE_COMMANDS } from './interfaces.js';
import { LEASE_CHANGE_COMMANDS } from './lease-changes.js';
import { LEASE_COUNT_COMMANDS } from './lease-counts.js';
import { LEASE_NAME_COMMANDS } from './lease-names.js';
import { LEASE_QUERY_COMMANDS } from './lease-queries.js';
import { LEASE_COMMANDS } from './leases.js';
import { LISTENER_COMMANDS } from './listeners.js';
import { NETWORK_COMMANDS } from './networks.js';
import { RESERVATION_QUERY_COMMANDS } from './reservation-queries.js';
import { RESERVATION_COMMANDS } from './reservations.js';
import { SELECTION_COMMANDS } from './selection.js';
import { SERVER_COMMANDS } from './server.js';
import { SERVICE_COMMANDS } from './service.js';
import { STATISTICS_COMMANDS } from './statistics.js';
import { SUBNET_COMMANDS } from './subnets.js';

/**
 * All rows. Commands that Kea has in hook libraries are here whether the configuration names the library or not, and
 * list-commands shows them: lessor has them built in.
 */
export const COMMANDS: readonly CommandRow<ControlServices>[] = [
  ...SERVER_COMMANDS,
  ...CONFIG_COMMANDS,
  ...CHANGE_COMMANDS,
  ...EVENT_COMMANDS,
  ...EXPLAIN_COMMANDS,
  ...SERVICE_COMMANDS,
  ...HA_COMMANDS,
  ...GUARD_COMMANDS,
  ...INTERFACE_COMMANDS,
  ...LISTENER_COMMANDS,
  ...LEASE_COMMANDS,
  ...LEASE_QUERY_COMMANDS,
  ...LEASE_CHANGE_COMMANDS,
  ...LEASE_NAME_COMMANDS,
  ...LEASE_COUNT_COMMANDS,
  ...SUBNET_COMMANDS,
  ...NETWORK_COMMANDS,
  ...RESERVATION_QUERY_COMMANDS,
  ...RESERVATION_COMMANDS,
  ...CLASS_COMMANDS,
  ...SELECTION_COMMANDS,
  ...STATISTICS_COMMANDS,
  defineCommand({
    name: 'list-commands',
    access: 'read',
    hook: 'core',
    summary: 'the names of all commands',
    args: {},
    wording: CORE_WORDING,
    run: () => ({ result: Result.success, arguments: COMMANDS.map(({ name }) => name).sort() }),
  }),
];
