/**
 * Rows of the parameter table: the guard of BMC networks, `bmc-guard` in the user-context of Dhcp4, and what subnets,
 * shared networks and options say for it in theirs.
 */

import { GUARD_POLICIES, GUARD_RULES, SUBNET_ROLES } from '../domain/guard/policy.js';
import { CONFIDENCES, SIGNATURE_FIELDS, SIGNATURE_KINDS } from '../domain/guard/signatures.js';
import type { Parameter, Scope } from './schema.js';

/** What each rule is about, for the reference. */
const RULE_DOCS: Readonly<Record<(typeof GUARD_RULES)[number], string>> = {
  R1: 'A management processor on a host network.',
  R2: 'A host on a management network.',
  R3: 'A management processor and a host at one port.',
  R4: 'A management processor that moved from a management network to a host network.',
  R5: 'A client that goes to and fro between two subnets.',
  R6: "A name that holds another client's hardware address.",
  R7: 'A host that says it is a management processor.',
  R8: 'A management processor that has an address of a host network, and no host beside it.',
  R9: 'An address of a host network that answers the presence ping.',
  'bmc-only': 'A client that says it is a BMC was not given options that are for BMCs only.',
};

const POLICIES: Parameter = {
  name: 'policies',
  type: 'map',
  scope: 'bmc-guard-policies',
  doc: 'What follows from the findings of each rule.',
};

function seconds(name: string, min: number, value: number, doc: string): Parameter {
  return { name, type: 'integer', min, max: 31_536_000, default: value, doc };
}

function score(name: string, value: number, doc: string): Parameter {
  return { name, type: 'integer', min: 1, max: 100, default: value, doc };
}

/** Names of the scopes of this file. */
export type GuardScope =
  | 'bmc-guard'
  | 'bmc-guard-policies'
  | 'bmc-guard-thresholds'
  | 'bmc-guard-fingerprints'
  | 'presence-ping'
  | 'network-extension'
  | 'network-guard'
  | 'option-extension';

/** Scopes of this file. */
export const GUARD_SCOPES: Readonly<Record<GuardScope, Scope>> = {
  'bmc-guard': {
    title: 'user-context, lessor, bmc-guard',
    context: true,
    parameters: [
      POLICIES,
      { name: 'thresholds', type: 'map', scope: 'bmc-guard-thresholds', doc: 'Scores from which a policy acts.' },
      {
        name: 'fingerprints',
        type: 'maps',
        scope: 'bmc-guard-fingerprints',
        doc: "Your own fingerprints, beside lessor's.",
      },
      seconds('quarantine-lifetime', 30, 120, 'Longest lease of a client in quarantine, in seconds.'),
      seconds('pair-within', 10, 600, 'R3: the two are seen within so many seconds.'),
      { name: 'pair-distance', type: 'integer', min: 1, max: 8, default: 8, doc: 'R3: how near two addresses are.' },
      seconds('alternation-minimum', 1, 60, 'R5: shortest stay in a subnet, in seconds.'),
      seconds('alternation-maximum', 1, 200, 'R5: longest stay in a subnet, in seconds.'),
      seconds('idle-after', 1, 86_400, 'R8: seconds without a host beside it.'),
      seconds('repeat-after', 0, 3600, 'The same alarm is not raised again for so many seconds.'),
      {
        name: 'alarms-per-minute',
        type: 'integer',
        min: 1,
        max: 10_000,
        default: 60,
        doc: 'Alarms raised in a minute; others are counted and listed only.',
      },
      {
        name: 'presence-ping',
        type: 'map',
        scope: 'presence-ping',
        doc: 'R9: asking addresses that were just leased.',
      },
    ],
  },
  'bmc-guard-policies': {
    title: 'policies of bmc-guard',
    context: true,
    parameters: GUARD_RULES.map((rule) => ({
      name: rule,
      type: 'string',
      words: GUARD_POLICIES,
      doc: `${RULE_DOCS[rule]} If absent: ${rule === 'bmc-only' ? '`alert`' : '`observe`'}.`,
    })),
  },
  'bmc-guard-thresholds': {
    title: 'thresholds of bmc-guard',
    context: true,
    parameters: [
      score('alert', 60, 'Score from which an alarm is raised.'),
      score('quarantine', 80, 'Score from which a client is put in quarantine.'),
      score('deny', 80, 'Score from which a client gets no offer.'),
    ],
  },
  'bmc-guard-fingerprints': {
    title: 'a fingerprint of bmc-guard',
    context: true,
    parameters: [
      {
        name: 'field',
        type: 'string',
        mandatory: true,
        words: SIGNATURE_FIELDS,
        doc: 'Where to look: option 60, the host name (option 12 or 81), option 43, option 77.',
      },
      {
        name: 'pattern',
        type: 'string',
        mandatory: true,
        notEmpty: true,
        maxOctets: 255,
        doc: 'The text; `*` at its end for "and anything", fields `{alnum:N}`, `{hex:N}`, `{mac}`, `{mac-dashes}`.',
      },
      { name: 'kind', type: 'string', words: SIGNATURE_KINDS, default: 'bmc', doc: 'What the client is.' },
      { name: 'product', type: 'string', mandatory: true, notEmpty: true, maxOctets: 64, doc: 'What to call it.' },
      {
        name: 'confidence',
        type: 'string',
        words: CONFIDENCES,
        default: 'high',
        doc: 'How surely: 80, 50 or 20 of 100 points.',
      },
    ],
  },
  'presence-ping': {
    title: 'presence-ping of bmc-guard',
    context: true,
    parameters: [
      {
        name: 'enabled',
        type: 'boolean',
        default: false,
        doc: 'Ping at all. A fragile BMC may not like a datagram at port 623.',
      },
      {
        name: 'of',
        type: 'string',
        words: ['suspects', 'all'],
        default: 'suspects',
        doc: 'Clients with any sign of a BMC, or every new lease of a host network.',
      },
      {
        name: 'per-second',
        type: 'integer',
        min: 1,
        max: 100,
        default: 5,
        doc: 'Pings a second; others are left out.',
      },
      {
        name: 'capabilities',
        type: 'boolean',
        default: false,
        doc: 'Ask who answers by which authentication it lets one in (IPMI, no credentials are sent).',
      },
    ],
  },
  'network-extension': {
    title: 'user-context, lessor of a subnet or shared network',
    context: true,
    parameters: [
      {
        name: 'role',
        type: 'string',
        words: SUBNET_ROLES,
        doc: 'Whose network it is: that of management processors, or of hosts. What has none is a host network.',
      },
      { name: 'bmc-guard', type: 'map', scope: 'network-guard', doc: 'What holds here and not elsewhere.' },
    ],
  },
  'network-guard': { title: 'bmc-guard of a subnet or shared network', context: true, parameters: [POLICIES] },
  'option-extension': {
    title: 'user-context, lessor of option-data',
    context: true,
    parameters: [
      {
        name: 'bmc-only',
        type: 'boolean',
        default: false,
        doc: 'Only for clients with the fingerprint of a BMC that are on a management network.',
      },
      {
        name: 'join',
        type: 'string',
        words: ['append', 'prepend', 'default'],
        doc: 'How the value joins that of less specific scopes: behind it, before it, or only where they have none.',
      },
    ],
  },
};
