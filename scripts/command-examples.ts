/**
 * Examples of the commands, in docs/reference/commands.md: a session with one server, in this order, from a fixed
 * configuration. tests/interop/command-examples.test.ts has it with a real server and compares every answer with
 * scripts/command-examples.json; with RECORD_EXAMPLES=1 it writes that file instead (then: npm run format).
 */

import { readFileSync } from 'node:fs';
import type { JsonMap, JsonValue } from '@lessor/kea';
import { repoPath } from '../tests/lib/repo.js';

/** One command of the session. */
export interface CommandExample {
  readonly command: string;
  readonly arguments?: JsonValue;
  /** A step on the way that the page does not show. */
  readonly hidden?: true;
}

const example = (command: string, args?: JsonValue): CommandExample =>
  args === undefined ? { command } : { command, arguments: args };
const step = (command: string, args?: JsonValue): CommandExample => ({ ...example(command, args), hidden: true });

/** Stands for the folder of the server's files. */
export const EXAMPLE_FOLDER = '/srv/kea';

/** What the server of the session is configured with, beside its sockets and files. */
export const EXAMPLE_CONFIG: JsonMap = {
  'valid-lifetime': 3600,
  'client-classes': [{ name: 'phones', test: "option[60].text == 'phone'" }],
  'option-data': [{ name: 'domain-name-servers', data: '192.0.2.1' }],
  subnet4: [
    {
      id: 1,
      subnet: '192.0.2.0/24',
      pools: [{ pool: '192.0.2.100 - 192.0.2.199' }],
      reservations: [{ 'hw-address': '02:00:00:00:00:01', 'ip-address': '192.0.2.10', hostname: 'printer' }],
    },
  ],
};

const LEASE = { 'ip-address': '192.0.2.100', 'hw-address': '02:00:00:00:00:07', hostname: 'laptop' };
const RESERVATION = {
  'subnet-id': 1,
  'hw-address': '02:00:00:00:00:02',
  'ip-address': '192.0.2.11',
  hostname: 'camera',
};
const SECOND_SUBNET = { id: 2, subnet: '198.51.100.0/24', pools: [{ pool: '198.51.100.10 - 198.51.100.99' }] };
const BY_MAC = { 'subnet-id': 1, 'identifier-type': 'hw-address', identifier: '02:00:00:00:00:02' };

/** The session. */
export const COMMAND_EXAMPLES: readonly CommandExample[] = [
  example('version-get'),
  example('build-report'),
  example('list-commands'),
  example('server-tag-get'),
  example('status-get'),

  example('lease4-add', LEASE),
  step('lease4-add', {
    'ip-address': '192.0.2.101',
    'hw-address': '02:00:00:00:00:08',
    'client-id': '01:02:00:00:00:00:08',
  }),
  example('lease4-get', { 'ip-address': '192.0.2.100' }),
  example('lease4-get', { 'subnet-id': 1, 'identifier-type': 'hw-address', identifier: '02:00:00:00:00:99' }),
  example('lease4-get-all', { subnets: [1] }),
  example('lease4-get-page', { from: 'start', limit: 1 }),
  example('lease4-get-by-hw-address', { 'hw-address': '02:00:00:00:00:07' }),
  example('lease4-get-by-client-id', { 'client-id': '01:02:00:00:00:00:08' }),
  example('lease4-get-by-hostname', { hostname: 'laptop' }),
  example('lease4-get-by-state', { state: 'default', 'subnet-id': 1 }),
  example('lease4-update', { ...LEASE, hostname: 'laptop-2' }),
  example('stat-lease4-get', { 'subnet-id': 1 }),
  example('lease4-write', { filename: 'backup.csv' }),
  example('lease4-resend-ddns', { 'ip-address': '192.0.2.100' }),
  example('lease4-del', { 'ip-address': '192.0.2.101' }),
  example('leases-reclaim', { remove: true }),
  example('kea-lfc-start'),

  example('reservation-add', { reservation: RESERVATION }),
  example('reservation-get', BY_MAC),
  example('reservation-get-all', { 'subnet-id': 1 }),
  example('reservation-get-page', { 'subnet-id': 1, limit: 1 }),
  example('reservation-get-by-address', { 'ip-address': '192.0.2.11' }),
  example('reservation-get-by-hostname', { hostname: 'camera' }),
  example('reservation-get-by-id', { 'identifier-type': 'hw-address', identifier: '02:00:00:00:00:02' }),
  example('reservation-update', { reservation: { ...RESERVATION, hostname: 'camera-1' } }),
  example('reservation-del', BY_MAC),

  example('subnet4-add', { subnet4: [SECOND_SUBNET] }),
  example('subnet4-list'),
  example('subnet4-get', { id: 2 }),
  example('subnet4-update', { subnet4: [{ ...SECOND_SUBNET, 'valid-lifetime': 7200 }] }),
  example('subnet4-delta-add', {
    subnet4: [{ id: 2, subnet: '198.51.100.0/24', 'option-data': [{ name: 'routers', data: '198.51.100.1' }] }],
  }),
  example('subnet4-delta-del', {
    subnet4: [{ id: 2, subnet: '198.51.100.0/24', 'option-data': [{ name: 'routers' }] }],
  }),
  example('subnet4-select-test', { relay: '198.51.100.1' }),
  example('network4-add', { 'shared-networks': [{ name: 'floor-1' }] }),
  example('network4-subnet-add', { name: 'floor-1', id: 2 }),
  example('network4-list'),
  example('network4-get', { name: 'floor-1' }),
  example('network4-subnet-del', { name: 'floor-1', id: 2 }),
  example('network4-del', { name: 'floor-1' }),
  example('subnet4-del', { id: 2 }),
  example('lease4-wipe', { 'subnet-id': 1 }),

  example('class-add', { 'client-classes': [{ name: 'guests', test: "option[60].text == 'guest'" }] }),
  example('class-list'),
  example('class-get', { name: 'guests' }),
  example('class-update', {
    'client-classes': [{ name: 'guests', test: "option[60].text == 'guest'", 'valid-lifetime': 600 }],
  }),
  example('class-del', { name: 'guests' }),

  example('explain4', { 'hw-address': '02:00:00:00:00:01', relay: '192.0.2.1' }),
  example('events', { limit: 1 }),

  example('config-hash-get'),
  example('config-test', { Dhcp4: { subnet4: [{ id: 1, subnet: '192.0.2.0/33' }] } }),
  example('config-write'),
  example('config-reload', { 'confirm-within': 60 }),
  example('config-confirm'),
  step('subnet4-delta-add', {
    subnet4: [{ id: 1, subnet: '192.0.2.0/24', pools: [{ pool: '192.0.2.200 - 192.0.2.220' }] }],
  }),
  example('config-plan', { id: 1 }),
  example('config-history'),
  example('config-rollback', { id: 1 }),
  example('config-get'),
  example('config-backend-pull'),

  example('statistic-get', { name: 'subnet[1].assigned-addresses' }),
  example('statistic-get-all'),
  example('statistic-global-get-all'),
  example('statistic-sample-count-set', { name: 'pkt4-received', 'max-samples': 10 }),
  example('statistic-sample-count-set-all', { 'max-samples': 1 }),
  example('statistic-sample-age-set', { name: 'pkt4-received', duration: 3600 }),
  example('statistic-sample-age-set-all', { duration: 3600 }),
  example('statistic-reset', { name: 'pkt4-received' }),
  example('statistic-reset-all'),
  example('statistic-remove', { name: 'pkt4-received' }),
  example('statistic-remove-all'),

  example('interface-list'),
  example('interface-redetect'),
  example('interface-add', { interfaces: ['no-such'] }),
  example('listener-list'),
  example('isolation-check'),
  example('bmc-list'),
  example('guard-alarm-list'),
  example('guard-alarm-acknowledge', { id: 1 }),
  example('dhcp-disable', { 'max-period': 60 }),
  example('dhcp-enable'),
  example('config-set', {
    Dhcp4: {
      'control-sockets': [{ 'socket-type': 'unix', 'socket-name': `${EXAMPLE_FOLDER}/run/ctrl` }],
      'lease-database': { type: 'memfile', name: `${EXAMPLE_FOLDER}/data/kea-leases4.csv`, 'lfc-interval': 0 },
      subnet4: [{ id: 1, subnet: '192.0.2.0/24', pools: [{ pool: '192.0.2.100 - 192.0.2.199' }] }],
    },
  }),
  example('shutdown', { 'exit-value': 3 }),
];

/** Items of a list, members of a map and characters of a text that the page shows; of more it shows fewer. */
const SHOWN = { items: 3, members: 14, characters: 300 };

/** What the page shows of a long answer. */
export function shortened(value: JsonValue): JsonValue {
  if (typeof value === 'string') {
    return value.length <= SHOWN.characters ? value : `${value.slice(0, SHOWN.characters)}...`;
  }
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) {
    const items = value.slice(0, value.length > SHOWN.items ? SHOWN.items - 1 : SHOWN.items).map(shortened);
    return value.length > SHOWN.items ? [...items, `... ${value.length - items.length} more`] : items;
  }
  const entries = Object.entries(value as JsonMap);
  const shown = entries.slice(0, SHOWN.members).map(([name, item]) => [name, shortened(item)] as const);
  return Object.fromEntries(
    entries.length > SHOWN.members ? [...shown, ['...', `${entries.length - shown.length} more`] as const] : shown,
  );
}

/** Answers of {@link COMMAND_EXAMPLES}, in their order. */
export function recordedAnswers(): JsonMap[] {
  return JSON.parse(readFileSync(repoPath('scripts', 'command-examples.json'), 'utf8')) as JsonMap[];
}
