/** The hash of a configuration, computed when it is first asked for: of a big one it takes a second. */

import { atOnce, type Sliced } from '../domain/slices.js';
import type { ConfigSnapshot, JsonMap } from '../domain/snapshot.js';
import { jsonDigest } from './json-digest.js';

/** Hashes known so far, by the `tree` they are of. */
const known = new WeakMap<JsonMap, string>();

/** Whether a map is the `tree` of a configuration whose hash is known: then it never changes, and neither does its text. */
export function isHashedTree(map: JsonMap): boolean {
  return known.has(map);
}

/**
 * Completes a snapshot with its `hash`. The property is not enumerable: copying a snapshot with the spread operator
 * leaves it out, so that a changed copy can not have the hash of the original.
 */
export function withHash(parts: Omit<ConfigSnapshot, 'hash'>): ConfigSnapshot {
  return addHash({ ...parts });
}

/** {@link withHash} of an object that is nobody else's: it is completed, not copied, so its getters stay getters. */
export function addHash(parts: Omit<ConfigSnapshot, 'hash'>): ConfigSnapshot {
  return Object.defineProperty(parts, 'hash', {
    get: () => atOnce(hashSliced(parts.tree)),
    enumerable: false,
  }) as ConfigSnapshot;
}

/**
 * Upper-case hex SHA-256 over Kea's text of `{ "Dhcp4": tree }` (config-hash-get), or of the map of another
 * daemon, to be interrupted again and again.
 * It is computed once for a tree.
 */
export function* hashSliced(tree: JsonMap, name = 'Dhcp4'): Sliced<string> {
  const before = known.get(tree);
  if (before !== undefined) return before;
  const hash = (yield* jsonDigest({ [name]: tree })).toUpperCase();
  known.set(tree, hash);
  return hash;
}
