/** Taking over a configuration in three steps, of which only the short middle one must not be interrupted. */

import type { Lease } from '../domain/lease.js';
import { atOnce, type Sliced } from '../domain/slices.js';
import type { Ipv4 } from '../domain/values.js';
import type { LeaseReader } from './ports.js';

/** What has been prepared in slices: `commit` or `abandon` is called once; neither may throw. */
export interface SlicedSwap {
  /** Puts it in force. */
  commit(): void;
  /** Another part failed: forgets it. */
  abandon(): void;
  /** After the commit: what need not be done in one step. */
  settle(): Sliced<void>;
}

/** All three steps without interruption. */
export function swapAtOnce(prepare: Sliced<SlicedSwap>): void {
  const prepared = atOnce(prepare);
  prepared.commit();
  atOnce(prepared.settle());
}

/** Leases looked at before packets may have a turn. */
const LEASES_PER_PAGE = 256;
const HIGHEST_ADDRESS: Ipv4 = 0xffff_ffff;

/** Some leases in address order, and how far all addresses have now been looked at. */
export interface LeasePage {
  readonly leases: readonly Lease[];
  readonly through: Ipv4;
}

/**
 * All leases in pages, between which leases may change: whoever follows the changes of addresses up to `through` of
 * the last page, and of no others, sees every lease once and as it is.
 */
export function* leasePages(source: Pick<LeaseReader, 'page'>): Generator<LeasePage, void, undefined> {
  let through: Ipv4 | undefined;
  do {
    const leases: readonly Lease[] = source.page(through, LEASES_PER_PAGE);
    through = leases.length < LEASES_PER_PAGE ? HIGHEST_ADDRESS : leases.at(-1)!.address;
    yield { leases, through };
  } while (through < HIGHEST_ADDRESS);
}
