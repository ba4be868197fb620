/** Parameters of libdhcp_ping_check, and what subnets say of it in their user-context (Kea ARM "Ping Check"). */

import type { PingRule } from '../domain/ping/rule.js';
import type { BuildContext } from './context.js';
import { blockOf } from './listeners.js';
import type { Section } from './section.js';

/** What the library's parameters say, for subnets that say nothing else. */
export interface PingCheckDefaults extends PingRule {
  readonly enabled: boolean;
}

/** Reads the library's parameters. */
export function buildPingCheck(parameters: Section): PingCheckDefaults {
  return {
    enabled: parameters.or<boolean>('enable-ping-check'),
    requests: parameters.or<number>('min-ping-requests'),
    replyTimeoutMs: parameters.or<number>('reply-timeout'),
    clttSec: parameters.or<number>('ping-cltt-secs'),
  };
}

/**
 * How the addresses of a subnet are pinged; undefined: not at all. What a subnet does not say is as the library's
 * parameters have it: so the manual of Kea says, whose code takes the library's own defaults then.
 * @param defaults undefined without the library: what a user-context says of it means nothing then
 */
export function pingRuleOf(
  subnet: Section,
  defaults: PingCheckDefaults | undefined,
  context: BuildContext,
): PingRule | undefined {
  if (defaults === undefined) return undefined;
  const own = blockOf(subnet, 'subnet-ping-check', ['ping-check'], context);
  const { enabled, ...rule } = defaults;
  if (!(own?.boolean('enable-ping-check') ?? enabled)) return undefined;
  return {
    requests: own?.integer('min-ping-requests') ?? rule.requests,
    replyTimeoutMs: own?.integer('reply-timeout') ?? rule.replyTimeoutMs,
    clttSec: own?.integer('ping-cltt-secs') ?? rule.clttSec,
  };
}
