/** RFC 8925: a client that can do without IPv4 asks for option 108 and, where that is configured, gets no address. */

import type { OptionData, Subnet } from '../snapshot.js';
import type { Client, Decision, DecisionContext } from './decision.js';
import { MessageType } from './decision.js';

const PARAMETER_REQUEST_LIST = 55;
const V6_ONLY_PREFERRED = 108;

/** The decision for such a client, or undefined if it is not one. As Kea: subnet and network options count, classes do not. */
export function decideV6Only(ctx: DecisionContext): Decision | undefined {
  // Few networks offer it, so that is asked first.
  const subnet = ctx.candidates.find(offersV6Only);
  if (subnet === undefined || !asksForV6Only(ctx.client)) return undefined;
  const reply = ctx.client.message.messageType === MessageType.discover ? MessageType.offer : MessageType.ack;
  return { kind: 'v6-only', reply, subnet, host: ctx.reservations.inForce(subnet, ctx.client), changes: [] };
}

function offersV6Only(subnet: Subnet): boolean {
  return has(subnet.options) || (subnet.sharedNetwork !== undefined && has(subnet.sharedNetwork.options));
}

function asksForV6Only(client: Client): boolean {
  return client.message.option(PARAMETER_REQUEST_LIST)?.includes(V6_ONLY_PREFERRED) ?? false;
}

function has(options: Subnet['options']): boolean {
  return options.some((option: OptionData) => option.space === 'dhcp4' && option.code === V6_ONLY_PREFERRED);
}
