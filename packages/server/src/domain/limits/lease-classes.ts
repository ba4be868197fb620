/** The classes a client was in when it got its lease, in the user-context of the lease as Kea's libdhcp_limits keeps them. */

import { formatJson } from '@lessor/kea';
import { isMap } from '../json.js';
import { contextMapOf } from '../user-context.js';

const NONE: readonly string[] = [];

/** Reads them; none where there are none, or the text is no map. */
export function leaseClasses(userContext: string): readonly string[] {
  if (!userContext.includes('"client-classes"')) return NONE;
  const { ISC: isc } = contextMapOf(userContext);
  const names = isMap(isc) ? isc['client-classes'] : undefined;
  return Array.isArray(names) ? names.filter((name): name is string => typeof name === 'string') : NONE;
}

/** Puts them into a user-context text, in the place of those there were. */
export function mergeClasses(userContext: string, names: readonly string[]): string {
  const context = contextMapOf(userContext);
  const isc = isMap(context.ISC) ? context.ISC : {};
  return formatJson({ ...context, ISC: { ...isc, 'client-classes': [...names] } });
}
