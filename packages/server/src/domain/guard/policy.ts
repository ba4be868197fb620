/** What an operator decides about the guard of BMC networks: roles of subnets, what becomes of findings, bounds. */

import type { SubnetId } from '../values.js';
import type { Signature } from './signatures.js';

/** Whose network a subnet is: that of management processors, or that of everybody else. */
export const SUBNET_ROLES = ['management', 'host'] as const;
/** One of {@link SUBNET_ROLES}. */
export type SubnetRole = (typeof SUBNET_ROLES)[number];

/** Names of the rules, in the order of the manual. The last one is about options that only BMCs may have. */
export const GUARD_RULES = ['R1', 'R2', 'R3', 'R4', 'R5', 'R6', 'R7', 'R8', 'R9', 'bmc-only'] as const;
/** One of {@link GUARD_RULES}. */
export type GuardRule = (typeof GUARD_RULES)[number];

/**
 * What a finding leads to, the mildest first: it is counted and noted; an alarm too; the client is put in quarantine
 * from its next full exchange on, or gets no offer, and an alarm too.
 */
export const GUARD_POLICIES = ['observe', 'alert', 'quarantine', 'deny'] as const;
/** One of {@link GUARD_POLICIES}. */
export type GuardPolicy = (typeof GUARD_POLICIES)[number];

/** A policy for each rule. */
export type PolicyTable = Readonly<Record<GuardRule, GuardPolicy>>;

/** The class that quarantined clients are put in. Pools, options and lifetimes can name it, as any class. */
export const QUARANTINE_CLASS = 'BMC_QUARANTINE';

/** Options that a quarantined client does not get: ways out, and name servers (RFC 2132, 3442, and Microsoft's 249). */
export const QUARANTINED_OPTIONS: readonly number[] = [3, 6, 33, 121, 249];

/** The `bmc-guard` block of a configuration. */
export interface GuardConfig {
  readonly policies: PolicyTable;
  /** Score from which a finding may lead to this. */
  readonly thresholds: Readonly<Record<Exclude<GuardPolicy, 'observe'>, number>>;
  /** Fingerprints of management processors and of hosts: those that come with lessor, and the operator's. */
  readonly signatures: readonly Signature[];
  /** Longest lease of a quarantined client, in seconds. */
  readonly quarantineLifetimeSec: number;
  /** R3: how near two MAC addresses are, and how long the first is remembered for it. */
  readonly pair: { readonly distance: number; readonly withinSec: number };
  /** R5: shortest and longest stay of a client that goes to and fro. */
  readonly alternation: { readonly minSec: number; readonly maxSec: number };
  /** R8: how long a BMC may have an address of a host network with no host beside it. */
  readonly idleSec: number;
  /** The same alarm is not raised again sooner. */
  readonly repeatSec: number;
  /** New alarms a minute, of all together; what is above is counted. */
  readonly alarmsPerMinute: number;
  readonly presencePing: PresencePingConfig;
}

/** R9: asking addresses that were just leased whether a management processor answers there. */
export interface PresencePingConfig {
  readonly enabled: boolean;
  /** `suspects`: clients with any sign of a BMC; `all`: every lease of a host network. */
  readonly of: 'suspects' | 'all';
  readonly perSecond: number;
  /** Also ask for the authentication capabilities of whoever answers. */
  readonly capabilities: boolean;
}

/** What a subnet or shared network says for the guard; a subnet inherits it from its network. */
export interface NetworkGuard {
  /** Whose network it is (`user-context.lessor.role`). */
  readonly role?: SubnetRole;
  /** What is said otherwise than the global table. */
  readonly guardPolicies?: Partial<PolicyTable>;
}

/** What the guard reads of a subnet. */
export interface GuardedSubnet extends NetworkGuard {
  readonly id: SubnetId;
}

/** What holds where nothing is configured: look, and do nothing; but withheld secrets are worth a word. */
export const DEFAULT_POLICIES: PolicyTable = {
  R1: 'observe',
  R2: 'observe',
  R3: 'observe',
  R4: 'observe',
  R5: 'observe',
  R6: 'observe',
  R7: 'observe',
  R8: 'observe',
  R9: 'observe',
  'bmc-only': 'alert',
};

/**
 * What a finding leads to: the policy of its rule, or the nearest milder one for which its score is enough. Whatever a
 * packet says, a policy is never exceeded.
 */
export function actionFor(rule: GuardRule, score: number, subnet: GuardedSubnet, config: GuardConfig): GuardPolicy {
  const policy = subnet.guardPolicies?.[rule] ?? config.policies[rule];
  for (let at = GUARD_POLICIES.indexOf(policy); at > 0; at--) {
    const action = GUARD_POLICIES[at] as Exclude<GuardPolicy, 'observe'>;
    if (score >= config.thresholds[action]) return action;
  }
  return 'observe';
}

/** The sterner of two. */
export function sterner(a: GuardPolicy, b: GuardPolicy): GuardPolicy {
  return GUARD_POLICIES.indexOf(a) >= GUARD_POLICIES.indexOf(b) ? a : b;
}
