/**
 * From 32-bit numbers to small numbers, for tables that change with every packet. A Map would do, but one that entries
 * come into and leave all the time is made anew again and again, and what it was before hangs on to what it is, so that
 * nothing of it is collected young: under load a full collection every two seconds.
 *
 * Open addressing with linear probing; a removal moves up what follows, so nothing is left behind (Knuth, vol. 3, 6.4 R).
 */

const INITIAL_CAPACITY = 1024;

/** Keys and values are from 0 to 2^32 - 1 and 2^32 - 2. It grows and never shrinks. */
export class NumberMap {
  #keys = new Uint32Array(INITIAL_CAPACITY);
  /** One more than the value; 0 where nothing is. */
  #values = new Uint32Array(INITIAL_CAPACITY);
  #mask = INITIAL_CAPACITY - 1;
  #size = 0;

  /** `seed` decides the order of keys, so that nobody outside can choose keys that stand close together. */
  constructor(private readonly seed: number) {}

  /** Number of keys. */
  get size(): number {
    return this.#size;
  }

  /** The value of a key, or undefined. */
  get(key: number): number | undefined {
    const value = this.#values[this.#find(key)]!;
    return value === 0 ? undefined : value - 1;
  }

  /** True if the key is there. */
  has(key: number): boolean {
    return this.#values[this.#find(key)] !== 0;
  }

  /** Sets the value of a key. */
  set(key: number, value: number): void {
    const at = this.#find(key);
    if (this.#values[at] === 0) this.#size++;
    this.#keys[at] = key;
    this.#values[at] = value + 1;
    if (2 * this.#size > this.#mask) this.#grow();
  }

  /** Takes a key out; false if it was not there. */
  delete(key: number): boolean {
    let gap = this.#find(key);
    if (this.#values[gap] === 0) return false;
    this.#size--;
    for (let at = (gap + 1) & this.#mask; this.#values[at] !== 0; at = (at + 1) & this.#mask) {
      // What would not be found any more behind the gap moves into it.
      const home = this.#home(this.#keys[at]!);
      if (((at - home) & this.#mask) < ((at - gap) & this.#mask)) continue;
      this.#keys[gap] = this.#keys[at]!;
      this.#values[gap] = this.#values[at]!;
      gap = at;
    }
    this.#values[gap] = 0;
    return true;
  }

  /** All keys, in no order. The map must not be changed meanwhile. */
  *keys(): IterableIterator<number> {
    for (let at = 0; at <= this.#mask; at++) if (this.#values[at] !== 0) yield this.#keys[at]!;
  }

  /** Where a key is, or where it would be put. */
  #find(key: number): number {
    let at = this.#home(key);
    while (this.#values[at] !== 0 && this.#keys[at] !== key) at = (at + 1) & this.#mask;
    return at;
  }

  /** Murmur3's finalizer, which spreads addresses side by side over the table. */
  #home(key: number): number {
    let hash = Math.imul(key ^ this.seed, 0x85eb_ca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
    return (hash ^ (hash >>> 16)) & this.#mask;
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    const capacity = 2 * keys.length;
    this.#keys = new Uint32Array(capacity);
    this.#values = new Uint32Array(capacity);
    this.#mask = capacity - 1;
    for (let i = 0; i < keys.length; i++) {
      if (values[i] === 0) continue;
      const at = this.#find(keys[i]!);
      this.#keys[at] = keys[i]!;
      this.#values[at] = values[i]!;
    }
  }
}
