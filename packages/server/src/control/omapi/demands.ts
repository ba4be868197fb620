/**
 * THE table of what the rules of access ask of who looks at or changes an object of OMAPI. It stands beside the rights
 * of the key (`read`, `hosts`, `leases`, `shutdown`), which are dhcpd's nearest thing: both must allow.
 */

import { Result } from '@lessor/omapi';
import type { Family } from '../../domain/access/families.js';
import { missingRight, type Reach } from '../../domain/access/rights.js';
import type { ConfigSnapshot } from '../../domain/snapshot.js';
import type { SubnetId } from '../../domain/values.js';
import { nameOf } from '../access/reach.js';
import type { Principal } from '../command.js';
import { OmapiRefusal } from './object.js';

/** One row. */
export interface ObjectFamilies {
  readonly look: Family;
  readonly change: Family;
}

/** The table: a row for each type of object; a test demands that none is missing. */
export const OBJECT_FAMILIES: Readonly<Record<string, ObjectFamilies>> = {
  lease: { look: 'leases', change: 'leases-change' },
  host: { look: 'reservations', change: 'reservations-change' },
  group: { look: 'classes', change: 'classes-change' },
  class: { look: 'classes', change: 'classes-change' },
  subclass: { look: 'classes', change: 'classes-change' },
  pool: { look: 'networks', change: 'networks-change' },
  subnet: { look: 'networks', change: 'networks-change' },
  'shared-network': { look: 'networks', change: 'networks-change' },
  interface: { look: 'status', change: 'maintenance' },
  // It says that the server runs and what its OMAPI can: whoever lists leases asks for it first.
  control: { look: 'leases', change: 'process' },
  'failover-state': { look: 'status', change: 'service' },
};

/** What is needed to look at, or to change, what nobody has thought about. */
const CLOSED: ObjectFamilies = { look: 'security', change: 'security' };

/** A refusal for want of a right: which one is for the audit, the answer does not tell the rules. */
export class OmapiDenial extends OmapiRefusal {
  constructor(readonly missing: string) {
    super(Result.NOPERM);
  }
}

/**
 * Demands that somebody may look at objects of a type, wherever they are: OMAPI names no subnet.
 * @param type undefined: a handle that stands for nothing; then what a lease needs
 * @throws OmapiDenial
 */
export function requireLook(principal: Principal, type: string | undefined): void {
  demand(principal, familiesOf(type ?? 'lease').look, 'everything');
}

/**
 * Demands that somebody may change objects of a type in these subnets, and that anything may be changed through his
 * listener now. @throws OmapiDenial
 */
export function requireChange(principal: Principal, type: string | undefined, reach: Reach): void {
  const stopped = principal.stopped?.();
  if (stopped !== undefined) throw new OmapiDenial(stopped);
  demand(principal, familiesOf(type ?? 'lease').change, reach);
}

/** Subnets by their ids, with their prefixes where they are configured. */
export function reachOf(ids: readonly SubnetId[], { subnetById }: Pick<ConfigSnapshot, 'subnetById'>): Reach {
  // 0 is no subnet: a reservation for all of them.
  if (ids.length === 0 || ids.includes(0)) return 'everything';
  return ids.map((id) => {
    const subnet = subnetById.get(id);
    return subnet === undefined ? { id } : nameOf(subnet);
  });
}

function familiesOf(type: string): ObjectFamilies {
  return Object.hasOwn(OBJECT_FAMILIES, type) ? OBJECT_FAMILIES[type]! : CLOSED;
}

function demand({ rights, admits }: Principal, family: Family, reach: Reach): void {
  if (admits !== undefined && !admits.includes(family)) throw new OmapiDenial(`${family} through this listener`);
  const missing = missingRight(rights, { command: '', family, reach: () => reach });
  if (missing !== undefined) throw new OmapiDenial(missing);
}
