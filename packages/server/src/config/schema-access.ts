/** Rows of the parameter table: the `access` block of Dhcp4 and the `lessor` block of a listener, both in user-context. */

import { FAMILY_NAMES } from '../domain/access/families.js';
import { ROLE_NAMES } from '../domain/access/roles.js';
import type { Parameter, Scope } from './schema.js';

/** What can be allowed of a listener that would be refused otherwise, in words. */
export const LISTENER_EXCEPTIONS = [
  'wildcard-address',
  'any-source',
  'shared-device',
  'plain-text',
  'client-sources',
  'shared-wire',
  'forwarding',
] as const;

/** Default of every bound of a listener that has a `lessor` block. */
const LIMITS: readonly (readonly [name: string, value: number, doc: string])[] = [
  ['connections', 256, 'Open connections.'],
  ['connections-per-source', 64, 'Open connections of one source address.'],
  ['connections-per-second', 200, 'New connections a second of one source address.'],
  ['commands-per-second', 1000, 'Commands a second of one principal.'],
  ['octets-per-second', 8_388_608, 'Octets a second from one source address.'],
];

/** What every listener may say of itself; a control socket says it in `user-context.lessor`. */
export const LISTENER_PARAMETERS: readonly Parameter[] = [
  { name: 'name', type: 'string', notEmpty: true, doc: 'What log and audit call this listener.' },
  {
    name: 'plane',
    type: 'string',
    words: ['management', 'peer'],
    default: 'management',
    doc: 'Whose traffic belongs here.',
  },
  {
    name: 'interface',
    type: 'string',
    notEmpty: true,
    doc: 'Interface through which alone it is reached (SO_BINDTODEVICE); any if absent.',
  },
  {
    name: 'sources',
    type: 'strings',
    doc: 'Addresses and prefixes that may connect, and nobody else; loopback if it is absent or empty.',
  },
  {
    name: 'commands',
    type: 'strings',
    notEmpty: true,
    doc: 'Families and commands that are let through, whoever sends them; all if absent.',
  },
  {
    name: 'allow',
    type: 'strings',
    words: LISTENER_EXCEPTIONS,
    doc: 'What is meant although it exposes the listener.',
  },
  { name: 'limits', type: 'map', scope: 'listener-limits', doc: 'Bounds.' },
  {
    name: 'isolation',
    type: 'string',
    words: ['enforce', 'warn', 'off'],
    doc:
      'What to do when clients turn out to reach it (checks S1 to S8): refuse to start and stop administration, warn, ' +
      'or nothing. enforce where an interface is named, else warn.',
  },
  {
    name: 'own-bmc',
    type: 'string',
    words: ['dedicated', 'shared', 'failover'],
    doc: "Port of this machine's own BMC, as its vendor's tool shows it (check S7).",
  },
];

/** Where TLS is spoken: which certificates count no more. */
export const CRL_PARAMETER: Parameter = {
  name: 'crl-file',
  type: 'string',
  notEmpty: true,
  doc:
    'PEM file of revoked certificates (X509 CRL of the authority): one that is in it is refused, and its connections end. ' +
    'Looked at every few seconds.',
};

/** Names of the scopes of this file. */
export type AccessScope =
  | 'listener'
  | 'listener-limits'
  | 'metrics'
  | 'access'
  | 'access-principals'
  | 'access-rights'
  | 'access-second-person'
  | 'access-audit';

/** Scopes of this file. */
export const ACCESS_SCOPES: Readonly<Record<AccessScope, Scope>> = {
  listener: {
    title: 'user-context, lessor of a control socket',
    context: true,
    parameters: [
      ...LISTENER_PARAMETERS,
      {
        name: 'tls-minimum',
        type: 'string',
        words: ['1.2', '1.3'],
        default: '1.3',
        doc: 'Lowest version of TLS; 1.2 needs a tls-minimum-reason.',
      },
      CRL_PARAMETER,
      { name: 'tls-minimum-reason', type: 'string', notEmpty: true, doc: 'Who can not do better, for whoever reads.' },
    ],
  },
  'listener-limits': {
    title: 'limits of a listener',
    context: true,
    parameters: LIMITS.map(([name, value, doc]) => ({
      name,
      type: 'integer',
      min: 0,
      max: 1_000_000_000,
      default: value,
      doc: `${doc} 0: no bound.`,
    })),
  },
  metrics: {
    title: 'user-context, lessor, metrics',
    context: true,
    parameters: [
      { name: 'address', type: 'string', notEmpty: true, default: '127.0.0.1', doc: 'IPv4 or IPv6 address to bind.' },
      { name: 'port', type: 'integer', mandatory: true, min: 0, max: 65535, doc: 'TCP port; 0 is any free one.' },
      {
        name: 'detail',
        type: 'string',
        words: ['server', 'subnet', 'pool'],
        default: 'pool',
        doc: 'The finest of what is counted that is shown: of the server, of each subnet, of each pool.',
      },
      ...LISTENER_PARAMETERS.filter(({ name }) => name !== 'commands' && name !== 'plane'),
    ],
  },
  access: {
    title: 'user-context, lessor, access',
    context: true,
    parameters: [
      {
        name: 'principals',
        type: 'maps',
        scope: 'access-principals',
        doc: 'Who may do what. If absent, whoever a listener lets in may do everything (Kea).',
      },
      {
        name: 'second-person',
        type: 'map',
        scope: 'access-second-person',
        doc: 'Commands that a second principal must ask for too.',
      },
      { name: 'audit', type: 'map', scope: 'access-audit', doc: 'A chained file of all control actions.' },
    ],
  },
  'access-principals': {
    title: 'a principal of access',
    context: true,
    parameters: [
      { name: 'name', type: 'string', mandatory: true, notEmpty: true, doc: 'What audit and log call them.' },
      { name: 'unix-users', type: 'strings', doc: 'Local users, by name or number.' },
      { name: 'unix-groups', type: 'strings', doc: 'Local groups, by name or number.' },
      { name: 'http-users', type: 'strings', doc: 'Users of HTTP basic authentication.' },
      {
        name: 'certificates',
        type: 'strings',
        doc: 'Names in client certificates (subjectAltName), exact: URI:.., DNS:.., email:.., IP:..',
      },
      { name: 'omapi-keys', type: 'strings', doc: 'Names of OMAPI keys; they have the rights of the key as well.' },
      { name: 'rights', type: 'maps', scope: 'access-rights', mandatory: true, doc: 'What they may do; together.' },
    ],
  },
  'access-rights': {
    title: 'a right of a principal',
    context: true,
    parameters: [
      { name: 'role', type: 'string', words: ROLE_NAMES, doc: 'A role; this, family or command.' },
      { name: 'family', type: 'string', words: FAMILY_NAMES, doc: 'A family of commands.' },
      { name: 'command', type: 'string', notEmpty: true, doc: 'A single command.' },
      { name: 'subnets', type: 'strings', notEmpty: true, doc: 'Ids ("7") or prefixes; everywhere if absent.' },
    ],
  },
  'access-second-person': {
    title: 'second-person of access',
    context: true,
    parameters: [
      {
        name: 'commands',
        type: 'strings',
        notEmpty: true,
        doc: 'Which; shutdown, lease4-wipe and ha-partner-down if absent.',
      },
      { name: 'within', type: 'integer', min: 10, max: 86_400, default: 600, doc: 'Seconds the first waits.' },
    ],
  },
  'access-audit': {
    title: 'audit of access',
    context: true,
    parameters: [
      { name: 'file', type: 'string', mandatory: true, notEmpty: true, doc: 'A file in the log directory.' },
      {
        name: 'max-size',
        type: 'integer',
        min: 65_536,
        max: 4_294_967_295,
        default: 10_485_760,
        doc: 'Octets after which a new file is begun.',
      },
      { name: 'max-versions', type: 'integer', min: 1, max: 1000, default: 10, doc: 'Full files that are kept.' },
    ],
  },
};
