/** The audit records of what OMAPI does without a command of Kea's. */

import { entryMap, type OmapiMessage, Result } from '@lessor/omapi';
import { octetsOf } from '../../domain/values.js';
import { argumentsDigest } from '../../services/audit.js';
import type { Json } from '../command.js';
import { OmapiDenial } from './demands.js';
import { type Attributes, type OmapiContext, OmapiRefusal, type OmapiServices } from './object.js';

/** Records a change that was made. @param command `omapi-TYPE-VERB` @param args what it was made of, if somebody wants to know */
export function recordChange(command: string, args: () => Json, context: OmapiContext): void {
  record(command, args, { result: 0 }, context);
}

/**
 * Records a request that changed nothing: one that was refused, or one that only looked. Looking is written down where
 * the configuration has rules or an audit file; a plain one behaves as dhcpd, which keeps no record of it.
 * @param command `omapi-TYPE-VERB`
 */
export function recordOutcome(
  command: () => string,
  { message, object }: OmapiMessage,
  { failure }: { readonly failure?: unknown },
  context: OmapiContext,
): void {
  if (failure === undefined && context.services.config.current.access === undefined) return;
  const missing = failure instanceof OmapiDenial ? { missing: failure.missing } : {};
  const args = () => ({ message: attributesJson(entryMap(message)), object: attributesJson(entryMap(object)) });
  const nothing = failure instanceof OmapiRefusal && failure.result === Result.NOTFOUND;
  record(command(), args, { result: failure === undefined ? 0 : nothing ? 3 : 1, ...missing }, context);
}

/** Where somebody failed to prove a key. */
export interface FailureOrigin {
  readonly listener: string;
  readonly sourceAddress: string;
}

/** Records that somebody failed to prove a key, as failures at other doors are. */
export function recordFailure(
  reason: string,
  key: string | undefined,
  { listener, sourceAddress }: FailureOrigin,
  { audit, clock }: Pick<OmapiServices, 'audit' | 'clock'>,
): void {
  audit.record({
    at: clock.now(),
    who: key ?? 'unknown',
    method: 'none',
    sourceAddress,
    listener,
    command: 'authenticate',
    argumentsDigest: '',
    missing: reason,
    result: 1,
    durationMs: 0,
  });
}

function record(
  command: string,
  args: () => Json,
  outcome: { readonly result: 0 | 1 | 3; readonly missing?: string },
  { services, principal, listener }: OmapiContext,
): void {
  services.audit.record({
    at: services.clock.now(),
    who: principal.name,
    method: principal.method,
    ...(principal.sourceAddress === undefined ? {} : { sourceAddress: principal.sourceAddress }),
    listener,
    command,
    // Where nothing is written down nobody asks for it.
    get argumentsDigest() {
      return argumentsDigest(args());
    },
    ...outcome,
    durationMs: 0,
  });
}

/** Attributes as an audit digests them. */
export function attributesJson(given: Attributes): Record<string, Json> {
  return Object.fromEntries([...given].map(([name, value]) => [name, octetsOf(value)]));
}
