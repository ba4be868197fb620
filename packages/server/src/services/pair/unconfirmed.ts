/**
 * Records the partner has not confirmed yet, and what it is known to have of them. What is not here the partner has
 * exactly as we have it; after a start nothing is known until the databases have been compared.
 */

import type { Version } from '../../domain/pair/version.js';
import type { EpochSec, Ipv4, Octets } from '../../domain/values.js';

/** A client and the end of its lease. */
export interface HeldUntil {
  readonly holder: Octets;
  /** Infinity for a lease without end. */
  readonly endSec: EpochSec;
}

/** One record the partner may not have. */
export interface Unconfirmed {
  /** The version to be confirmed. */
  version: Version;
  /** Who holds the address in what the partner is known to have stored, and until when; undefined if nobody does. */
  readonly known: HeldUntil | undefined;
  /** Who was told of the address, and until when, before this record: saying that again promises nothing new. */
  promised: HeldUntil | undefined;
  /** The row goes for good once the partner knows that the binding is over. */
  removal: boolean;
  /** Sent, and the answer is awaited. */
  inFlight: boolean;
}

/** See the head of this file. */
export class UnconfirmedRecords {
  readonly #records = new Map<Ipv4, Unconfirmed>();
  /** Addresses that wait to be sent, oldest first. */
  readonly #waiting = new Set<Ipv4>();
  /** True from the start until the databases have been compared: any record may be unknown to the partner. */
  everything = true;

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

  /** Notes a new version of a record. What the partner knew before stays known, and what was promised stays promised. */
  changed(address: Ipv4, version: Version, known: HeldUntil | undefined, removal: boolean, promised = known): void {
    const entry = this.#records.get(address);
    if (entry === undefined) this.#records.set(address, { version, known, promised, removal, inFlight: false });
    else {
      entry.version = version;
      entry.removal = removal;
    }
    this.#waiting.add(address);
  }

  /** A client is about to be told of an end that goes beyond what the partner has. */
  promise(address: Ipv4, until: HeldUntil): void {
    const entry = this.#records.get(address);
    if (entry !== undefined) entry.promised = until;
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

  /** The answer came, or did not: what is still unconfirmed of these waits again. */
  landed(addresses: readonly Ipv4[]): void {
    for (const address of addresses) {
      const entry = this.#records.get(address);
      if (entry === undefined) continue;
      entry.inFlight = false;
      this.#waiting.add(address);
    }
  }
}
