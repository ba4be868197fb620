/** An event as JSON: what the command `events` lists and a line of the stream carries. */

import { leaseToJson } from '../domain/lease-json.js';
import type { ServerEvent } from '../services/events.js';
import type { JsonMap } from './command.js';

/** `{"id", "at" (seconds), "kind", ...}`; of a lease event `lease` as lease4-get answers it. */
export function eventToJson(event: ServerEvent, id: string): JsonMap {
  const { kind, at, data } = event;
  const common = { id, at: at / 1000, kind };
  return 'lease' in data ? { ...common, lease: leaseToJson(data.lease) } : { ...common, ...(data as JsonMap) };
}
