/** Rows of the parameter table: what reservations and classes have in their user-context, where Kea does not look. */

import type { Parameter, Scope } from './schema.js';
import { BOOT, LIFETIMES, OPTION_DATA } from './schema-network.js';

const ALWAYS_BROADCAST: Parameter = {
  name: 'always-broadcast',
  type: 'boolean',
  doc: 'Replies are broadcast, whatever the client can take.',
};

/** What hosts and groups both may say. Lifetimes: what is not given is inherited (dhcpd), and gives way where it must. */
const HOST_PARAMETERS: readonly Parameter[] = [
  ...LIFETIMES.filter(({ name }) => name !== 'offer-lifetime'),
  ALWAYS_BROADCAST,
  { name: 'omapi', type: 'json', doc: 'What OMAPI keeps of its host, group or class: name, group, statements.' },
];

/** Names of the scopes of this file. */
export type HostScope = 'host-extension' | 'host-identifiers' | 'host-cases';

/** Scopes of this file. */
export const HOST_SCOPES: Readonly<Record<HostScope, Scope>> = {
  'host-extension': {
    title: 'user-context, lessor of a reservation or class',
    context: false,
    open: true,
    parameters: [
      ...HOST_PARAMETERS,
      {
        name: 'ddns-hostname',
        type: 'string',
        notEmpty: true,
        doc: 'Reservations: name in the DNS, where it is another than `hostname`, which the client is told.',
      },
      {
        name: 'identifiers',
        type: 'maps',
        scope: 'host-identifiers',
        doc: 'Reservations: other identifiers of the same client.',
      },
      {
        name: 'cases',
        type: 'maps',
        scope: 'host-cases',
        doc: 'Reservations: boot fields and options for packets that fulfil a condition; the first that fits is used.',
      },
    ],
  },
  'host-identifiers': {
    title: 'another identifier of a reservation',
    context: false,
    parameters: (['hw-address', 'duid', 'circuit-id', 'client-id', 'flex-id'] as const).map((name) => ({
      name,
      type: 'string',
      notEmpty: true,
      doc: 'As in the reservation itself.',
    })),
  },
  'host-cases': {
    title: 'a case of a reservation',
    context: false,
    parameters: [
      { name: 'test', type: 'string', doc: 'Expression that the packet fulfils; always, if absent or empty.' },
      ...BOOT,
      ALWAYS_BROADCAST,
      OPTION_DATA,
    ],
  },
};
