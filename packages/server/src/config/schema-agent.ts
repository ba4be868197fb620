/** Rows of the parameter table: the configuration of the Control Agent (Kea up to 3.0: ca_cfg_mgr.cc). */

import type { Parameter, Scope } from './schema.js';
import { ACCESS_SCOPES } from './schema-access.js';
import { SERVICE_SCOPES } from './schema-service.js';

/** Realm told to clients where none is configured (Kea). */
const AGENT_REALM = 'kea-control-agent';

/** Daemons the agent may have in front of it: the names of `service`, and how people call them. */
const DAEMONS = { dhcp4: 'DHCPv4 server', dhcp6: 'DHCPv6 server', d2: 'DNS update daemon' } as const;

const authentication = SERVICE_SCOPES.authentication.parameters.map(
  (row): Parameter => (row.name === 'realm' ? { ...row, default: AGENT_REALM } : row),
);

/** Names of the scopes of this file. */
export type AgentScope =
  | 'agent-top'
  | 'Control-agent'
  | 'agent-lessor'
  | 'agent-authentication'
  | 'agent-sockets'
  | 'agent-socket';

/** Scopes of this file. */
export const AGENT_SCOPES: Readonly<Record<AgentScope, Scope>> = {
  'agent-top': {
    title: 'configuration of the agent',
    context: false,
    parameters: [
      {
        name: 'Control-agent',
        type: 'map',
        scope: 'Control-agent',
        mandatory: true,
        doc: 'The configuration of lessor-agent (kea-ctrl-agent).',
      },
    ],
  },
  'Control-agent': {
    title: 'Control-agent',
    context: true,
    parameters: [
      { name: 'http-host', type: 'string', default: '127.0.0.1', doc: 'Address to listen on.' },
      { name: 'http-port', type: 'integer', min: 0, max: 65535, default: 8000, doc: 'Port; 0: any free one.' },
      { name: 'http-headers', type: 'maps', scope: 'http-headers', doc: 'Headers added to every answer.' },
      { name: 'authentication', type: 'map', scope: 'agent-authentication', doc: 'Who may send commands.' },
      { name: 'trust-anchor', type: 'string', doc: 'TLS: certificates of authorities.' },
      { name: 'cert-file', type: 'string', doc: 'TLS: own certificate.' },
      { name: 'key-file', type: 'string', doc: 'TLS: own key.' },
      { name: 'cert-required', type: 'boolean', doc: 'TLS: clients need a certificate (default true).' },
      { name: 'control-sockets', type: 'map', scope: 'agent-sockets', doc: 'Daemons commands are forwarded to.' },
      {
        name: 'hooks-libraries',
        type: 'maps',
        scope: 'hooks-libraries',
        status: 'no-effect',
        note: 'no library is ever loaded',
        doc: 'Hook libraries of the agent.',
      },
      { name: 'loggers', type: 'maps', scope: 'loggers', doc: 'What is logged where.' },
    ],
  },
  'agent-lessor': {
    title: 'user-context, lessor of Control-agent',
    context: true,
    parameters: [
      ...ACCESS_SCOPES.listener.parameters.filter(({ name }) => name !== 'plane'),
      {
        name: 'client-interfaces',
        type: 'strings',
        doc: 'Interfaces on which the daemons behind it serve clients; must be given where its isolation is judged.',
      },
    ],
  },
  'agent-authentication': { ...SERVICE_SCOPES.authentication, parameters: authentication },
  'agent-sockets': {
    title: 'control-sockets of Control-agent',
    context: true,
    parameters: Object.entries(DAEMONS).map(([name, daemon]) => ({
      name,
      type: 'map',
      scope: 'agent-socket',
      doc: `Socket of the ${daemon}.`,
    })),
  },
  'agent-socket': {
    title: 'a socket of Control-agent',
    context: true,
    parameters: [
      { name: 'socket-type', type: 'string', words: ['unix'], default: 'unix', doc: 'Kind of socket.' },
      {
        name: 'socket-name',
        type: 'string',
        mandatory: true,
        notEmpty: true,
        doc: 'File of the socket; a bare name is in the socket directory.',
      },
    ],
  },
};
