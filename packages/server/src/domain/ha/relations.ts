/**
 * Hub and spoke: one server in several relations, each over a part of the subnets. To which relation a subnet belongs says
 * `ha-server-name` in its user-context, or in that of its shared network, with the name of any server of the relation
 * (Kea 2.6: hub and spoke of libdhcp_ha). A server with one relation has all subnets in it, whatever they are labelled.
 */

import { isMap } from '../json.js';
import type { ConfigSnapshot, Json, JsonMap, Subnet } from '../snapshot.js';
import { formatIpv4, type Ipv4, type SubnetId } from '../values.js';
import type { HaConfig } from './config.js';

/** The label of a subnet or shared network. */
export const SERVER_NAME_LABEL = 'ha-server-name';

/** Position of a relation in `high-availability`. */
export type RelationIndex = number;

/** Names of all servers of a relation. */
export function serverNames({ self, peers }: HaConfig): readonly string[] {
  return [self.name, ...peers.map(({ name }) => name)];
}

/** The label of a subnet: its own, else that of its shared network; undefined without one. */
export function labelOf({ userContext, sharedNetwork }: Subnet): string | undefined {
  return labelIn(userContext) ?? labelIn(sharedNetwork?.userContext);
}

function labelIn(userContext: JsonMap | undefined): string | undefined {
  const label = userContext?.[SERVER_NAME_LABEL];
  return typeof label === 'string' && label.trim() !== '' ? label.trim() : undefined;
}

interface Range {
  readonly first: Ipv4;
  readonly last: Ipv4;
  readonly relation: RelationIndex;
}

/** Which relation subnets and addresses belong to, for one configuration. */
export class RelationMap {
  readonly #subnets = new Map<SubnetId, RelationIndex>();
  readonly #ranges: Range[] = [];
  /** What keeps this configuration from being served by a hub, for people; the rest of the map is not to be used then. */
  readonly faults: readonly string[];

  constructor({ subnets, sharedNetworks, ha }: Pick<ConfigSnapshot, 'subnets' | 'sharedNetworks' | 'ha'>) {
    const byName = new Map(ha.flatMap((relation, i) => serverNames(relation).map((name) => [name, i] as const)));
    const faults: string[] = [];
    for (const subnet of subnets) {
      const label = labelOf(subnet);
      const relation = label === undefined ? undefined : byName.get(label);
      if (relation !== undefined) this.#subnets.set(subnet.id, relation);
      else if (label !== undefined) faults.push(`${describe(subnet)}: "${label}" is no server of any relation`);
    }
    for (const { name, subnets: members } of sharedNetworks) {
      const relations = new Set(members.map(({ id }) => this.#subnets.get(id)));
      if (relations.size > 1) faults.push(`shared network ${name}: all its subnets have to be in one relation`);
    }
    this.faults = [...faults, ...this.#collect(subnets)];
  }

  /** The relation of a subnet; undefined: it is in none, and is not served. */
  ofSubnet(id: SubnetId): RelationIndex | undefined {
    return this.#subnets.get(id);
  }

  /** The relation of the subnet an address lies in. */
  ofAddress(address: Ipv4): RelationIndex | undefined {
    let [low, high] = [0, this.#ranges.length - 1];
    while (low <= high) {
      const middle = (low + high) >> 1;
      const range = this.#ranges[middle]!;
      if (address < range.first) high = middle - 1;
      else if (address > range.last) low = middle + 1;
      else return range.relation;
    }
    return undefined;
  }

  /** Address ranges in order, joined where subnets lie in one another; what overlaps between relations is a fault. */
  #collect(subnets: readonly Subnet[]): string[] {
    const faults: string[] = [];
    const sorted = [...subnets].sort((a, b) => a.prefix - b.prefix || a.prefixLength - b.prefixLength);
    let before: { readonly subnet: Subnet; readonly last: Ipv4 } | undefined;
    for (const subnet of sorted) {
      const last = subnet.prefix + 2 ** (32 - subnet.prefixLength) - 1;
      const relation = this.#subnets.get(subnet.id);
      if (before !== undefined && subnet.prefix <= before.last) {
        if (this.#subnets.get(before.subnet.id) !== relation) {
          faults.push(`${describe(subnet)} lies in ${describe(before.subnet)}, which is not in the same relation`);
        }
        continue;
      }
      before = { subnet, last };
      if (relation !== undefined) this.#ranges.push({ first: subnet.prefix, last, relation });
    }
    return faults;
  }
}

/** The configuration as one relation of a hub sees it: its own subnets and pools, and nothing of the others. */
export function snapshotOf(snapshot: ConfigSnapshot, relation: RelationIndex, map: RelationMap): ConfigSnapshot {
  const subnets = snapshot.subnets.filter(({ id }) => map.ofSubnet(id) === relation);
  const mine = new Set(subnets.map(({ id }) => id));
  return {
    ...snapshot,
    subnets,
    subnetById: new Map(subnets.map((subnet) => [subnet.id, subnet])),
    sharedNetworks: snapshot.sharedNetworks.filter(({ subnets: members }) => members.some(({ id }) => mine.has(id))),
    pools: snapshot.pools.filter(({ subnetId }) => mine.has(subnetId)),
    tree: treeOf(snapshot.tree, mine),
    ha: [snapshot.ha[relation]!],
  };
}

/** Dhcp4 with these subnets only; a shared network without any goes. */
function treeOf(dhcp4: JsonMap, mine: ReadonlySet<SubnetId>): JsonMap {
  const own = (list: Json | undefined): Json[] =>
    (Array.isArray(list) ? (list as readonly Json[]) : []).filter((one) => isMap(one) && mine.has(Number(one.id)));
  const { subnet4, 'shared-networks': networks, ...rest } = dhcp4;
  const kept = (Array.isArray(networks) ? (networks as readonly Json[]) : [])
    .filter(isMap)
    .map((network) => ({ ...network, subnet4: own(network.subnet4) }))
    .filter((network) => network.subnet4.length > 0);
  return {
    ...rest,
    ...(subnet4 === undefined ? {} : { subnet4: own(subnet4) }),
    ...(networks === undefined ? {} : { 'shared-networks': kept }),
  };
}

function describe({ id, prefix, prefixLength }: Subnet): string {
  return `subnet ${id} (${formatIpv4(prefix)}/${prefixLength})`;
}
