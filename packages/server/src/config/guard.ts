/** The guard of BMC networks: the `bmc-guard` block, and what networks and options say for it in their user-context. */

import { allOptionLists, type OptionHolders, usesBmcOnlyOptions } from '../domain/compose/template-scope.js';
import { FINGERPRINTS } from '../domain/guard/fingerprints.js';
import { parsePattern } from '../domain/guard/pattern.js';
import {
  DEFAULT_POLICIES,
  GUARD_RULES,
  type GuardConfig,
  type GuardPolicy,
  type NetworkGuard,
  type PolicyTable,
  type SubnetRole,
} from '../domain/guard/policy.js';
import type { Confidence, Signature, SignatureField, SignatureKind } from '../domain/guard/signatures.js';
import type { OptionData, OptionJoin, Subnet } from '../domain/snapshot.js';
import { octetsOf } from '../domain/values.js';
import type { BuildContext } from './context.js';
import { blockOf } from './listeners.js';
import { emptySection, type Section } from './section.js';

/** Most fingerprints of one's own: each is tried on each new vendor class. */
const MAX_FINGERPRINTS = 500;

/** Builds the block; undefined if there is none: then no packet is looked at. */
export function buildGuard(root: Section, context: BuildContext): GuardConfig | undefined {
  const section = blockOf(root, 'bmc-guard', ['lessor', 'bmc-guard'], context);
  if (section === undefined) return undefined;
  const thresholds = section.section('thresholds') ?? emptySection('bmc-guard-thresholds', section);
  const ping = section.section('presence-ping') ?? emptySection('presence-ping', section);
  const own = buildFingerprints(section, context);
  const [minSec, maxSec] = [section.or<number>('alternation-minimum'), section.or<number>('alternation-maximum')];
  if (minSec > maxSec) {
    const message = `the shortest stay (${minSec}) is longer than the longest (${maxSec})`;
    context.issues.error('config-conflict', section.positionOf('alternation-minimum'), message);
  }
  return {
    policies: { ...DEFAULT_POLICIES, ...policiesOf(section) },
    thresholds: {
      alert: thresholds.or<number>('alert'),
      quarantine: thresholds.or<number>('quarantine'),
      deny: thresholds.or<number>('deny'),
    },
    signatures: [...own, ...FINGERPRINTS],
    quarantineLifetimeSec: section.or<number>('quarantine-lifetime'),
    pair: { distance: section.or<number>('pair-distance'), withinSec: section.or<number>('pair-within') },
    alternation: { minSec, maxSec },
    idleSec: section.or<number>('idle-after'),
    repeatSec: section.or<number>('repeat-after'),
    alarmsPerMinute: section.or<number>('alarms-per-minute'),
    presencePing: {
      enabled: ping.or<boolean>('enabled'),
      of: ping.or<GuardConfig['presencePing']['of']>('of'),
      perSecond: ping.or<number>('per-second'),
      capabilities: ping.or<boolean>('capabilities'),
    },
  };
}

/** What a subnet or shared network says; nothing for one without a `lessor` block. */
export function networkGuard(section: Section, context: BuildContext): NetworkGuard {
  if (section.userContextNode === undefined) return {};
  const extension = blockOf(section, 'network-extension', ['lessor'], context);
  if (extension === undefined) return {};
  const role = extension.string('role') as SubnetRole | undefined;
  const policies = policiesOf(extension.section('bmc-guard'));
  return {
    ...(role === undefined ? {} : { role }),
    ...(policies === undefined ? {} : { guardPolicies: policies }),
  };
}

/** What holds in a subnet of a shared network. The network is one wire, so it has one role. */
export function inheritGuard(section: Section, network: NetworkGuard | undefined, context: BuildContext): NetworkGuard {
  const own = networkGuard(section, context);
  if (network?.role !== undefined && own.role !== undefined && own.role !== network.role) {
    const message = `the role is "${own.role}", that of the shared network "${network.role}": it is one wire, so it has one role`;
    context.issues.error('config-conflict', section.position, message);
  }
  const role = own.role ?? network?.role;
  const guardPolicies =
    own.guardPolicies === undefined && network?.guardPolicies === undefined
      ? undefined
      : { ...network?.guardPolicies, ...own.guardPolicies };
  return { ...(role === undefined ? {} : { role }), ...(guardPolicies === undefined ? {} : { guardPolicies }) };
}

const VENDOR_OPTIONS = 43;
/** How the option 43 of an iDRAC names a password (Dell, iDRAC user guides: server configuration profile by DHCP). */
const PASSWORD_ARGUMENT = /(?:^|\s)-p\s+\S/;

/** Warns of a password that everybody gets who asks for it. */
function warnOfOpenPasswords(root: Section, holders: OptionHolders, { issues }: Pick<BuildContext, 'issues'>): void {
  const isOpen = [...allOptionLists(holders)].some((options) =>
    options.some(
      ({ space, code, data, bmcOnly }) =>
        space === 'dhcp4' && code === VENDOR_OPTIONS && bmcOnly !== true && PASSWORD_ARGUMENT.test(octetsOf(data)),
    ),
  );
  if (!isOpen) return;
  const message =
    'an option 43 seems to hold a password ("-p ..."): whoever sends the right option 60 gets it; mark it "bmc-only" in its user-context.lessor';
  issues.warning('config-insecure', root.position, message);
}

/** Warns of what is said for the guard and can do nothing, and of what should be said. */
export function warnOfIdleGuard(
  root: Section,
  guard: GuardConfig | undefined,
  subnets: readonly { readonly section: Section; readonly subnet: Subnet }[],
  holders: OptionHolders,
  { issues }: BuildContext,
): void {
  warnOfOpenPasswords(root, holders, { issues });
  if (guard === undefined) {
    const named = subnets.find(
      ({ subnet: { role, guardPolicies } }) => role !== undefined || guardPolicies !== undefined,
    );
    const message = 'nothing is guarded without "bmc-guard" in user-context.lessor of Dhcp4; it may be empty: {}';
    if (named !== undefined) issues.warning('config-conflict', named.section.position, message);
  }
  const anywhere = guard !== undefined && subnets.some(({ subnet }) => subnet.role === 'management');
  if (anywhere || !usesBmcOnlyOptions(holders)) return;
  const lack = guard === undefined ? 'there is no "bmc-guard"' : 'no subnet has the role "management"';
  issues.warning('config-conflict', root.position, `options that are "bmc-only" are sent to nobody: ${lack}`);
}

/** What lessor adds to an option, read from its user-context. */
export function optionExtension(
  section: Section,
  context: Pick<BuildContext, 'issues' | 'environment'>,
): Pick<OptionData, 'bmcOnly' | 'join'> {
  if (section.userContextNode === undefined) return {};
  const extension = blockOf(section, 'option-extension', ['lessor'], context);
  const join = extension?.string('join') as OptionJoin | undefined;
  return {
    ...(extension?.or<boolean>('bmc-only') === true ? { bmcOnly: true } : {}),
    ...(join === undefined ? {} : { join }),
  };
}

function policiesOf(section: Section | undefined): Partial<PolicyTable> | undefined {
  const policies = section?.section('policies');
  if (policies === undefined) return undefined;
  const given = GUARD_RULES.flatMap((rule) => {
    const policy = policies.string(rule);
    return policy === undefined ? [] : [[rule, policy as GuardPolicy] as const];
  });
  return Object.fromEntries(given);
}

function buildFingerprints(section: Section, { issues }: BuildContext): Signature[] {
  const items = section.sections('fingerprints');
  if (items.length > MAX_FINGERPRINTS) {
    const message = `${items.length} fingerprints are too many; at most ${MAX_FINGERPRINTS} are possible`;
    issues.error('config-range', section.positionOf('fingerprints'), message);
    return [];
  }
  return items.flatMap((item) => {
    const [field, text, product] = [item.string('field'), item.string('pattern'), item.string('product')];
    if (field === undefined || text === undefined || product === undefined) return [];
    const pattern = parsePattern(text, field === 'host-name');
    if (typeof pattern === 'string') {
      issues.error('config-range', item.positionOf('pattern'), pattern);
      return [];
    }
    if (/[^ -~]/.test(product)) {
      issues.error('config-range', item.positionOf('product'), 'a product is called in printable ASCII');
      return [];
    }
    return [
      {
        field: field as SignatureField,
        pattern,
        kind: item.or<SignatureKind>('kind'),
        product,
        confidence: item.or<Confidence>('confidence'),
        source: 'the configuration',
      },
    ];
  });
}
