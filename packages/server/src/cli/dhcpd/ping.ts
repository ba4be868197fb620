/**
 * Pings before offers. dhcpd pings unless it is told not to, and waits a second for an answer; what it says of that
 * becomes libdhcp_ping_check, whose own defaults are others.
 */

import type { JsonMap } from '../../domain/snapshot.js';
import { flagOf } from './plain.js';
import { type ConfStatement, isWord } from './tree.js';

/** What holds of pings in a scope. */
export interface PingSettings {
  readonly enabled: boolean;
  readonly timeoutSec: number;
  /** Counts in place of `timeoutSec` if it is not 0. */
  readonly timeoutMs: number;
  readonly clttSec: number;
}

/** dhcpd's own, where the file says nothing (dhcpd.conf(5)). */
export const DHCPD_PING: PingSettings = { enabled: true, timeoutSec: 1, timeoutMs: 0, clttSec: 60 };

/** Longest and shortest time the library waits for an answer. */
const [SHORTEST_MS, LONGEST_MS] = [1, 60_000];

/** What holds in a scope inside of another one. */
export function pingOf(body: readonly ConfStatement[], outer: PingSettings): PingSettings {
  return {
    enabled: flagOf(body, 'ping-check') ?? outer.enabled,
    timeoutSec: numberOf(body, 'ping-timeout') ?? outer.timeoutSec,
    timeoutMs: numberOf(body, 'ping-timeout-ms') ?? outer.timeoutMs,
    clttSec: numberOf(body, 'ping-cltt-secs') ?? outer.clttSec,
  };
}

/** The library as a member of the configuration, unless nobody is to be pinged anywhere. */
export function pingHook(whole: PingSettings, inSubnets: readonly PingSettings[]): JsonMap {
  if (![whole, ...inSubnets].some(({ enabled }) => enabled)) return {};
  return { 'hooks-libraries': [{ library: 'libdhcp_ping_check.so', parameters: parametersOf(whole) }] };
}

/** What a subnet says of it, where that is something else. */
export function subnetPingMembers(own: PingSettings, whole: PingSettings): JsonMap {
  const [mine, theirs] = [parametersOf(own), parametersOf(whole)];
  const same = Object.keys(mine).every((name) => mine[name] === theirs[name]);
  return same || !(own.enabled || whole.enabled) ? {} : { 'user-context': { 'ping-check': mine } };
}

function parametersOf({ enabled, timeoutSec, timeoutMs, clttSec }: PingSettings): JsonMap {
  const waitMs = timeoutMs > 0 ? timeoutMs : timeoutSec * 1000;
  return {
    'enable-ping-check': enabled,
    'reply-timeout': Math.min(Math.max(waitMs, SHORTEST_MS), LONGEST_MS),
    'ping-cltt-secs': clttSec,
  };
}

/** The number of the last statement of that name. */
function numberOf(body: readonly ConfStatement[], name: string): number | undefined {
  const text = body.findLast(({ words }) => isWord(words[0], name))?.words[1]?.text ?? '';
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
