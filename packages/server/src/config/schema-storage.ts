/** Rows of the parameter table: where leases, reservations and configurations are kept, and what happens to leases with time. */

import type { Parameter, Scope } from './schema.js';
import { U16, U32 } from './schema-bounds.js';

/** Access parameters of lease-database, hosts-databases and config-databases. */
const DATABASE: readonly Parameter[] = [
  {
    name: 'type',
    type: 'string',
    mandatory: true,
    words: ['memfile', 'mysql', 'postgresql'],
    doc: 'Kind of store; only memfile is supported today.',
  },
  { name: 'name', type: 'string', doc: 'Lease file (default kea-leases4.csv in the data directory), or database.' },
  { name: 'persist', type: 'boolean', doc: 'Keep leases on disk (default true).' },
  {
    name: 'lfc-interval',
    type: 'integer',
    min: 0,
    max: U32,
    doc: 'Seconds between cleanups of the lease file (default 3600); 0: never.',
  },
  { name: 'max-row-errors', type: 'integer', min: 0, max: U32, doc: 'Bad rows tolerated when loading; 0: any number.' },
  { name: 'host', type: 'string', doc: 'Host of the database.' },
  { name: 'port', type: 'integer', min: 0, max: U16, doc: 'Port of the database.' },
  { name: 'user', type: 'string', doc: 'User of the database.' },
  { name: 'password', type: 'string', doc: 'Password of the database.' },
  { name: 'password-file', type: 'string', doc: 'File with the password.', since: '3.3.1' },
  { name: 'readonly', type: 'boolean', doc: 'Never write (reservations).' },
  { name: 'connect-timeout', type: 'integer', min: 0, max: U32, doc: 'Seconds to connect.' },
  { name: 'read-timeout', type: 'integer', min: 0, max: U32, doc: 'Seconds to read (mysql).' },
  { name: 'write-timeout', type: 'integer', min: 0, max: U32, doc: 'Seconds to write (mysql).' },
  { name: 'tcp-user-timeout', type: 'integer', min: 0, max: U32, doc: 'Seconds without acknowledgement (postgresql).' },
  { name: 'max-reconnect-tries', type: 'integer', min: 0, max: U32, doc: 'Attempts to connect again.' },
  { name: 'reconnect-wait-time', type: 'integer', min: 0, max: U32, doc: 'Milliseconds between attempts.' },
  {
    name: 'on-fail',
    type: 'string',
    words: ['stop-retry-exit', 'serve-retry-exit', 'serve-retry-continue'],
    doc: 'What to do without database.',
  },
  { name: 'retry-on-startup', type: 'boolean', doc: 'Try again at start, too.' },
  { name: 'trust-anchor', type: 'string', doc: 'TLS: certificates of authorities.' },
  { name: 'cert-file', type: 'string', doc: 'TLS: own certificate.' },
  { name: 'key-file', type: 'string', doc: 'TLS: own key.' },
  { name: 'cipher-list', type: 'string', doc: 'TLS: ciphers.' },
  {
    name: 'ssl-mode',
    type: 'string',
    words: ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'],
    doc: 'TLS: how much of it.',
  },
];

/** Names of the scopes of this file. */
export type StorageScope =
  | 'lease-database'
  | 'hosts-databases'
  | 'config-control'
  | 'expired-leases-processing'
  | 'sanity-checks';

/** Scopes of this file. */
export const STORAGE_SCOPES: Readonly<Record<StorageScope, Scope>> = {
  'lease-database': { title: 'lease-database', context: false, parameters: DATABASE },
  'hosts-databases': { title: 'hosts-databases', context: false, parameters: DATABASE },
  'config-control': {
    title: 'config-control',
    context: false,
    parameters: [
      {
        name: 'config-databases',
        type: 'maps',
        scope: 'hosts-databases',
        status: 'unsupported',
        note: 'there is no configuration backend; use config-set or files',
        doc: 'Databases of configuration.',
      },
      {
        name: 'config-fetch-wait-time',
        type: 'integer',
        min: 0,
        max: U16,
        status: 'no-effect',
        note: 'there is no configuration backend',
        doc: 'Seconds between looks into the database.',
      },
    ],
  },
  'expired-leases-processing': {
    title: 'expired-leases-processing',
    context: false,
    parameters: [
      {
        name: 'reclaim-timer-wait-time',
        type: 'integer',
        min: 0,
        max: U16,
        default: 10,
        doc: 'Seconds between reclaim cycles; 0: never.',
      },
      {
        name: 'flush-reclaimed-timer-wait-time',
        type: 'integer',
        min: 0,
        max: U16,
        default: 25,
        doc: 'Seconds between removals of reclaimed leases; 0: never.',
      },
      {
        name: 'hold-reclaimed-time',
        type: 'integer',
        min: 0,
        max: U32,
        default: 3600,
        doc: 'Seconds a reclaimed lease is kept for its client.',
      },
      {
        name: 'max-reclaim-leases',
        type: 'integer',
        min: 0,
        max: U32,
        default: 100,
        doc: 'Leases reclaimed in one cycle; 0: all.',
      },
      {
        name: 'max-reclaim-time',
        type: 'integer',
        min: 0,
        max: 10000,
        default: 250,
        doc: 'Milliseconds one cycle may take; 0: no limit.',
      },
      {
        name: 'unwarned-reclaim-cycles',
        type: 'integer',
        min: 0,
        max: U16,
        default: 5,
        doc: 'Unfinished cycles before a warning is logged.',
      },
    ],
  },
  'sanity-checks': {
    title: 'sanity-checks',
    context: false,
    parameters: [
      {
        name: 'lease-checks',
        type: 'string',
        words: ['none', 'warn', 'fix', 'fix-del', 'del'],
        default: 'warn',
        doc: 'Leases whose subnet-id does not fit their address.',
      },
      {
        name: 'extended-info-checks',
        type: 'string',
        words: ['none', 'fix', 'strict', 'pedantic'],
        default: 'fix',
        status: 'no-effect',
        note: 'relay information is read in its old and its new form, and written in the new one',
        doc: 'Relay information of leases.',
      },
    ],
  },
};
