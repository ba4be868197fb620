/** How long a client may be told it has an address (docs/design-ha.md, rule 3), and when another may be given it. */

import type { EpochSec } from '../values.js';

/**
 * The latest instant a client may be told, in seconds since 1970.
 * @param wantedEndSec what policy would give
 * @param storedEndSec the end the partner has stored for this client on this address; undefined if it has none
 * @param mcltSec maximum client lead time: how far beyond the partner's knowledge a promise may reach
 */
export function promisedEndSec(
  nowSec: EpochSec,
  wantedEndSec: number,
  storedEndSec: number | undefined,
  mcltSec: number,
): number {
  const known = storedEndSec === undefined ? nowSec : Math.max(nowSec, storedEndSec);
  return Math.min(wantedEndSec, known + mcltSec);
}

/**
 * From when on, in partner-down, an address the partner may have given somebody can be given to another client: when
 * every promise the partner can have made has run out on the client's clock and on ours.
 * @param downSinceSec when partner-down was entered: the partner made its last promise before
 * @param knownEndSec the latest end of a lease of it known here, or undefined if none is
 * @param skewSec bound on the difference of the two servers' clocks
 */
export function reusableFromSec(
  downSinceSec: EpochSec,
  knownEndSec: number | undefined,
  mcltSec: number,
  skewSec: number,
): number {
  return Math.max(downSinceSec, knownEndSec ?? downSinceSec) + mcltSec + skewSec;
}
