/** A record of every control action: who did what through which listener, and what came of it. */

import { createHash } from 'node:crypto';
import { formatJson, type JsonValue } from '@lessor/kea';
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
  readonly listener: string;
  readonly command: string;
  /** SHA-256 (first 16 hex digits) of the arguments' text with secrets replaced: tells equal from different. */
  readonly argumentsDigest: string;
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
      logger.log(
        severity,
        'LESSOR_CONTROL_COMMAND',
        `${record.who} (${record.method}) through ${record.listener}: ${record.command}, result ${record.result}`,
        { ...record },
      );
    },
  };
}

/** Members whose values are secrets wherever they stand in a command's arguments. */
const SECRET_MEMBERS: ReadonlySet<string> = new Set(['password', 'secret', 'user-password', 'basic-auth-password']);

/** True for the name of a member whose value is a secret. */
export function isSecretMember(name: string): boolean {
  return SECRET_MEMBERS.has(name);
}

/** What stands where a secret was (Kea's way to redact). */
export const REDACTED = '*****';

/** A copy with the values of secret members replaced by {@link REDACTED}. */
export function redact(value: JsonValue, more: readonly string[] = []): JsonValue {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((item) => redact(item, more));
  const entries = Object.entries(value).map(([name, item]): [string, JsonValue] =>
    SECRET_MEMBERS.has(name) || more.includes(name) ? [name, REDACTED] : [name, redact(item, more)],
  );
  return Object.fromEntries(entries);
}

/** Digest of a command's arguments after redaction; '' if it has none. */
export function argumentsDigest(args: JsonValue | undefined, secretArgs: readonly string[] = []): string {
  if (args === undefined) return '';
  return createHash('sha256')
    .update(formatJson(redact(args, secretArgs)))
    .digest('hex')
    .slice(0, 16);
}
