/** From what somebody has proved on a connection to the principal the rules know. Pure. */

import type { PrincipalRule } from './policy.js';

/** What has been proved, each member by a door that checked it. Absent = nothing of the kind was shown. */
export interface Evidence {
  /** The user at the other end of a unix socket, by the kernel. */
  readonly unixUser?: UnixUser;
  /** The user whose password was right. */
  readonly httpUser?: string;
  /** Names in the client certificate that was verified: `URI:..`, `DNS:..`, `email:..`, `IP:..`. */
  readonly certificateNames?: readonly string[];
  /** The OMAPI key the message was signed with. */
  readonly omapiKey?: string;
}

/** A user and groups, by number and, where known, by name. */
export interface UnixUser {
  readonly uid: number;
  readonly name?: string;
  readonly groups: readonly { readonly gid: number; readonly name?: string }[];
}

/** Whom the evidence means: one principal, nobody the rules know, or two that are not the same. */
export type Identity =
  | { readonly kind: 'principal'; readonly rule: PrincipalRule }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'disagree'; readonly names: readonly string[] };

/**
 * Every proof that was shown must lead to the same principal: who has the certificate of one and the password of
 * another is neither. A user goes before his groups; a proof that no rule mentions leads to nobody.
 */
export function identify(evidence: Evidence, rules: readonly PrincipalRule[]): Identity {
  const found = [
    evidence.unixUser && ofUnixUser(evidence.unixUser, rules),
    evidence.httpUser === undefined ? undefined : ofProof(rules, 'httpUsers', [evidence.httpUser]),
    evidence.certificateNames && ofProof(rules, 'certificates', evidence.certificateNames),
    evidence.omapiKey === undefined ? undefined : ofProof(rules, 'omapiKeys', [evidence.omapiKey.toLowerCase()]),
  ].filter((one) => one !== undefined);
  const [first, ...others] = found;
  if (first === undefined) return { kind: 'unknown' };
  const different = others.find((other) => nameOf(other) !== nameOf(first));
  return different === undefined ? first : { kind: 'disagree', names: [nameOf(first), nameOf(different)] };
}

function ofUnixUser({ uid, name, groups }: UnixUser, rules: readonly PrincipalRule[]): Identity {
  const own = ofProof(rules, 'unixUsers', [String(uid), ...(name === undefined ? [] : [name])]);
  if (own.kind !== 'unknown') return own;
  return ofProof(
    rules,
    'unixGroups',
    groups.flatMap((group) => [String(group.gid), ...(group.name === undefined ? [] : [group.name])]),
  );
}

/** The one rule that has one of these values; of several rules none, because it is not for us to choose. */
function ofProof(
  rules: readonly PrincipalRule[],
  member: keyof PrincipalRule['proofs'],
  values: readonly string[],
): Identity {
  const [rule, ...others] = rules.filter(({ proofs }) => proofs[member].some((value) => values.includes(value)));
  if (rule === undefined) return { kind: 'unknown' };
  return others.length === 0
    ? { kind: 'principal', rule }
    : { kind: 'disagree', names: [rule, ...others].map((one) => one.name) };
}

function nameOf(identity: Identity): string {
  if (identity.kind === 'principal') return identity.rule.name;
  return identity.kind === 'unknown' ? 'nobody' : identity.names.join(' and ');
}
