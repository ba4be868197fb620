/** A redundant server as commands, people and monitoring see it, whichever protocol it speaks with its partner. */

import type { JsonMap } from '../domain/snapshot.js';

/** What is said of a pair, and what an operator can tell it. */
export interface HaReport {
  /** The element of `high-availability` in status-get. */
  status(): JsonMap;
  /** What `ha-heartbeat` answers an operator or a monitoring system. */
  heartbeat(): JsonMap;
  /** Whether this server answers clients now, and why not. */
  readiness(): { readonly ready: boolean; readonly reason: string };
  /** An operator says that the partner is down. @throws CommandError where that can not be believed */
  partnerIsDown(): void;
  /** `ha-continue`: this server may go on without having heard from its partner. */
  continueAlone(): void;
  /** Present where it means something: `ha-reset`. */
  reset?(): void;
  /** Present where it means something: `ha-maintenance-start`, and -cancel. Resolves with what came of it. */
  maintenance?(cancel: boolean): Promise<string>;
}
