/** Sends the partner what it does not have, in batches, one after the other; whoever waits for a record hears of it here. */

import { LeaseState } from '../../domain/lease.js';
import { isBinding, type PairRecord } from '../../domain/pair/record.js';
import { compareVersions, formatVersion, parseVersion, type Version } from '../../domain/pair/version.js';
import type { Json, JsonMap } from '../../domain/snapshot.js';
import { type EpochSec, formatIpv4, type Ipv4, parseIpv4 } from '../../domain/values.js';
import { CommandError } from '../../errors.js';
import type { Ledger } from '../ledger.js';
import type { Clock } from '../ports.js';
import type { Replica, TakenIn } from './replica.js';
import type { UnconfirmedRecords } from './unconfirmed.js';
import { recordFromJson, recordToJson } from './wire.js';

/** What an {@link UpdateSender} works with. */
export interface SenderParts {
  readonly replica: Replica;
  readonly unconfirmed: UnconfirmedRecords;
  readonly ledger: Pick<Ledger, 'transact'>;
  readonly clock: Clock;
  nowSec(): EpochSec;
  /** Asks the partner; rejects if it can not be reached or refuses. */
  readonly call: (command: string, args: JsonMap) => Promise<JsonMap>;
  /** A call failed: the partner may be gone. */
  readonly onFailure: (error: unknown) => void;
}

/** Records of one message. */
const MOST_RECORDS = 512;
/** How long to wait after a failure before the next attempt. */
const RETRY_MS = 250;

/** See the head of this file. */
export class UpdateSender {
  readonly #parts: SenderParts;
  #sending = false;
  #enabled = false;
  #retryPlanned = false;
  #waiters: (() => void)[] = [];

  constructor(parts: SenderParts) {
    this.#parts = parts;
  }

  /** Whether there is a partner to send to. Whoever waits is told when there is none any more. */
  enable(enabled: boolean): void {
    this.#enabled = enabled;
    if (enabled) this.kick();
    else this.#wake();
  }

  /** What the partner put off may be tried again. */
  resume(): void {
    this.#parts.unconfirmed.resume();
    this.kick();
  }

  /** Something waits to be sent. */
  kick(): void {
    if (!this.#enabled || this.#sending || this.#parts.unconfirmed.size === 0) return;
    void this.#run();
  }

  /** Resolves when none of these addresses is unconfirmed any more, the deadline has passed, or there is nobody to ask. */
  confirmed(addresses: readonly Ipv4[], deadlineMs: number): Promise<void> {
    const { unconfirmed, clock } = this.#parts;
    const done = (): boolean => !this.#enabled || addresses.every((address) => unconfirmed.find(address) === undefined);
    if (done()) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = clock.after(deadlineMs, finish);
      const look = (): void => {
        if (done()) finish();
        else this.#waiters.push(look);
      };
      function finish(): void {
        cancel();
        resolve();
      }
      this.#waiters.push(look);
    });
  }

  async #run(): Promise<void> {
    this.#sending = true;
    try {
      while (this.#enabled) {
        const taken = this.#parts.unconfirmed.take(MOST_RECORDS);
        if (taken.length === 0) break;
        await this.#send(taken);
      }
    } catch (error) {
      this.#parts.onFailure(error);
      this.#retryLater();
    } finally {
      this.#sending = false;
      this.#wake();
    }
  }

  /** What is to be sent of these addresses. Call it while nothing is staged: the partner must not get what may be undone. */
  #gather(addresses: readonly Ipv4[]): PairRecord[] {
    const { replica, unconfirmed } = this.#parts;
    const records: PairRecord[] = [];
    for (const address of addresses) {
      const entry = unconfirmed.find(address);
      const record = replica.record(address);
      if (entry === undefined) continue;
      // A commit that failed took its version with it, or the whole record, or left the binding that was to be removed.
      if (record.lease !== undefined) entry.version = record.version;
      if (isBinding(record.lease)) entry.removal = false;
      if (record.lease === undefined && !entry.removal) {
        replica.undone([address]);
        continue;
      }
      const expired = record.lease?.state === LeaseState.expiredReclaimed;
      records.push(entry.removal ? { address, version: entry.version, lease: undefined, expired } : record);
    }
    return records;
  }

  async #send(addresses: readonly Ipv4[]): Promise<void> {
    const { replica, unconfirmed, ledger, nowSec, call } = this.#parts;
    const later = new Set<Ipv4>();
    try {
      await replica.recount();
      const records = await ledger.transact(() => this.#gather(addresses));
      if (records.length === 0) return;
      const now = nowSec();
      const answer = await call('pair-update', { records: records.map((record) => recordToJson(record, now)) });
      replica.confirm(storedIn(answer));
      for (const text of listOf(answer.later)) if (typeof text === 'string') later.add(parseIpv4(text) ?? 0);
      const newer = listOf(answer.newer).map((json) => recordFromJson(json, nowSec()));
      if (newer.length > 0) for (const address of (await replica.takeIn(newer)).later) later.add(address);
      const ignored = records.find(
        ({ address, version }) => isStill(unconfirmed.find(address), version) && !later.has(address),
      );
      if (ignored !== undefined) {
        throw new CommandError('command-invalid', `the partner ignored the record of ${formatIpv4(ignored.address)}`);
      }
    } finally {
      unconfirmed.landed(addresses, later);
      this.#wake();
    }
  }

  #retryLater(): void {
    if (this.#retryPlanned) return;
    this.#retryPlanned = true;
    this.#parts.clock.after(RETRY_MS, () => {
      this.#retryPlanned = false;
      this.kick();
    });
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const look of waiters) look();
  }
}

/** The answer to `pair-update`: what is stored now, with its version, and what the sender should have instead. */
export function updateAnswer(
  records: readonly PairRecord[],
  { stored, newer, later }: TakenIn,
  nowSec: EpochSec,
): JsonMap {
  const kept = new Set(stored);
  return {
    stored: records
      .filter(({ address }) => kept.has(address))
      .map(({ address, version }) => [formatIpv4(address), formatVersion(version)]),
    newer: newer.map((record) => recordToJson(record, nowSec)),
    ...(later.length === 0 ? {} : { later: later.map(formatIpv4) }),
  };
}

function isStill(entry: { readonly version: Version } | undefined, version: Version): boolean {
  return entry !== undefined && compareVersions(entry.version, version) === 'equal';
}

function storedIn(answer: JsonMap): [Ipv4, Version][] {
  return listOf(answer.stored).map((row) => {
    const [address, version] = Array.isArray(row) ? row : [];
    const parsed = typeof address === 'string' ? parseIpv4(address) : undefined;
    const stored = typeof version === 'string' ? parseVersion(version) : undefined;
    if (parsed === undefined || stored === undefined) {
      throw new CommandError('command-invalid', 'the answer to pair-update is not understood');
    }
    return [parsed, stored];
  });
}

/** The value as a list; anything else is an empty one. */
export function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}
