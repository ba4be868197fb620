/**
 * Copies for backup servers: every change of a lease is sent to each of them. Nobody waits for that, but for the
 * primary of passive-backup where `wait-backup-ack` says so (Kea: ha_service.cc, asyncSendLeaseUpdates).
 */

import type { Lease } from '../../domain/lease.js';
import type { JsonMap } from '../../domain/snapshot.js';
import type { Ipv4 } from '../../domain/values.js';
import type { Cancel, Clock, Logger } from '../ports.js';
import { LeaseUpdates } from './updates.js';

/** One backup server. */
export interface BackupPeer {
  readonly name: string;
  /** Sends a command; resolves with Kea's result code, rejects without an answer. */
  readonly send: (command: string, args: JsonMap) => Promise<number>;
}

/** What {@link BackupCopies} works with. */
export interface BackupParts {
  readonly peers: readonly BackupPeer[];
  readonly lease: (address: Ipv4) => Lease | undefined;
  readonly clock: Pick<Clock, 'after'>;
  readonly logger: Logger;
}

/** Until the next attempt with a backup that did not answer. */
const RETRY_MS = 5000;

/** See the head of this file. */
export class BackupCopies {
  readonly #copies: readonly Copy[];

  constructor(parts: BackupParts) {
    this.#copies = parts.peers.map((peer) => new Copy(peer, parts));
  }

  /** A lease was changed here. */
  changed(address: Ipv4, before: Lease | undefined, after: Lease | undefined): void {
    for (const copy of this.#copies) copy.changed(address, before, after);
  }

  /** Resolves with whether every backup has what we have of the address. */
  async stored(address: Ipv4): Promise<boolean> {
    const outcomes = await Promise.all(this.#copies.map((copy) => copy.updates.send(address)));
    return outcomes.every((outcome) => outcome === 'stored');
  }

  /** True if nothing of this address is missing anywhere. */
  isStored(address: Ipv4): boolean {
    return this.#copies.every(({ updates }) => updates.isStored(address));
  }

  /** Sends what is open a last time. */
  async stop(): Promise<void> {
    await Promise.all(this.#copies.map((copy) => copy.stop()));
  }
}

class Copy {
  readonly updates: LeaseUpdates;
  #retry: Cancel | undefined;
  #silent = false;
  #stopped = false;

  constructor(
    { name, send }: BackupPeer,
    private readonly parts: BackupParts,
  ) {
    this.updates = new LeaseUpdates({
      send,
      lease: parts.lease,
      onOutcome: (outcome) => {
        if (outcome === 'stored') this.#silent = false;
        else {
          if (!this.#silent) {
            parts.logger.log('WARN', 'HA_LEASE_UPDATE_COMMUNICATIONS_FAILED', `backup ${name} did not take a lease`);
          }
          this.#silent = true;
          this.#retryLater();
        }
      },
    });
  }

  changed(address: Ipv4, before: Lease | undefined, after: Lease | undefined): void {
    if (this.#stopped) return;
    this.updates.changed(address, before, after);
    // While it is silent one attempt at a time is enough; the latest of each address is what counts.
    if (!this.#silent) void this.updates.send(address);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#retry?.();
    await this.updates.sendAll();
  }

  #retryLater(): void {
    if (this.#retry !== undefined || this.#stopped) return;
    this.#retry = this.parts.clock.after(RETRY_MS, () => {
      this.#retry = undefined;
      void this.updates.sendAll();
    });
  }
}
