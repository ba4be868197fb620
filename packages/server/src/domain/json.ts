/** What a JSON value is. */

import type { Json, JsonMap } from './snapshot.js';

/** True for a map. */
export function isMap(value: Json | undefined): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
