/** Basic authentication (RFC 7617) as Kea's clients do it, compared in constant time. */

import { timingSafeEqual } from 'node:crypto';
import { sha256 } from '../domain/sha256.js';
import type { ControlSocketConfig } from '../domain/snapshot.js';

/** The `authentication` of a control socket. */
export type Authentication = NonNullable<ControlSocketConfig['authentication']>;

/**
 * Name of the user an `authorization` header proves, or undefined. Every client is compared, and digests are, so the
 * time tells neither which user exists nor how much of a password was right. As in Kea the scheme may be in any case,
 * and user and password are UTF-8.
 */
export function authenticatedUser(header: string | undefined, { clients }: Authentication): string | undefined {
  const match = /^\s*basic\s*(\S+)\s*$/i.exec(header ?? '');
  const given = digest(match?.[1] ?? '');
  let user: string | undefined;
  for (const client of clients) {
    if (client.hash !== undefined) continue;
    if (timingSafeEqual(given, digestOf(client)) && match !== null) user = client.user;
  }
  return user;
}

/** User and password in a header; undefined if it is no Basic authentication. */
export function credentialsIn(
  header: string | undefined,
): { readonly user: string; readonly password: Buffer } | undefined {
  const match = /^\s*basic\s*(\S+)\s*$/i.exec(header ?? '');
  const octets = Buffer.from(match?.[1] ?? '', 'base64');
  const colon = octets.indexOf(0x3a);
  if (colon === -1) return undefined;
  return { user: octets.subarray(0, colon).toString('utf8'), password: octets.subarray(colon + 1) };
}

/** Digests of what clients must send: a configuration's clients do not change. */
const digests = new WeakMap<Authentication['clients'][number], Buffer>();

function digestOf(client: Authentication['clients'][number]): Buffer {
  let known = digests.get(client);
  if (known === undefined) {
    known = digest(Buffer.from(`${client.user}:${client.password}`, 'utf8').toString('base64'));
    digests.set(client, known);
  }
  return known;
}

function digest(text: string): Buffer {
  return Buffer.from(sha256(text), 'latin1');
}
