/** Who sends an HTTP request: decided from what is known when its headers are in, before an octet of its body is read. */

import type { Principal } from '../control/command.js';
import { FULL_RIGHTS } from '../domain/access/rights.js';
import type { ControlSocketConfig } from '../domain/snapshot.js';
import { authenticatedUser } from './http-credentials.js';

/** What is known of a request before its body. */
export interface RequestFacts {
  /** Value of the Authorization header. */
  readonly authorization: string | undefined;
  /** Common name of the client's certificate, if it gave one that was verified. */
  readonly certificateName: string | undefined;
  readonly sourceAddress: string;
}

/** Why a request goes no further, in HTTP's terms. */
export interface Refusal {
  readonly status: 401 | 403;
  /** Headers the refusal needs (WWW-Authenticate). */
  readonly headers: Readonly<Record<string, string>>;
}

/** From the facts of a request to its sender, or to why not. */
export type Authenticate = (facts: RequestFacts, config: ControlSocketConfig) => Principal | Refusal;

/** True for what {@link Authenticate} answers where it lets nobody in. */
export function isRefusal(outcome: Principal | Refusal): outcome is Refusal {
  return 'status' in outcome;
}

/**
 * Kea's rules: with `clients` configured one of their passwords; without, everybody who gets as far as this (an
 * `authentication` without clients demands nothing), under the name of the certificate if there is one. Whoever gets
 * in may do everything.
 */
export const authenticateAsKea: Authenticate = ({ authorization, certificateName, sourceAddress }, config) => {
  const common = { rights: FULL_RIGHTS, sourceAddress } as const;
  const { authentication } = config;
  if (authentication === undefined || authentication.clients.length === 0) {
    return certificateName === undefined
      ? { ...common, name: 'anonymous', method: 'none' }
      : { ...common, name: certificateName, method: 'client-cert' };
  }
  const user = authenticatedUser(authorization, authentication);
  if (user !== undefined) return { ...common, name: user, method: 'basic' };
  const realm = authentication.realm.replace(/["\\]/g, '\\$&');
  return { status: 401, headers: { 'WWW-Authenticate': `Basic realm="${realm}"` } };
};
