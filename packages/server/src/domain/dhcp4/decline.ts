/** DHCPDECLINE (RFC 2131 §4.3.3). */

import { belongsTo } from '../identity.js';
import type { Lease } from '../lease.js';
import { isExpired, LeaseState } from '../lease.js';
import type { Decision, DecisionContext } from './decision.js';
import { silent } from './decision.js';
import { requestedAddress } from './requested-address.js';

/** Decides a DECLINE: the address is put aside for decline-probation-period and belongs to nobody. */
export function decideDecline(ctx: DecisionContext): Decision {
  const { client, snapshot, nowSec } = ctx;
  const address = requestedAddress(client.message);
  if (address === 0) return silent('missing-requested-address');
  const lease = ctx.leases.getByAddress(address);
  if (lease === undefined || lease.state !== LeaseState.default || isExpired(lease, nowSec)) return silent('no-lease');
  if (!belongsTo(lease, client.identity.hwAddress, client.identity.clientId)) return silent('not-the-holder');
  return {
    kind: 'silent',
    reason: 'declined',
    changes: [{ kind: 'put', lease: declined(lease, snapshot.declineProbationSec, nowSec) }],
  };
}

/** The lease of an address nobody may have for a while, as Kea stores it: without identifiers and name. */
export function declined(lease: Lease, probationSec: number, nowSec: number): Lease {
  return {
    ...lease,
    hwAddress: '',
    clientId: '',
    hostname: '',
    fqdnFwd: false,
    fqdnRev: false,
    clttSec: nowSec,
    validLifetimeSec: probationSec,
    state: LeaseState.declined,
  };
}
