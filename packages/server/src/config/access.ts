/** The `access` block (`user-context.lessor.access` of Dhcp4): principals, their rights, second persons, audit file. */

import type { Family } from '../domain/access/families.js';
import type {
  AccessPolicy,
  AuditFileConfig,
  PrincipalRule,
  Proofs,
  SecondPersonRule,
} from '../domain/access/policy.js';
import type { Right } from '../domain/access/rights.js';
import type { Role } from '../domain/access/roles.js';
import type { BuildContext } from './context.js';
import { memberPath, positionOf } from './issues.js';
import { blockOf } from './listeners.js';
import { restrictedPath } from './paths.js';
import type { PositionedText, Section } from './section.js';
import { nearestWord } from './spelling.js';
import { formatPrefix, parsePrefix, unicodeOf } from './values.js';

/** Blocks of `user-context.lessor` of Dhcp4. */
const OWN_BLOCKS: readonly string[] = ['access', 'bmc-guard', 'metrics', 'omapi', 'write-through'];

/** What two people ask for where the block does not say it. */
const DEFAULT_SECOND_PERSON: readonly string[] = ['shutdown', 'lease4-wipe', 'ha-partner-down'];

/** Members of a principal that show who it is, and where they go. */
const PROOF_MEMBERS = ['unix-users', 'unix-groups', 'http-users', 'certificates', 'omapi-keys'] as const;
type ProofMember = (typeof PROOF_MEMBERS)[number];

/** How the name in a certificate may begin (RFC 5280 §4.2.1.6, as Node writes them). */
const CERTIFICATE_NAME = /^(URI|DNS|email|IP):\S+$/;

/** Builds the block; undefined if there is none. */
export function buildAccess(root: Section, context: BuildContext): AccessPolicy | undefined {
  warnOfStrangers(root, context);
  const section = blockOf(root, 'access', ['lessor', 'access'], context);
  if (section === undefined) return undefined;
  const principals = section.has('principals') ? buildPrincipals(section, context) : undefined;
  const second = section.section('second-person');
  if (second !== undefined && principals === undefined) {
    const message = 'without "principals" there are no two people to tell apart: name them';
    context.issues.error('config-conflict', section.positionOf('second-person'), message);
  }
  const audit = section.section('audit');
  const auditFile = audit && buildAudit(audit, context);
  return {
    ...(principals === undefined ? {} : { principals }),
    ...(second === undefined ? {} : { secondPerson: buildSecondPerson(second) }),
    ...(auditFile === undefined ? {} : { audit: auditFile }),
  };
}

/** A misspelt `access` would let everybody do everything: what is nearly one of our names is refused. */
function warnOfStrangers(root: Section, { issues }: BuildContext): void {
  const lessor = root.userContextNode?.members.get('lessor')?.value;
  if (lessor?.kind !== 'map') return;
  for (const [name, { keyAt }] of lessor.members) {
    const nearest = OWN_BLOCKS.includes(name) ? undefined : nearestWord(name, OWN_BLOCKS);
    if (nearest === undefined) continue;
    const position = positionOf(keyAt, memberPath(root.path, `user-context.lessor.${name}`));
    issues.error('config-unknown', position, `unknown block "${name}"; did you mean "${nearest}"?`);
  }
}

function buildPrincipals(section: Section, context: BuildContext): PrincipalRule[] {
  const { issues } = context;
  const rules: PrincipalRule[] = [];
  /** Who has a proof: nobody is two. */
  const owners = new Map<string, string>();
  for (const item of section.sections('principals')) {
    const name = item.string('name');
    if (name === undefined) continue;
    if (rules.some((rule) => rule.name === unicodeOf(name))) {
      issues.error('config-duplicate', item.positionOf('name'), `there is a principal "${name}" already`);
    }
    const proofs = buildProofs(item, owners, context);
    if (Object.values(proofs).every((list) => list.length === 0)) {
      const message = `nobody can be "${name}": give one of ${PROOF_MEMBERS.join(', ')}`;
      issues.error('config-missing', item.position, message);
    }
    const rights = item.sections('rights').map((right) => buildRight(right, context));
    rules.push({ name: unicodeOf(name), proofs, rights: rights.filter((right) => right !== undefined) });
  }
  return rules;
}

function buildProofs(item: Section, owners: Map<string, string>, { issues }: BuildContext): Proofs {
  const read = (member: ProofMember): string[] =>
    item.strings(member).map(({ text, position }) => {
      const value = member === 'omapi-keys' ? unicodeOf(text).toLowerCase() : unicodeOf(text);
      const owner = owners.get(`${member} ${value}`);
      if (owner !== undefined) issues.error('config-duplicate', position, `"${text}" is ${owner} already`);
      owners.set(`${member} ${value}`, item.string('name') ?? '');
      if (member === 'certificates' && !CERTIFICATE_NAME.test(text)) {
        const message = `"${text}" is no name in a certificate: write URI:.., DNS:.., email:.. or IP:..`;
        issues.error('config-range', position, message);
      }
      return value;
    });
  return {
    unixUsers: read('unix-users'),
    unixGroups: read('unix-groups'),
    httpUsers: read('http-users'),
    certificates: read('certificates'),
    omapiKeys: read('omapi-keys'),
  };
}

function buildRight(item: Section, { issues }: BuildContext): Right | undefined {
  const [role, family, command] = ['role', 'family', 'command'].map((name) => item.string(name));
  if ([role, family, command].filter((one) => one !== undefined).length !== 1) {
    const given = ['role', 'family', 'command'].some((name) => item.mentions(name) && !item.has(name));
    // A wrong word has been reported as such.
    if (!given) issues.error('config-conflict', item.position, 'a right is one of "role", "family" and "command"');
    return undefined;
  }
  const subnets = item.mentions('subnets')
    ? item.strings('subnets').flatMap((text) => subnetName(text, issues) ?? [])
    : undefined;
  return {
    ...(role === undefined ? {} : { role: role as Role }),
    ...(family === undefined ? {} : { family: family as Family }),
    ...(command === undefined ? {} : { command }),
    ...(subnets === undefined ? {} : { subnets }),
  };
}

/** An id or a prefix in its one spelling; that there is such a subnet is not demanded: it may come later. */
function subnetName({ text, position }: PositionedText, issues: BuildContext['issues']): string | undefined {
  if (/^[1-9]\d{0,9}$/.test(text)) return text;
  const prefix = parsePrefix(text);
  if (typeof prefix !== 'string') return formatPrefix(prefix);
  issues.error('config-range', position, `"${text}" is neither the id nor the prefix of a subnet`);
  return undefined;
}

function buildSecondPerson(section: Section): SecondPersonRule {
  const given = section.strings('commands').map(({ text }) => text);
  return {
    commands: section.mentions('commands') ? given : DEFAULT_SECOND_PERSON,
    withinSec: section.or<number>('within'),
  };
}

function buildAudit(section: Section, { issues, environment }: BuildContext): AuditFileConfig | undefined {
  const file = section.string('file');
  if (file === undefined) return undefined;
  const { directories, insecure } = environment;
  const path = restrictedPath(file, directories.log, 'the audit file', section.positionOf('file'), issues, insecure);
  if (path === undefined) return undefined;
  return { path, maxSizeOctets: section.or<number>('max-size'), maxVersions: section.or<number>('max-versions') };
}
