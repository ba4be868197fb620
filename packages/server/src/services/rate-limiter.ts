/**
 * Counts packets against the rates of classes and subnets (Kea: libdhcp_limits). In any stretch of time as long as the
 * limit says no more packets than it says go through. Up to some thousand packets the instant of each is kept, so that is
 * exact, as in Kea; above that packets are counted in small parts of the time, and one counts up to a 256th of it longer.
 */

import { type LimitedClass, limitedClasses, type RateLimit } from '../domain/limits/limits.js';
import type { ConfigSnapshot, Subnet } from '../domain/snapshot.js';

/** Packets whose instants are kept one by one. */
const EXACT = 4096;
/** Parts of the time where there are more. */
const PARTS = 256;
/** Rooms for instants a window begins with. */
const FIRST_ROOMS = 8;
/** Most classes that are counted: a template makes as many as clients give it values. The oldest is forgotten. */
const MOST_WINDOWS = 65_536;

/** What is counted of one class or subnet. All times are of one clock that never goes back. */
export interface RateWindow {
  /** True if another packet may go through now. */
  hasRoom(nowMs: number): boolean;
  /** One goes through. */
  count(nowMs: number): void;
}

/** Makes a window for a limit. */
export function rateWindow(limit: RateLimit): RateWindow {
  return limit.packets <= EXACT ? new ExactWindow(limit) : new PartedWindow(limit);
}

/** The instants of packets in a ring. */
class ExactWindow implements RateWindow {
  readonly #limit: RateLimit;
  #instants: Float64Array;
  #oldest = 0;
  #size = 0;

  constructor(limit: RateLimit) {
    this.#limit = limit;
    this.#instants = new Float64Array(Math.min(limit.packets, FIRST_ROOMS));
  }

  hasRoom(nowMs: number): boolean {
    const { packets, windowMs } = this.#limit;
    // One that goes makes room for one that comes: no need to look at more.
    if (this.#size === packets && packets > 0 && this.#instants[this.#oldest]! + windowMs < nowMs) this.#forgetOldest();
    return this.#size < packets;
  }

  count(nowMs: number): void {
    if (this.#size === this.#instants.length) this.#grow();
    this.#instants[(this.#oldest + this.#size) % this.#instants.length] = nowMs;
    this.#size++;
  }

  #forgetOldest(): void {
    this.#oldest = (this.#oldest + 1) % this.#instants.length;
    this.#size--;
  }

  #grow(): void {
    const more = new Float64Array(Math.min(this.#limit.packets, 2 * this.#size));
    for (let i = 0; i < this.#size; i++) more[i] = this.#instants[(this.#oldest + i) % this.#size]!;
    this.#instants = more;
    this.#oldest = 0;
  }
}

/** How many packets came in each part of the time. */
class PartedWindow implements RateWindow {
  readonly #packets: number;
  readonly #partMs: number;
  /** One more than the time has, since the part we are in is not over. */
  readonly #parts = new Float64Array(PARTS + 1);
  #part = Number.NEGATIVE_INFINITY;
  #total = 0;

  constructor({ packets, windowMs }: RateLimit) {
    this.#packets = packets;
    this.#partMs = windowMs / PARTS;
  }

  hasRoom(nowMs: number): boolean {
    this.#moveTo(Math.floor(nowMs / this.#partMs));
    return this.#total < this.#packets;
  }

  count(nowMs: number): void {
    const part = Math.floor(nowMs / this.#partMs);
    this.#moveTo(part);
    this.#parts[part % this.#parts.length]!++;
    this.#total++;
  }

  #moveTo(part: number): void {
    const from = Math.max(this.#part + 1, part - PARTS, 0);
    for (let each = from; each <= part; each++) {
      const room = each % this.#parts.length;
      this.#total -= this.#parts[room]!;
      this.#parts[room] = 0;
    }
    this.#part = Math.max(this.#part, part);
  }
}

/** A window and the limit it is for. */
interface Kept {
  readonly limit: RateLimit;
  readonly window: RateWindow;
}

/** See the head of this file. */
export class RateLimiter {
  /** By `c` and the name of a class, or by the id of a subnet. */
  readonly #windows = new Map<string | number, Kept>();

  /**
   * True if the rates of the packet's classes let it through; then it has been counted against each. One that any of
   * them keeps out counts for none.
   */
  admitClasses(names: Iterable<string>, snapshot: ConfigSnapshot, nowMs: number): boolean {
    const limited = limitedClasses(names, snapshot).filter(hasRate);
    if (limited.length === 0) return true;
    const windows = limited.map(({ name, limits }) => this.#windowOf(`c${name}`, limits.rate));
    if (!windows.every((window) => window.hasRoom(nowMs))) return false;
    for (const window of windows) window.count(nowMs);
    return true;
  }

  /** The same for the subnet that was selected for the packet. */
  admitSubnet({ id, limits }: Pick<Subnet, 'id' | 'limits'>, nowMs: number): boolean {
    if (limits?.rate === undefined) return true;
    const window = this.#windowOf(id, limits.rate);
    if (!window.hasRoom(nowMs)) return false;
    window.count(nowMs);
    return true;
  }

  /** A limit that was changed begins anew. */
  #windowOf(key: string | number, limit: RateLimit): RateWindow {
    const known = this.#windows.get(key);
    if (known?.limit.packets === limit.packets && known.limit.windowMs === limit.windowMs) return known.window;
    const window = rateWindow(limit);
    this.#windows.set(key, { limit, window });
    if (this.#windows.size > MOST_WINDOWS) {
      const [oldest] = this.#windows.keys();
      this.#windows.delete(oldest!);
    }
    return window;
  }
}

function hasRate(one: LimitedClass): one is LimitedClass & { readonly limits: { readonly rate: RateLimit } } {
  return one.limits.rate !== undefined;
}
