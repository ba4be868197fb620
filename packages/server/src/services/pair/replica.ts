/**
 * This server's half of the common lease table: gives every change its version, keeps account of what the partner does
 * not have yet, and takes in what the partner sends (docs/design-ha.md, rules 1 and 5).
 */

import { type Lease, LeaseState } from '../../domain/lease.js';
import { type DroppedBinding, mergeRecords } from '../../domain/pair/merge.js';
import { promisedEndSec } from '../../domain/pair/promise.js';
import {
  absentRecord,
  boundIn,
  endOf,
  holderOf,
  inForce,
  isBinding,
  isExpiryClaim,
  type PairRecord,
  versionIn,
} from '../../domain/pair/record.js';
import {
  compareVersions,
  epochOf,
  otherSide,
  strayOf,
  strayVersion,
  UNVERSIONED,
  type Version,
  withEvent,
} from '../../domain/pair/version.js';
import { type EpochSec, INFINITE_LIFETIME, type Ipv4 } from '../../domain/values.js';
import type { LeaseStamp, LeaseTransaction, LedgerPart } from '../ledger.js';
import { leasePages } from '../sliced-swap.js';
import { BlockDigests } from './digests.js';
import { Graves } from './graves.js';
import type { PairMemory } from './memory.js';
import { heldIn, type Unconfirmed, type UnconfirmedRecords } from './unconfirmed.js';
import { stamped } from './wire.js';

/** What a {@link Replica} works with. */
export interface ReplicaParts {
  readonly ledger: LedgerPart;
  readonly memory: PairMemory;
  readonly unconfirmed: UnconfirmedRecords;
  readonly mcltSec: number;
  /** Seconds after which every message and answer under way now has come or been given up. */
  readonly oldestMessageSec: number;
  nowSec(): EpochSec;
  /** Our database was lost: until what was promised with it has run out we do not agree that anything has. */
  mayAgree(): boolean;
  /** Something waits to be sent. */
  readonly onChange: () => void;
  /** Whether an address can be given may have changed. */
  readonly onSettled: (address: Ipv4) => void;
  /** A merge takes an address away from a client that may be using it. Said again if it could not be stored. */
  readonly onDropped: (address: Ipv4, dropped: DroppedBinding) => void;
}

/** What came of records taken in. */
export interface TakenIn {
  /** Addresses of which we now have exactly what was sent. */
  readonly stored: Ipv4[];
  /** What the sender should have in the place of what it sent. */
  readonly newer: PairRecord[];
  /** Addresses we do not want to hear of yet. */
  readonly later: Ipv4[];
}

/** An address, and the version that both have of it. */
type Settled = Pick<PairRecord, 'address' | 'version'>;

/** See the head of this file. Construct it before the ledger is used. */
export class Replica implements LeaseStamp {
  readonly digests = new BlockDigests();
  readonly #parts: ReplicaParts;
  readonly #graves: Graves;
  /** Set while records of the partner are stored: they keep the version they have. */
  #takingIn = false;
  /** The epoch above which no stray of this server is known to be left. */
  #recountedIn = 0;

  constructor(parts: ReplicaParts) {
    this.#parts = parts;
    this.#graves = new Graves(parts.oldestMessageSec, () => parts.nowSec());
    for (const lease of parts.ledger.leases.all()) this.digests.changed(lease.address, undefined, lease);
    parts.ledger.observe((address, before, after) => this.digests.changed(address, before, after));
    parts.ledger.useStamp(this);
  }

  /** What we have of an address. */
  record(address: Ipv4): PairRecord {
    return recordOf(address, this.#parts.ledger.leases.getByAddress(address));
  }

  // --- changes of this server (LeaseStamp) ---

  put(lease: Lease, before: Lease | undefined): Lease {
    if (this.#takingIn) return lease;
    return this.#ownEvent(lease, before, false);
  }

  remove(before: Lease): Lease | undefined {
    if (this.#takingIn) return undefined;
    const { unconfirmed } = this.#parts;
    if (!isBinding(before) && unconfirmed.isConfirmed(before.address)) {
      this.#graves.bury(before.address, versionIn(before.userContext));
      return undefined;
    }
    if (unconfirmed.find(before.address)?.removal === true) return before;
    return this.#ownEvent(asOver(before, this.#parts.nowSec()), before, true);
  }

  committed(): void {
    this.#parts.onChange();
  }

  /** The partner is not to hear of a record that never was, and its address can be given again. */
  undone(addresses: readonly Ipv4[]): void {
    const { unconfirmed, ledger } = this.#parts;
    for (const address of addresses) {
      if (ledger.leases.getByAddress(address) !== undefined || unconfirmed.find(address) === undefined) continue;
      this.#settle(address);
    }
  }

  #ownEvent(lease: Lease, before: Lease | undefined, removal: boolean): Lease {
    const { memory, unconfirmed } = this.#parts;
    const { side, stranger } = memory.file;
    const base = before === undefined ? this.#graves.find(lease.address) : versionIn(before.userContext);
    const version = withEvent(base ?? (stranger ? strayVersion(side) : UNVERSIONED), side, memory.nextEvent());
    const known = this.#known(lease.address, before);
    const kept = this.#lasting(lease, before);
    unconfirmed.changed(lease.address, version, known, removal, this.#told(lease, before));
    const bound = this.#boundOf(lease);
    return stamped(kept, version, bound < endOf(kept) ? bound : Number.POSITIVE_INFINITY);
  }

  /** The lease with the end that is stored: not before that of `before` where that may still mean something. */
  #lasting(lease: Lease, before: Lease | undefined): Lease {
    if (before === undefined) return lease;
    // A released lease keeps its end: one of lifetime 0 would be no row at the next start, and the release forgotten.
    if (lease.state === LeaseState.released) return { ...lease, ...timesOf(before) };
    if (lease.state === LeaseState.declined) return endingNoEarlier(lease, endOf(before));
    // What the partner may have, without our having heard that it has: it may count on it, and the client have been told of it.
    const told = lease.state === LeaseState.default && before.state === LeaseState.default;
    const { unconfirmed, memory } = this.#parts;
    // After a standstill it is told no more than its row bounds, whatever the partner has confirmed since the row was written.
    const isSure = unconfirmed.isConfirmed(lease.address) && memory.file.state !== 'starting';
    const unsure = told && holderOf(before) === holderOf(lease) && !isSure;
    return unsure ? endingNoEarlier(lease, endOf(before)) : lease;
  }

  /** Until when the holder of `lease` may think it has the address, whatever becomes of this change. */
  #told(lease: Lease, before: Lease | undefined): EpochSec {
    if (before?.state !== LeaseState.default || lease.state !== LeaseState.default) return 0;
    if (holderOf(before) !== holderOf(lease)) return 0;
    const { unconfirmed } = this.#parts;
    const entry = unconfirmed.find(lease.address);
    const bound = unconfirmed.isConfirmed(lease.address) ? Number.POSITIVE_INFINITY : boundIn(before.userContext);
    return Math.max(entry?.told ?? 0, Math.min(endOf(before), bound));
  }

  /** Until when the client may be told that it has the address if the partner never hears of it. */
  #boundOf(lease: Lease): number {
    const { unconfirmed, nowSec, mcltSec } = this.#parts;
    if (lease.state !== LeaseState.default) return Number.POSITIVE_INFINITY;
    const { known, told = 0 } = unconfirmed.find(lease.address) ?? {};
    const stored = known?.holder === holderOf(lease) ? known.endSec : undefined;
    return Math.max(told, promisedEndSec(nowSec(), endOf(lease), stored, mcltSec));
  }

  /**
   * What a server that began anew gave before it met its partner becomes an event of the epoch that was begun then, above
   * everything the partner knows of an earlier life: else it would be taken for older than that. To be waited for before any record
   * goes either way.
   * @throws StoreError if it can not be made durable
   */
  async recount(): Promise<void> {
    const { memory, unconfirmed } = this.#parts;
    const { epoch, side, stranger } = memory.file;
    if (!stranger || this.#recountedIn === epoch) return;
    const isDue = ({ userContext }: Lease): boolean => {
      const version = versionIn(userContext);
      return strayOf(version) === side && epochOf(version[side]) < epoch;
    };
    await this.#inSlices((lease, tx) => {
      if (!isDue(lease)) return;
      const entry = unconfirmed.find(lease.address);
      const goes = entry?.removal === true;
      tx.put(lease);
      if (goes) entry.removal = true;
    });
    this.#recountedIn = epoch;
  }

  /** What the partner is known to have of an address whose lease is `before`. */
  #known(address: Ipv4, before: Lease | undefined): Unconfirmed['known'] {
    if (!isBinding(before) || !this.#parts.unconfirmed.isConfirmed(address)) return undefined;
    return { holder: holderOf(before), endSec: endOf(before) };
  }

  // --- changes of the partner ---

  /**
   * Takes in what the partner sent; resolves when it is durable.
   * @throws StoreError if it can not be made durable: nothing has been taken in
   */
  async takeIn(records: readonly PairRecord[]): Promise<TakenIn> {
    const result: TakenIn = { stored: [], newer: [], later: [] };
    const settled: Settled[] = [];
    await this.#parts.ledger.transact((tx) => {
      this.#takingIn = true;
      try {
        for (const theirs of records) this.#takeInOne(tx, theirs, result, settled);
      } finally {
        this.#takingIn = false;
      }
    });
    for (const one of settled) this.#settleUnlessChanged(one);
    if (result.newer.length > 0) this.#parts.onChange();
    return result;
  }

  #recordOf(address: Ipv4, lease: Lease | undefined): PairRecord {
    const grave = lease === undefined ? this.#graves.find(address) : undefined;
    return grave === undefined ? recordOf(address, lease) : { address, version: grave, lease: undefined };
  }

  #takeInOne(tx: LeaseTransaction, theirs: PairRecord, { stored, newer, later }: TakenIn, settled: Settled[]): void {
    const { memory, unconfirmed } = this.#parts;
    const { address } = theirs;
    const mine = this.#recordOf(address, tx.getByAddress(address));
    const { side } = memory.file;
    const owner = memory.ownership.ownerOf(address);
    const merged = mergeRecords(mine, theirs, owner === 1 ? 1 : 0, this.#parts.nowSec(), this.#parts.mcltSec);
    if (isExpiryClaim(theirs) && merged.origin !== 'mine' && !this.#parts.mayAgree()) {
      later.push(address);
    } else if (merged.origin === 'theirs' && isExpiryClaim(theirs) && inForce(mine.lease, this.#parts.nowSec())) {
      // On our clock the lease still runs: it is over only when it is over for both. Ours is the newer one from now on.
      newer.push(this.#answerWith(tx, { ...mine, version: merged.record.version }, undefined));
    } else if (merged.origin === 'theirs' && isBinding(theirs.lease) && strayOf(theirs.version) === otherSide(side)) {
      // With an event of ours it is told from what another life of the partner's that knows of nothing may give.
      newer.push(this.#answerWith(tx, theirs, heldIn(theirs)));
    } else if (merged.origin === 'theirs') {
      store(tx, address, theirs.lease, theirs.version);
      if (theirs.lease === undefined) this.#graves.bury(address, theirs.version);
      unconfirmed.learned(address, heldIn(theirs));
      stored.push(address);
      settled.push(theirs);
    } else if (merged.origin === 'mine') {
      if (compareVersions(mine.version, theirs.version) !== 'equal') {
        newer.push(mine);
        return;
      }
      unconfirmed.learned(address, heldIn(theirs));
      stored.push(address);
      settled.push(theirs);
    } else if (!isBinding(mine.lease) && unconfirmed.isConfirmed(address)) {
      // They knew that it was over and have forgotten it since: theirs is the newer one, whatever the counters say.
      store(tx, address, theirs.lease, merged.record.version);
      newer.push({ ...theirs, version: merged.record.version, lease: leaseWith(theirs.lease, merged.record.version) });
      settled.push({ address, version: merged.record.version });
    } else if (side === 1) {
      newer.push(mine);
    } else {
      // Before it is durable: ended in between, this server would find nothing left to report.
      if (merged.dropped !== undefined) this.#parts.onDropped(address, merged.dropped);
      newer.push(this.#answerWith(tx, merged.record, heldIn(theirs)));
    }
  }

  /**
   * Stores a record with an event of ours on top, which the partner is to have in the place of what it sent.
   * @param known what it has stored
   */
  #answerWith(tx: LeaseTransaction, { address, ...record }: PairRecord, known: Unconfirmed['known']): PairRecord {
    const { memory, unconfirmed } = this.#parts;
    const version = withEvent(record.version, memory.file.side, memory.nextEvent());
    // Of what was ours the client may still not be told more than before: the partner may never hear of this one either.
    const lease = leaseWith(record.lease, version, unconfirmed.isConfirmed(address));
    if (lease === undefined) tx.delete(address);
    else tx.put(lease);
    unconfirmed.confirmed(address);
    unconfirmed.changed(address, version, known, lease === undefined);
    return { address, version, lease };
  }

  /** The partner has stored these versions. */
  confirm(versions: readonly (readonly [Ipv4, Version])[]): void {
    const removals: Ipv4[] = [];
    for (const [address, version] of versions) {
      const entry = this.#parts.unconfirmed.find(address);
      if (entry === undefined || compareVersions(entry.version, version) !== 'equal') continue;
      if (entry.removal) removals.push(address);
      this.#settle(address);
    }
    if (removals.length > 0) void this.#forget(removals).catch(() => undefined);
  }

  /**
   * Our database was lost, and this is what the partner had of it: each client may have been promised so much more than the
   * partner knew.
   * @param lostBeforeSec the database was lost before; nothing was promised with it since
   */
  async allowForLost(lostBeforeSec: EpochSec): Promise<void> {
    const { nowSec, mcltSec } = this.#parts;
    await this.#inSlices((lease, tx) => {
      if (!isBinding(lease) || !Number.isFinite(endOf(lease))) return;
      const end = Math.max(lostBeforeSec, endOf(lease)) + mcltSec;
      if (end > nowSec()) tx.put({ ...lease, validLifetimeSec: end - lease.clttSec });
    });
  }

  /** Does something to every lease as it is by then, some in each turn of the ledger: clients come in between. */
  async #inSlices(act: (lease: Lease, tx: LeaseTransaction) => void): Promise<void> {
    const { ledger } = this.#parts;
    for (const { leases } of leasePages(ledger.leases)) {
      await ledger.transact((tx) => {
        for (const { address } of leases) {
          const lease = tx.getByAddress(address);
          if (lease !== undefined) act(lease, tx);
        }
      });
    }
  }

  /**
   * What was taken in is the same on both sides, unless the next turn of the ledger, which may come before this, has changed
   * it again: that change is still to be sent.
   */
  #settleUnlessChanged({ address, version }: Settled): void {
    const now = this.#recordOf(address, this.#parts.ledger.leases.getByAddress(address));
    if (compareVersions(now.version, version) === 'equal') this.#settle(address);
  }

  /** Both servers have the same of an address. */
  #settle(address: Ipv4): void {
    this.#parts.unconfirmed.confirmed(address);
    this.#parts.onSettled(address);
  }

  /** Rows kept only until the partner knew. If the disk refuses they stay, and are over all the same. */
  async #forget(addresses: readonly Ipv4[]): Promise<void> {
    const { ledger, unconfirmed } = this.#parts;
    await ledger.transact((tx) => {
      for (const address of addresses) {
        const lease = tx.getByAddress(address);
        // The stamp (remove, above) sees to it that it is forgotten for good.
        if (lease !== undefined && !isBinding(lease) && unconfirmed.isConfirmed(address)) tx.delete(address);
      }
    });
  }
}

/** An address and what a lease table has of it. */
export function recordOf(address: Ipv4, lease: Lease | undefined): PairRecord {
  return lease === undefined ? absentRecord(address) : { address, version: versionIn(lease.userContext), lease };
}

function timesOf({ clttSec, validLifetimeSec }: Lease): Pick<Lease, 'clttSec' | 'validLifetimeSec'> {
  return { clttSec, validLifetimeSec: Math.max(1, validLifetimeSec) };
}

function endingNoEarlier(lease: Lease, end: EpochSec): Lease {
  if (end <= endOf(lease)) return lease;
  return { ...lease, validLifetimeSec: Number.isFinite(end) ? end - lease.clttSec : INFINITE_LIFETIME };
}

/**
 * What stands for a lease that was removed, until the partner knows: given up, or run out, which are different things to
 * the partner. A row has to name somebody.
 */
function asOver(lease: Lease, nowSec: EpochSec): Lease {
  const nobody = lease.hwAddress === '' && lease.clientId === '' ? { hwAddress: '\0\0\0\0\0\0' } : {};
  const ranOut = isBinding(lease) && !inForce(lease, nowSec);
  return { ...lease, ...nobody, state: ranOut ? LeaseState.expiredReclaimed : LeaseState.released };
}

/** @param whole the partner has what it says: how much of it the client may be told is not bounded any more */
function leaseWith(lease: Lease | undefined, version: Version, whole = true): Lease | undefined {
  return lease && stamped(lease, version, whole ? undefined : boundIn(lease.userContext));
}

function store(tx: LeaseTransaction, address: Ipv4, lease: Lease | undefined, version: Version): void {
  if (lease === undefined) tx.delete(address);
  else tx.put(stamped(lease, version));
}
