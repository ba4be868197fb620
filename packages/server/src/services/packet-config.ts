/** What the packet path derives from a ConfigSnapshot once, so that no packet has to. */

import { ReplyComposer } from '../domain/compose/reply.js';
import { allOptionLists, optionFacts } from '../domain/compose/template-scope.js';
import { ReservationIndex } from '../domain/reservation.js';
import { atOnce, type Sliced } from '../domain/slices.js';
import type { ConfigSnapshot, OptionData, Reservation } from '../domain/snapshot.js';
import { byId, Topology } from '../domain/topology.js';
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
export function preparePacketConfig(snapshot: ConfigSnapshot, reservations?: ReservationIndex): PacketConfig {
  return atOnce(preparePacketConfigSliced(snapshot, reservations));
}

/** {@link preparePacketConfig}, to be interrupted after every subnet and reservation. */
export function* preparePacketConfigSliced(
  snapshot: ConfigSnapshot,
  reservations?: ReservationIndex,
): Sliced<PacketConfig> {
  const topology = new Topology({ subnets: [] });
  for (const subnet of byId(snapshot)) {
    topology.add(subnet);
    yield;
  }
  const serverIds = yield* serverIdsSliced(snapshot);
  return {
    snapshot,
    topology,
    reservations: reservations ?? (yield* indexReservations(snapshot)),
    composer: new ReplyComposer(snapshot, yield* optionFacts(snapshot)),
    serverIds,
  };
}

function* indexReservations({ reservations, identifierTypes }: ConfigSnapshot): Sliced<ReservationIndex> {
  const index = new ReservationIndex([], identifierTypes);
  for (const reservation of reservations) {
    index.add(reservation);
    yield;
  }
  return index;
}

/** Values of option 54 that are configured anywhere. */
export function configuredServerIds(snapshot: ConfigSnapshot): Set<Ipv4> {
  return atOnce(serverIdsSliced(snapshot));
}

/** True if the options of a reservation, in whatever case, hold a server identifier. */
export function namesServer({ options, cases = [] }: Reservation): boolean {
  return [options, ...cases.map(({ reservation }) => reservation.options)].some((list) =>
    list.some(({ space, code }) => space === 'dhcp4' && code === SERVER_ID),
  );
}

function* serverIdsSliced(snapshot: ConfigSnapshot): Sliced<Set<Ipv4>> {
  const ids = new Set<Ipv4>();
  const collect = (options: readonly OptionData[]): void => {
    for (const { space, code, data } of options) {
      if (space === 'dhcp4' && code === SERVER_ID && data.length === 4) {
        ids.add(((data[0]! << 24) | (data[1]! << 16) | (data[2]! << 8) | data[3]!) >>> 0);
      }
    }
  };
  for (const options of allOptionLists(snapshot)) {
    collect(options);
    yield;
  }
  return ids;
}
