/**
 * Long work in slices: a generator that stops wherever somebody else may have a turn. The pure code only says where
 * it can be interrupted; who drives it decides whether it is (services/in-slices.ts) or not ({@link atOnce}).
 */

/** Work that can be interrupted at each `yield` and whose result is what it returns. */
export type Sliced<Result> = Generator<undefined, Result, undefined>;

/** Does the work without interruption: at the start of a process, in a command line tool, for small pieces. */
export function atOnce<Result>(work: Sliced<Result>): Result {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/** `items.map(each)`, to be interrupted after every item. */
export function* mapSliced<Item, Result>(items: Iterable<Item>, each: (item: Item) => Result): Sliced<Result[]> {
  const results: Result[] = [];
  for (const item of items) {
    results.push(each(item));
    yield;
  }
  return results;
}
