/** What deciding a message asks about the other server of a pair, as an interface: services/pair/rules.ts answers. */

import type { Lease } from '../lease.js';
import type { EpochSec, Ipv4, Octets } from '../values.js';

/** The rules a decision follows beside the configuration (domain/dhcp4). */
export interface GrantRules {
  /** True if the address, which nobody holds, may be given to a client that did not have it. */
  mayGive(address: Ipv4): boolean;
  /**
   * True if the client may keep an address its lease of which is at hand, though the lease may have run out.
   * @param lease the lease as stored, in state default
   */
  mayRenew(lease: Lease, nowSec: EpochSec): boolean;
  /** The longest lifetime that may be stored for this client on this address; at most `wantedSec`. */
  lifetimeLimitSec(address: Ipv4, holder: Octets, wantedSec: number, nowSec: EpochSec): number;
  /** False if another server may have given the address to a client unknown here: silence instead of a NAK. */
  mayRefuse(address: Ipv4): boolean;
}
