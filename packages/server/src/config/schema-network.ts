/** Rows of the parameter table: what networks, subnets, pools, reservations and classes can say. */

import { OPTION_TYPE_NAMES } from '@lessor/dhcp';
import type { Alias, Parameter, Scope } from './schema.js';
import { U32 } from './schema-bounds.js';
import { DDNS, DDNS_ALIASES } from './schema-ddns.js';

/** Options of a scope. */
export const OPTION_DATA: Parameter = {
  name: 'option-data',
  type: 'maps',
  scope: 'option-data',
  doc: 'Options for clients served here. Merged when answering: reservation, pool, subnet, network, class, global.',
};

/** Lifetimes: global, network, subnet and class. */
export const LIFETIMES: readonly Parameter[] = [
  {
    name: 'valid-lifetime',
    type: 'integer',
    min: 0,
    max: U32,
    doc: 'Lifetime of a lease in seconds; 4294967295 never ends.',
  },
  {
    name: 'min-valid-lifetime',
    type: 'integer',
    min: 0,
    max: U32,
    doc: 'Shortest lifetime a client can ask for, in seconds.',
  },
  {
    name: 'max-valid-lifetime',
    type: 'integer',
    min: 0,
    max: U32,
    doc: 'Longest lifetime a client can ask for, in seconds.',
  },
  {
    name: 'offer-lifetime',
    type: 'integer',
    min: 0,
    max: U32,
    doc: 'Above 0: an offer is stored as a lease for so many seconds.',
    since: '2.3.4',
  },
];

/** Header fields for network boot: global, network, subnet, class and reservation. */
export const BOOT: readonly Parameter[] = [
  { name: 'next-server', type: 'string', doc: 'Boot server address (header field siaddr).' },
  { name: 'server-hostname', type: 'string', maxOctets: 63, doc: 'Boot server name (header field sname).' },
  { name: 'boot-file-name', type: 'string', maxOctets: 127, doc: 'Boot file (header field file).' },
];

/** How reservations are looked up: global, network and subnet. */
const RESERVATION_MODES: readonly Parameter[] = [
  { name: 'reservations-global', type: 'boolean', doc: 'Look at global reservations.' },
  { name: 'reservations-in-subnet', type: 'boolean', doc: "Look at the subnet's reservations." },
  {
    name: 'reservations-out-of-pool',
    type: 'boolean',
    doc: 'Promise that reserved addresses are outside the pools, which saves looking there.',
  },
  {
    name: 'reservation-mode',
    type: 'any',
    status: 'unsupported',
    note:
      'gone from Kea; write instead, for all: "reservations-in-subnet": true; for out-of-pool: "reservations-in-subnet": true ' +
      'and "reservations-out-of-pool": true; for global: "reservations-global": true and "reservations-in-subnet": false; ' +
      'for disabled: "reservations-in-subnet": false',
    doc: 'Old form of the three parameters above.',
  },
];

/** What global, network and subnet scope have in common. */
export const NETWORK: readonly Parameter[] = [
  ...LIFETIMES,
  { name: 'renew-timer', type: 'integer', min: 0, max: U32, doc: 'T1 (option 58) in seconds.' },
  { name: 'rebind-timer', type: 'integer', min: 0, max: U32, doc: 'T2 (option 59) in seconds.' },
  {
    name: 'calculate-tee-times',
    type: 'boolean',
    doc: 'Compute T1 and T2 as shares of the lifetime where not configured.',
  },
  { name: 't1-percent', type: 'real', min: 0, max: 1, above: true, below: true, doc: 'T1 as share of the lifetime.' },
  { name: 't2-percent', type: 'real', min: 0, max: 1, above: true, below: true, doc: 'T2 as share of the lifetime.' },
  {
    name: 'cache-threshold',
    type: 'real',
    min: 0,
    max: 1,
    below: true,
    doc: 'Renewals within this share of the lifetime reuse the lease.',
  },
  { name: 'cache-max-age', type: 'integer', min: 0, max: U32, doc: 'Renewals within so many seconds reuse the lease.' },
  {
    name: 'adaptive-lease-time-threshold',
    type: 'real',
    min: 0,
    max: 1,
    above: true,
    doc: 'From this share of taken addresses on new clients get min-valid-lifetime; in Kea with allocator flq only.',
    since: '2.7.8',
  },
  {
    name: 'match-client-id',
    type: 'boolean',
    doc: 'Find leases by client identifier; false: by hardware address only.',
  },
  { name: 'authoritative', type: 'boolean', doc: 'Refuse (NAK) addresses of clients we know nothing of.' },
  ...BOOT,
  {
    name: 'allocator',
    type: 'string',
    words: ['iterative', 'random', 'flq', 'shared-flq'],
    doc: 'How free addresses are picked. shared-flq needs a lease database shared by servers and is refused.',
    since: '2.1.5',
  },
  { name: 'store-extended-info', type: 'boolean', doc: 'Keep relay information (option 82) in the lease.' },
  ...RESERVATION_MODES,
  ...DDNS,
  OPTION_DATA,
];

/** Parameters of networks and subnets that are not global. */
const SELECTION: readonly Parameter[] = [
  { name: 'interface', type: 'string', doc: 'Interface of clients that are connected directly.' },
  { name: 'relay', type: 'map', scope: 'relay', doc: 'Addresses of relays whose clients belong here.' },
];

const GUARDS: readonly Parameter[] = [
  {
    name: 'client-classes',
    type: 'strings',
    doc: 'Serve only clients that are in one of these classes; empty: all.',
    since: '2.7.5',
  },
  {
    name: 'evaluate-additional-classes',
    type: 'strings',
    doc: 'Classes evaluated after the lease is chosen, for their options.',
    since: '2.7.4',
  },
];

const GUARD_ALIASES: readonly Alias[] = [
  { name: 'client-class', to: 'client-classes', convert: 'wrap', doc: 'the one class' },
  { name: 'require-client-classes', to: 'evaluate-additional-classes', convert: 'same', doc: 'the list' },
];

const FOUR_O_SIX_NOTE = 'acts once DHCPv4-over-DHCPv6 is served';

/** Names of the scopes of this file. */
export type NetworkScope =
  | 'shared-networks'
  | 'subnet4'
  | 'pools'
  | 'relay'
  | 'reservations'
  | 'client-classes'
  | 'option-data'
  | 'option-def';

/** Scopes of this file. */
export const NETWORK_SCOPES: Readonly<Record<NetworkScope, Scope>> = {
  'shared-networks': {
    title: 'shared network',
    context: true,
    aliases: [...GUARD_ALIASES, ...DDNS_ALIASES],
    parameters: [
      { name: 'name', type: 'string', mandatory: true, notEmpty: true, doc: 'Name of the network, unique.' },
      { name: 'subnet4', type: 'maps', scope: 'subnet4', doc: 'Its subnets, interchangeable for allocation.' },
      ...SELECTION,
      ...GUARDS,
      ...NETWORK,
    ],
  },
  subnet4: {
    title: 'subnet4',
    context: true,
    aliases: [...GUARD_ALIASES, ...DDNS_ALIASES],
    parameters: [
      { name: 'subnet', type: 'string', mandatory: true, notEmpty: true, doc: 'Prefix as a.b.c.d/length.' },
      {
        name: 'id',
        type: 'integer',
        min: 1,
        max: U32 - 1,
        mandatory: true,
        note: 'Kea before 2.7 numbered subnets by itself and leases refer to that number: `lessor upgrade-config` writes it',
        doc: 'Number of the subnet, unique; leases and statistics refer to it.',
      },
      { name: 'pools', type: 'maps', scope: 'pools', doc: 'Ranges of addresses to give out.' },
      { name: 'reservations', type: 'maps', scope: 'reservations', doc: 'What certain clients get.' },
      ...SELECTION,
      ...GUARDS,
      {
        name: '4o6-interface',
        type: 'string',
        default: '',
        status: 'kept',
        note: FOUR_O_SIX_NOTE,
        doc: 'DHCPv4-over-DHCPv6: interface.',
      },
      {
        name: '4o6-interface-id',
        type: 'string',
        default: '',
        status: 'kept',
        note: FOUR_O_SIX_NOTE,
        doc: 'DHCPv4-over-DHCPv6: interface-id of the relay.',
      },
      {
        name: '4o6-subnet',
        type: 'string',
        default: '',
        status: 'kept',
        note: FOUR_O_SIX_NOTE,
        doc: 'DHCPv4-over-DHCPv6: IPv6 prefix of the clients.',
      },
      ...NETWORK,
    ],
  },
  pools: {
    title: 'pools',
    context: true,
    aliases: [...GUARD_ALIASES, ...DDNS_ALIASES],
    parameters: [
      {
        name: 'pool',
        type: 'string',
        mandatory: true,
        notEmpty: true,
        doc: 'The range: "first - last" or "prefix/length".',
      },
      {
        name: 'pool-id',
        type: 'integer',
        min: 1,
        max: U32 - 1,
        doc: 'Number of the pool in statistics (without one: 0).',
        since: '2.3.8',
      },
      ...GUARDS,
      ...DDNS,
      OPTION_DATA,
    ],
  },
  relay: {
    title: 'relay',
    context: false,
    aliases: [{ name: 'ip-address', to: 'ip-addresses', convert: 'wrap', doc: 'the one address' }],
    parameters: [{ name: 'ip-addresses', type: 'strings', mandatory: true, doc: 'Addresses of relays (giaddr).' }],
  },
  reservations: {
    title: 'reservations',
    context: true,
    parameters: [
      { name: 'hw-address', type: 'string', notEmpty: true, doc: 'The client, by hardware address.' },
      { name: 'client-id', type: 'string', notEmpty: true, doc: 'The client, by client identifier (option 61).' },
      {
        name: 'circuit-id',
        type: 'string',
        notEmpty: true,
        doc: 'The client, by circuit-id of its relay (option 82.1).',
      },
      {
        name: 'duid',
        type: 'string',
        notEmpty: true,
        doc: 'The client, by DUID inside its client identifier (RFC 4361).',
      },
      {
        name: 'flex-id',
        type: 'string',
        notEmpty: true,
        doc: 'The client, by what the flex_id expression makes of its packet.',
      },
      { name: 'ip-address', type: 'string', doc: 'Address for the client.' },
      { name: 'hostname', type: 'string', doc: 'Name for the client.' },
      { name: 'client-classes', type: 'strings', doc: 'Classes the client is put in.' },
      ...BOOT,
      OPTION_DATA,
    ],
  },
  'client-classes': {
    title: 'client-classes',
    context: true,
    aliases: [{ name: 'only-if-required', to: 'only-in-additional-list', convert: 'same', doc: 'the flag' }],
    parameters: [
      { name: 'name', type: 'string', mandatory: true, notEmpty: true, doc: 'Name of the class, unique.' },
      { name: 'test', type: 'string', doc: 'Boolean expression: packets for which it is true are in the class.' },
      {
        name: 'template-test',
        type: 'string',
        doc: 'String expression: a value V that is not empty puts the packet in SPAWN_<name>_<V> and in <name>.',
        since: '2.3.5',
      },
      {
        name: 'only-in-additional-list',
        type: 'boolean',
        default: false,
        doc: 'Evaluate only where evaluate-additional-classes says so.',
        since: '2.7.4',
      },
      {
        name: 'option-def',
        type: 'maps',
        scope: 'option-def',
        doc: 'Definitions of options 43 and 224 to 254 for this class.',
      },
      OPTION_DATA,
      ...BOOT,
      ...LIFETIMES,
    ],
  },
  'option-data': {
    title: 'option-data',
    context: true,
    parameters: [
      { name: 'name', type: 'string', doc: 'Name of the option; or give its code.' },
      { name: 'code', type: 'integer', min: 0, max: U32, doc: 'Code of the option, 1 to 254 in space dhcp4.' },
      {
        name: 'space',
        type: 'string',
        default: 'dhcp4',
        doc: 'Option space: dhcp4, one an option encapsulates, or vendor-NNN.',
      },
      { name: 'data', type: 'string', doc: 'The value.' },
      {
        name: 'csv-format',
        type: 'boolean',
        doc: 'data is text after the definition (true), or hexadecimal digits (false).',
      },
      { name: 'always-send', type: 'boolean', default: false, doc: 'Send although the client did not ask for it.' },
      { name: 'never-send', type: 'boolean', default: false, doc: 'Do not send at all; wins over always-send.' },
      { name: 'client-classes', type: 'strings', doc: 'Send only to clients in one of these classes.', since: '2.7.5' },
    ],
  },
  'option-def': {
    title: 'option-def',
    context: true,
    parameters: [
      { name: 'name', type: 'string', mandatory: true, notEmpty: true, doc: 'Name of the option.' },
      {
        name: 'code',
        type: 'integer',
        mandatory: true,
        min: 0,
        max: U32,
        doc: 'Code of the option, 1 to 254 in space dhcp4.',
      },
      {
        name: 'type',
        type: 'string',
        mandatory: true,
        words: OPTION_TYPE_NAMES,
        doc: 'Type of the value.',
      },
      { name: 'space', type: 'string', default: 'dhcp4', doc: 'Option space.' },
      { name: 'array', type: 'boolean', default: false, doc: 'The value (of a record: its last field) repeats.' },
      {
        name: 'record-types',
        type: 'string',
        default: '',
        doc: 'Types of the fields of a record, separated by commas.',
      },
      { name: 'encapsulate', type: 'string', default: '', doc: 'Option space whose options follow as sub-options.' },
    ],
  },
};
