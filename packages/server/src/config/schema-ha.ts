/** Rows of the parameter table: what a relation of libdhcp_ha and its peers have in `user-context.lessor`. */

import type { Scope } from './schema.js';
import { CRL_PARAMETER, LISTENER_PARAMETERS } from './schema-access.js';
import { U32 } from './schema-bounds.js';

/** What the door to the partner has of what every listener has. */
const OF_THE_DOOR: readonly string[] = ['sources', 'allow', 'limits', 'isolation', 'own-bmc'];

/** Names of the scopes of this file. */
export type HaScope = 'ha-lessor' | 'ha-peer-lessor';

/** Scopes of this file. */
export const HA_SCOPES: Readonly<Record<HaScope, Scope>> = {
  'ha-lessor': {
    title: 'user-context, lessor of a relation of libdhcp_ha',
    context: false,
    parameters: [
      {
        name: 'partner',
        type: 'string',
        words: ['auto', 'lessor', 'kea'],
        default: 'auto',
        doc: 'What the partner is: with a Kea its own protocol is spoken, which gives fewer guarantees; auto: found out.',
      },
      {
        name: 'relationship',
        type: 'string',
        notEmpty: true,
        maxOctets: 64,
        doc: 'Name of the pair, the same on both servers; the names of primary and partner if absent.',
      },
      {
        name: 'interface',
        type: 'string',
        notEmpty: true,
        doc: 'Interface through which alone the partner is heard (SO_BINDTODEVICE); any if absent.',
      },
      ...LISTENER_PARAMETERS.filter(({ name }) => OF_THE_DOOR.includes(name)).map((row) =>
        row.name === 'sources'
          ? { ...row, doc: 'Addresses and prefixes the partner may come from; its address in peers if absent.' }
          : row,
      ),
      CRL_PARAMETER,
      {
        name: 'heartbeat-delay',
        type: 'integer',
        min: 10,
        max: 60_000,
        default: 500,
        doc: 'Milliseconds between heartbeats of two lessors.',
      },
      {
        name: 'mclt',
        type: 'integer',
        min: 10,
        max: 86_400,
        default: 600,
        doc: 'Seconds a promise to a client may reach beyond what the partner has stored.',
      },
      {
        name: 'ack-deadline',
        type: 'integer',
        min: 1,
        max: 10_000,
        default: 150,
        doc: 'Milliseconds an ACK waits for the partner.',
      },
      {
        name: 'interrupt-after',
        type: 'integer',
        min: 50,
        max: 120_000,
        default: 2000,
        doc: 'Milliseconds of silence after which the partner counts as gone.',
      },
      {
        name: 'standby-share',
        type: 'real',
        min: 0,
        max: 1,
        doc: 'Part of the free addresses that belongs to the standby or secondary; 0.1, in load balancing 0.5.',
      },
      {
        name: 'accept-configuration',
        type: 'boolean',
        default: false,
        doc: 'Take a configuration that an operator of the partner pushes (ha-config-push).',
      },
      {
        name: 'serve-alone-after',
        type: 'integer',
        min: 0,
        max: U32,
        default: 0,
        doc: 'Milliseconds after a start without contact before this server serves alone; 0: when ha-continue says so.',
      },
      {
        name: 'neglected-after',
        type: 'integer',
        min: 1,
        max: 65_535,
        default: 5,
        doc: "Seconds a client of the partner's may have been asking before this server answers it.",
      },
    ],
  },
  'ha-peer-lessor': {
    title: 'user-context, lessor of a peer of libdhcp_ha',
    context: false,
    parameters: [
      {
        name: 'peer-san',
        type: 'string',
        notEmpty: true,
        doc: 'Name its certificate carries: URI:… or DNS:…; URI:urn:lessor:pair:RELATIONSHIP:NAME if absent.',
      },
      {
        name: 'peer-pins',
        type: 'strings',
        doc:
          'Keys its certificate may have, and no others: sha256//BASE64 of the public key (SPKI), as for curl --pinnedpubkey. ' +
          'Give two while a key is being changed.',
      },
    ],
  },
};
