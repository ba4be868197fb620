/**
 * Whether a packet really comes from the network its subnet was chosen for. The subnet a packet names (a relay's
 * address, link-selection, its own address) can be made up by whoever sends it from elsewhere; what only BMCs may have
 * must not go by that.
 */

import type { Subnet } from '../snapshot.js';
import { contains } from '../topology.js';
import type { Ipv4 } from '../values.js';

/** An interface of the server. */
export interface InterfacePlace {
  readonly interfaceName: string;
  /** The address the server answers from there. */
  readonly interfaceAddress: Ipv4;
}

/** What of a packet tells where it is from. */
export interface ArrivalFacts extends InterfacePlace {
  readonly giaddr: Ipv4;
  readonly candidates: readonly Subnet[];
}

/**
 * True if all the client may get is of management networks, and the packet came in where those are: on an interface of
 * the subnet; or by a relay that is in the subnet or named by it, through an interface with no host network on it, where
 * anybody could pretend to be that relay and would get the answer.
 * @param hostsAreThere {@link hostsAreAt} of where it came in
 */
export function arrivesOnManagement(packet: ArrivalFacts, hostsAreThere: boolean): boolean {
  const { candidates, giaddr } = packet;
  if (candidates.length === 0 || candidates.some(({ role }) => role !== 'management')) return false;
  if (giaddr === 0) return candidates.some((subnet) => isAt(subnet, packet));
  if (hostsAreThere) return false;
  return candidates.some((subnet) => contains(subnet, giaddr) || relaysOf(subnet).includes(giaddr));
}

/** True if a host network is on an interface, directly. @param subnets all there are */
export function hostsAreAt(place: InterfacePlace, subnets: readonly Subnet[]): boolean {
  return subnets.some((subnet) => subnet.role !== 'management' && isAt(subnet, place));
}

function isAt(subnet: Subnet, { interfaceName, interfaceAddress }: InterfacePlace): boolean {
  const named = subnet.interface ?? subnet.sharedNetwork?.interface;
  return named === undefined ? contains(subnet, interfaceAddress) : named === interfaceName;
}

function relaysOf({ relayAddresses, sharedNetwork }: Subnet): readonly Ipv4[] {
  return relayAddresses.length > 0 ? relayAddresses : (sharedNetwork?.relayAddresses ?? []);
}
