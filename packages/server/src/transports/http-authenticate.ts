/** Who sends an HTTP request: decided from what is known when its headers are in, before an octet of its body is read. */

import type { AccessControl } from '../control/access/access-control.js';
import type { Principal } from '../control/command.js';
import { FULL_RIGHTS } from '../domain/access/rights.js';
import type { ControlSocketConfig } from '../domain/snapshot.js';
import { HttpPasswords } from './http-passwords.js';

/** What is known of a request before its body. */
export interface RequestFacts {
  /** Value of the Authorization header. */
  readonly authorization: string | undefined;
  /** Names in the client's certificate (certificate-names.ts), if it gave one that was verified. */
  readonly certificateNames: readonly string[] | undefined;
  readonly sourceAddress: string;
}

/** Why a request goes no further, in HTTP's terms. */
export interface Refusal {
  readonly status: 401 | 403 | 503;
  /** Headers the refusal needs (WWW-Authenticate). */
  readonly headers: Readonly<Record<string, string>>;
}

/** From the facts of a request to its sender, or to why not. */
export type Authenticate = (facts: RequestFacts, config: ControlSocketConfig) => Promise<Principal | Refusal>;

/** One for the process: what it keeps from being taken is the process's pool of threads. */
const passwords = new HttpPasswords();

/** So many are waiting for their passwords to be looked at that this one is not. */
const BUSY: Refusal = { status: 503, headers: { 'Retry-After': '1' } };

/** True for what {@link Authenticate} answers where it lets nobody in. */
export function isRefusal(outcome: Principal | Refusal): outcome is Refusal {
  return 'status' in outcome;
}

/**
 * Kea's rules: with `clients` configured one of their passwords; without, everybody who gets as far as this (an
 * `authentication` without clients demands nothing), under the name of the certificate if there is one. Whoever gets
 * in may do everything.
 */
export const authenticateAsKea: Authenticate = async ({ authorization, certificateNames, sourceAddress }, config) => {
  const common = { rights: FULL_RIGHTS, sourceAddress } as const;
  const { authentication } = config;
  if (authentication === undefined || authentication.clients.length === 0) {
    return certificateNames === undefined
      ? { ...common, name: 'anonymous', method: 'none' }
      : { ...common, name: commonName(certificateNames), method: 'client-cert' };
  }
  const outcome = await passwords.check(authorization, authentication);
  if (outcome.user !== undefined) return { ...common, name: outcome.user, method: 'basic' };
  return outcome.busy ? BUSY : askForPassword(authentication);
};

/**
 * By the rules of the configuration: a password where the socket demands one, the certificate where there is one, and
 * both must be of the same principal. Failures are audited and make their source wait.
 */
export function authenticateByRules(access: AccessControl): Authenticate {
  return async ({ authorization, certificateNames, sourceAddress }, { authentication, policy }) => {
    const origin = { sourceAddress, ...(policy?.interface === undefined ? {} : { interface: policy.interface }) };
    // A connection that is open is no way around the waiting.
    if (access.gate.isLockedOut(sourceAddress)) return { status: 403, headers: { Connection: 'close' } };
    const demanded = authentication !== undefined && authentication.clients.length > 0;
    const outcome = demanded ? await passwords.check(authorization, authentication) : undefined;
    const user = outcome?.user;
    if (demanded && user === undefined) {
      if (outcome?.user === undefined && outcome?.busy === true) return BUSY;
      // Clients that wait to be asked are not failing.
      if (authorization !== undefined) access.failed('wrong user or password', origin, policy);
      return askForPassword(authentication);
    }
    const evidence = {
      ...(user === undefined ? {} : { httpUser: user }),
      ...(certificateNames === undefined ? {} : { certificateNames }),
    };
    if (user !== undefined) access.gate.succeeded(sourceAddress);
    return access.identify(evidence, origin, policy) ?? { status: 403, headers: {} };
  };
}

/** Kea knows a certificate by its common name, which certificateNames has last. */
function commonName(names: readonly string[]): string {
  return names.findLast((name) => name.startsWith('CN:'))?.slice('CN:'.length) ?? names[0] ?? '';
}

function askForPassword({ realm }: NonNullable<ControlSocketConfig['authentication']>): Refusal {
  return { status: 401, headers: { 'WWW-Authenticate': `Basic realm="${realm.replace(/["\\]/g, '\\$&')}"` } };
}
