/** The hash of a configuration, computed when it is first asked for: of a big one it takes a second. */

import { createHash } from 'node:crypto';
import { formatJson } from '@lessor/kea';
import type { ConfigSnapshot, JsonMap } from '../domain/snapshot.js';

/**
 * Completes a snapshot with its `hash`. The property is not enumerable: copying a snapshot with the spread operator
 * leaves it out, so that a changed copy can not have the hash of the original.
 */
export function withHash(parts: Omit<ConfigSnapshot, 'hash'>): ConfigSnapshot {
  let hash: string | undefined;
  return Object.defineProperty({ ...parts }, 'hash', {
    get: () => {
      hash ??= hashOf(parts.tree);
      return hash;
    },
    enumerable: false,
  }) as ConfigSnapshot;
}

/** Upper-case hex SHA-256 over Kea's text of `{ "Dhcp4": tree }` (config-hash-get), or under another name. */
export function hashOf(tree: JsonMap, name = 'Dhcp4'): string {
  const text = formatJson({ [name]: tree });
  return createHash('sha256').update(text, 'latin1').digest('hex').toUpperCase();
}
