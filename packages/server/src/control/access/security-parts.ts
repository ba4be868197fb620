/**
 * The parts of a configuration that decide who may do what, and where the server reads and writes: changing them by
 * command takes the right `security`. Without this, whoever may set the configuration could make himself an
 * administrator with it.
 */

import { formatJson, jsonTypeOf } from '@lessor/kea';
import type { Json, JsonMap } from '../../domain/snapshot.js';
import { memberOf } from '../arguments.js';

/** Members of `Dhcp4`: listeners, code, files, databases. `user-context` counts as far as it is lessor's. */
const PARTS = [
  'control-socket',
  'control-sockets',
  'hooks-libraries',
  'loggers',
  'lease-database',
  'hosts-database',
  'hosts-databases',
  'config-control',
] as const;

/** True if two configurations, as they are written, differ in a part that is about security. */
export function changesSecurity(before: JsonMap, after: Json | undefined): boolean {
  if (after === undefined || jsonTypeOf(after) !== 'map') return false;
  const next = after as JsonMap;
  return PARTS.some((name) => !same(memberOf(before, name), memberOf(next, name))) || !same(own(before), own(next));
}

/** `user-context.lessor`. */
function own(dhcp4: JsonMap): Json | undefined {
  const context = memberOf(dhcp4, 'user-context');
  return context !== undefined && jsonTypeOf(context) === 'map' ? memberOf(context as JsonMap, 'lessor') : undefined;
}

/** Equal whatever the order of members. An empty list or map is as good as none. */
function same(a: Json | undefined, b: Json | undefined): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  const type = jsonTypeOf(value);
  if (type === 'list') {
    const items = (value as readonly Json[]).map(canonical);
    return items.length === 0 ? '' : `[${items.join(',')}]`;
  }
  if (type !== 'map') return formatJson(value);
  const members = Object.entries(value as JsonMap)
    .map(([name, item]) => [name, canonical(item)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return members.length === 0 ? '' : `{${members.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`;
}
