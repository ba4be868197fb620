/**
 * A lease where it lies: its numbers, and where in memory its identifiers and texts are. To look at a hundred thousand
 * leases by it makes nothing for the garbage collector; only what is to be kept becomes a `Lease`.
 */

import type { Lease, LeaseState } from './lease.js';
import type { EpochSec, Ipv4, SubnetId } from './values.js';

/** See the head of this file. One view shows many leases one after the other: it is good until the next one. */
export class LeaseView {
  address: Ipv4 = 0;
  subnetId: SubnetId = 0;
  poolId = 0;
  clttSec: EpochSec = 0;
  validLifetimeSec = 0;
  fqdnFwd = false;
  fqdnRev = false;
  state: LeaseState = 0;
  /** What the positions are in. The parts follow one another: hardware address, client-id, hostname. */
  octets: Buffer = Buffer.alloc(0);
  hwAddressAt = 0;
  clientIdAt = 0;
  hostnameAt = 0;
  hostnameEnd = 0;
  /** The user context; empty if both are the same. */
  contextAt = 0;
  contextEnd = 0;

  /** Shows a lease that is an object. Its texts are latin-1, as those of every lease that was stored. */
  show(lease: Lease): this {
    this.address = lease.address;
    this.subnetId = lease.subnetId;
    this.poolId = lease.poolId;
    this.clttSec = lease.clttSec;
    this.validLifetimeSec = lease.validLifetimeSec;
    this.fqdnFwd = lease.fqdnFwd;
    this.fqdnRev = lease.fqdnRev;
    this.state = lease.state;
    this.octets = Buffer.from(lease.hwAddress + lease.clientId + lease.hostname + lease.userContext, 'latin1');
    this.hwAddressAt = 0;
    this.clientIdAt = lease.hwAddress.length;
    this.hostnameAt = this.clientIdAt + lease.clientId.length;
    this.hostnameEnd = this.hostnameAt + lease.hostname.length;
    this.contextAt = this.hostnameEnd;
    this.contextEnd = this.octets.length;
    return this;
  }
}

/** Called with one lease after the other; false ends it. What it is shown is good until it returns. */
export type ShowLease = (lease: LeaseView) => boolean;

/** Shows leases that are objects. */
export function showLeases(leases: Iterable<Lease>, show: ShowLease): void {
  const view = new LeaseView();
  for (const lease of leases) if (!show(view.show(lease))) return;
}
