/** Rows of the parameter table: parameters of hook libraries. */

import type { Parameter, Scope } from './schema.js';
import { U32 } from './schema-bounds.js';

const HA_STATES = [
  'BACKUP',
  'COMMUNICATION-RECOVERY',
  'HOT-STANDBY',
  'LOAD-BALANCING',
  'IN-MAINTENANCE',
  'PARTNER-DOWN',
  'PARTNER-IN-MAINTENANCE',
  'PASSIVE-BACKUP',
  'READY',
  'SYNCING',
  'TERMINATED',
  'WAITING',
] as const;

/** Most echo requests for one address, and the longest wait for an answer: clients give up after some seconds. */
const MOST_PINGS = 100;
const LONGEST_PING_MS = 60_000;

/** What the library and subnets say of pings. Defaults are the library's. */
const PING_CHECK: readonly (Parameter & { readonly default: boolean | number })[] = [
  {
    name: 'enable-ping-check',
    type: 'boolean',
    default: true,
    doc: 'An address is pinged before it is offered, unless it is reserved or still the client’s.',
  },
  {
    name: 'min-ping-requests',
    type: 'integer',
    min: 1,
    max: MOST_PINGS,
    default: 1,
    doc: 'Echo requests without an answer after which an address is free.',
  },
  {
    name: 'reply-timeout',
    type: 'integer',
    min: 1,
    max: LONGEST_PING_MS,
    default: 100,
    doc: 'Milliseconds each of them is waited for.',
  },
  {
    name: 'ping-cltt-secs',
    type: 'integer',
    min: 0,
    max: U32,
    default: 60,
    doc: 'Seconds after its last message in which a client gets its old address back unchecked.',
  },
  {
    name: 'ping-channel-threads',
    type: 'integer',
    min: 0,
    max: U32,
    default: 0,
    status: 'no-effect',
    note: 'one loop sends and receives all pings',
    doc: 'Threads of the channel.',
  },
];

/** Names of the scopes of this file. */
export type HookScope =
  | 'no-hook-parameters'
  | 'flex-id'
  | 'flex-option'
  | 'flex-options'
  | 'ping-check'
  | 'subnet-ping-check'
  | 'limits'
  | 'flex-sub-options'
  | 'run-script'
  | 'ha'
  | 'high-availability'
  | 'peers'
  | 'ha-multi-threading'
  | 'state-machine'
  | 'states';

/** Scopes of this file. */
export const HOOK_SCOPES: Readonly<Record<HookScope, Scope>> = {
  'no-hook-parameters': { title: 'parameters of a library that takes none', context: false, parameters: [] },
  'flex-id': {
    title: 'parameters of libdhcp_flex_id',
    context: false,
    parameters: [
      {
        name: 'identifier-expression',
        type: 'string',
        notEmpty: true,
        doc: 'String expression that gives the identifier.',
      },
      {
        name: 'replace-client-id',
        type: 'boolean',
        default: false,
        doc: 'Use it in place of the client identifier, too.',
      },
      {
        name: 'ignore-iaid',
        type: 'boolean',
        default: false,
        status: 'inactive',
        note: 'the IAID of client identifiers (RFC 4361) is not cut off',
        doc: 'Leave the IAID out of the identifier.',
      },
    ],
  },
  'flex-option': {
    title: 'parameters of libdhcp_flex_option',
    context: false,
    parameters: [
      {
        name: 'options',
        type: 'maps',
        scope: 'flex-options',
        mandatory: true,
        doc: 'Options that expressions add, replace or remove in every reply.',
      },
    ],
  },
  'flex-options': {
    title: 'options of libdhcp_flex_option',
    context: true,
    parameters: [
      { name: 'code', type: 'integer', min: 1, max: 254, doc: 'Code of the option.' },
      { name: 'name', type: 'string', notEmpty: true, doc: 'Name of the option, in place of its code.' },
      { name: 'space', type: 'string', words: ['dhcp4'], default: 'dhcp4', doc: 'Space of the option.' },
      {
        name: 'csv-format',
        type: 'boolean',
        default: false,
        doc: 'The value is text of the option, values by commas.',
      },
      {
        name: 'add',
        type: 'string',
        notEmpty: true,
        doc: 'Expression of the value to add unless the reply has the option.',
      },
      {
        name: 'supersede',
        type: 'string',
        notEmpty: true,
        doc: 'Expression of the value that replaces what the reply has.',
      },
      { name: 'remove', type: 'string', notEmpty: true, doc: 'Test of who goes without the option.' },
      { name: 'client-class', type: 'string', notEmpty: true, doc: 'Only for members of this class.' },
      {
        name: 'source',
        type: 'string',
        words: ['query'],
        default: 'query',
        since: '3.3.0',
        doc: 'What expressions look at; the reply can not be looked at.',
      },
      {
        name: 'destination',
        type: 'string',
        words: ['response'],
        default: 'response',
        since: '3.3.0',
        doc: 'What is changed; what was received can not be changed.',
      },
      {
        name: 'sub-options',
        type: 'maps',
        scope: 'flex-sub-options',
        doc: 'Sub-options that expressions add, replace or remove, in place of an action on the option itself.',
      },
    ],
  },
  'flex-sub-options': {
    title: 'sub-options of libdhcp_flex_option',
    context: true,
    parameters: [
      { name: 'code', type: 'integer', min: 0, max: 255, doc: 'Code of the sub-option.' },
      { name: 'name', type: 'string', notEmpty: true, doc: 'Name of the sub-option, in place of its code.' },
      {
        name: 'space',
        type: 'string',
        notEmpty: true,
        doc: 'Space of the sub-option; the one the option encapsulates. For option 125 vendor-NNN.',
      },
      {
        name: 'csv-format',
        type: 'boolean',
        default: false,
        doc: 'The value is text of the sub-option, values by commas.',
      },
      { name: 'add', type: 'string', notEmpty: true, doc: 'Expression of the value to add unless it is there.' },
      {
        name: 'supersede',
        type: 'string',
        notEmpty: true,
        doc: 'Expression of the value that replaces what is there.',
      },
      { name: 'remove', type: 'string', notEmpty: true, doc: 'Test of who goes without the sub-option.' },
      { name: 'client-class', type: 'string', notEmpty: true, doc: 'Only for members of this class.' },
      {
        name: 'container-add',
        type: 'boolean',
        default: true,
        doc: 'With add and supersede: make the option where the reply has none.',
      },
      {
        name: 'container-remove',
        type: 'boolean',
        default: true,
        doc: 'With remove: the option goes with its last sub-option.',
      },
    ],
  },
  'run-script': {
    title: 'parameters of libdhcp_run_script',
    context: false,
    parameters: [
      {
        name: 'name',
        type: 'string',
        mandatory: true,
        notEmpty: true,
        doc: 'Program to call when leases change; in the directory for scripts (KEA_HOOK_SCRIPTS_PATH).',
      },
      {
        name: 'sync',
        type: 'boolean',
        default: false,
        status: 'no-effect',
        note: 'nobody waits for a script, in Kea neither',
        doc: 'Wait for the script to end.',
      },
    ],
  },
  'ping-check': { title: 'parameters of libdhcp_ping_check', context: false, parameters: PING_CHECK },
  'subnet-ping-check': {
    title: 'user-context, ping-check of a subnet',
    context: false,
    // What is not said here is as the library has it.
    parameters: PING_CHECK.map(({ default: _, ...parameter }) => parameter),
  },
  limits: {
    title: 'user-context, limits of a class or subnet',
    context: false,
    parameters: [
      { name: 'address-limit', type: 'integer', min: 0, max: U32, doc: 'Leases at a time (libdhcp_limits).' },
      {
        name: 'rate-limit',
        type: 'string',
        notEmpty: true,
        doc: 'Packets in a time, as 5 packets per minute (second, minute, hour, day, week, month, year). More are dropped.',
      },
      {
        name: 'prefix-limit',
        type: 'integer',
        min: 0,
        max: U32,
        status: 'no-effect',
        note: 'prefixes are delegated by DHCPv6 only',
        doc: 'Leases of prefixes at a time.',
      },
    ],
  },
  ha: {
    title: 'parameters of libdhcp_ha',
    context: false,
    parameters: [
      {
        name: 'high-availability',
        type: 'maps',
        scope: 'high-availability',
        mandatory: true,
        notEmpty: true,
        doc: 'Relations with other servers.',
      },
    ],
  },
  'high-availability': {
    title: 'high-availability',
    context: true,
    parameters: [
      {
        name: 'this-server-name',
        type: 'string',
        mandatory: true,
        notEmpty: true,
        doc: 'Which of the peers this server is.',
      },
      {
        name: 'mode',
        type: 'string',
        mandatory: true,
        words: ['load-balancing', 'hot-standby', 'passive-backup'],
        doc: 'Who serves whom.',
      },
      {
        name: 'heartbeat-delay',
        type: 'integer',
        min: 0,
        max: U32,
        default: 10000,
        doc: 'Milliseconds between heartbeats; 0: none.',
      },
      {
        name: 'max-response-delay',
        type: 'integer',
        min: 0,
        max: U32,
        default: 60000,
        doc: 'Milliseconds without answer after which the partner is suspected.',
      },
      {
        name: 'max-ack-delay',
        type: 'integer',
        min: 0,
        max: U32,
        default: 10000,
        doc: 'Milliseconds a client may have tried before its packet counts as unanswered.',
      },
      {
        name: 'max-unacked-clients',
        type: 'integer',
        min: 0,
        max: U32,
        default: 10,
        doc: 'Unanswered clients after which the partner is down.',
      },
      {
        name: 'max-rejected-lease-updates',
        type: 'integer',
        min: 0,
        max: U32,
        default: 10,
        doc: 'Refused updates in 24 hours after which service ends; 0: never.',
      },
      { name: 'send-lease-updates', type: 'boolean', default: true, doc: 'Tell the partner about leases.' },
      { name: 'sync-leases', type: 'boolean', default: true, doc: 'Fetch leases from the partner at start.' },
      {
        name: 'sync-timeout',
        type: 'integer',
        min: 0,
        max: U32,
        default: 60000,
        doc: 'Milliseconds a synchronization may take.',
      },
      { name: 'sync-page-limit', type: 'integer', min: 1, max: U32, default: 10000, doc: 'Leases fetched at once.' },
      {
        name: 'delayed-updates-limit',
        type: 'integer',
        min: 0,
        max: U32,
        doc: 'Updates kept for a partner that is away.',
      },
      { name: 'wait-backup-ack', type: 'boolean', default: false, doc: 'Wait for backup servers, too.' },
      {
        name: 'restrict-commands',
        type: 'boolean',
        default: true,
        doc: 'The listener for the partner takes only its commands.',
      },
      { name: 'require-client-certs', type: 'boolean', default: true, doc: 'The partner needs a certificate.' },
      { name: 'trust-anchor', type: 'string', doc: 'TLS: certificates of authorities.' },
      { name: 'cert-file', type: 'string', doc: 'TLS: own certificate.' },
      { name: 'key-file', type: 'string', doc: 'TLS: own key.' },
      { name: 'multi-threading', type: 'map', scope: 'ha-multi-threading', doc: 'Listener for the partner.' },
      { name: 'state-machine', type: 'map', scope: 'state-machine', doc: 'Where to pause.' },
      {
        name: 'peers',
        type: 'maps',
        scope: 'peers',
        mandatory: true,
        notEmpty: true,
        doc: 'All servers of the relation, this one too.',
      },
    ],
  },
  peers: {
    title: 'peers',
    context: true,
    parameters: [
      { name: 'name', type: 'string', mandatory: true, notEmpty: true, doc: 'Name of the server.' },
      {
        name: 'url',
        type: 'string',
        mandatory: true,
        notEmpty: true,
        doc: 'Where it listens for its partners: http(s)://ADDRESS:PORT/.',
      },
      {
        name: 'role',
        type: 'string',
        mandatory: true,
        words: ['primary', 'secondary', 'standby', 'backup'],
        doc: 'Its part.',
      },
      { name: 'auto-failover', type: 'boolean', default: true, doc: 'Take over for the partner.' },
      {
        name: 'require-client-certs',
        type: 'boolean',
        status: 'no-effect',
        note: 'it belongs to the relation; Kea takes no notice of it here',
        doc: 'Misplaced in Kea examples.',
      },
      { name: 'basic-auth-user', type: 'string', doc: 'User for its listener.' },
      { name: 'basic-auth-user-file', type: 'string', doc: 'File with the user.' },
      { name: 'basic-auth-password', type: 'string', doc: 'Password for its listener.' },
      { name: 'basic-auth-password-file', type: 'string', doc: 'File with the password.' },
      { name: 'trust-anchor', type: 'string', doc: 'TLS: certificates of authorities.' },
      { name: 'cert-file', type: 'string', doc: 'TLS: own certificate.' },
      { name: 'key-file', type: 'string', doc: 'TLS: own key.' },
    ],
  },
  'ha-multi-threading': {
    title: 'multi-threading of high-availability',
    context: false,
    parameters: [
      { name: 'enable-multi-threading', type: 'boolean', default: true, doc: 'Use threads.' },
      { name: 'http-dedicated-listener', type: 'boolean', default: true, doc: 'Listen on the own url.' },
      { name: 'http-listener-threads', type: 'integer', min: 0, max: U32, default: 0, doc: 'Threads that listen.' },
      { name: 'http-client-threads', type: 'integer', min: 0, max: U32, default: 0, doc: 'Threads that send.' },
    ],
  },
  'state-machine': {
    title: 'state-machine',
    context: true,
    parameters: [{ name: 'states', type: 'maps', scope: 'states', doc: 'States with a pause.' }],
  },
  states: {
    title: 'states',
    context: true,
    parameters: [
      { name: 'state', type: 'string', mandatory: true, words: HA_STATES, anyCase: true, doc: 'Name of the state.' },
      {
        name: 'pause',
        type: 'string',
        mandatory: true,
        words: ['never', 'always', 'once'],
        doc: 'Whether to wait there for ha-continue.',
      },
    ],
  },
};
