/** Putting a long list in order without holding anybody up. */

import type { Sliced } from './slices.js';

/** Put in order at one go. */
const RUN_ITEMS = 256;

/** A new list, in order; equals stay as they were. To be interrupted after some hundred comparisons. */
export function* sortSliced<Item>(items: readonly Item[], isBefore: (a: Item, b: Item) => boolean): Sliced<Item[]> {
  let runs: Item[][] = [];
  for (let at = 0; at < items.length; at += RUN_ITEMS) {
    runs.push(items.slice(at, at + RUN_ITEMS).sort((a, b) => (isBefore(a, b) ? -1 : isBefore(b, a) ? 1 : 0)));
    yield;
  }
  while (runs.length > 1) {
    const longer: Item[][] = [];
    for (let i = 0; i < runs.length; i += 2) {
      const [left, right] = [runs[i]!, runs[i + 1]];
      longer.push(right === undefined ? left : yield* merge(left, right, isBefore));
    }
    runs = longer;
  }
  return runs[0] ?? [];
}

function* merge<Item>(left: Item[], right: Item[], isBefore: (a: Item, b: Item) => boolean): Sliced<Item[]> {
  const merged: Item[] = [];
  for (let [l, r] = [0, 0]; l < left.length || r < right.length; ) {
    const takesRight = l === left.length || (r < right.length && isBefore(right[r]!, left[l]!));
    merged.push(takesRight ? right[r++]! : left[l++]!);
    if (merged.length % RUN_ITEMS === 0) yield;
  }
  return merged;
}
