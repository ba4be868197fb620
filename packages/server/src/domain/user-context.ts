/** The user-context of a lease as the map that Kea and its hooks keep things in. */

import { parseCommandJson } from '@lessor/kea';
import { isMap } from './json.js';
import type { Json, JsonMap } from './snapshot.js';

/** Reads it; empty where there is none, or it is no map. */
export function contextMapOf(text: string): JsonMap {
  if (text === '') return {};
  try {
    const value = parseCommandJson(text, { comments: false }) as Json;
    return isMap(value) ? value : {};
  } catch {
    // A context somebody wrote by hand and broke is replaced by a good one.
    return {};
  }
}
