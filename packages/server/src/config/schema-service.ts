/** Rows of the parameter table: interfaces, packet queue, compatibility, hooks, loggers and control sockets. */

import type { Scope } from './schema.js';
import { U16, U32 } from './schema-bounds.js';

const THREADS_NOTE = 'lessor serves from one thread';
const QUEUE_NOTE = 'lessor reads its sockets in batches';

/** Names of the scopes of this file. */
export type ServiceScope =
  | 'interfaces-config'
  | 'multi-threading'
  | 'dhcp-queue-control'
  | 'compatibility'
  | 'hooks-libraries'
  | 'loggers'
  | 'output-options'
  | 'control-sockets'
  | 'http-headers'
  | 'authentication'
  | 'clients';

/** Scopes of this file. */
export const SERVICE_SCOPES: Readonly<Record<ServiceScope, Scope>> = {
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
};
