/** What the packet path derives from a ConfigSnapshot once, so that no packet has to. */

import { ReplyComposer } from '../domain/compose/reply.js';
import { ReservationIndex } from '../domain/reservation.js';
import type { ConfigSnapshot, OptionData } from '../domain/snapshot.js';
import { Topology } from '../domain/topology.js';
import type { Ipv4 } from '../domain/values.js';

const SERVER_ID = 54;

/** One configuration, ready for packets. */
export interface PacketConfig {
  readonly snapshot: ConfigSnapshot;
  readonly topology: Topology;
  readonly reservations: ReservationIndex;
  readonly composer: ReplyComposer;
  /** Server identifiers set by option-data anywhere: requests naming one of them are ours. */
  readonly serverIds: ReadonlySet<Ipv4>;
}

/** Derives it. `reservations` is an index of the snapshot's reservations, if there is one already. */
export function preparePacketConfig(
  snapshot: ConfigSnapshot,
  reservations = new ReservationIndex(snapshot.reservations, snapshot.identifierTypes),
): PacketConfig {
  return {
    snapshot,
    topology: new Topology(snapshot),
    reservations,
    composer: new ReplyComposer(snapshot),
    serverIds: configuredServerIds(snapshot),
  };
}

/** Values of option 54 that are configured anywhere. */
export function configuredServerIds(snapshot: ConfigSnapshot): Set<Ipv4> {
  const ids = new Set<Ipv4>();
  const collect = (options: readonly OptionData[]): void => {
    for (const { space, code, data } of options) {
      if (space === 'dhcp4' && code === SERVER_ID && data.length === 4) {
        ids.add(((data[0]! << 24) | (data[1]! << 16) | (data[2]! << 8) | data[3]!) >>> 0);
      }
    }
  };
  collect(snapshot.options);
  for (const row of [
    ...snapshot.subnets,
    ...snapshot.pools,
    ...snapshot.sharedNetworks,
    ...snapshot.classes,
    ...snapshot.reservations,
    ...snapshot.reservations.flatMap(({ cases = [] }) => cases.map(({ reservation }) => reservation)),
  ]) {
    collect(row.options);
  }
  return ids;
}
