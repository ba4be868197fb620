/** Members of a configuration that are there only where there is something to say. */

import type { Json, JsonMap } from '../../domain/snapshot.js';

/** A member whose list has something in it. */
export function filled(name: string, list: readonly Json[]): JsonMap {
  return list.length === 0 ? {} : { [name]: list };
}
