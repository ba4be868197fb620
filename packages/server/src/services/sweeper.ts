/**
 * What happens to leases with time: those that have run out are reclaimed (marked or removed), those reclaimed long ago
 * are flushed, declined addresses become free after their probation, and the lease file is cleaned up now and then.
 * Kea's expired-leases-processing and lfc-interval. Work is done in small transactions, so that packets get their turn.
 */

import { expiresAtSec, isExpired, type Lease, LeaseState } from '../domain/lease.js';
import type { ExpirationConfig } from '../domain/snapshot.js';
import type { EpochSec, Ipv4 } from '../domain/values.js';
import { ExpiryIndex } from './expiry-index.js';
import type { LeaseTransaction, Ledger } from './ledger.js';
import type { Cancel, Clock, Logger } from './ports.js';

/** What a {@link Sweeper} works with. */
export interface SweeperPorts {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Compacts the lease file (LeaseStore.cleanup). */
  readonly cleanup: () => Promise<void>;
  /** Of a pair, one server reclaims or flushes a lease, and only while both agree; false puts it off to a later round. */
  readonly mayReclaim?: (lease: Lease) => boolean;
  /** Told of each lease that is being reclaimed, as it was before; `remove`: leases are not kept as expired-reclaimed. */
  readonly onReclaiming?: (lease: Lease, tx: LeaseTransaction, remove: boolean) => void;
}

/** When a lease that may not be reclaimed yet is looked at again. */
const PUT_OFF_SEC = 10;
/** Leases of one transaction: about a millisecond of work and one flush. */
const SLICE_LEASES = 256;

/** See the head of this file. Construct it before the ledger is used: it follows every change. */
export class Sweeper {
  readonly #ports: SweeperPorts;
  /** Leases that can still be reclaimed, by their end. */
  #running: ExpiryIndex;
  /** Leases that have been reclaimed, by their end. */
  #reclaimed: ExpiryIndex;
  #timers: Cancel[] = [];
  /** Counts starts, so that a round begun under old settings does not set the timer again. */
  #generation = 0;
  #incompleteRounds = 0;

  constructor(ports: SweeperPorts) {
    this.#ports = ports;
    this.#running = new ExpiryIndex(this.#nowSec());
    this.#reclaimed = new ExpiryIndex(this.#nowSec());
    ports.ledger.observe((address, _before, after) => this.#track(address, after));
  }

  /** Takes in all leases there are; to be called when the store has been opened. */
  rebuild(): void {
    this.#running = new ExpiryIndex(this.#nowSec());
    this.#reclaimed = new ExpiryIndex(this.#nowSec());
    for (const lease of this.#ports.ledger.leases.all()) this.#track(lease.address, lease);
  }

  /** Starts the timers, or starts them anew with other settings. A wait of 0 switches a timer off, as in Kea. */
  start(settings: ExpirationConfig, lfcIntervalSec: number): void {
    this.stop();
    const { reclaimTimerWaitSec, flushReclaimedTimerWaitSec, holdReclaimedSec } = settings;
    this.#repeat(reclaimTimerWaitSec, (wanted) => this.#round(settings, wanted));
    this.#repeat(flushReclaimedTimerWaitSec, (wanted) => this.#flush(holdReclaimedSec, wanted));
    this.#repeat(lfcIntervalSec, () => this.#ports.cleanup());
  }

  /** Stops the timers. A round under way ends with its slice. */
  stop(): void {
    this.#generation++;
    for (const cancel of this.#timers) cancel();
    this.#timers = [];
  }

  /**
   * Reclaims everything that has run out (command leases-reclaim); how many leases that were.
   * @param remove removes the leases; otherwise they are kept in the state expired-reclaimed. Declined ones are
   *   removed in any case, as they say nothing about a client.
   * @throws StoreError if the changes can not be made durable; what was done before stays done.
   */
  async reclaimAll(remove: boolean): Promise<number> {
    return await this.#reclaim(remove, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, () => true);
  }

  #nowSec(): EpochSec {
    return Math.floor(this.#ports.clock.now() / 1000);
  }

  #track(address: Ipv4, lease: Lease | undefined): void {
    const reclaimed = lease?.state === LeaseState.expiredReclaimed;
    if (lease === undefined || reclaimed) this.#running.delete(address);
    else this.#running.set(address, expiresAtSec(lease));
    if (reclaimed) this.#reclaimed.set(address, expiresAtSec(lease));
    else this.#reclaimed.delete(address);
  }

  /** Runs `task` every `waitSec` seconds, counted from the end of the run before, while it is still `wanted`. */
  #repeat(waitSec: number, task: (wanted: () => boolean) => Promise<void>): void {
    if (waitSec === 0) return;
    const generation = this.#generation;
    const wanted = () => generation === this.#generation;
    const slot = this.#timers.length;
    const arm = () => {
      this.#timers[slot] = this.#ports.clock.after(waitSec * 1000, () => {
        // A failure has been reported by the store; the next run tries again.
        void task(wanted)
          .catch(() => undefined)
          .then(() => {
            if (wanted()) arm();
          });
      });
    };
    arm();
  }

  async #round(settings: ExpirationConfig, wanted: () => boolean): Promise<void> {
    const { maxReclaimLeases, maxReclaimTimeMs, flushReclaimedTimerWaitSec, unwarnedReclaimCycles } = settings;
    // Without the flush timer nobody would ever remove them later.
    const remove = flushReclaimedTimerWaitSec === 0;
    await this.#reclaim(remove, noLimitIfZero(maxReclaimLeases), noLimitIfZero(maxReclaimTimeMs), wanted);
    if (!this.#anythingRunOut()) {
      this.#incompleteRounds = 0;
      return;
    }
    this.#incompleteRounds++;
    if (unwarnedReclaimCycles > 0 && this.#incompleteRounds > unwarnedReclaimCycles) {
      this.#incompleteRounds = 0;
      this.#ports.logger.log(
        'WARN',
        'ALLOC_ENGINE_V4_LEASES_RECLAMATION_SLOW',
        `expired leases have not all been reclaimed in ${unwarnedReclaimCycles} consecutive rounds; ` +
          'raise max-reclaim-leases or max-reclaim-time, or lower reclaim-timer-wait-time',
      );
    }
  }

  /** How many leases were reclaimed: at most `maxLeases`, stopping after the slice that reaches `maxTimeMs`. */
  async #reclaim(remove: boolean, maxLeases: number, maxTimeMs: number, wanted: () => boolean): Promise<number> {
    const { clock } = this.#ports;
    const deadline = clock.monotonic() + maxTimeMs;
    let count = 0;
    while (count < maxLeases && wanted()) {
      const limit = Math.min(SLICE_LEASES, maxLeases - count);
      const done = await this.#slice(this.#running, this.#nowSec(), limit, (lease, tx) => {
        this.#ports.onReclaiming?.(lease, tx, remove);
        reclaim(lease, tx, remove);
      });
      count += done.length;
      if (done.length === 0 || clock.monotonic() >= deadline) break;
      await this.#turn();
    }
    return count;
  }

  async #flush(holdReclaimedSec: number, wanted: () => boolean): Promise<void> {
    while (wanted()) {
      const before = this.#nowSec() - holdReclaimedSec;
      const done = await this.#slice(this.#reclaimed, before, SLICE_LEASES, (lease, tx) => tx.delete(lease.address));
      if (done.length === 0) return;
      await this.#turn();
    }
  }

  /** One transaction over at most `limit` leases of an index that ended before `beforeSec`; those it was done to. */
  async #slice(
    index: ExpiryIndex,
    beforeSec: EpochSec,
    limit: number,
    act: (lease: Lease, tx: LeaseTransaction) => void,
  ): Promise<Lease[]> {
    let taken: Ipv4[] = [];
    const putOff: Lease[] = [];
    try {
      return await this.#ports.ledger.transact((tx) => {
        taken = index.takeUpTo(beforeSec, limit);
        const done: Lease[] = [];
        for (const address of taken) {
          const lease = tx.getByAddress(address);
          if (lease === undefined || !isExpired(lease, beforeSec)) continue;
          if (this.#ports.mayReclaim?.(lease) === false) {
            putOff.push(lease);
            continue;
          }
          act(lease, tx);
          // A pair keeps the row of what was removed until its other server knows: that is no work for this round again.
          if (this.#isStillIn(index, tx.getByAddress(address))) putOff.push(lease);
          else done.push(lease);
        }
        for (const lease of putOff) index.set(lease.address, beforeSec + PUT_OFF_SEC);
        return done;
      });
    } catch (error) {
      for (const address of taken) this.#track(address, this.#ports.ledger.leases.getByAddress(address));
      throw error;
    }
  }

  #isStillIn(index: ExpiryIndex, lease: Lease | undefined): boolean {
    if (lease === undefined) return false;
    return (lease.state === LeaseState.expiredReclaimed) === (index === this.#reclaimed);
  }

  #anythingRunOut(): boolean {
    const [address] = this.#running.takeUpTo(this.#nowSec(), 1);
    if (address === undefined) return false;
    this.#track(address, this.#ports.ledger.leases.getByAddress(address));
    return true;
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#ports.clock.soon(resolve));
  }
}

function noLimitIfZero(limit: number): number {
  return limit === 0 ? Number.POSITIVE_INFINITY : limit;
}

/** Kea forgets the name with the binding: its DNS entry goes at the same time. */
function reclaim(lease: Lease, tx: LeaseTransaction, remove: boolean): void {
  if (remove || lease.state === LeaseState.declined) tx.delete(lease.address);
  else tx.put({ ...lease, state: LeaseState.expiredReclaimed, hostname: '', fqdnFwd: false, fqdnRev: false });
}
