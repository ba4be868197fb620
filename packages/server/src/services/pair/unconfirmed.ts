/**
 * Records the partner has not confirmed yet, and what it is known to have of them. What is not here the partner has
 * exactly as we have it; after a start nothing is known until the databases have been compared.
 */

import { endOf, holderOf, isBinding, type PairRecord } from '../../domain/pair/record.js';
import type { Version } from '../../domain/pair/version.js';
import type { EpochSec, Ipv4, Octets } from '../../domain/values.js';

/** A client and the end of its lease. */
export interface HeldUntil {
  readonly holder: Octets;
  /** Infinity for a lease without end. */
  readonly endSec: EpochSec;
}

/** Who holds an address by this record, and until when; undefined if nobody does. */
export function heldIn(record: PairRecord | undefined): HeldUntil | undefined {
  const lease = record?.lease;
  return isBinding(lease) ? { holder: holderOf(lease), endSec: endOf(lease) } : undefined;
}

/** One record the partner may not have. */
export interface Unconfirmed {
  /** The version to be confirmed. */
  version: Version;
  /** Who holds the address in what the partner is known to have stored, and until when; undefined if nobody does. */
  known: HeldUntil | undefined;
  /** Until when the holder was told before that it has the address: saying that again promises nothing new. */
  told: EpochSec;
  /** The row goes for good once the partner knows that the binding is over. */
  removal: boolean;
  /** Sent, and the answer is awaited. */
  inFlight: boolean;
}

const NONE: ReadonlySet<Ipv4> = new Set();

/** See the head of this file. */
export class UnconfirmedRecords {
  readonly #records = new Map<Ipv4, Unconfirmed>();
  /** Addresses that wait to be sent, oldest first. */
  readonly #waiting = new Set<Ipv4>();
  readonly #later = new Set<Ipv4>();
  /** True from the start until the databases have been compared: any record may be unknown to the partner. */
  everything = true;
  #comparedOnce = false;

  /** Records waiting or in flight. */
  get size(): number {
    return this.#records.size;
  }

  /** Addresses of these records. */
  addresses(): Ipv4[] {
    return [...this.#records.keys()];
  }

  /** The entry of an address; undefined if the partner has our record. */
  find(address: Ipv4): Unconfirmed | undefined {
    return this.#records.get(address);
  }

  /** True if the partner has what we have of the address. */
  isConfirmed(address: Ipv4): boolean {
    return !this.everything && !this.#records.has(address);
  }

  /** The databases have been compared: what is not noted is the same on both sides. */
  compared(): void {
    this.everything = false;
    this.#comparedOnce = true;
  }

  /** True if the partner had what we have of the address when we last knew, whatever it has lost since. */
  wasConfirmed(address: Ipv4): boolean {
    return this.#comparedOnce && !this.#records.has(address);
  }

  /** Notes a new version of a record. What the partner knew before stays known. */
  changed(address: Ipv4, version: Version, known: HeldUntil | undefined, removal: boolean, told: EpochSec = 0): void {
    const entry = this.#records.get(address);
    if (entry === undefined) this.#records.set(address, { version, known, told, removal, inFlight: false });
    else {
      entry.version = version;
      entry.removal = removal;
      entry.told = told;
    }
    this.#waiting.add(address);
  }

  /** The partner has sent what it has of the address. */
  learned(address: Ipv4, known: HeldUntil | undefined): void {
    const entry = this.#records.get(address);
    if (entry !== undefined) entry.known = known;
  }

  /** The partner may have lost what it was known to have. */
  doubt(): void {
    this.everything = true;
    for (const entry of this.#records.values()) entry.known = undefined;
  }

  /** The partner has our record, or we have taken over its own. */
  confirmed(address: Ipv4): Unconfirmed | undefined {
    const entry = this.#records.get(address);
    this.#records.delete(address);
    this.#waiting.delete(address);
    return entry;
  }

  /** The next addresses to send, at most `limit`; they are in flight from now on. */
  take(limit: number): Ipv4[] {
    const taken: Ipv4[] = [];
    for (const address of this.#waiting) {
      if (taken.length === limit) break;
      const entry = this.#records.get(address);
      if (entry?.inFlight === true) continue;
      taken.push(address);
      if (entry !== undefined) entry.inFlight = true;
    }
    for (const address of taken) this.#waiting.delete(address);
    return taken;
  }

  /**
   * The answer came, or did not: what is still unconfirmed of these waits again.
   * @param later those the partner does not want to hear of yet: they wait for {@link UnconfirmedRecords.resume}
   */
  landed(addresses: readonly Ipv4[], later: ReadonlySet<Ipv4> = NONE): void {
    for (const address of addresses) {
      const entry = this.#records.get(address);
      if (entry === undefined) continue;
      entry.inFlight = false;
      if (later.has(address)) this.#later.add(address);
      else this.#waiting.add(address);
    }
  }

  /** What was put off is tried again. */
  resume(): void {
    for (const address of this.#later) if (this.#records.has(address)) this.#waiting.add(address);
    this.#later.clear();
  }
}
