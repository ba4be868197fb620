/** What deciding one DHCPv4 message needs and yields. The deciders beside this file are pure: they read, they never write. */

import type { Message4 } from '@lessor/dhcp';
import type { ClientName } from '../client-name.js';
import type { IdentifierSource } from '../identity.js';
import type { Lease } from '../lease.js';
import type { LeaseNumbers } from '../limits/limits.js';
import type { GrantRules } from '../pair/grant-rules.js';
import type { ReservationIndex } from '../reservation.js';
import type { ConfigSnapshot, Pool, Reservation, Subnet } from '../snapshot.js';
import type { EpochSec, Ipv4, Octets, SubnetId } from '../values.js';

/** DHCP message types (RFC 2132 §9.6). */
export const MessageType = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;

/** The reads on leases a decision may make; staged changes of earlier decisions are visible. */
export interface LeaseView {
  getByAddress(address: Ipv4): Lease | undefined;
  findByClientId(clientId: Octets, accept: (subnetId: SubnetId) => boolean): Lease | undefined;
  findByHwAddress(hwAddress: Octets, accept: (subnetId: SubnetId) => boolean): Lease | undefined;
  listByClientId(clientId: Octets): Lease[];
  listByHwAddress(hwAddress: Octets): Lease[];
}

/** Where free addresses come from. */
export interface AddressSource {
  /** A free address, which nobody reserved or was offered, of the pools let through; undefined if they have none. */
  pickFromSubnet(
    subnet: Subnet,
    acceptPool: (pool: Pool) => boolean,
    accept: (address: Ipv4) => boolean,
  ): Ipv4 | undefined;
  /** The pool of the subnet that has the address. */
  poolOf(subnet: Subnet, address: Ipv4): Pool | undefined;
  /** How many addresses of the pool are there for clients without a reservation, free or not. */
  capacity(pool: Pool): number;
  /** How many of those nobody has and nobody was offered. */
  freeCount(pool: Pool): number;
  /** True if the address is one of those. */
  isFree(address: Ipv4, pool: Pool): boolean;
}

/** Addresses offered and not yet requested. */
export interface OfferView {
  /** The address last offered to this client, if the offer still stands. */
  offeredTo(client: Octets): Ipv4 | undefined;
  /** True if the address is offered to a client other than this one. */
  isHeldForOther(address: Ipv4, client: Octets): boolean;
  /** The oldest standing offer of a subnet whose address the caller accepts: taken back when nothing else is free. */
  oldest(subnetId: SubnetId, accept: (address: Ipv4) => boolean): Ipv4 | undefined;
}

/** The client as the decision sees it. */
export interface Client extends IdentifierSource {
  readonly message: Message4;
  /** True for a BOOTP client: infinite lease, no DHCP options. */
  readonly bootp: boolean;
  isMember(className: string): boolean;
  /** Classes in the order they matched. */
  readonly classNames: Iterable<string>;
  /** Option 82 to keep with the lease, '' if none or not to be kept. */
  readonly relayInfo: Octets;
}

/** Everything a decider may read. */
export interface DecisionContext {
  readonly snapshot: ConfigSnapshot;
  readonly leases: LeaseView;
  readonly reservations: ReservationIndex;
  readonly addresses: AddressSource;
  readonly offers: OfferView;
  /** What the other server of a pair allows; undefined without one. */
  readonly rules?: GrantRules | undefined;
  /** Leases of classes and subnets, where limits are asked for. */
  readonly numbers?: LeaseNumbers | undefined;
  readonly nowSec: EpochSec;
  readonly client: Client;
  /** Subnets the client may have an address of, the selected one first; empty if none was selected. */
  readonly candidates: readonly Subnet[];
  /** True if the datagram was sent to this server's own address. */
  readonly unicast: boolean;
}

/** What to do to the lease table. */
export type DecidedChange =
  | { readonly kind: 'put'; readonly lease: Lease }
  | { readonly kind: 'delete'; readonly address: Ipv4 };

/** Why nothing is answered; keys of the drop-reason table (services/drop-reasons.ts). */
export type SilenceReason =
  | 'no-lease'
  | 'class-drop'
  | 'no-subnet'
  | 'unknown-client'
  | 'unknown-address'
  | 'missing-requested-address'
  | 'not-the-holder'
  | 'ha-not-ours'
  | 'released'
  | 'declined'
  | 'address-limit';

/** An address granted or promised. */
export interface Grant {
  readonly subnet: Subnet;
  readonly pool: Pool | undefined;
  readonly host: Reservation | undefined;
  readonly lease: Lease;
  /** The lifetime told to the client: what is left of a cached lease, else the lease's own. */
  readonly lifetimeSec: number;
  readonly name: ClientName;
}

/** The outcome of deciding one message. */
export type Decision =
  | {
      readonly kind: 'offer' | 'ack';
      readonly grant: Grant;
      readonly changes: readonly DecidedChange[];
      /** Set when an existing lease was confirmed without a write (cache-threshold). */
      readonly reused: boolean;
      /** Statistics to raise: what went wrong on the way to this decision. */
      readonly counters?: readonly string[];
    }
  | {
      readonly kind: 'nak';
      readonly reason: string;
      readonly subnet: Subnet | undefined;
      readonly changes: readonly [];
    }
  | {
      readonly kind: 'inform-ack';
      readonly subnet: Subnet;
      readonly host: Reservation | undefined;
      readonly changes: readonly [];
    }
  /** RFC 8925 §3.3: the client can do without IPv4, so it gets option 108 and no address. */
  | {
      readonly kind: 'v6-only';
      readonly reply: 2 | 5;
      readonly subnet: Subnet;
      readonly host: Reservation | undefined;
      readonly changes: readonly [];
    }
  | {
      readonly kind: 'silent';
      readonly reason: SilenceReason;
      readonly changes: readonly DecidedChange[];
      readonly counters?: readonly string[];
    };

/** A decision to say nothing and change nothing. */
export function silent(reason: SilenceReason, counters?: readonly string[]): Decision {
  return counters === undefined
    ? { kind: 'silent', reason, changes: [] }
    : { kind: 'silent', reason, changes: [], counters };
}

/** A decision to refuse. `reason` goes to the log. */
export function nak(reason: string, subnet: Subnet | undefined): Decision {
  return { kind: 'nak', reason, subnet, changes: [] };
}

/** The key offers are remembered by: the client identifier where it counts, else the hardware address. */
export function offerKey(client: Client, subnet: Subnet): Octets {
  const { clientId, hwAddress } = client.identity;
  return clientId !== '' && subnet.matchClientId ? `c${clientId}` : `h${hwAddress}`;
}
