/** DHCPINFORM (RFC 2131 §4.3.5): options for a client that has an address. */

import type { Decision, DecisionContext } from './decision.js';
import { silent } from './decision.js';

/** Decides an INFORM. */
export function decideInform(ctx: DecisionContext): Decision {
  const subnet = ctx.candidates[0];
  if (subnet === undefined) return silent('no-subnet');
  return { kind: 'inform-ack', subnet, host: ctx.reservations.inForce(subnet, ctx.client), changes: [] };
}
