/** From facts to a verdict: does a control listener stand apart from the networks of clients? */

import { isLoopback } from '../access/addresses.js';
import type { ListenerPolicy } from '../access/policy.js';
import { CHECKS, type CheckId } from './checks.js';
import { deviceOf, type MachineFacts } from './facts.js';

/**
 * `dedicated`: no client can get there. `shared-wire`: its network is another one and the wire the same. `shared`: a
 * client can get there, or to its network. `unknown`: nothing speaks against it, and not everything could be checked.
 */
export type Verdict = 'dedicated' | 'shared-wire' | 'shared' | 'unknown';

/** What one check found. `allowed`: it is shared, and the configuration says that this is meant. */
export interface Finding {
  readonly check: CheckId;
  readonly outcome: 'passed' | 'shared' | 'shared-wire' | 'unknown' | 'allowed';
  /** What was seen. */
  readonly evidence: string;
  /** What to do about it. */
  readonly remedy?: string;
}

/** The judgement of one listener. */
export interface Judgement {
  readonly verdict: Verdict;
  /** One a check, in the order of the table. */
  readonly findings: readonly Finding[];
}

/** True for a listener that somebody beside this machine may reach: only these are judged. */
export function needsVerdict(listener: Pick<ListenerPolicy, 'kind' | 'address' | 'interface'>): boolean {
  return listener.kind !== 'kea-unix' && !isLoopback(listener.address) && deviceOf(listener) !== 'lo';
}

/** Judges a listener. */
export function judge(listener: ListenerPolicy, facts: MachineFacts): Judgement {
  const findings = CHECKS.map(({ id, find, exceptions = {} }): Finding => {
    const { outcome, ...said } = find(listener, facts);
    const exception = exceptions[outcome];
    const allowed = exception !== undefined && listener.allow?.includes(exception) === true;
    const hint = exception === undefined || allowed ? '' : ` or "allow": ["${exception}"] if you mean it`;
    return {
      check: id,
      outcome: allowed ? 'allowed' : outcome,
      evidence: said.evidence,
      ...(said.remedy === undefined ? {} : { remedy: `${said.remedy}${hint}` }),
    };
  });
  const outcomes = new Set(findings.map(({ outcome }) => outcome));
  const worst = (['shared', 'shared-wire', 'unknown'] as const).find((outcome) => outcomes.has(outcome));
  return { verdict: worst ?? 'dedicated', findings };
}

/** True if administration is not to go on with a policy. What could not be checked stops nothing: it is told. */
export function stopsAdministration(policy: ListenerPolicy['isolation'], verdict: Verdict): boolean {
  return policy === 'enforce' && (verdict === 'shared' || verdict === 'shared-wire');
}

/** What speaks against a listener, or what could not be checked, each in a line for people. */
export function objections({ findings }: Judgement): string[] {
  return findings
    .filter(({ outcome }) => outcome !== 'passed' && outcome !== 'allowed')
    .map(({ check, outcome, evidence, remedy }) => {
      const said = `${check} ${outcome}: ${evidence}`;
      return remedy === undefined ? said : `${said}: ${remedy}`;
    });
}
