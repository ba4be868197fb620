/** From a connection and what was proved on it to the `Principal` of its commands: the one function all doors call. */

import { type Evidence, identify } from '../../domain/access/identify.js';
import type { AccessPolicy, ListenerPolicy } from '../../domain/access/policy.js';
import { FULL_RIGHTS, type Right } from '../../domain/access/rights.js';
import type { Principal } from '../command.js';

/** Where a connection came from. */
export interface Origin {
  readonly sourceAddress?: string;
  readonly interface?: string;
}

/** What identities are looked up in. */
export interface PrincipalRules {
  readonly access: AccessPolicy | undefined;
  /** The listener it came through; undefined = one without description: everything. */
  readonly listener: ListenerPolicy | undefined;
  /** Why nothing is changed through a listener now, by its name (IsolationMonitor). */
  readonly refusalFor?: ((listener: string) => string | undefined) | undefined;
}

/** The principal, or why there is none: proofs that lead to different ones. */
export type Resolved =
  | { readonly kind: 'principal'; readonly principal: Principal }
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Without rules whoever got so far may do everything, under the name he showed (Kea). With rules he has the rights of
 * the one he is; whom no rule knows has none, and every command of his is denied and audited.
 */
export function resolvePrincipal(
  evidence: Evidence,
  origin: Origin,
  { access, listener, refusalFor }: PrincipalRules,
): Resolved {
  const common = {
    ...origin,
    method: methodOf(evidence),
    ...(listener === undefined ? {} : { plane: listener.plane }),
    ...(listener === undefined || refusalFor === undefined ? {} : { stopped: () => refusalFor(listener.name) }),
    ...(listener?.commands === undefined ? {} : { admits: listener.commands }),
    ...(listener === undefined || listener.limits.commandsPerSecond === 0
      ? {}
      : { commandsPerSecond: listener.limits.commandsPerSecond }),
  };
  const rules = access?.principals;
  const shown = nameOf(evidence);
  if (rules === undefined) return { kind: 'principal', principal: { ...common, name: shown, rights: FULL_RIGHTS } };
  const identity = identify(evidence, rules);
  if (identity.kind === 'disagree') {
    return { kind: 'refused', reason: `${shown}: what was shown is of ${identity.names.join(' and of ')}` };
  }
  const [name, rights]: readonly [string, readonly Right[]] =
    identity.kind === 'principal' ? [identity.rule.name, identity.rule.rights] : [shown, []];
  return { kind: 'principal', principal: { ...common, name, rights } };
}

function methodOf({ unixUser, httpUser, certificateNames, omapiKey }: Evidence): Principal['method'] {
  if (omapiKey !== undefined) return 'omapi-key';
  if (httpUser !== undefined) return 'basic';
  if (certificateNames !== undefined) return 'client-cert';
  return unixUser === undefined ? 'none' : 'unix-socket';
}

/** What somebody goes by where no rule names him. */
function nameOf({ unixUser, httpUser, certificateNames, omapiKey }: Evidence): string {
  const local = unixUser && (unixUser.name ?? `uid ${unixUser.uid}`);
  return omapiKey ?? httpUser ?? certificateNames?.[0] ?? local ?? 'anonymous';
}
