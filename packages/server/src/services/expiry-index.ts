/**
 * When leases end: gives the addresses whose time has come, the earliest first, without looking at the others.
 *
 * Every address has at most one valid entry in a list for one second. A renewal only writes the later end down; the
 * entry stays where it is, and when its second comes it moves to the new one. So a client that renews a thousand
 * times costs one entry. An end that moves *before* the entry needs a new one, and the old one goes stale; stale
 * entries are swept out when they are the majority.
 *
 * Memory: 8 octets for each address of a /24 in which there is any lease, 8 octets for each entry, and one Map slot
 * for each second in which something ends: about 270 MB for 16 million leases side by side, 20 MB for a million.
 */

import type { EpochSec, Ipv4 } from '../domain/values.js';
import { ChunkedUint32Array } from './chunked-array.js';

/** Addresses of one page; a page is made with the first lease in it. */
const PAGE_BITS = 8;
const PAGE_SIZE = 1 << PAGE_BITS;
/** In `scheduled`: the entry is in the list of those that are late. No lease ends in this second of 1970. */
const LATE: EpochSec = 1;
const NONE = 0;
/** So many stale entries do not matter, however few the leases. */
const STALE_ALLOWED = 1024;

/** Seconds are whole and from 2 to 4294967295 (2106); what ends later, or never, is not in the index. */
export class ExpiryIndex {
  /** Number of the page's first slot, by address / 256. A slot is what is known of one address. */
  private readonly pages = new Map<number, number>();
  private readonly unusedPages: number[] = [];
  private slotCount = 0;
  /** By slot: the second the lease ends in. */
  private readonly ends = new ChunkedUint32Array();
  /** By slot: the second in whose list the valid entry is; never after the end. */
  private readonly scheduled = new ChunkedUint32Array();
  private entries = new EntryPool();
  /** First entry of the list of each second. */
  private heads = new Map<EpochSec, number>();
  /** Everything that ends before this second is in the list LATE or was taken. */
  private cursor: EpochSec;
  private entryCount = 0;
  private scheduledCount = 0;
  private addressCount = 0;

  /** `nowSec` only says where to start looking: what ended earlier is found too. */
  constructor(nowSec: EpochSec) {
    this.cursor = nowSec;
  }

  /** Number of addresses in the index. */
  get size(): number {
    return this.addressCount;
  }

  /** When the lease of the address ends, or undefined if it is not in the index. */
  get(address: Ipv4): EpochSec | undefined {
    const slot = this.findSlot(address);
    const end = slot === undefined ? NONE : this.ends.get(slot);
    return end === NONE ? undefined : end;
  }

  /** Says when the lease of the address ends, instead of what was said before; Infinity takes it out. */
  set(address: Ipv4, expiresAtSec: EpochSec): void {
    if (expiresAtSec > 0xffff_ffff) {
      this.delete(address);
      return;
    }
    const end = Math.max(expiresAtSec, LATE + 1);
    const slot = this.findSlot(address) ?? this.addPage(address);
    if (this.ends.get(slot) === NONE) this.addressCount++;
    this.ends.set(slot, end);
    const scheduled = this.scheduled.get(slot);
    if (scheduled !== NONE && end >= scheduled) return;
    this.schedule(address, slot, end);
    if (this.entryCount > 2 * this.scheduledCount + STALE_ALLOWED) this.sweep();
  }

  /** Takes the address out. */
  delete(address: Ipv4): void {
    const slot = this.findSlot(address);
    if (slot === undefined || this.ends.get(slot) === NONE) return;
    this.ends.set(slot, NONE);
    this.addressCount--;
  }

  /**
   * Takes out and returns at most `limit` addresses whose lease ended before `nowSec` (expiresAtSec < nowSec, as
   * isExpired of domain/lease.ts has it), roughly in the order of their ends: by second of the entry. Who can not deal
   * with one now says so by `set`.
   */
  takeUpTo(nowSec: EpochSec, limit = Number.POSITIVE_INFINITY): Ipv4[] {
    const taken: Ipv4[] = [];
    if (limit <= 0) return taken;
    this.cursor = Math.min(this.cursor, nowSec); // The clock may have been set back.
    this.takeFrom(LATE, nowSec, limit, taken);
    for (const second of this.secondsBefore(nowSec)) {
      if (taken.length >= limit) return taken;
      this.takeFrom(second, nowSec, limit, taken);
      if (this.heads.has(second)) return taken;
      this.cursor = second + 1;
    }
    this.cursor = Math.max(this.cursor, nowSec);
    return taken;
  }

  /** Takes what has ended from one list and moves on what was renewed; leaves the rest when `limit` is reached. */
  private takeFrom(second: EpochSec, nowSec: EpochSec, limit: number, taken: Ipv4[]): void {
    let entry = this.heads.get(second);
    if (entry === undefined) return;
    this.heads.delete(second);
    while (entry !== NONE && taken.length < limit) {
      const address = this.entries.addressOf(entry);
      entry = this.entries.release(entry);
      this.entryCount--;
      if (this.settle(address, second, nowSec)) taken.push(address);
    }
    if (entry !== NONE) this.heads.set(second, entry);
  }

  /** An entry of the list `second` was taken off it; true if the lease of the address has ended. */
  private settle(address: Ipv4, second: EpochSec, nowSec: EpochSec): boolean {
    const slot = this.findSlot(address)!;
    if (this.scheduled.get(slot) !== second) return false; // Stale: there is an earlier entry, or was.
    this.scheduled.set(slot, NONE);
    this.scheduledCount--;
    const end = this.ends.get(slot);
    if (end === NONE) return false;
    if (end >= nowSec) {
      this.schedule(address, slot, end);
      return false;
    }
    this.ends.set(slot, NONE);
    this.addressCount--;
    return true;
  }

  private schedule(address: Ipv4, slot: number, end: EpochSec): void {
    const second = end < this.cursor ? LATE : end;
    if (this.scheduled.get(slot) === NONE) this.scheduledCount++;
    this.scheduled.set(slot, second);
    this.addEntry(second, address);
  }

  private addEntry(second: EpochSec, address: Ipv4): void {
    this.heads.set(second, this.entries.add(address, this.heads.get(second) ?? NONE));
    this.entryCount++;
  }

  /** Makes all lists anew without stale entries, and gives back pages without leases. */
  private sweep(): void {
    this.entries = new EntryPool();
    this.heads = new Map();
    this.entryCount = 0;
    for (const [page, firstSlot] of this.pages) {
      let used = false;
      for (let i = 0; i < PAGE_SIZE; i++) {
        const second = this.scheduled.get(firstSlot + i);
        if (second === NONE) continue;
        used = true;
        this.addEntry(second, page * PAGE_SIZE + i);
      }
      // Where there is an end there is an entry, so nothing is known of these addresses.
      if (used) continue;
      this.pages.delete(page);
      this.unusedPages.push(firstSlot);
    }
  }

  /** The seconds with a list, from the cursor up to `nowSec`, in order. */
  private secondsBefore(nowSec: EpochSec): EpochSec[] {
    const due: EpochSec[] = [];
    if (nowSec - this.cursor <= this.heads.size) {
      for (let second = this.cursor; second < nowSec; second++) if (this.heads.has(second)) due.push(second);
      return due;
    }
    // The clock made a leap: it is quicker to look which lists there are.
    for (const second of this.heads.keys()) if (second !== LATE && second < nowSec) due.push(second);
    return due.sort((a, b) => a - b);
  }

  private findSlot(address: Ipv4): number | undefined {
    const firstSlot = this.pages.get(address >>> PAGE_BITS);
    return firstSlot === undefined ? undefined : firstSlot + (address & (PAGE_SIZE - 1));
  }

  /** Makes the page of the address and returns the address's slot. */
  private addPage(address: Ipv4): number {
    let firstSlot = this.unusedPages.pop();
    if (firstSlot === undefined) {
      firstSlot = this.slotCount;
      this.slotCount += PAGE_SIZE;
      this.ends.grow(this.slotCount);
      this.scheduled.grow(this.slotCount);
    }
    this.pages.set(address >>> PAGE_BITS, firstSlot);
    return firstSlot + (address & (PAGE_SIZE - 1));
  }
}

/** Linked lists of addresses. Entries are numbered from 1. */
class EntryPool {
  private readonly addresses = new ChunkedUint32Array();
  private readonly nexts = new ChunkedUint32Array();
  private used = 1;
  private firstUnused = NONE;

  /** Puts an entry before `next` and returns its number. */
  add(address: Ipv4, next: number): number {
    let entry = this.firstUnused;
    if (entry === NONE) {
      entry = this.used++;
      this.addresses.grow(this.used);
      this.nexts.grow(this.used);
    } else {
      this.firstUnused = this.nexts.get(entry);
    }
    this.addresses.set(entry, address);
    this.nexts.set(entry, next);
    return entry;
  }

  addressOf(entry: number): Ipv4 {
    return this.addresses.get(entry);
  }

  /** Gives an entry back and returns the one after it. */
  release(entry: number): number {
    const next = this.nexts.get(entry);
    this.nexts.set(entry, this.firstUnused);
    this.firstUnused = entry;
    return next;
  }
}
