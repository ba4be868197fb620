/**
 * THE table of what each command needs: its family, and how its arguments tell which subnets it touches. A command that
 * is not here needs `security` everywhere, so that a new one is closed until somebody has thought about it; a test
 * demands that every command is here.
 */

import type { Family } from '../../domain/access/families.js';
import {
  everything,
  leaseKey,
  nothing,
  type ReachReader,
  subnetId,
  subnetKey,
  subnetList,
  subnetOrRange,
  writtenLease,
  writtenReservation,
  writtenSubnet,
} from './reach.js';

/** One row. */
export interface CommandRights {
  readonly family: Family;
  readonly reach: ReachReader;
  /** May take long or answer at length: few of them run at a time (control/access/limiter.ts). */
  readonly expensive?: true;
}

const status = { family: 'status', reach: nothing } as const;
const statistics = { family: 'statistics', reach: everything } as const;
const statisticsChange = { family: 'statistics-change', reach: everything } as const;
const leases = { family: 'leases', reach: everything, expensive: true } as const;
const reservations = { family: 'reservations', reach: everything } as const;
const reservationsHere = { family: 'reservations', reach: subnetId('subnet-id') } as const;
const networks = { family: 'networks', reach: everything } as const;
const networksChange = { family: 'networks-change', reach: everything } as const;
const subnetChange = { family: 'networks-change', reach: writtenSubnet } as const;
const classes = { family: 'classes', reach: everything } as const;
const classesChange = { family: 'classes-change', reach: everything } as const;
const configChange = { family: 'config-change', reach: everything, expensive: true } as const;
const service = { family: 'service', reach: everything } as const;
const maintenance = { family: 'maintenance', reach: everything, expensive: true } as const;

/** The table. */
const ROWS: Readonly<Record<string, CommandRights>> = {
  'version-get': status,
  'build-report': status,
  'server-tag-get': status,
  'status-get': status,
  'list-commands': status,
  'interface-list': status,
  'listener-list': status,
  'isolation-check': { ...status, expensive: true },
  'config-hash-get': status,

  'statistic-get': statistics,
  'statistic-get-all': { ...statistics, expensive: true },
  'statistic-global-get-all': { family: 'statistics', reach: nothing },
  'stat-lease4-get': { family: 'statistics', reach: subnetOrRange },
  'statistic-reset': statisticsChange,
  'statistic-reset-all': statisticsChange,
  'statistic-remove': statisticsChange,
  'statistic-remove-all': statisticsChange,
  'statistic-sample-age-set': statisticsChange,
  'statistic-sample-age-set-all': statisticsChange,
  'statistic-sample-count-set': statisticsChange,
  'statistic-sample-count-set-all': statisticsChange,

  'lease4-get': { family: 'leases', reach: leaseKey },
  'lease4-get-all': { family: 'leases', reach: subnetList, expensive: true },
  'lease4-get-page': leases,
  'lease4-get-by-hw-address': { family: 'leases', reach: everything },
  'lease4-get-by-client-id': { family: 'leases', reach: everything },
  'lease4-get-by-hostname': leases,
  'lease4-get-by-state': { family: 'leases', reach: subnetId('subnet-id'), expensive: true },
  'lease4-add': { family: 'leases-change', reach: writtenLease },
  'lease4-update': { family: 'leases-change', reach: writtenLease },
  'lease4-del': { family: 'leases-change', reach: leaseKey },
  'lease4-resend-ddns': { family: 'leases-change', reach: leaseKey },
  'lease4-wipe': { family: 'leases-wipe', reach: subnetId('subnet-id'), expensive: true },
  'lease4-write': maintenance,
  'leases-reclaim': maintenance,
  'kea-lfc-start': maintenance,
  'interface-redetect': maintenance,
  // It decides where DHCP is served: as the configuration does.
  'interface-add': configChange,

  'reservation-get': reservationsHere,
  'reservation-get-all': reservationsHere,
  'reservation-get-page': { ...reservationsHere, expensive: true },
  'reservation-get-by-address': reservationsHere,
  'reservation-get-by-hostname': { ...reservationsHere, expensive: true },
  'reservation-get-by-id': reservations,
  'reservation-add': { family: 'reservations-change', reach: writtenReservation },
  'reservation-update': { family: 'reservations-change', reach: writtenReservation },
  'reservation-del': { family: 'reservations-change', reach: subnetId('subnet-id') },

  'subnet4-list': networks,
  'subnet4-get': { family: 'networks', reach: subnetKey },
  'subnet4-select-test': networks,
  'subnet4-add': networksChange,
  'subnet4-update': subnetChange,
  'subnet4-delta-add': subnetChange,
  'subnet4-delta-del': subnetChange,
  'subnet4-del': { family: 'networks-change', reach: subnetId('id') },
  'network4-list': networks,
  'network4-get': networks,
  'network4-add': networksChange,
  'network4-del': networksChange,
  'network4-subnet-add': networksChange,
  'network4-subnet-del': networksChange,

  'class-list': classes,
  'class-get': classes,
  'class-add': classesChange,
  'class-update': classesChange,
  'class-del': classesChange,

  'config-get': { family: 'config', reach: everything, expensive: true },
  // Reads every file the configuration sent names: whoever may not change it has no business with that.
  'config-test': configChange,
  'config-set': configChange,
  'config-reload': configChange,
  'config-write': configChange,
  'config-backend-pull': configChange,
  'config-plan': configChange,
  'config-confirm': configChange,
  'config-history': { family: 'config', reach: everything },
  // What was in force before may have had other rules of access.
  'config-rollback': { family: 'security', reach: everything, expensive: true },

  // Both tell of leases, wherever they are.
  events: { family: 'leases', reach: everything },
  explain4: { family: 'leases', reach: everything },

  'bmc-list': { family: 'leases', reach: subnetId('subnet-id') },
  'guard-alarm-list': { family: 'leases', reach: everything },
  'guard-alarm-acknowledge': { family: 'maintenance', reach: everything },

  'ha-heartbeat': status,
  'ha-partner-down': service,
  'ha-continue': service,
  'ha-config-diff': { family: 'config', reach: everything },
  'ha-config-push': configChange,
  'ha-sync': service,
  'ha-sync-complete-notify': service,
  'ha-scopes': service,
  'ha-reset': service,
  'ha-maintenance-notify': service,
  'ha-maintenance-start': service,
  'ha-maintenance-cancel': service,

  'dhcp-disable': service,
  'dhcp-enable': service,
  shutdown: { family: 'process', reach: everything },
};

/** What a command needs that nobody has thought about. */
const CLOSED: CommandRights = { family: 'security', reach: everything };

/** The row of a command; the closed one if it has none. */
export function rightsOf(command: string): CommandRights {
  return Object.hasOwn(ROWS, command) ? ROWS[command]! : CLOSED;
}

/** Names of the commands that have a row. */
export const COMMANDS_WITH_RIGHTS: readonly string[] = Object.keys(ROWS);
