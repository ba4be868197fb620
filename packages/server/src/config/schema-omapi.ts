/** Rows of the parameter table: the `omapi` block that Dhcp4 has in its user-context, where Kea does not look. */

import type { Scope } from './schema.js';
import { LISTENER_PARAMETERS } from './schema-access.js';

/** Names of the HMAC algorithms, as dhcpd.conf and omshell have them. */
const ALGORITHM_NAMES = ['hmac-md5', 'hmac-sha1', 'hmac-sha224', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512'] as const;

/** What a key may be allowed, in words. */
export const OMAPI_RIGHTS = ['read', 'hosts', 'leases', 'shutdown'] as const;

/** Names of the scopes of this file. */
export type OmapiScope = 'omapi' | 'omapi-listeners' | 'omapi-keys' | 'omapi-limits';

/** Scopes of this file. */
export const OMAPI_SCOPES: Readonly<Record<OmapiScope, Scope>> = {
  omapi: {
    title: 'user-context, lessor, omapi',
    context: true,
    parameters: [
      { name: 'listeners', type: 'maps', scope: 'omapi-listeners', mandatory: true, doc: 'Where OMAPI is served.' },
      { name: 'keys', type: 'maps', scope: 'omapi-keys', doc: 'Keys that messages are signed with.' },
      {
        name: 'allowed-sources',
        type: 'strings',
        notEmpty: true,
        doc: 'Sources of every listener that names none.',
      },
      { name: 'limits', type: 'map', scope: 'omapi-limits', doc: 'Bounds of connections and messages.' },
    ],
  },
  'omapi-listeners': {
    title: 'a listener of omapi',
    context: true,
    parameters: [
      { name: 'address', type: 'string', notEmpty: true, default: '127.0.0.1', doc: 'IPv4 or IPv6 address to bind.' },
      { name: 'port', type: 'integer', min: 0, max: 65535, default: 7911, doc: 'TCP port; 0 is any free one.' },
      {
        name: 'accept-unsigned',
        type: 'boolean',
        default: false,
        doc: 'Without keys: serve everybody who reaches this listener, which must be on loopback.',
      },
      ...LISTENER_PARAMETERS,
    ],
  },
  'omapi-keys': {
    title: 'a key of omapi',
    context: true,
    parameters: [
      { name: 'name', type: 'string', mandatory: true, notEmpty: true, doc: 'Name by which clients open it.' },
      {
        name: 'algorithm',
        type: 'string',
        words: ALGORITHM_NAMES,
        anyCase: true,
        default: 'hmac-sha256',
        doc: 'What signatures are made with.',
      },
      { name: 'secret', type: 'string', notEmpty: true, doc: 'The secret, in base64.' },
      { name: 'secret-file', type: 'string', notEmpty: true, doc: 'File whose first line is the secret, in base64.' },
      { name: 'legacy', type: 'boolean', default: false, doc: 'Allows hmac-md5 and hmac-sha1 for this key.' },
      {
        name: 'refuse-replays',
        type: 'boolean',
        default: false,
        doc: 'Refuses changes that were signed before, octet for octet: for clients that draw transaction numbers at random (pypureomapi, lessor), not for omshell.',
      },
      {
        name: 'rights',
        type: 'strings',
        words: OMAPI_RIGHTS,
        doc: 'What the key may do: read, hosts, leases, shutdown; all but shutdown if absent.',
      },
    ],
  },
  'omapi-limits': {
    title: 'limits of omapi',
    context: true,
    parameters: [
      { name: 'connections', type: 'integer', min: 1, max: 65535, default: 256, doc: 'Connections of all listeners.' },
      {
        name: 'message-octets',
        type: 'integer',
        min: 4096,
        max: 16_777_216,
        default: 1_048_576,
        doc: 'Longest message after authentication; before it 4096.',
      },
      {
        name: 'idle-timeout',
        type: 'integer',
        min: 1,
        max: 2_147_483,
        default: 3600,
        doc: 'Seconds an authenticated connection may be silent.',
      },
      {
        name: 'request-timeout',
        type: 'integer',
        min: 1,
        max: 2_147_483,
        default: 10,
        doc: 'Seconds for the start-up, the authentication and each whole message.',
      },
      {
        name: 'failures-per-source',
        type: 'integer',
        min: 0,
        max: 65535,
        default: 10,
        doc: 'Failures to prove a key after which a source waits, 1 s and then twice as long each time; 0 is never.',
      },
    ],
  },
};
