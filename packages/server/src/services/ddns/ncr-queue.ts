/**
 * Name change requests on their way to the DNS update server (kea-dhcp-ddns): a bounded queue, sent in order from a
 * socket of its own, away from the packet path. Where Kea stops sending for good after one failed datagram, requests wait
 * here while the update server does not take them, and go on when it does.
 */

import type { NameChangeRequest } from '../../domain/ddns/name-change.js';
import { encodeNcr, ncrToJson } from '../../domain/ddns/ncr-json.js';
import type { Cancel, Clock, Logger, NcrLink } from '../ports.js';
import type { Statistics } from '../statistics.js';

/** Requests sent before it is looked at whether the update server took them. */
const BURST = 64;
/** Wait after a failure; it doubles up to the other. */
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 30_000;

/** Counters, by the names of statistic-get. */
export const NCR_STATISTICS = {
  /** Handed to the update server. */
  sent: 'ddns-ncr-sent',
  /** Lost because the queue was full, or updates were switched off while they waited. */
  rejected: 'ddns-ncr-rejected',
  /** The lease's name or client has no form in the DNS. */
  failed: 'ddns-ncr-failed',
  /** Bursts the update server did not take; they are sent again. */
  retried: 'ddns-ncr-send-retried',
} as const;

/** What a {@link NcrQueue} works with. */
export interface NcrQueueDeps {
  readonly clock: Clock;
  readonly statistics: Pick<Statistics, 'counter'>;
  /** kea-dhcp4.dhcpsrv. */
  readonly logger: Logger;
}

/** Where requests go. */
export interface NcrTarget {
  readonly link: NcrLink;
  /** For the log: 127.0.0.1 port 53001. */
  readonly name: string;
  /** Most requests that wait. */
  readonly maxQueueSize: number;
}

/** See the head of this file. */
export class NcrQueue {
  readonly #deps: NcrQueueDeps;
  #target: NcrTarget | undefined;
  #waiting: NameChangeRequest[] = [];
  #busy = false;
  #retryMs = 0;
  #cancelRetry: Cancel | undefined;
  /** The queue has been full since it was last empty: said once. */
  #full = false;
  #idle: (() => void)[] = [];

  constructor(deps: NcrQueueDeps) {
    this.#deps = deps;
  }

  /** True if requests go anywhere. */
  get enabled(): boolean {
    return this.#target !== undefined;
  }

  /** Requests waiting. */
  get size(): number {
    return this.#waiting.length;
  }

  /** From now on requests go there, those waiting too; undefined: nowhere, and those waiting are given up. */
  use(target: NcrTarget | undefined): void {
    const { logger } = this.#deps;
    this.#stopWaiting();
    this.#retryMs = 0;
    this.#target = target;
    if (target === undefined) {
      this.#giveUp();
      logger.log('INFO', 'DHCPSRV_DHCP_DDNS_SENDER_STOPPED', 'DNS updates are switched off');
      return;
    }
    for (const name of Object.values(NCR_STATISTICS)) this.#deps.statistics.counter(name);
    logger.log('INFO', 'DHCPSRV_DHCP_DDNS_SENDER_STARTED', `name change requests go to ${target.name}`);
    this.#kick();
  }

  /** Puts a request in the queue. Never waits, never throws; what finds no room is counted and logged. */
  push(request: NameChangeRequest): void {
    if (this.#target === undefined) return;
    if (this.#waiting.length >= this.#target.maxQueueSize) {
      this.#count('rejected', 1);
      if (this.#full) return;
      this.#full = true;
      this.#deps.logger.log(
        'ERROR',
        'DHCPSRV_DHCP_DDNS_NCR_REJECTED',
        `${this.#waiting.length} name change requests wait, more than max-queue-size allows: further ones are lost until it is empty (first ${describe(request)})`,
      );
      return;
    }
    this.#waiting.push(request);
    this.#kick();
  }

  /** Counts a change of which no request could be made. */
  countFailed(): void {
    this.#count('failed', 1);
  }

  /** Sends what waits, unless the update server does not take it, and closes the socket. */
  async close(): Promise<void> {
    if (this.#retryMs === 0 && (this.#busy || this.#waiting.length > 0)) {
      this.#kick();
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
    this.#stopWaiting();
    const target = this.#target;
    this.#target = undefined;
    this.#giveUp();
    target?.link.close();
  }

  #giveUp(): void {
    const lost = this.#waiting.length;
    this.#waiting = [];
    this.#full = false;
    this.#retryMs = 0;
    if (lost === 0) return;
    this.#count('rejected', lost);
    const text = `${lost} name change requests that were not sent are given up`;
    this.#deps.logger.log('WARN', 'DHCPSRV_DHCP_DDNS_SUSPEND_UPDATES', text);
  }

  #stopWaiting(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
  }

  /** Begins to send on a turn of its own, so that the packets in hand are answered first. */
  #kick(): void {
    if (this.#busy || this.#cancelRetry !== undefined || this.#waiting.length === 0) return;
    this.#busy = true;
    this.#deps.clock.soon(() => void this.#send());
  }

  async #send(): Promise<void> {
    for (;;) {
      const target = this.#target;
      const burst = this.#waiting.slice(0, BURST);
      if (target === undefined || burst.length === 0) break;
      const error = await deliver(target.link, burst);
      // Another target came meanwhile: what was refused, or went to the old one, is for it too.
      if (target !== this.#target) continue;
      if (error !== undefined) {
        this.#failed(target, error);
        break;
      }
      this.#delivered(target, burst);
    }
    this.#busy = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #delivered(target: NcrTarget, burst: readonly NameChangeRequest[]): void {
    const { logger } = this.#deps;
    this.#waiting.splice(0, burst.length);
    this.#count('sent', burst.length);
    if (logger.enabled('DEBUG', 50)) {
      for (const request of burst) logger.log('DEBUG', 'DHCPSRV_DHCP_DDNS_NCR_SENT', describe(request));
    }
    if (this.#retryMs > 0) logger.log('INFO', 'LESSOR_DDNS_RESUMED', `${target.name} takes name change requests again`);
    this.#retryMs = 0;
    if (this.#waiting.length === 0) this.#full = false;
  }

  #failed(target: NcrTarget, error: Error): void {
    const { clock, logger } = this.#deps;
    this.#count('retried', 1);
    if (this.#retryMs === 0) {
      const text = `${target.name} does not take name change requests (${error.message}): they wait, up to ${target.maxQueueSize}, and are sent again`;
      logger.log('ERROR', 'DHCP4_DDNS_REQUEST_SEND_FAILED', text);
    }
    this.#retryMs = Math.min(Math.max(FIRST_RETRY_MS, this.#retryMs * 2), LONGEST_RETRY_MS);
    this.#cancelRetry = clock.after(this.#retryMs, () => {
      this.#cancelRetry = undefined;
      this.#kick();
    });
  }

  #count(what: keyof typeof NCR_STATISTICS, by: number): void {
    this.#deps.statistics.counter(NCR_STATISTICS[what]).add(by, this.#deps.clock.now());
  }
}

async function deliver(link: NcrLink, burst: readonly NameChangeRequest[]): Promise<Error | undefined> {
  try {
    await link.deliver(burst.map(encodeNcr));
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** A request for the log. */
function describe(request: NameChangeRequest): string {
  return JSON.stringify(ncrToJson(request));
}
