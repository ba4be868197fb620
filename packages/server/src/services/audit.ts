/** A record of every control action: who did what through which listener, and what came of it. */

import { formatJson, type JsonMap, type JsonValue } from '@lessor/kea';
import { jsonDigest } from '../config/json-digest.js';
import { sha256 } from '../domain/sha256.js';
import type { Sliced } from '../domain/slices.js';
import type { EpochMs } from '../domain/values.js';
import type { Logger } from './ports.js';

/** One control action. */
export interface AuditRecord {
  /** When the command came in. */
  readonly at: EpochMs;
  /** Name of the principal. */
  readonly who: string;
  /** How it proved who it is (unix-socket, basic, ...). */
  readonly method: string;
  readonly sourceAddress?: string;
  /** The network interface it came in by, where that is known. */
  readonly interface?: string;
  readonly listener: string;
  readonly command: string;
  /** SHA-256 (first 16 hex digits) of the arguments' text with secrets replaced: tells equal from different. */
  readonly argumentsDigest: string;
  /** For a change: what was changed, and digests of its state before and after. */
  readonly object?: string;
  readonly before?: string;
  readonly after?: string;
  /** The right that was missing. It is here and not in the answer: whoever probes learns nothing of the rules. */
  readonly missing?: string;
  /** Kea result code of the answer. */
  readonly result: number;
  /** Milliseconds from command to answer. */
  readonly durationMs: number;
}

/** Where audit records go. Must not throw. */
export interface AuditPort {
  record(record: AuditRecord): void;
}

/** Writes records to a logger (Kea's name for it: kea-dhcp4.audit); its JSON lines carry the fields as they are. */
export function auditToLogger(logger: Logger): AuditPort {
  return {
    record(record) {
      const severity = record.result === 0 || record.result === 3 ? 'INFO' : 'WARN';
      if (!logger.enabled(severity)) return;
      logger.log(
        severity,
        'LESSOR_CONTROL_COMMAND',
        `${record.who} (${record.method}) through ${record.listener}: ${record.command}, result ${record.result}`,
        fieldsOf(record),
      );
    },
  };
}

/** The record itself, not a copy: a digest that is made when it is read costs nothing where no line has room for it. */
function fieldsOf(record: AuditRecord): Readonly<Record<string, unknown>> {
  return record as AuditRecord & Readonly<Record<string, unknown>>;
}

/** Members whose values are secrets wherever they stand in a command's arguments. */
const SECRET_MEMBERS: ReadonlySet<string> = new Set(['password', 'secret', 'user-password', 'basic-auth-password']);

/** True for a member of a map whose value is a secret: by its name, or the value of an option for BMCs only. */
export function isSecretIn(map: JsonMap, name: string): boolean {
  return SECRET_MEMBERS.has(name) || (name === 'data' && isForBmcsOnly(map));
}

function isForBmcsOnly(map: JsonMap): boolean {
  let value: JsonValue | undefined = map;
  for (const name of ['user-context', 'lessor', 'bmc-only']) {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
    value = (value as JsonMap)[name];
  }
  return value === true;
}

/** What stands where a secret was (Kea's way to redact). */
export const REDACTED = '*****';

/** A copy with the values of secret members replaced by {@link REDACTED}. */
export function redact(value: JsonValue, more: readonly string[] = []): JsonValue {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((item: JsonValue) => redact(item, more));
  const copy: Record<string, JsonValue> = {};
  for (const [name, item] of Object.entries(value)) {
    const shown = isSecret(value as JsonMap, name, more) ? REDACTED : redact(item, more);
    // A member of this name would set the prototype instead.
    if (name === '__proto__') Object.defineProperty(copy, name, { value: shown, enumerable: true });
    else copy[name] = shown;
  }
  return copy;
}

function isSecret(map: JsonMap, name: string, more: readonly string[]): boolean {
  return isSecretIn(map, name) || more.includes(name);
}

function* redactSliced(value: JsonValue, more: readonly string[]): Sliced<JsonValue> {
  if (value === null || typeof value !== 'object') return value;
  yield;
  if (Array.isArray(value)) {
    const items: JsonValue[] = [];
    for (const item of value) items.push(yield* redactSliced(item, more));
    return items;
  }
  const entries: [string, JsonValue][] = [];
  for (const [name, item] of Object.entries(value)) {
    entries.push([name, isSecret(value as JsonMap, name, more) ? REDACTED : yield* redactSliced(item, more)]);
  }
  return Object.fromEntries(entries);
}

const DIGEST_DIGITS = 16;

/** Digest of a command's arguments after redaction; '' if it has none. */
export function argumentsDigest(args: JsonValue | undefined, secretArgs: readonly string[] = []): string {
  if (args === undefined) return '';
  return sha256(Buffer.from(formatJson(redact(args, secretArgs)), 'latin1')).slice(0, DIGEST_DIGITS);
}

/** {@link argumentsDigest}, to be interrupted again and again: a configuration of many subnets takes a while. */
export function* argumentsDigestSliced(
  args: JsonValue | undefined,
  secretArgs: readonly string[] = [],
): Sliced<string> {
  if (args === undefined) return '';
  const redacted = yield* redactSliced(args, secretArgs);
  return (yield* jsonDigest(redacted)).slice(0, DIGEST_DIGITS);
}
