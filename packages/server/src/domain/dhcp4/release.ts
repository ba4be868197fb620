/** DHCPRELEASE (RFC 2131 §4.3.4). */

import { belongsTo } from '../identity.js';
import { isExpired, LeaseState } from '../lease.js';
import { INFINITE_LIFETIME } from '../values.js';
import type { Decision, DecisionContext } from './decision.js';
import { silent } from './decision.js';

/**
 * Decides a RELEASE. With lease affinity on (Kea: hold-reclaimed-time and its flush timer) the binding is kept as
 * `released`, so that the client gets the same address again; else it is deleted.
 */
export function decideRelease(ctx: DecisionContext): Decision {
  const { client, snapshot } = ctx;
  const lease = ctx.leases.getByAddress(client.message.ciaddr);
  if (lease === undefined || lease.state !== LeaseState.default || isExpired(lease, ctx.nowSec))
    return silent('no-lease');
  if (!belongsTo(lease, client.identity.hwAddress, client.identity.clientId)) return silent('not-the-holder');
  const { flushReclaimedTimerWaitSec, holdReclaimedSec } = snapshot.expiration;
  const keep = flushReclaimedTimerWaitSec > 0 && holdReclaimedSec > 0 && lease.validLifetimeSec !== INFINITE_LIFETIME;
  return {
    kind: 'silent',
    reason: 'released',
    changes: [
      keep
        ? { kind: 'put', lease: { ...lease, validLifetimeSec: 0, state: LeaseState.released } }
        : { kind: 'delete', address: lease.address },
    ],
  };
}
