/**
 * What was given up here without the partner's knowing, found out when the partner has lost its leases: it may have prolonged
 * such a lease before. All leases are looked at in slices, as they were when that was heard.
 */

import { type Lease, LeaseState } from '../../domain/lease.js';
import type { WithheldAddress } from '../../domain/pair/file.js';
import { endOf, isBinding } from '../../domain/pair/record.js';
import type { Sliced } from '../../domain/slices.js';
import type { EpochSec, Ipv4 } from '../../domain/values.js';
import type { LeaseReader } from '../ports.js';
import { leasePages } from '../sliced-swap.js';
import type { UnconfirmedRecords } from './unconfirmed.js';

/** What a {@link GivenUpLeases} works with. */
export interface GivenUpParts {
  readonly leases: Pick<LeaseReader, 'page'>;
  readonly unconfirmed: Pick<UnconfirmedRecords, 'wasConfirmed'>;
  /** How far beyond the end both knew the partner may have prolonged a lease, in seconds. */
  readonly leadSec: number;
  nowSec(): EpochSec;
}

/** See the head of this file. */
export class GivenUpLeases {
  readonly #parts: GivenUpParts;
  readonly #untilSec = new Map<Ipv4, EpochSec>();
  /** Every lease up to this address has been looked at. */
  #through: Ipv4 = -1;

  constructor(parts: GivenUpParts) {
    this.#parts = parts;
  }

  /** Looks at all leases, to be interrupted after every page. @returns those addresses, and until when each may be in use */
  *run(): Sliced<readonly WithheldAddress[]> {
    for (const { leases, through } of leasePages(this.#parts.leases)) {
      for (const lease of leases) this.#look(lease);
      this.#through = through;
      yield;
    }
    return Array.from(this.#untilSec, ([address, untilSec]) => ({ address, untilSec }));
  }

  /** A lease is another one now, or gone: what it was is looked at, if it has not been. */
  changed(address: Ipv4, before: Lease | undefined): void {
    if (before !== undefined && address > this.#through) this.#look(before);
  }

  #look(lease: Lease): void {
    const { unconfirmed, leadSec, nowSec } = this.#parts;
    // Who declined it may have been given it anew by the partner, who did not know.
    const isGivenUp = !isBinding(lease) || lease.state === LeaseState.declined;
    if (!isGivenUp || unconfirmed.wasConfirmed(lease.address)) return;
    // A lease without end that an operator took away is none the partner would be believed about.
    const end = Number.isFinite(endOf(lease)) ? endOf(lease) : nowSec();
    this.#untilSec.set(lease.address, Math.max(nowSec(), end) + leadSec);
  }
}
