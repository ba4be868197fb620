/**
 * Secrets in what config-get tells. Whoever may not see them gets `*****` in their place (Kea's way to redact), and
 * the same text, sent back by config-set or config-test, stands for the secret that is in force: so what was got can
 * be changed and set without ever having seen a password.
 */

import { formatJson } from '@lessor/kea';
import { missingRight } from '../domain/access/rights.js';
import { isMap } from '../domain/json.js';
import { isSecretIn, REDACTED, redact } from '../services/audit.js';
import { invalid, memberOf } from './arguments.js';
import type { Json, JsonMap, Principal } from './command.js';

/** Whether somebody may see the secrets of the configuration: who may change its security. */
export function maySeeSecrets({ rights }: Principal): boolean {
  return missingRight(rights, { command: '', family: 'security', reach: () => 'everything' }) === undefined;
}

/** The configuration as somebody may see it. */
export function configFor(principal: Principal, tree: JsonMap): JsonMap {
  return maySeeSecrets(principal) ? tree : (redact(tree) as JsonMap);
}

/**
 * What was sent, with every redacted secret replaced by the one in force at the same place. Items of lists are found
 * again by what they say apart from secrets, or by their name: order does not matter, and no secret moves to another.
 * @throws CommandError `command-invalid` where there is no such secret
 */
export function restoreSecrets(sent: Json, present: Json | undefined, path = ''): Json {
  if (!holdsRedacted(sent)) return sent;
  if (isList(sent)) return restoreItems(sent, isList(present) ? present : [], path);
  const before = isMap(present) ? present : {};
  const members = Object.entries(sent as JsonMap).map(([name, value]): [string, Json] => {
    const own = memberOf(before, name);
    const where = path === '' ? name : `${path}.${name}`;
    if (!isSecretIn(sent as JsonMap, name) || value !== REDACTED) return [name, restoreSecrets(value, own, where)];
    if (typeof own !== 'string') {
      throw invalid(`"${REDACTED}" stands for the secret in force, and there is none (${where})`);
    }
    return [name, own];
  });
  return Object.fromEntries(members);
}

function restoreItems(sent: readonly Json[], present: readonly Json[], path: string): Json[] {
  const left = [...present];
  const take = (fits: (item: Json) => boolean): Json | undefined => {
    const index = left.findIndex(fits);
    return index === -1 ? undefined : left.splice(index, 1)[0];
  };
  const same = sent.map((item) => (holdsRedacted(item) ? take(sameButSecrets(item)) : undefined));
  return sent.map((item, i) => {
    const before = holdsRedacted(item) ? (same[i] ?? take(sameName(item))) : undefined;
    return restoreSecrets(item, before, `${path}[${i}]`);
  });
}

function sameButSecrets(item: Json): (other: Json) => boolean {
  const text = formatJson(redact(item));
  return (other) => formatJson(redact(other)) === text;
}

/** Members that say which item of its list a map is: of clients, sockets, keys, peers, libraries, databases. */
const NAMES: readonly string[] = [
  'name',
  'user',
  'user-file',
  'library',
  'type',
  'host',
  'socket-type',
  'socket-name',
  'socket-address',
  'socket-port',
];

function sameName(item: Json): (other: Json) => boolean {
  const nameOf = (map: JsonMap) => formatJson(NAMES.map((name) => memberOf(map, name) ?? null));
  return (other) => isMap(item) && isMap(other) && nameOf(item) === nameOf(other) && hasName(item);
}

function hasName(map: JsonMap): boolean {
  return NAMES.some((name) => Object.hasOwn(map, name));
}

function holdsRedacted(value: Json): boolean {
  if (isList(value)) return value.some(holdsRedacted);
  if (!isMap(value)) return false;
  return Object.entries(value).some(([name, item]) =>
    isSecretIn(value, name) ? item === REDACTED || holdsRedacted(item) : holdsRedacted(item),
  );
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}
