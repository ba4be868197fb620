/** Rows of the parameter table: names in the DNS, and the server that enters them (kea-dhcp-ddns). */

import type { Alias, Parameter, Scope } from './schema.js';
import { U16, U32 } from './schema-bounds.js';

/** DDNS behaviour: global, network, subnet and pool. */
export const DDNS: readonly Parameter[] = [
  {
    name: 'ddns-send-updates',
    type: 'boolean',
    doc: 'Send DNS updates for leases from here.',
  },
  {
    name: 'ddns-override-no-update',
    type: 'boolean',
    doc: 'Update although the client set flag N.',
  },
  {
    name: 'ddns-override-client-update',
    type: 'boolean',
    doc: 'Do the forward update the client wants to do itself.',
  },
  {
    name: 'ddns-replace-client-name',
    type: 'string',
    words: ['never', 'always', 'when-present', 'when-not-present'],
    anyCase: true,
    doc: 'When a generated name takes the place of the name the client sent.',
  },
  {
    name: 'ddns-generated-prefix',
    type: 'string',
    notEmpty: true,
    doc: 'First part of generated names (PREFIX-192-0-2-1.SUFFIX).',
  },
  { name: 'ddns-qualifying-suffix', type: 'string', doc: 'Domain added to partial names.' },
  {
    name: 'ddns-update-on-renew',
    type: 'boolean',
    doc: 'Update although nothing has changed.',
  },
  {
    name: 'ddns-conflict-resolution-mode',
    type: 'string',
    words: ['check-with-dhcid', 'no-check-with-dhcid', 'check-exists-with-dhcid', 'no-check-without-dhcid'],
    doc: 'What is looked at before a DNS entry is replaced (RFC 4703).',
    since: '2.5.0',
  },
  {
    name: 'ddns-ttl-percent',
    type: 'real',
    min: 0,
    doc: 'TTL of DNS entries as share of the lifetime.',
  },
  {
    name: 'ddns-ttl',
    type: 'integer',
    min: 0,
    max: U32,
    doc: 'Fixed TTL of DNS entries in seconds.',
  },
  {
    name: 'ddns-ttl-min',
    type: 'integer',
    min: 0,
    max: U32,
    doc: 'Lower bound of the computed TTL in seconds.',
  },
  {
    name: 'ddns-ttl-max',
    type: 'integer',
    min: 0,
    max: U32,
    doc: 'Upper bound of the computed TTL in seconds.',
  },
  {
    name: 'hostname-char-set',
    type: 'string',
    doc: 'Regular expression of characters to replace in names; empty: none.',
  },
  { name: 'hostname-char-replacement', type: 'string', doc: 'What takes the place of such a character.' },
];

/** Old names of DDNS parameters. */
export const DDNS_ALIASES: readonly Alias[] = [
  {
    name: 'ddns-use-conflict-resolution',
    to: 'ddns-conflict-resolution-mode',
    convert: 'conflict-resolution',
    doc: 'true is check-with-dhcid, false is no-check-with-dhcid',
  },
];

/** Names of the scopes of this file. */
export type DdnsScope = 'dhcp-ddns';

/** Scopes of this file. */
export const DDNS_SCOPES: Readonly<Record<DdnsScope, Scope>> = {
  'dhcp-ddns': {
    title: 'dhcp-ddns',
    context: true,
    parameters: [
      {
        name: 'enable-updates',
        type: 'boolean',
        mandatory: true,
        default: false,
        doc: 'Send DNS updates.',
      },
      {
        name: 'server-ip',
        type: 'string',
        default: '127.0.0.1',
        doc: 'Address of the DNS update server.',
      },
      { name: 'server-port', type: 'integer', min: 0, max: U16, default: 53001, doc: 'Its port.' },
      { name: 'sender-ip', type: 'string', default: '0.0.0.0', doc: 'Address requests are sent from.' },
      {
        name: 'sender-port',
        type: 'integer',
        min: 0,
        max: U16,
        default: 0,
        doc: 'Port requests are sent from; 0: any.',
      },
      {
        name: 'max-queue-size',
        type: 'integer',
        min: 1,
        max: U32,
        default: 1024,
        doc: 'Requests that may wait.',
      },
      {
        name: 'ncr-protocol',
        type: 'string',
        words: ['UDP'],
        anyCase: true,
        default: 'UDP',
        doc: 'Protocol of requests.',
      },
      {
        name: 'ncr-format',
        type: 'string',
        words: ['JSON'],
        anyCase: true,
        default: 'JSON',
        doc: 'Format of requests.',
      },
    ],
  },
};
