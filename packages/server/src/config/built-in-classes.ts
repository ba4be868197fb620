/** Client classes that exist without being defined. */

import { QUARANTINE_CLASS } from '../domain/guard/policy.js';

/** Classes the server puts packets in by itself. */
export const BUILT_IN_CLASSES: readonly string[] = ['ALL', 'KNOWN', 'UNKNOWN', 'BOOTP', QUARANTINE_CLASS];
/** Beginnings of names that something else than an expression gives: vendor class, HA, lease state, hooks, templates. */
const BUILT_IN_PREFIXES: readonly string[] = ['VENDOR_CLASS_', 'HA_', 'AFTER_', 'EXTERNAL_', 'SPAWN_'];

/** True for a class that exists without being defined. */
export function isBuiltInClass(name: string): boolean {
  return BUILT_IN_CLASSES.includes(name) || BUILT_IN_PREFIXES.some((prefix) => name.startsWith(prefix));
}
