/** What packets need of a changed configuration, where the change is small and most of it can stay. */

import type { ConfigChange } from '../config/change.js';
import type { Sliced } from '../domain/slices.js';
import type { ConfigSnapshot } from '../domain/snapshot.js';
import type { AddressSpace } from './address-space.js';
import { configuredServerIds, namesServer, type PacketConfig, preparePacketConfigSliced } from './packet-config.js';

/**
 * The next PacketConfig after a change. A reservation changes in the index packets use now, so this is to be called
 * when the change is put in force and not before: `current` is no longer of use then.
 * @param addresses told which addresses are reserved and which no longer are
 */
export function followReservations(
  current: PacketConfig,
  snapshot: ConfigSnapshot,
  { added, removed }: Extract<ConfigChange, { readonly kind: 'reservations' }>,
  addresses: Pick<AddressSpace, 'reserve' | 'unreserve'>,
): PacketConfig {
  const { reservations } = current;
  for (const one of removed) reservations.remove(one);
  for (const { reservation } of added) reservations.add(reservation);
  for (const { address, subnetId } of removed) {
    if (address === undefined) continue;
    addresses.unreserve({ scope: subnetId, address }, snapshot);
    // Where addresses need not be unique, others may have it too.
    for (const other of reservations.holdersOf(address))
      addresses.reserve({ scope: other.subnetId, address }, snapshot);
  }
  for (const { address, subnetId } of added.map(({ reservation }) => reservation)) {
    if (address !== undefined) addresses.reserve({ scope: subnetId, address }, snapshot);
  }
  const fresh = added.map(({ reservation }) => reservation);
  return {
    ...current,
    snapshot,
    composer: current.composer.after(snapshot, fresh),
    serverIds: [...removed, ...fresh].some(namesServer) ? configuredServerIds(snapshot) : current.serverIds,
  };
}

/** The next PacketConfig after subnets, networks or classes changed: the index of reservations stays if they do. */
export function prepareNetworks(current: PacketConfig, snapshot: ConfigSnapshot): Sliced<PacketConfig> {
  const same = current.snapshot.reservations === snapshot.reservations;
  return preparePacketConfigSliced(snapshot, same ? current.reservations : undefined);
}
