/** Rights and demands, and the one decision between them. Pure: everything it looks at is handed in. */

import type { SubnetId } from '../values.js';
import type { Family } from './families.js';
import { type Role, roleHas } from './roles.js';

/** One right: a role, a family or a single command; for everything, or for some subnets. */
export interface Right {
  /** Exactly one of the three is there. */
  readonly role?: Role;
  readonly family?: Family;
  readonly command?: string;
  /** Ids (`7`) and prefixes (`192.0.2.0/24`) as they were written; absent = everywhere. */
  readonly subnets?: readonly string[];
}

/** A subnet by both of its names. */
export interface SubnetName {
  readonly id: SubnetId;
  /** `192.0.2.0/24`; undefined for an id that is not configured. */
  readonly prefix?: string;
}

/**
 * What a command touches: `nothing` that belongs to a subnet, `everything` (or what can not be told from its arguments),
 * or certain subnets, all of which must be allowed.
 */
export type Reach = 'nothing' | 'everything' | readonly SubnetName[];

/** What must be allowed for a command to run. */
export interface Demand {
  readonly command: string;
  readonly family: Family;
  /** Only asked for where a right is limited to subnets: looking may take time. */
  reach(): Reach;
}

/** What a plain Kea file gives whoever its sockets let in: Kea does not tell operators and partners apart. */
export const FULL_RIGHTS: readonly Right[] = Object.freeze([{ role: 'admin' }, { family: 'replication' }] as const);

/**
 * Undefined if the rights cover the demand, else the name of what is missing, for the audit:
 * `leases-change on 192.0.2.0/24 (id 7)`. Several rights may cover the subnets of one demand together.
 */
export function missingRight(rights: readonly Right[], { command, family, reach }: Demand): string | undefined {
  const named = rights.filter((right) => covers(right, command, family));
  if (named.length === 0) return family;
  if (named.some(({ subnets }) => subnets === undefined)) return undefined;
  const reached = reach();
  if (reached === 'nothing') return undefined;
  // A command that names subnets names one at least: of none everybody would have the right.
  if (reached === 'everything' || reached.length === 0) return `${family} everywhere`;
  const uncovered = reached.find(
    (subnet) => !named.some(({ subnets }) => subnets!.some((text) => isNamed(subnet, text))),
  );
  return uncovered === undefined ? undefined : `${family} on ${formatSubnet(uncovered)}`;
}

/** Whether a right is about a command at all, wherever it may be used. */
export function covers(right: Right, command: string, family: Family): boolean {
  if (right.role !== undefined) return roleHas(right.role, command, family);
  return right.family === family || right.command === command;
}

/** For people: `lease-operator on 7, 192.0.2.0/24`. */
export function formatRight({ role, family, command, subnets }: Right): string {
  const what = role ?? family ?? command ?? '';
  return subnets === undefined ? what : `${what} on ${subnets.join(', ')}`;
}

function isNamed({ id, prefix }: SubnetName, text: string): boolean {
  return text === String(id) || text === prefix;
}

function formatSubnet({ id, prefix }: SubnetName): string {
  return prefix === undefined ? `subnet ${id}` : `${prefix} (id ${id})`;
}
