/** Rows of the parameter table: interfaces, storage, control sockets, loggers, hooks and timers. */

import type { Parameter, Scope } from './schema.js';
import { U16, U32 } from './schema-network.js';

const THREADS_NOTE = 'lessor serves from one thread';
const QUEUE_NOTE = 'lessor reads its sockets in batches';

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

/** Scopes of this file. */
export const SERVICE_SCOPES: Readonly<
  Record<
    | 'interfaces-config'
    | 'lease-database'
    | 'hosts-databases'
    | 'config-control'
    | 'expired-leases-processing'
    | 'sanity-checks'
    | 'multi-threading'
    | 'dhcp-queue-control'
    | 'compatibility'
    | 'hooks-libraries'
    | 'loggers'
    | 'output-options'
    | 'control-sockets'
    | 'http-headers'
    | 'authentication'
    | 'clients'
    | 'dhcp-ddns',
    Scope
  >
> = {
  'interfaces-config': {
    title: 'interfaces-config',
    context: true,
    parameters: [
      {
        name: 'interfaces',
        type: 'strings',
        doc: 'Interfaces to serve: "*", "eth0" or "eth0/192.0.2.1"; empty: none.',
      },
      {
        name: 'dhcp-socket-type',
        type: 'string',
        words: ['raw', 'udp'],
        default: 'raw',
        doc: 'raw: clients without address, too; udp: relayed ones only.',
      },
      {
        name: 'outbound-interface',
        type: 'string',
        words: ['same-as-inbound', 'use-routing'],
        default: 'same-as-inbound',
        doc: 'Where answers leave.',
      },
      { name: 're-detect', type: 'boolean', default: true, doc: 'Look for interfaces again at every reconfiguration.' },
      {
        name: 'service-sockets-require-all',
        type: 'boolean',
        default: false,
        doc: 'A socket that can not be opened is fatal.',
      },
      {
        name: 'service-sockets-max-retries',
        type: 'integer',
        min: 0,
        max: U32,
        default: 0,
        doc: 'Attempts to open a socket again.',
      },
      {
        name: 'service-sockets-retry-wait-time',
        type: 'integer',
        min: 0,
        max: U32,
        default: 5000,
        doc: 'Milliseconds between attempts.',
      },
    ],
  },
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
  'multi-threading': {
    title: 'multi-threading',
    context: true,
    parameters: [
      {
        name: 'enable-multi-threading',
        type: 'boolean',
        default: true,
        status: 'no-effect',
        note: THREADS_NOTE,
        doc: 'Serve from several threads.',
      },
      {
        name: 'thread-pool-size',
        type: 'integer',
        min: 0,
        max: U16,
        default: 0,
        status: 'no-effect',
        note: THREADS_NOTE,
        doc: 'Number of threads; 0: one a core.',
      },
      {
        name: 'packet-queue-size',
        type: 'integer',
        min: 0,
        max: U16,
        default: 64,
        status: 'no-effect',
        note: THREADS_NOTE,
        doc: 'Packets waiting for each thread.',
      },
    ],
  },
  'dhcp-queue-control': {
    title: 'dhcp-queue-control',
    context: true,
    open: true,
    parameters: [
      {
        name: 'enable-queue',
        type: 'boolean',
        default: false,
        status: 'no-effect',
        note: QUEUE_NOTE,
        doc: 'Put packets in a queue.',
      },
      {
        name: 'queue-type',
        type: 'string',
        default: 'kea-ring4',
        status: 'no-effect',
        note: QUEUE_NOTE,
        doc: 'Kind of queue.',
      },
      {
        name: 'capacity',
        type: 'integer',
        min: 0,
        max: U32,
        default: 64,
        status: 'no-effect',
        note: QUEUE_NOTE,
        doc: 'Packets it holds.',
      },
    ],
  },
  compatibility: {
    title: 'compatibility',
    context: false,
    parameters: [
      {
        name: 'lenient-option-parsing',
        type: 'boolean',
        default: false,
        doc: 'Read options as far as they are readable.',
      },
      {
        name: 'ignore-dhcp-server-identifier',
        type: 'boolean',
        default: false,
        doc: 'Answer requests to another server, too.',
      },
      {
        name: 'ignore-rai-link-selection',
        type: 'boolean',
        default: false,
        doc: 'Ignore link selection of relays (RFC 3527).',
      },
      {
        name: 'exclude-first-last-24',
        type: 'boolean',
        default: false,
        doc: 'Never give out .0 and .255 in subnets of /24 and larger.',
      },
    ],
  },
  'hooks-libraries': {
    title: 'hooks-libraries',
    context: false,
    parameters: [
      { name: 'library', type: 'string', mandatory: true, notEmpty: true, doc: 'File name of the library.' },
      { name: 'parameters', type: 'json', doc: 'Parameters of the library.' },
    ],
  },
  loggers: {
    title: 'loggers',
    context: true,
    aliases: [{ name: 'output_options', to: 'output-options', convert: 'same', doc: 'the list' }],
    parameters: [
      { name: 'name', type: 'string', mandatory: true, notEmpty: true, doc: 'kea-dhcp4, or kea-dhcp4.COMPONENT.' },
      {
        name: 'severity',
        type: 'string',
        words: ['FATAL', 'ERROR', 'WARN', 'INFO', 'DEBUG', 'NONE'],
        anyCase: true,
        default: 'INFO',
        doc: 'Least severity that is logged.',
      },
      { name: 'debuglevel', type: 'integer', min: 0, max: 99, default: 0, doc: 'How much of DEBUG.' },
      { name: 'output-options', type: 'maps', scope: 'output-options', doc: 'Where to.' },
    ],
  },
  'output-options': {
    title: 'output-options',
    context: false,
    parameters: [
      {
        name: 'output',
        type: 'string',
        mandatory: true,
        notEmpty: true,
        doc: 'stdout, stderr, syslog, syslog:FACILITY, or a file in the log directory.',
      },
      {
        name: 'maxsize',
        type: 'integer',
        min: 0,
        default: 10240000,
        doc: 'Octets after which the file is rotated; below 204800: never.',
      },
      { name: 'maxver', type: 'integer', min: 0, max: 0x7fff_ffff, default: 1, doc: 'Old files kept.' },
      { name: 'flush', type: 'boolean', default: true, doc: 'Flush after each line.' },
      {
        name: 'pattern',
        type: 'string',
        default: '',
        doc: 'Layout of a line (log4cplus pattern); empty: the usual one.',
      },
    ],
  },
  'control-sockets': {
    title: 'control-sockets',
    context: true,
    parameters: [
      {
        name: 'socket-type',
        type: 'string',
        mandatory: true,
        words: ['unix', 'http', 'https'],
        doc: 'Kind of socket.',
      },
      { name: 'socket-name', type: 'string', doc: 'unix: file in the socket directory.' },
      { name: 'socket-address', type: 'string', doc: 'http, https: address to listen on (default 127.0.0.1).' },
      {
        name: 'socket-port',
        type: 'integer',
        min: 0,
        max: U16,
        doc: 'http, https: port (default 8000); 0: any free one.',
      },
      {
        name: 'http-headers',
        type: 'maps',
        scope: 'http-headers',
        doc: 'http, https: headers added to every answer.',
        since: '2.7.5',
      },
      { name: 'authentication', type: 'map', scope: 'authentication', doc: 'http, https: who may send commands.' },
      { name: 'trust-anchor', type: 'string', doc: 'TLS: certificates of authorities.' },
      { name: 'cert-file', type: 'string', doc: 'TLS: own certificate.' },
      { name: 'key-file', type: 'string', doc: 'TLS: own key.' },
      { name: 'cert-required', type: 'boolean', doc: 'TLS: clients need a certificate (default true).' },
    ],
  },
  'http-headers': {
    title: 'http-headers',
    context: true,
    parameters: [
      { name: 'name', type: 'string', mandatory: true, notEmpty: true, doc: 'Name of the header.' },
      { name: 'value', type: 'string', mandatory: true, notEmpty: true, doc: 'Its value.' },
    ],
  },
  authentication: {
    title: 'authentication',
    context: true,
    parameters: [
      { name: 'type', type: 'string', words: ['basic'], default: 'basic', doc: 'Scheme.' },
      { name: 'realm', type: 'string', default: 'kea-dhcpv4-server', notEmpty: true, doc: 'Realm told to clients.' },
      { name: 'directory', type: 'string', doc: 'Directory of the files named in clients.' },
      { name: 'clients', type: 'maps', scope: 'clients', doc: 'Users.' },
    ],
  },
  clients: {
    title: 'clients',
    context: true,
    parameters: [
      { name: 'user', type: 'string', notEmpty: true, doc: 'User name; with -X only.' },
      { name: 'user-file', type: 'string', notEmpty: true, doc: 'File whose first line is the user name.' },
      { name: 'password', type: 'string', doc: 'Password; with -X only.' },
      {
        name: 'password-file',
        type: 'string',
        notEmpty: true,
        doc: 'File whose first line is the password, or user:password.',
      },
    ],
  },
  'dhcp-ddns': {
    title: 'dhcp-ddns',
    context: true,
    parameters: [
      {
        name: 'enable-updates',
        type: 'boolean',
        mandatory: true,
        default: false,
        status: 'inactive',
        note: 'DNS updates are not sent yet',
        doc: 'Send DNS updates.',
      },
      {
        name: 'server-ip',
        type: 'string',
        default: '127.0.0.1',
        status: 'kept',
        doc: 'Address of the DNS update server.',
      },
      { name: 'server-port', type: 'integer', min: 0, max: U16, default: 53001, status: 'kept', doc: 'Its port.' },
      { name: 'sender-ip', type: 'string', default: '0.0.0.0', status: 'kept', doc: 'Address requests are sent from.' },
      {
        name: 'sender-port',
        type: 'integer',
        min: 0,
        max: U16,
        default: 0,
        status: 'kept',
        doc: 'Port requests are sent from; 0: any.',
      },
      {
        name: 'max-queue-size',
        type: 'integer',
        min: 0,
        max: U32,
        default: 1024,
        status: 'kept',
        doc: 'Requests that may wait.',
      },
      {
        name: 'ncr-protocol',
        type: 'string',
        words: ['UDP'],
        anyCase: true,
        default: 'UDP',
        status: 'kept',
        doc: 'Protocol of requests.',
      },
      {
        name: 'ncr-format',
        type: 'string',
        words: ['JSON'],
        anyCase: true,
        default: 'JSON',
        status: 'kept',
        doc: 'Format of requests.',
      },
    ],
  },
};
