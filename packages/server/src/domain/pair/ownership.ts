/**
 * Which server may give a free address to a client that does not have it (docs/design-ha.md, rule 2): ranges of addresses,
 * each with its owner. Every address of the pools has exactly one owner.
 */

import type { Ipv4 } from '../values.js';
import type { Side } from './version.js';

/** Addresses first..last, both included. */
export interface AddressRange {
  readonly first: Ipv4;
  readonly last: Ipv4;
}

/** A range and whose it is. */
export interface OwnedRange extends AddressRange {
  readonly owner: Side;
}

/** Immutable: a hand-over makes a new map. Ranges are in order and do not overlap. */
export class OwnershipMap {
  private constructor(readonly ranges: readonly OwnedRange[]) {}

  /** The map of these ranges. @throws RangeError if they overlap or are upside down */
  static of(ranges: readonly OwnedRange[]): OwnershipMap {
    const sorted = [...ranges].sort((a, b) => a.first - b.first);
    let before = -1;
    for (const { first, last } of sorted) {
      if (first <= before || last < first) throw new RangeError('ranges of owned addresses overlap');
      before = last;
    }
    return new OwnershipMap(joined(sorted));
  }

  /**
   * How pools are divided when nothing has been handed over yet: the first part of each belongs to side 0.
   * @param shareOfSide1 0..1
   */
  static divide(pools: readonly AddressRange[], shareOfSide1: number): OwnershipMap {
    const ranges: OwnedRange[] = [];
    for (const { first, last } of distinct(pools)) {
      const total = last - first + 1;
      const second = Math.min(total, Math.max(0, Math.round(total * shareOfSide1)));
      const split = last - second;
      if (split >= first) ranges.push({ first, last: split, owner: 0 });
      if (split < last) ranges.push({ first: split + 1, last, owner: 1 });
    }
    return OwnershipMap.of(ranges);
  }

  /** Whose the address is; undefined outside the pools. */
  ownerOf(address: Ipv4): Side | undefined {
    let low = 0;
    let high = this.ranges.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const range = this.ranges[middle]!;
      if (address < range.first) high = middle - 1;
      else if (address > range.last) low = middle + 1;
      else return range.owner;
    }
    return undefined;
  }

  /** The same map with these addresses given to `owner`. They must be addresses of the map. */
  assign({ first, last }: AddressRange, owner: Side): OwnershipMap {
    const ranges: OwnedRange[] = [];
    for (const range of this.ranges) {
      if (range.last < first || range.first > last) {
        ranges.push(range);
        continue;
      }
      if (range.first < first) ranges.push({ ...range, last: first - 1 });
      if (range.last > last) ranges.push({ ...range, first: last + 1 });
    }
    ranges.push({ first, last, owner });
    return OwnershipMap.of(ranges);
  }

  /** The same map over other pools: addresses it knows keep their owner, new ones are divided. */
  over(pools: readonly AddressRange[], shareOfSide1: number): OwnershipMap {
    let result = OwnershipMap.divide(pools, shareOfSide1);
    for (const { first, last, owner } of this.ranges) {
      for (const pool of distinct(pools)) {
        const part = { first: Math.max(first, pool.first), last: Math.min(last, pool.last) };
        if (part.first <= part.last) result = result.assign(part, owner);
      }
    }
    return result;
  }
}

/** Neighbours of one owner become one range. `ranges` are in order. */
function joined(ranges: readonly OwnedRange[]): OwnedRange[] {
  const result: OwnedRange[] = [];
  for (const range of ranges) {
    const last = result.at(-1);
    if (last !== undefined && last.owner === range.owner && last.last + 1 === range.first) {
      result[result.length - 1] = { ...last, last: range.last };
    } else result.push(range);
  }
  return result;
}

/** Ranges without overlaps: pools of different subnets may share addresses. */
function distinct(pools: readonly AddressRange[]): AddressRange[] {
  const sorted = [...pools].sort((a, b) => a.first - b.first);
  const result: AddressRange[] = [];
  for (const { first, last } of sorted) {
    const before = result.at(-1);
    if (before !== undefined && first <= before.last + 1) {
      result[result.length - 1] = { first: before.first, last: Math.max(before.last, last) };
    } else result.push({ first, last });
  }
  return result;
}
