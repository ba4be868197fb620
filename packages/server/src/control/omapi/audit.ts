/** The audit records of what OMAPI does without a command of Kea's. */

import { octetsOf } from '../../domain/values.js';
import { argumentsDigest } from '../../services/audit.js';
import type { Json } from '../command.js';
import type { Attributes, OmapiContext } from './object.js';

/** Records a change that was made. @param command `omapi-TYPE-VERB` */
export function recordChange(command: string, args: Json, { services, principal, listener }: OmapiContext): void {
  services.audit.record({
    at: services.clock.now(),
    who: principal.name,
    method: principal.method,
    ...(principal.sourceAddress === undefined ? {} : { sourceAddress: principal.sourceAddress }),
    listener,
    command,
    argumentsDigest: argumentsDigest(args),
    result: 0,
    durationMs: 0,
  });
}

/** Attributes as an audit digests them. */
export function attributesJson(given: Attributes): Record<string, Json> {
  return Object.fromEntries([...given].map(([name, value]) => [name, octetsOf(value)]));
}
