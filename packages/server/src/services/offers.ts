/**
 * Offers outstanding: an address offered is not offered to another client for a short while. Kea remembers nothing and
 * relies on its cursor; dhcpd holds an offer for two minutes. Ours live in memory, cost no flush and are bounded.
 */

import type { OfferView } from '../domain/dhcp4/decision.js';
import { type HashKey, hashKeyOf, keyedHash } from '../domain/keyed-hash.js';
import type { Lease } from '../domain/lease.js';
import type { EpochMs, Ipv4, Octets, SubnetId } from '../domain/values.js';
import { NumberMap } from './number-map.js';
import type { Random } from './ports.js';

/** How long an offer stands: a client asks for it within its first retransmissions (RFC 2131 §4.1: 4 s, 8 s). */
export const OFFER_HOLD_MS = 12_000;
/** Most offers remembered; beyond it the oldest is given up. A flood of DISCOVERs costs this much memory and no more. */
export const MAX_OFFERS = 65_536;
/** How many of a subnet's oldest offers are looked at when one is to be taken back. */
const TAKE_BACK_SCAN = 64;
/** Lists of subnets kept though empty: to take one away and make it anew with every client leaves a Map to be collected. */
const KEPT_LISTS = 4096;

/** An offer, or, between two offers, a place for one: places are used again, so that nothing is left to collect. */
interface Offer {
  readonly place: number;
  /** '' where nothing is offered. */
  client: Octets;
  clientHash: number;
  address: Ipv4;
  subnetId: SubnetId;
  expiresAt: EpochMs;
  /** Neighbours in the list of its subnet. */
  readonly inSubnet: Links;
  /** Neighbours in the list of all. */
  readonly inAll: Links;
}

/** Neighbours in a list. */
interface Links {
  older: Offer | undefined;
  newer: Offer | undefined;
}

/** Offers in order of age, linked through the offers themselves: a Set would hash each of them twice. */
class OfferList {
  oldest: Offer | undefined;
  #newest: Offer | undefined;
  readonly #links: (offer: Offer) => Links;

  constructor(links: (offer: Offer) => Links) {
    this.#links = links;
  }

  /** Adds one that is in no list of this kind. */
  append(offer: Offer): void {
    const links = this.#links(offer);
    links.older = this.#newest;
    links.newer = undefined;
    if (this.#newest === undefined) this.oldest = offer;
    else this.#links(this.#newest).newer = offer;
    this.#newest = offer;
  }

  /** Takes one out that is in. */
  remove(offer: Offer): void {
    const { older, newer } = this.#links(offer);
    if (older === undefined) this.oldest = newer;
    else this.#links(older).newer = newer;
    if (newer === undefined) this.#newest = older;
    else this.#links(newer).older = older;
  }
}

const inSubnet = (offer: Offer): Links => offer.inSubnet;
const inAll = (offer: Offer): Links => offer.inAll;

/** What is offered: of a lease, the address and its subnet. */
export type OfferedLease = Pick<Lease, 'address' | 'subnetId'>;

/** What the packet path does with offers. */
export interface Offers extends OfferView {
  /** Remembers an offer; an earlier one to the same client or of the same address is void. */
  hold(client: Octets, lease: OfferedLease, now: EpochMs): void;
  /** The client has the lease of `address`, offered or not: its offer is done with. */
  settle(client: Octets, address: Ipv4): void;
  /** Gives up offers nobody came back for. */
  expire(now: EpochMs): void;
}

/** Keeps held addresses out of the pools' free maps. */
export interface HoldKeeper {
  hold(address: Ipv4): void;
  /** The offer is void: the address is free again, unless somebody has it. */
  unhold(address: Ipv4): void;
  /** The offer has become a lease of the address, which the keeper has been told of. */
  holdBecameLease(address: Ipv4): void;
}

/** See the head of this file. */
export class OfferBook implements Offers {
  /** All places ever needed, and those of them that are empty. */
  readonly #places: Offer[] = [];
  readonly #empty: Offer[] = [];
  /** Places by the hash of their client, and by address. */
  readonly #byClient: NumberMap;
  readonly #byAddress: NumberMap;
  /** The order of expiry: an offer repeated goes to the end. */
  readonly #all = new OfferList(inAll);
  /** Offers of each subnet, the oldest first: a busy subnet must not hide a small one's. */
  readonly #bySubnet = new Map<SubnetId, OfferList>();
  readonly #keeper: HoldKeeper;
  readonly #key: HashKey;
  /** Octets of the client whose hash is computed. */
  #octets = new Uint8Array(512);

  constructor(keeper: HoldKeeper, random: Random) {
    this.#keeper = keeper;
    this.#key = hashKeyOf(random.bytes(8));
    this.#byClient = new NumberMap(this.#key.low);
    this.#byAddress = new NumberMap(this.#key.high);
  }

  /** Number of offers outstanding. */
  get size(): number {
    return this.#byAddress.size;
  }

  offeredTo(client: Octets): Ipv4 | undefined {
    return this.#ofClient(client)?.address;
  }

  isHeldForOther(address: Ipv4, client: Octets): boolean {
    const offer = this.#ofAddress(address);
    return offer !== undefined && offer.client !== client;
  }

  oldest(subnetId: SubnetId, accept: (address: Ipv4) => boolean): Ipv4 | undefined {
    let offer = this.#bySubnet.get(subnetId)?.oldest;
    for (let looked = 0; offer !== undefined && looked < TAKE_BACK_SCAN; looked++) {
      if (accept(offer.address)) return offer.address;
      offer = offer.inSubnet.newer;
    }
    return undefined;
  }

  hold(client: Octets, { address, subnetId }: OfferedLease, now: EpochMs): void {
    const hash = this.#hashOf(client);
    const earlier = this.#at(this.#byClient.get(hash));
    // Two clients of one hash, half a pair in a full book, are not both remembered: the earlier offer is void then, which
    // does no harm, as if it had expired.
    if (earlier?.client === client && earlier.address === address) {
      this.#renew(earlier, now);
      return;
    }
    if (earlier !== undefined) this.#drop(earlier);
    const holder = this.#ofAddress(address);
    if (holder !== undefined) this.#drop(holder);
    if (this.size >= MAX_OFFERS) this.#drop(this.#all.oldest!);
    const offer = this.#empty.pop() ?? this.#newPlace();
    offer.client = client;
    offer.clientHash = hash;
    offer.address = address;
    offer.subnetId = subnetId;
    offer.expiresAt = now + OFFER_HOLD_MS;
    this.#byClient.set(hash, offer.place);
    this.#byAddress.set(address, offer.place);
    this.#all.append(offer);
    this.#ofSubnet(subnetId).append(offer);
    this.#keeper.hold(address);
  }

  settle(client: Octets, address: Ipv4): void {
    const offer = this.#ofClient(client);
    if (offer === undefined) return;
    if (offer.address !== address) {
      this.#drop(offer);
      return;
    }
    this.#forget(offer);
    this.#keeper.holdBecameLease(address);
  }

  expire(now: EpochMs): void {
    for (let offer = this.#all.oldest; offer !== undefined && offer.expiresAt <= now; offer = this.#all.oldest) {
      this.#drop(offer);
    }
  }

  /** Gives up all (the pools were rebuilt). */
  clear(): void {
    for (let offer = this.#all.oldest; offer !== undefined; offer = this.#all.oldest) this.#drop(offer);
  }

  #ofClient(client: Octets): Offer | undefined {
    const offer = this.#at(this.#byClient.get(this.#hashOf(client)));
    return offer?.client === client ? offer : undefined;
  }

  #ofAddress(address: Ipv4): Offer | undefined {
    return this.#at(this.#byAddress.get(address));
  }

  #at(place: number | undefined): Offer | undefined {
    return place === undefined ? undefined : this.#places[place];
  }

  #hashOf(client: Octets): number {
    if (client.length > this.#octets.length) this.#octets = new Uint8Array(client.length);
    for (let i = 0; i < client.length; i++) this.#octets[i] = client.charCodeAt(i);
    return keyedHash(this.#key, this.#octets, 0, client.length);
  }

  #newPlace(): Offer {
    const links = (): Links => ({ older: undefined, newer: undefined });
    const place = this.#places.length;
    const none = { client: '', clientHash: 0, address: 0, subnetId: 0, expiresAt: 0 };
    const offer: Offer = { place, ...none, inSubnet: links(), inAll: links() };
    this.#places.push(offer);
    return offer;
  }

  #renew(offer: Offer, now: EpochMs): void {
    offer.expiresAt = now + OFFER_HOLD_MS;
    const offers = this.#ofSubnet(offer.subnetId);
    for (const list of [this.#all, offers]) {
      list.remove(offer);
      list.append(offer);
    }
  }

  #ofSubnet(subnetId: SubnetId): OfferList {
    let offers = this.#bySubnet.get(subnetId);
    if (offers === undefined) {
      offers = new OfferList(inSubnet);
      this.#bySubnet.set(subnetId, offers);
    }
    return offers;
  }

  /** The offer is void. */
  #drop(offer: Offer): void {
    const { address } = offer;
    this.#forget(offer);
    this.#keeper.unhold(address);
  }

  /** Empties its place. */
  #forget(offer: Offer): void {
    this.#byClient.delete(offer.clientHash);
    this.#byAddress.delete(offer.address);
    this.#all.remove(offer);
    const rest = this.#ofSubnet(offer.subnetId);
    rest.remove(offer);
    if (rest.oldest === undefined && this.#bySubnet.size > KEPT_LISTS) this.#bySubnet.delete(offer.subnetId);
    offer.client = '';
    this.#empty.push(offer);
  }
}
