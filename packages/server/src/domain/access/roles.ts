/** THE table of roles: what a principal can be given in one word. A role is families and, rarely, single commands. */

import { FAMILY_NAMES, type Family } from './families.js';

/** One role. */
export interface RoleRow {
  /** For the reference: whom it is for. */
  readonly doc: string;
  readonly families: readonly Family[];
  /** Single commands of other families. */
  readonly commands: readonly string[];
}

const LOOKING: readonly Family[] = ['status', 'statistics', 'leases', 'reservations', 'networks', 'classes', 'config'];

/** The table. Keys are the roles. */
export const ROLES = {
  metrics: { doc: 'a monitoring system', families: ['status', 'statistics'], commands: [] },
  viewer: { doc: 'who looks at everything and changes nothing', families: LOOKING, commands: [] },
  'lease-operator': {
    doc: 'a help desk: releases and reserves addresses',
    families: [...LOOKING, 'leases-change', 'reservations-change'],
    commands: [],
  },
  'config-operator': {
    doc: 'who runs the service: everything but leases, secrets, access rules and the end of the process',
    families: [
      ...LOOKING,
      'statistics-change',
      'reservations-change',
      'networks-change',
      'classes-change',
      'config-change',
      'service',
      'maintenance',
    ],
    commands: [],
  },
  'ha-peer': {
    doc: 'the partner of a redundant pair; what a Kea partner sends',
    families: ['replication'],
    commands: [
      'status-get',
      'version-get',
      'lease4-get-page',
      'lease4-update',
      'lease4-del',
      'dhcp-disable',
      'dhcp-enable',
    ],
  },
  'omapi-provisioner': {
    doc: 'a provisioning system: hosts, groups and leases',
    families: [
      'leases',
      'leases-change',
      'reservations',
      'reservations-change',
      'networks',
      'classes',
      'classes-change',
    ],
    commands: [],
  },
  admin: {
    doc: 'everything an operator can do; replication is for partners alone',
    families: FAMILY_NAMES.filter((family) => family !== 'replication'),
    commands: [],
  },
} as const satisfies Readonly<Record<string, RoleRow>>;

/** A key of {@link ROLES}. */
export type Role = keyof typeof ROLES;

/** All of them, in the order of the table. */
export const ROLE_NAMES = Object.keys(ROLES) as readonly Role[];

/** True for the name of a role. */
export function isRole(name: string): name is Role {
  return Object.hasOwn(ROLES, name);
}

/** Whether a role has a command, given the family it is in. */
export function roleHas(role: Role, command: string, family: Family): boolean {
  const { families, commands }: RoleRow = ROLES[role];
  return families.includes(family) || commands.includes(command);
}
