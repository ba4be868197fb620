/** What a door asks about a connection: may it come in, and who is it. One object for the whole server. */

import type { Evidence } from '../../domain/access/identify.js';
import type { AccessPolicy, ListenerPolicy } from '../../domain/access/policy.js';
import type { AuditPort } from '../../services/audit.js';
import type { Clock, Logger } from '../../services/ports.js';
import type { Principal } from '../command.js';
import { type Admission, ConnectionGate } from './connection-gate.js';
import { type Origin, resolvePrincipal } from './principals.js';
import { RefusalLog } from './refusal-log.js';

/** What it works on. */
export interface AccessControlDeps {
  readonly clock: Pick<Clock, 'monotonic' | 'now'>;
  readonly logger: Logger;
  readonly audit: AuditPort;
  /** The rules in force now. */
  rules(): AccessPolicy | undefined;
  /** Why nothing is changed through a listener now, by its name. */
  readonly refusalFor?: (listener: string) => string | undefined;
  /** Whether a source is a client, who is no operator; nobody is if absent. */
  readonly isClient?: (source: string) => boolean;
}

/** See the head of this file. */
export class AccessControl {
  readonly gate: ConnectionGate;
  private readonly refusals: RefusalLog;

  constructor(private readonly deps: AccessControlDeps) {
    this.gate = new ConnectionGate(deps.clock, deps.isClient);
    this.refusals = new RefusalLog(deps.clock, deps.logger);
  }

  /** Before an octet is read: undefined if the connection is to be closed (it has been counted and logged). */
  admit(listener: ListenerPolicy | undefined, source: string): Admission | undefined {
    const outcome = this.gate.admit(listener, source);
    if (typeof outcome === 'object') return outcome;
    this.refusals.tell(listener!.name, source, outcome);
    return undefined;
  }

  /** Counts octets that somebody has sent: how long to read no more, or Infinity (see {@link ConnectionGate.spend}). */
  spend(listener: ListenerPolicy | undefined, source: string, octets: number): number {
    const waitMs = this.gate.spend(listener, source, octets);
    if (waitMs === Number.POSITIVE_INFINITY) this.refusals.tell(listener!.name, source, 'octets');
    return waitMs;
  }

  /** Once something was proved, or nothing: the principal; undefined where proofs disagree, which is audited. */
  identify(evidence: Evidence, origin: Origin, listener: ListenerPolicy | undefined): Principal | undefined {
    const resolved = resolvePrincipal(evidence, origin, {
      access: this.deps.rules(),
      listener,
      refusalFor: this.deps.refusalFor,
    });
    if (resolved.kind === 'principal') return resolved.principal;
    this.auditFailure(resolved.reason, origin, listener);
    return undefined;
  }

  /** Somebody failed to prove who he is: he waits longer each time, and it is written down. */
  failed(reason: string, origin: Origin, listener: ListenerPolicy | undefined): void {
    const waitMs = this.gate.failed(listener, origin.sourceAddress ?? '');
    this.auditFailure(waitMs === 0 ? reason : `${reason}; turned away for ${waitMs / 1000} s`, origin, listener);
  }

  private auditFailure(reason: string, origin: Origin, listener: ListenerPolicy | undefined): void {
    this.deps.audit.record({
      ...origin,
      at: this.deps.clock.now(),
      who: 'unknown',
      method: 'none',
      listener: listener?.name ?? '',
      command: 'authenticate',
      argumentsDigest: '',
      missing: reason,
      result: 1,
      durationMs: 0,
    });
  }
}
