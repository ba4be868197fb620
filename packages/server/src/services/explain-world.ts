/**
 * A world for one packet in which everything can be looked at and nothing can be changed: the real leases, pools and
 * offers behind collaborators that write down what the packet path wants of them. The packet path itself is the real one.
 */

import { type AnsweringDecision, type Composed, ReplyComposer, type ReplySource } from '../domain/compose/reply.js';
import type { ReplyBuffer } from '../domain/compose/reply-buffer.js';
import type { Lease } from '../domain/lease.js';
import type { Pool, Subnet } from '../domain/snapshot.js';
import type { Ipv4, Octets, SubnetId } from '../domain/values.js';
import type { AddressSpace } from './address-space.js';
import type { AddressKeeper } from './exchange4.js';
import type { OfferedLease, Offers } from './offers.js';
import type { PacketConfig } from './packet-config.js';
import type { LeaseChange, LeaseReader, LeaseStore, Logger, Severity } from './ports.js';

/** What a packet would do beside being answered. */
export interface WouldDo {
  /** Leases that would be written, in order. */
  readonly changes: LeaseChange[];
  /** The address that would be kept for the client until it asks for it. */
  offered?: Ipv4;
  /** Addresses that would be picked from pools. */
  readonly picked: { readonly subnet: Subnet; readonly address: Ipv4 | undefined }[];
  /** The decision and what it was made of, once there is a reply. */
  answered?: { readonly source: ReplySource; readonly decision: AnsweringDecision };
  /** Why the packet goes no further. */
  dropped?: { readonly reason: string; readonly text: string };
}

/** Reads the real leases; what is staged goes nowhere. */
export function dryStore(leases: LeaseReader, would: WouldDo): LeaseStore {
  return {
    getByAddress: (address) => leases.getByAddress(address),
    findByClientId: (clientId, accept) => leases.findByClientId(clientId, accept),
    findByHwAddress: (hwAddress, accept) => leases.findByHwAddress(hwAddress, accept),
    listByClientId: (clientId) => leases.listByClientId(clientId),
    listByHwAddress: (hwAddress) => leases.listByHwAddress(hwAddress),
    listByHostname: (hostname) => leases.listByHostname(hostname),
    page: (after, limit) => leases.page(after, limit),
    walk: (after, show) => leases.walk(after, show),
    all: () => leases.all(),
    get size() {
      return leases.size;
    },
    health: { ok: true },
    open: async () => undefined,
    put: (lease: Lease) => void would.changes.push({ kind: 'put', lease }),
    delete: (address) => void would.changes.push({ kind: 'delete', address }),
    commit: () => undefined,
    rollback: () => undefined,
    cleanup: async () => undefined,
    close: async () => undefined,
  };
}

/** What an explanation asks of the pools. */
export type PreviewedAddresses = Pick<AddressSpace, 'preview' | 'poolOf' | 'capacity' | 'freeCount' | 'isFree'>;

/** Sees the real pools; picks are tried out only. */
export function dryAddresses(addresses: PreviewedAddresses, would: WouldDo): AddressKeeper {
  return {
    expireUpTo: () => undefined,
    poolOf: (subnet, address) => addresses.poolOf(subnet, address),
    capacity: (pool) => addresses.capacity(pool),
    freeCount: (pool) => addresses.freeCount(pool),
    isFree: (address, pool) => addresses.isFree(address, pool),
    pickFromSubnet(subnet: Subnet, acceptPool: (pool: Pool) => boolean, accept: (address: Ipv4) => boolean) {
      const address = addresses.preview(subnet, acceptPool, accept);
      would.picked.push({ subnet, address });
      return address;
    },
  };
}

/** Sees the real offers; holds none. */
export class DryOffers implements Offers {
  readonly #offers: Offers;
  readonly #would: WouldDo;

  constructor(offers: Offers, would: WouldDo) {
    this.#offers = offers;
    this.#would = would;
  }

  offeredTo(client: Octets): Ipv4 | undefined {
    return this.#offers.offeredTo(client);
  }

  isHeldForOther(address: Ipv4, client: Octets): boolean {
    return this.#offers.isHeldForOther(address, client);
  }

  oldest(subnetId: SubnetId, accept: (address: Ipv4) => boolean): Ipv4 | undefined {
    return this.#offers.oldest(subnetId, accept);
  }

  hold(_client: Octets, { address }: OfferedLease): void {
    this.#would.offered = address;
  }

  settle(): void {}

  expire(): void {}
}

/** Composes as always, and keeps what of. Its templates are its own. */
export class WatchedComposer extends ReplyComposer {
  readonly #would: WouldDo;

  constructor({ snapshot, composer }: Pick<PacketConfig, 'snapshot' | 'composer'>, would: WouldDo) {
    super(snapshot, composer.facts);
    this.#would = would;
  }

  override compose(source: ReplySource, decision: AnsweringDecision, target: ReplyBuffer): Composed {
    this.#would.answered = { source, decision };
    return super.compose(source, decision, target);
  }
}

/** Keeps the reason of a drop; everything else is not said. */
export function dropLogger(would: WouldDo): Logger {
  const logger: Logger = {
    enabled: () => true,
    log(_severity: Severity, id: string, text: string, fields?: Readonly<Record<string, unknown>>) {
      if (id === 'DHCP4_PACKET_DROPPED') would.dropped = { reason: String(fields?.reason), text };
      else if (id === 'DHCP4_PACKET_DEFECT') would.dropped = { reason: 'internal-error', text };
    },
    child: () => logger,
  };
  return logger;
}
