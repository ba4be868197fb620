/**
 * Versions of records that both servers have forgotten, for as long as a message or an answer may still be under way that
 * knows an older one: it must not bring back what is over.
 */

import type { Version } from '../../domain/pair/version.js';
import type { EpochSec, Ipv4 } from '../../domain/values.js';

/** See the head of this file. In order of burial, so that the oldest are first. */
export class Graves {
  readonly #graves = new Map<Ipv4, { readonly version: Version; readonly untilSec: EpochSec }>();

  /** @param keepSec longer than any message takes, or is waited for */
  constructor(
    private readonly keepSec: number,
    private readonly nowSec: () => EpochSec,
  ) {}

  /** The record is forgotten. */
  bury(address: Ipv4, version: Version): void {
    const now = this.nowSec();
    for (const [old, { untilSec }] of this.#graves) {
      if (untilSec > now) break;
      this.#graves.delete(old);
    }
    this.#graves.delete(address);
    this.#graves.set(address, { version, untilSec: now + this.keepSec });
  }

  /** The version last forgotten of an address. */
  find(address: Ipv4): Version | undefined {
    return this.#graves.get(address)?.version;
  }
}
