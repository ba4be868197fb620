/** Which ranges an address lies in, by binary search. Ranges may overlap: pools of overlapping subnets do. */

import type { Ipv4 } from '../values.js';

/** A range of addresses, both ends included. */
export interface AddressRange {
  readonly first: Ipv4;
  readonly last: Ipv4;
}

/** An immutable set of ranges. */
export class RangeIndex<Range extends AddressRange> {
  /** By first address. */
  private readonly ranges: readonly Range[];
  /** The highest end of ranges[0..i]: where it is below an address, no range up to i has the address. */
  private readonly reach: readonly Ipv4[];

  constructor(ranges: Iterable<Range>) {
    this.ranges = [...ranges].sort((a, b) => a.first - b.first);
    let highest = -1;
    this.reach = this.ranges.map((range) => {
      highest = Math.max(highest, range.last);
      return highest;
    });
  }

  /** A range with the address, the one that begins last if there are several. */
  find(address: Ipv4): Range | undefined {
    for (let i = this.lastStartingBy(address); i >= 0 && this.reach[i]! >= address; i--) {
      if (this.ranges[i]!.last >= address) return this.ranges[i];
    }
    return undefined;
  }

  /** Calls `visit` for each range with the address; true if there was one. */
  forEach(address: Ipv4, visit: (range: Range) => void): boolean {
    let found = false;
    for (let i = this.lastStartingBy(address); i >= 0 && this.reach[i]! >= address; i--) {
      if (this.ranges[i]!.last < address) continue;
      found = true;
      visit(this.ranges[i]!);
    }
    return found;
  }

  private lastStartingBy(address: Ipv4): number {
    let low = 0;
    let high = this.ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.ranges[middle]!.first <= address) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
