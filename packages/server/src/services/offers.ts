/**
 * Offers outstanding: an address offered is not offered to another client for a short while. Kea remembers nothing and
 * relies on its cursor; dhcpd holds an offer for two minutes. Ours live in memory, cost no flush and are bounded.
 */

import type { OfferView } from '../domain/dhcp4/decision.js';
import type { Lease } from '../domain/lease.js';
import type { EpochMs, Ipv4, Octets, SubnetId } from '../domain/values.js';

/** How long an offer stands: a client asks for it within its first retransmissions (RFC 2131 §4.1: 4 s, 8 s). */
export const OFFER_HOLD_MS = 12_000;
/** Most offers remembered; beyond it the oldest is given up. A flood of DISCOVERs costs this much memory and no more. */
export const MAX_OFFERS = 65_536;
/** How many of a subnet's oldest offers are looked at when one is to be taken back. */
const TAKE_BACK_SCAN = 64;

interface Offer {
  readonly client: Octets;
  readonly address: Ipv4;
  readonly subnetId: SubnetId;
  expiresAt: EpochMs;
  /** Neighbours in the list of its subnet. */
  older: Offer | undefined;
  newer: Offer | undefined;
}

/** Offers of one subnet in order of age, linked through the offers themselves: a Set would hash each of them twice. */
class OfferList {
  oldest: Offer | undefined;
  #newest: Offer | undefined;

  /** Adds one that is in no list. */
  append(offer: Offer): void {
    offer.older = this.#newest;
    offer.newer = undefined;
    if (this.#newest === undefined) this.oldest = offer;
    else this.#newest.newer = offer;
    this.#newest = offer;
  }

  /** Takes one out that is in. */
  remove({ older, newer }: Offer): void {
    if (older === undefined) this.oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
  }
}

/** What is offered: of a lease, the address and its subnet. */
export type OfferedLease = Pick<Lease, 'address' | 'subnetId'>;

/** Keeps held addresses out of the pools' free maps. */
export interface HoldKeeper {
  hold(address: Ipv4): void;
  /** The offer is void: the address is free again, unless somebody has it. */
  unhold(address: Ipv4): void;
  /** The offer has become a lease of the address, which the keeper has been told of. */
  holdBecameLease(address: Ipv4): void;
}

/** See the head of this file. Map order is the order of expiry: an offer repeated goes to the end. */
export class OfferBook implements OfferView {
  readonly #byClient = new Map<Octets, Offer>();
  readonly #byAddress = new Map<Ipv4, Offer>();
  /** Offers of each subnet, the oldest first: a busy subnet must not hide a small one's. */
  readonly #bySubnet = new Map<SubnetId, OfferList>();
  readonly #keeper: HoldKeeper;

  constructor(keeper: HoldKeeper) {
    this.#keeper = keeper;
  }

  /** Number of offers outstanding. */
  get size(): number {
    return this.#byClient.size;
  }

  offeredTo(client: Octets): Ipv4 | undefined {
    return this.#byClient.get(client)?.address;
  }

  isHeldForOther(address: Ipv4, client: Octets): boolean {
    const offer = this.#byAddress.get(address);
    return offer !== undefined && offer.client !== client;
  }

  oldest(subnetId: SubnetId, accept: (address: Ipv4) => boolean): Ipv4 | undefined {
    let offer = this.#bySubnet.get(subnetId)?.oldest;
    for (let looked = 0; offer !== undefined && looked < TAKE_BACK_SCAN; looked++) {
      if (accept(offer.address)) return offer.address;
      offer = offer.newer;
    }
    return undefined;
  }

  /** Remembers an offer; an earlier one to the same client or of the same address is void. */
  hold(client: Octets, { address, subnetId }: OfferedLease, now: EpochMs): void {
    const earlier = this.#byClient.get(client);
    if (earlier !== undefined) {
      this.#byClient.delete(client);
      if (earlier.address === address) {
        earlier.expiresAt = now + OFFER_HOLD_MS;
        this.#byClient.set(client, earlier);
        const offers = this.#ofSubnet(earlier.subnetId);
        offers.remove(earlier);
        offers.append(earlier);
        return;
      }
      this.#release(earlier);
    }
    const holder = this.#byAddress.get(address);
    if (holder !== undefined) this.#drop(holder);
    if (this.#byClient.size >= MAX_OFFERS) this.#drop(this.#byClient.values().next().value!);
    const offer: Offer = {
      client,
      address,
      subnetId,
      expiresAt: now + OFFER_HOLD_MS,
      older: undefined,
      newer: undefined,
    };
    this.#byClient.set(client, offer);
    this.#byAddress.set(address, offer);
    this.#ofSubnet(subnetId).append(offer);
    this.#keeper.hold(address);
  }

  /** The client has the lease of `address`, offered or not: its offer is done with. */
  settle(client: Octets, address: Ipv4): void {
    const offer = this.#byClient.get(client);
    if (offer === undefined) return;
    this.#byClient.delete(client);
    if (offer.address !== address) {
      this.#release(offer);
      return;
    }
    this.#forget(offer);
    this.#keeper.holdBecameLease(address);
  }

  /** Gives up offers nobody came back for. */
  expire(now: EpochMs): void {
    for (const offer of this.#byClient.values()) {
      if (offer.expiresAt > now) return;
      this.#drop(offer);
    }
  }

  /** Gives up all (the pools were rebuilt). */
  clear(): void {
    for (const offer of [...this.#byClient.values()]) this.#drop(offer);
  }

  #drop(offer: Offer): void {
    this.#byClient.delete(offer.client);
    this.#release(offer);
  }

  #ofSubnet(subnetId: SubnetId): OfferList {
    let offers = this.#bySubnet.get(subnetId);
    if (offers === undefined) {
      offers = new OfferList();
      this.#bySubnet.set(subnetId, offers);
    }
    return offers;
  }

  #release(offer: Offer): void {
    this.#forget(offer);
    this.#keeper.unhold(offer.address);
  }

  #forget(offer: Offer): void {
    this.#byAddress.delete(offer.address);
    const rest = this.#ofSubnet(offer.subnetId);
    rest.remove(offer);
    if (rest.oldest === undefined) this.#bySubnet.delete(offer.subnetId);
  }
}
