/**
 * Which subnets a command touches, read from its arguments before it runs. What can not be told is `everything`, so that
 * a right for some subnets never reaches further than its words. Each reader follows the command it is for: what that
 * would look at, and in the same precedence.
 */

import { jsonTypeOf } from '@lessor/kea';
import type { Reach, SubnetName } from '../../domain/access/rights.js';
import type { ConfigSnapshot, Subnet } from '../../domain/snapshot.js';
import { contains } from '../../domain/topology.js';
import { formatIpv4, parseIpv4, type SubnetId } from '../../domain/values.js';
import type { LeaseReader } from '../../services/ports.js';
import { integer, memberOf } from '../arguments.js';
import type { Json, JsonMap } from '../command.js';

/** What readers may look at. */
export interface ReachContext {
  readonly config: Pick<ConfigSnapshot, 'subnets' | 'subnetById'>;
  readonly leases: Pick<LeaseReader, 'getByAddress'>;
}

/** Reads the reach of a command from its arguments; these may be anything a sender can think of. Must not throw. */
export type ReachReader = (args: JsonMap, context: ReachContext) => Reach;

/** For commands that show or change nothing of any subnet. */
export const nothing: ReachReader = () => 'nothing';

/** For commands that are about the whole server. */
export const everything: ReachReader = () => 'everything';

/** The subnet of a member that holds its id. 0 and absence mean all subnets, or a global object. */
export function subnetId(member: 'subnet-id' | 'id'): ReachReader {
  return (args, context) => byId(memberOf(args, member), context);
}

/** `subnets` of lease4-get-all. */
export const subnetList: ReachReader = (args, context) => {
  const ids = memberOf(args, 'subnets');
  return Array.isArray(ids) ? union(ids.map((id) => byId(id as Json, context))) : 'everything';
};

/** `subnet-id` or `subnet-range` of stat-lease4-get. A range reaches the subnets that are configured in it. */
export const subnetOrRange: ReachReader = (args, context) => {
  const range = memberOf(args, 'subnet-range');
  if (range === undefined) return byId(memberOf(args, 'subnet-id'), context);
  if (jsonTypeOf(range) !== 'map') return 'everything';
  const [first, last] = ['first-subnet-id', 'last-subnet-id'].map((name) => idOf(memberOf(range as JsonMap, name)));
  if (first === undefined || last === undefined) return 'everything';
  return context.config.subnets.filter(({ id }) => id >= first && id <= last).map(nameOf);
};

/**
 * A lease named by `ip-address`, which goes before `subnet-id`: the subnet it was given in and those its address is in.
 * An address nobody has and no subnet contains is everybody's and nobody's: everything.
 */
export const leaseKey: ReachReader = (args, context) =>
  memberOf(args, 'ip-address') === undefined ? byId(memberOf(args, 'subnet-id'), context) : byAddress(args, context);

/** A lease as it is written: the subnet given, that of the lease there is, and those the address is in. */
export const writtenLease: ReachReader = (args, context) => {
  const address = byAddress(args, context);
  const given = memberOf(args, 'subnet-id');
  return given === undefined || idOf(given) === 0 ? address : union([address, byId(given, context)]);
};

/** `subnet-id` of the map `reservation`; without one it is global. */
export const writtenReservation: ReachReader = (args, context) => {
  const reservation = memberOf(args, 'reservation');
  if (reservation === undefined || jsonTypeOf(reservation) !== 'map') return 'everything';
  return byId(memberOf(reservation as JsonMap, 'subnet-id'), context);
};

/** `id` or `subnet` (a prefix) of subnet4-get. */
export const subnetKey: ReachReader = (args, context) => {
  const prefix = memberOf(args, 'subnet');
  if (prefix === undefined) return byId(memberOf(args, 'id'), context);
  const found = context.config.subnets.find((subnet) => prefixOf(subnet) === prefix);
  return found === undefined ? 'everything' : [nameOf(found)];
};

/** The one subnet of `subnet4`, which must be there and keep its prefix: another one is somebody else's ground. */
export const writtenSubnet: ReachReader = (args, context) => {
  const list = memberOf(args, 'subnet4');
  const [written, ...more] = Array.isArray(list) ? (list as readonly Json[]) : [];
  if (written === undefined || more.length > 0 || jsonTypeOf(written) !== 'map') return 'everything';
  const prefix = memberOf(written as JsonMap, 'subnet');
  const id = idOf(memberOf(written as JsonMap, 'id'));
  const subnet = id === undefined ? undefined : context.config.subnetById.get(id);
  if (subnet === undefined || (prefix !== undefined && prefix !== prefixOf(subnet))) return 'everything';
  return [nameOf(subnet)];
};

/** A subnet by both its names. */
export function nameOf(subnet: Pick<Subnet, 'id' | 'prefix' | 'prefixLength'>): SubnetName {
  return { id: subnet.id, prefix: prefixOf(subnet) };
}

/** All that some readers found, or `everything` if one of them said so. */
export function union(reaches: readonly Reach[]): Reach {
  const names = new Map<SubnetId, SubnetName>();
  for (const reach of reaches) {
    if (reach === 'everything') return reach;
    if (reach !== 'nothing') for (const name of reach) names.set(name.id, name);
  }
  return [...names.values()];
}

function byId(value: Json | undefined, { config }: ReachContext): Reach {
  const id = idOf(value);
  if (id === undefined || id === 0) return 'everything';
  const subnet = config.subnetById.get(id);
  return [subnet === undefined ? { id } : nameOf(subnet)];
}

function byAddress(args: JsonMap, { config, leases }: ReachContext): Reach {
  const written = memberOf(args, 'ip-address');
  const address = typeof written === 'string' ? parseIpv4(written) : undefined;
  if (address === undefined) return 'everything';
  const lease = leases.getByAddress(address);
  const names = new Map(config.subnets.filter((one) => contains(one, address)).map((one) => [one.id, nameOf(one)]));
  if (lease !== undefined && !names.has(lease.subnetId)) names.set(lease.subnetId, { id: lease.subnetId });
  return names.size === 0 ? 'everything' : [...names.values()];
}

function idOf(value: Json | undefined): SubnetId | undefined {
  return value === undefined ? undefined : integer.accept(value);
}

function prefixOf({ prefix, prefixLength }: Pick<Subnet, 'prefix' | 'prefixLength'>): string {
  return `${formatIpv4(prefix)}/${prefixLength}`;
}
