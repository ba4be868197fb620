/** Handles: numbers by which a connection goes on speaking of an object, one space for all types and connections. */

/** What a number stands for. */
export interface HandleTarget {
  readonly type: string;
  /** What stays the same of the object as long as it lives. */
  readonly identity: string;
}

/** How many are kept; dhcpd keeps all for ever. Whoever used one longest ago finds it void, and opens again. */
const MAX_HANDLES = 100_000;

/** The numbers in use, counted up from 1 since the start; never used twice. */
export class HandleTable {
  private readonly targets = new Map<number, HandleTarget>();
  private readonly numbers = new Map<string, Map<string, number>>();
  private last = 0;

  constructor(private readonly limit = MAX_HANDLES) {}

  /** The number of an object, a new one if it has none. */
  numberOf(type: string, identity: string): number {
    const known = this.numbers.get(type)?.get(identity);
    if (known !== undefined) {
      this.touch(known);
      return known;
    }
    const number = ++this.last;
    this.put(number, { type, identity });
    if (this.targets.size > this.limit) this.drop(this.targets.keys().next().value!);
    return number;
  }

  /** What a number stands for, if it still stands for something. */
  find(number: number): HandleTarget | undefined {
    const target = this.targets.get(number);
    if (target !== undefined) this.touch(number);
    return target;
  }

  /** The object has another identity: its number stays. */
  rename(type: string, from: string, to: string): void {
    const number = this.numbers.get(type)?.get(from);
    if (number === undefined || from === to) return;
    this.drop(number);
    this.put(number, { type, identity: to });
  }

  /** The object is gone: its number is void for good. */
  forget(type: string, identity: string): void {
    const number = this.numbers.get(type)?.get(identity);
    if (number !== undefined) this.drop(number);
  }

  /** To the end of the line: a Map keeps the order in which its keys came. While there is room nobody has to leave it. */
  private touch(number: number): void {
    if (this.targets.size < this.limit / 2) return;
    const target = this.targets.get(number)!;
    this.targets.delete(number);
    this.targets.set(number, target);
  }

  private put(number: number, target: HandleTarget): void {
    const { type, identity } = target;
    let ofType = this.numbers.get(type);
    if (ofType === undefined) {
      ofType = new Map();
      this.numbers.set(type, ofType);
    }
    ofType.set(identity, number);
    this.targets.set(number, target);
  }

  private drop(number: number): void {
    const target = this.targets.get(number);
    this.targets.delete(number);
    if (target !== undefined) this.numbers.get(target.type)?.delete(target.identity);
  }
}
